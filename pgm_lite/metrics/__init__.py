"""The judges: what samples of each data set are worth, every figure with its sample count."""

from jaxtyping import Int
from torch import Tensor

from pgm_lite.core import NOBODY
from pgm_lite.datasets.dataset import Dataset
from pgm_lite.metrics.faces import judge_faces
from pgm_lite.metrics.report import FIGURES, Figure, Report
from pgm_lite.metrics.sentences import judge_sentences
from pgm_lite.metrics.shidoku import judge_shidoku
from pgm_lite.metrics.text import judge_text

__all__ = [
    "FIGURES",
    "Figure",
    "Report",
    "judge",
    "judge_faces",
    "judge_sentences",
    "judge_shidoku",
    "judge_text",
]

_JUDGES = {
    "shidoku": judge_shidoku,
    "faces": judge_faces,
    "austen": judge_text,
    "sentences": judge_sentences,
    "text8": judge_text,
}


def judge(dataset: Dataset, samples: Int[Tensor, "b n"]) -> Report:
    """Every figure this data set's judge knows, for a batch of finished sequences.

    Where sequences vary in length, ``NOBODY`` fills a row up after its end.
    """
    if dataset.name not in _JUDGES:
        raise ValueError(
            f"no judge for the data set {dataset.name!r}; there are judges for {', '.join(_JUDGES)}"
        )
    if samples.ndim != 2 or samples.shape[1] != dataset.seq_len or len(samples) == 0:
        raise ValueError(
            f"{dataset.name} judges at least one sequence of {dataset.seq_len} positions, "
            f"shape [b, {dataset.seq_len}]; got {list(samples.shape)}"
        )
    low, high = int(samples.min()), int(samples.max())
    low = max(low, 0) if dataset.varies and low == NOBODY else low
    if low < 0 or high >= dataset.vocab_size:
        raise ValueError(
            f"{dataset.name} has tokens 0 to {dataset.vocab_size - 1}; got samples from {low} "
            f"to {high}; finish sampling before judging"
        )
    return _JUDGES[dataset.name](dataset, samples.cpu())
