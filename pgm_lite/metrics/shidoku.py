"""The exact judge: samples of shidoku against the uniform law over all 288 grids."""

import math

import numpy as np
from jaxtyping import Int
from scipy.special import entr
from scipy.stats import binom
from torch import Tensor

from pgm_lite.datasets.dataset import Dataset
from pgm_lite.datasets.shidoku import is_valid
from pgm_lite.metrics.report import Report


def judge_shidoku(dataset: Dataset, samples: Int[Tensor, "b n"]) -> Report:
    """Validity, coverage, total variation and entropy, the last two beside those of exact samples.

    Exact samples are not at distance zero: N draws over K equally likely outcomes have an
    expected total variation of about 0.4 sqrt(K / N), for N well above K. Only what lies above
    that floor speaks against a sampler. Nor do they have the entropy log K: of N draws, few
    outcomes are seen as often as they are likely.
    """
    grids = dataset.splits["train"].rows
    valid = is_valid(samples)
    _, counts = np.unique(samples[valid].numpy(), axis=0, return_counts=True)
    _, each = np.unique(samples.numpy(), axis=0, return_counts=True)
    total = len(samples)
    uniform = 1 / grids
    missed = (grids - len(counts)) * uniform
    apart = float(np.abs(counts / total - uniform).sum()) + missed
    invalid = 1 - valid.double().mean().item()
    return Report(
        total,
        {
            "validity": 1 - invalid,
            "coverage": float(len(counts)),
            "total_variation": (apart + invalid) / 2,
            "noise_floor": 0.4 * math.sqrt(grids / total),
            "grid_entropy": float(entr(each / total).sum()),
            "grid_entropy_real": entropy_of_draws(total, grids),
        },
    )


def entropy_of_draws(draws: int, outcomes: int) -> float:
    """The expected entropy (nats) of the frequencies of draws from equally likely outcomes."""
    counts = np.arange(draws + 1)
    chances = binom.pmf(counts, draws, 1 / outcomes)
    return float(outcomes * (chances * entr(counts / draws)).sum())
