"""The exact inserting model of a law over sequences of different lengths, by enumeration.

Notation: x a sequence of length m with probability p(x); y what is kept of it, k tokens; C(m, k)
the number of ways to keep k of m; e(y, x) the number of ways in which y can be kept of x.

The process: draw x from p, and put its tokens in one by one in uniformly random order; after the
last one the row is done. Backwards, tokens are dropped one by one, each time one of those left,
uniformly: a Markov chain, so its reversal is one too, and it visits y with probability

    q(y) = sum_x p(x) e(y, x) / C(m, k)

    p(done | y)   = p(y) / q(y)
    p(g, v | y)   = q(y with v in gap g) / ((k + 1) q(y)),  together with ``done`` exactly 1

A sampler that draws from these, the end by chance included, draws from p, and each order in which x
can come about is equally likely. If it starts from given tokens y, it draws x with probability
proportional to p(x) e(y, x) / C(m, k): what the process was on its way to when it stood at y.
"""

from collections import defaultdict
from itertools import combinations
from math import comb, log
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from pgm_lite.core import NOBODY, Cost
from pgm_lite.oracle import checked

LARGEST = 2**20
"""Subsets of all listed sequences, at most."""

Kept = tuple[int, ...]


class InsertionOracle:
    """A law over the sequences listed, as an ``Inserting`` model.

    ``sequences`` are filled up with ``NOBODY``; ``weights`` are their probabilities, equal if left
    out. ``dropping`` says how tokens were lost: "one by one" is the process above. "as published"
    (arXiv 2505.05755) loses n of m at once, n uniform over 0..m; that visits y with probability
    sum_x p(x) / (m + 1) e(y, x) / C(m, k), which is the process above for another law, p(x) / (m + 1)
    normalised. A perfect model trained that way answers like this, and so samples that law.
    """

    family = "oracle"
    reads = "known"

    def __init__(
        self,
        sequences: Int[Tensor, "m n"],
        vocab_size: int,
        weights: Float[Tensor, " m"] | None = None,
        dropping: Literal["one by one", "as published"] = "one by one",
    ) -> None:
        rows = [plain(row) for row in sequences.cpu().numpy().tolist()]
        if len(set(rows)) < len(rows) or not rows:
            raise ValueError(
                f"{len(set(rows))} different sequences are listed in {len(rows)} rows; list each "
                "once, at least one, and give it the sum of its weights"
            )
        if any(not 0 <= token < vocab_size for row in rows for token in row):
            raise ValueError(
                f"the tokens of a vocab_size of {vocab_size} are 0 to {vocab_size - 1}, with "
                f"{NOBODY} after the end of a row; got {sequences.tolist()}"
            )
        if (subsets := sum(2 ** len(row) for row in rows)) > LARGEST:
            raise ValueError(f"{subsets:,} subsets are too many to enumerate; at most {LARGEST:,}")
        equal = torch.full((len(rows),), 1 / len(rows), dtype=torch.float64)
        self.sequences, self.vocab_size = sequences.long(), vocab_size
        self.weights = checked(equal if weights is None else weights, len(rows))
        self.dropping = dropping
        # For each y: the mass of being done with it, and of every insertion into it.
        self._done: dict[Kept, float] = defaultdict(float)
        self._next: dict[Kept, dict[tuple[int, int], float]] = defaultdict(
            lambda: defaultdict(float)
        )
        for row, weight in zip(rows, self.weights.numpy().tolist(), strict=True):
            if weight > 0:
                self._drop(row, weight / (len(row) + 1) if dropping == "as published" else weight)

    def insertion_log_probs(
        self, tokens: Int[Tensor, "b k"], length: Int[Tensor, " b"]
    ) -> tuple[Float[Tensor, "b g v"], Float[Tensor, " b"]]:
        """Exact log-probabilities (nats, float64); where nothing can follow, the law is uniform."""
        batch, k = tokens.shape
        laws = torch.full((batch, k + 1, self.vocab_size), -torch.inf, dtype=torch.float64)
        done = torch.zeros(batch, dtype=torch.float64)
        given: list[list[int]] = tokens.cpu().numpy().tolist()
        ends: list[int] = length.cpu().numpy().tolist()
        for index, (row, end) in enumerate(zip(given, ends, strict=True)):
            kept = tuple(row[:end])
            if kept not in self._done:
                raise ValueError(
                    f"the kept tokens {list(kept)} of row {index} are part of no listed sequence, so "
                    "nothing can be said given them; start from tokens that are"
                )
            following = self._next[kept]
            more = sum(following.values())
            done[index] = (
                log(self._done[kept] / (self._done[kept] + more))
                if self._done[kept]
                else -torch.inf
            )
            if not following:
                laws[index, : end + 1] = -log((end + 1) * self.vocab_size)
            for (gap, token), mass in following.items():
                laws[index, gap, token] = log(mass / more)
        return laws, done

    def insertion_cost(self, length: Int[Tensor, " b"]) -> Cost:
        """One call for every row that is asked about; no positions, no FLOPs."""
        free = Cost.zero(len(length))
        calls = (length >= 0).double().cpu()
        return Cost(calls, free.encoder_positions, free.decoder_positions, free.flops)

    def _drop(self, row: Kept, weight: float) -> None:
        """Add what a sequence contributes to each of its subsets."""
        m = len(row)
        for k in range(m + 1):
            mass = weight / comb(m, k)
            for places in combinations(range(m), k):
                kept = tuple(row[place] for place in places)
                self._done[kept] += mass if k == m else 0.0
                for place in set(range(m)).difference(places):
                    gap = sum(other < place for other in places)
                    self._next[kept][gap, row[place]] += mass / (m - k)


def plain(row: list[int]) -> Kept:
    """A row up to its first ``NOBODY``, after which there must be nothing else."""
    end = row.index(NOBODY) if NOBODY in row else len(row)
    if any(token != NOBODY for token in row[end:]):
        raise ValueError(f"{NOBODY} stands only after the end of a sequence; got {row}")
    return tuple(row[:end])
