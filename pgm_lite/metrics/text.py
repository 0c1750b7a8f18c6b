"""The judge of text: spelling, n-gram bits, entropy, diversity and memory, always together.

No one of them is enough: spelling does not see shuffled words, n-gram bits reward dull
repetition, entropy rewards noise, and a copied page is perfect in all of them.
"""

import re
from functools import cache

import numpy as np
import torch
from jaxtyping import Int
from numpy.typing import NDArray
from torch import Tensor

from pgm_lite.datasets.dataset import Dataset
from pgm_lite.metrics.entropy import symbol_entropy
from pgm_lite.metrics.ngram import NGram, nearest_key, pack
from pgm_lite.metrics.report import Report

LONGEST = 7
NGRAM_CHARACTERS = 4_000_000
COPY_SPAN, HALF = 36, 12
CHUNK = 1 << 20


def judge_text(dataset: Dataset, samples: Int[Tensor, "b n"]) -> Report:
    """Every text figure, those of real test text beside the two that should match it.

    Words are runs of letters; the first and the last word of a sample may be cut by its window
    and are left out. The 7-gram reads the first 4 million training characters (all of Austen).
    """
    texts = [dataset.decode(row) for row in samples]
    words = [whole_words(text) for text in texts]
    spelling, new_words, distinct_3 = word_figures(words, vocabulary(dataset))
    figures = {
        "spelling": spelling,
        "new_words": new_words,
        "ngram_bits": ngram_of(dataset).bits(samples),
        "ngram_bits_real": _real(dataset)[0],
        "entropy": symbol_entropy(samples, dataset.vocab_size),
        "entropy_real": _real(dataset)[1],
        "distinct_3": distinct_3,
        "copied": copied_share(dataset, samples),
    }
    return Report(len(samples), figures)


def word_figures(words: list[list[str]], known: frozenset[str]) -> tuple[float, float, float]:
    """Shares: known words, different words that are new, runs of three words that differ."""
    flat = [word for row in words for word in row]
    triples = [run for row in words for run in zip(row, row[1:], row[2:], strict=False)]
    new = {word for word in flat if word not in known}
    return (
        ratio(sum(word in known for word in flat), len(flat)),
        ratio(len(new), len(set(flat))),
        ratio(len(set(triples)), len(triples)),
    )


def whole_words(text: str) -> list[str]:
    """The words of a window, without those its edges may have cut."""
    found = re.finditer("[a-z]+", text)
    return [match[0] for match in found if match.start() > 0 and match.end() < len(text)]


def copied_share(dataset: Dataset, samples: Int[Tensor, "b n"]) -> float:
    """The share of consecutive 36-character runs that also occur in the training split.

    Runs are compared by 64-bit hashes; a false match has odds of about 1 in 10^8 for a whole
    report.
    """
    runs = samples.shape[1] // COPY_SPAN
    spans = samples[:, : runs * COPY_SPAN].reshape(-1, COPY_SPAN).numpy()
    asked = _hashes(spans)[:, 0]
    ranked = np.unique(asked)
    stored = dataset.splits["train"].stored.numpy()
    hit = np.zeros(len(ranked), dtype=bool)
    for start in range(0, len(stored) - COPY_SPAN + 1, CHUNK):
        piece = _hashes(stored[None, start : start + CHUNK + COPY_SPAN - 1])[0]
        at = nearest_key(ranked, piece)
        hit[at[ranked[at] == piece]] = True
    return float(hit[np.searchsorted(ranked, asked)].mean())


def _hashes(tokens: NDArray[np.integer]) -> NDArray[np.int64]:
    """One hash for every run of 36 tokens: three exact runs of 12, mixed."""
    twelves = pack(tokens, HALF).astype(np.uint64)
    runs = tokens.shape[1] - COPY_SPAN + 1
    mixed = np.zeros((tokens.shape[0], runs), dtype=np.uint64)
    for offset in range(0, COPY_SPAN, HALF):
        mixed = (mixed ^ twelves[:, offset : offset + runs]) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
    return mixed.view(np.int64)


def ratio(part: float, whole: int) -> float:
    """A share; 0 of nothing."""
    return part / whole if whole else 0.0


@cache
def vocabulary(dataset: Dataset) -> frozenset[str]:
    """The words of the training split."""
    table = np.frombuffer("".join(dataset.symbols).encode("ascii"), dtype=np.uint8)
    text = table[dataset.splits["train"].stored.numpy()].tobytes().decode("ascii")
    return frozenset(match[0] for match in re.finditer("[a-z]+", text))


@cache
def ngram_of(dataset: Dataset) -> NGram:
    """The 7-gram of the training split."""
    stored = dataset.splits["train"].stored[:NGRAM_CHARACTERS]
    return NGram.train(stored, dataset.vocab_size, LONGEST)


@cache
def _real(dataset: Dataset) -> tuple[float, float]:
    test = dataset.splits["test"]
    windows, _ = test.batch(torch.arange(min(test.rows, 1_000)))
    return ngram_of(dataset).bits(windows), symbol_entropy(windows, dataset.vocab_size)
