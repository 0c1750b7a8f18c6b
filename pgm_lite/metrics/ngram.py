"""A character n-gram with interpolated Witten-Bell smoothing: an independent reader of text.

Notation (Witten and Bell 1991, method C, interpolated):
    N(h)    how often the context h occurs           -> seen
    T(h)    how many different tokens follow it      -> kinds
    p(c|h) = (N(h c) + T(h) p(c|h')) / (N(h) + T(h)), h' the context without its oldest token
    the chain ends at the uniform law 1 / V
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float64, Int, UInt8
from numpy.typing import NDArray
from torch import Tensor

BITS = 5
"""Bits a token takes in a packed n-gram, so vocabularies of up to 32 tokens."""


@dataclass(frozen=True, slots=True, eq=False)
class _Order:
    """Counts of one order: every n-gram, and what is known of every context."""

    grams: NDArray[np.int64]
    counts: NDArray[np.int64]
    contexts: NDArray[np.int64]
    seen: NDArray[np.int64]
    kinds: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class NGram:
    """Counts of all orders up to the longest; built by ``NGram.train``."""

    vocab_size: int
    orders: tuple[_Order, ...]

    @classmethod
    def train(cls, tokens: UInt8[Tensor, " length"], vocab_size: int, longest: int) -> "NGram":
        """Count the n-grams of one text.

        One sort serves all orders: the shorter n-grams are the beginnings of the longest ones,
        so the last few starts of the text, which begin no longest n-gram, are not counted.
        """
        if vocab_size > 1 << BITS or not 1 <= longest <= 12 or len(tokens) < longest:
            raise ValueError(
                f"an n-gram packs 1 to 12 tokens of a vocabulary of up to {1 << BITS}, from a "
                f"text at least that long; got {longest} tokens, a vocabulary of {vocab_size} "
                f"and a text of {len(tokens)}"
            )
        packed = np.sort(pack(tokens.numpy()[None], longest)[0])
        return cls(
            vocab_size,
            tuple(_count(packed >> BITS * (longest - n)) for n in range(1, longest + 1)),
        )

    def log_probs(self, samples: Int[Tensor, "b n"]) -> Float64[Tensor, "b n"]:
        """Log-probability (nats) of every token given those before it in its row.

        The first tokens of a row have shorter contexts and use the shorter orders.
        """
        tokens = samples.numpy()
        prob = np.full(tokens.shape, 1 / self.vocab_size)
        for n, order in enumerate(self.orders[: tokens.shape[1]], start=1):
            grams = pack(tokens, n)
            count = _look_up(order.grams, order.counts, grams)
            seen = _look_up(order.contexts, order.seen, grams >> BITS)
            kinds = _look_up(order.contexts, order.kinds, grams >> BITS)
            here = prob[:, n - 1 :]
            here[:] = np.where(seen > 0, (count + kinds * here) / np.maximum(seen + kinds, 1), here)
        return torch.as_tensor(np.log(prob))

    def bits(self, samples: Int[Tensor, "b n"]) -> float:
        """Bits per token of the samples."""
        return -self.log_probs(samples).mean().item() / math.log(2)


def pack(tokens: NDArray[np.integer], n: int) -> NDArray[np.int64]:
    """Every run of ``n`` tokens of each row as one number, oldest token in the highest bits."""
    wide = tokens.astype(np.int64)
    runs = wide.shape[1] - n + 1
    packed = np.zeros((wide.shape[0], runs), dtype=np.int64)
    for offset in range(n):
        packed = (packed << BITS) | wide[:, offset : offset + runs]
    return packed


def nearest_key(keys: NDArray[np.int64], asked: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where each asked number stands among the sorted keys, if it does."""
    return np.searchsorted(keys, asked).astype(np.int64).clip(0, len(keys) - 1)


def _count(packed: NDArray[np.int64]) -> _Order:
    """Counts from n-grams already in rising order."""
    starts = _starts(packed)
    grams, counts = packed[starts], np.diff(starts, append=len(packed))
    starts = _starts(grams >> BITS)
    return _Order(
        grams,
        counts,
        contexts=grams[starts] >> BITS,
        seen=np.add.reduceat(counts, starts),
        kinds=np.diff(starts, append=len(grams)),
    )


def _starts(ranked: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.flatnonzero(np.diff(ranked, prepend=-1))


def _look_up(
    keys: NDArray[np.int64], values: NDArray[np.int64], asked: NDArray[np.int64]
) -> NDArray[np.int64]:
    at = nearest_key(keys, asked)
    return np.where(keys[at] == asked, values[at], 0)
