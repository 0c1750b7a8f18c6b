"""The judge of sentences: spelling, n-gram bits and entropy as for text, how long they are, if new."""

import math
import re
from functools import cache

import torch
from jaxtyping import Int
from torch import Tensor

from pgm_lite.datasets.dataset import Dataset
from pgm_lite.metrics.entropy import symbol_entropy
from pgm_lite.metrics.report import Report
from pgm_lite.metrics.text import ngram_of, ratio, vocabulary, word_figures

ENDS = ('."', ".")
"""What a sentence ends with."""


def judge_sentences(dataset: Dataset, samples: Int[Tensor, "b n"]) -> Report:
    """Every figure of sentences, those of the real test split beside the ones that should match it.

    A row ends at its first ``NOBODY``. A sentence is whole, so all of its words are looked at. The
    7-gram has read the training sentences one after another.
    """
    words = [re.findall("[a-z]+", dataset.decode(row)) for row in samples]
    spelling, new_words, distinct_3 = word_figures(words, vocabulary(dataset))
    figures = {"spelling": spelling, "new_words": new_words, "distinct_3": distinct_3}
    matched, real = matching(dataset, samples), _real(dataset)
    for name, value in matched.items():
        figures |= {name: value, f"{name}_real": real[name]}
    return Report(len(samples), figures)


def matching(dataset: Dataset, rows: Int[Tensor, "b n"]) -> dict[str, float]:
    """The figures that should be those of real sentences."""
    there = rows >= 0
    lengths = there.sum(1)
    nats = ngram_of(dataset).log_probs(rows.clamp(min=0)).masked_fill(~there, 0.0).sum()
    inside = [
        symbol_entropy(row[None, : int(m)], dataset.vocab_size)
        for row, m in zip(rows, lengths, strict=True)
        if m
    ]
    texts, train = [dataset.decode(row) for row in rows], _train(dataset)
    return {
        "ngram_bits": -float(nats) / max(1, int(lengths.sum())) / math.log(2),
        "entropy": ratio(sum(inside), len(inside)),
        "length": float(lengths.double().mean()),
        "length_spread": float(lengths.double().std(correction=0)),
        "ends": ratio(sum(text.endswith(ENDS) for text in texts), len(texts)),
        "copied_rows": ratio(sum(text in train for text in texts), len(texts)),
    }


@cache
def _real(dataset: Dataset) -> dict[str, float]:
    test = dataset.splits["test"]
    return matching(dataset, test.batch(torch.arange(min(test.rows, 1_000)))[0])


@cache
def _train(dataset: Dataset) -> frozenset[str]:
    train = dataset.splits["train"]
    rows, _ = train.batch(torch.arange(train.rows))
    return frozenset(dataset.decode(row) for row in rows)
