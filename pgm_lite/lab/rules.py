"""Rules that can be walked: a score and a count, from which the exact law of a policy follows.

Unknown positions stand in the order of their score, ties in every order alike, and the first so many
are written; how many may depend on the scores, on the step and on chance. ``rule_of`` says which
samplers follow such a rule under which settings. The others remember something (a rolled order, how
answers moved), add noise or reopen tokens: their laws are counted.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import one_hot, pad

from pgm_lite.draw import entropy_of
from pgm_lite.knobs import SIGHTED, Settings
from pgm_lite.orders import (
    SightedOrder,
    blocks,
    confidence,
    entropy,
    halton_cells,
    margin,
)

Score = Callable[[Bool[Tensor, "r n"], Float[Tensor, "r n v"]], Float[Tensor, "r n"]]
"""Known positions and laws (nats) -> a number a position, the highest first; ties at random."""

Count = Callable[[int, Float[Tensor, "r n"], Int[Tensor, " r"]], Float[Tensor, "r m"]]
"""Step (from 0), scores of unknown positions falling (then -inf), how many are unknown -> the
chance of writing 0, 1, ..., n positions."""

Asks = Callable[[Bool[Tensor, "r n"]], Int[Tensor, " r"]]
"""Unknown positions -> how many of them a step asks about."""

ROUNDING = 1e-9
"""Scores this close are one score: what is equal on paper differs by less in float64."""

_BEFORE = 1000.0
"""What an earlier block is ahead of a later one: more than any score inside a block."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Which positions a step writes: the best by ``score``, as many as ``count`` says.

    ``asks`` is None where a step asks about nothing but what it writes. ``ranks_samples`` draws
    tokens everywhere first and scores them by their probability instead.
    """

    score: Score
    count: Count
    asks: Asks | None = None
    ranks_samples: bool = False


def rule_of(sampler: str, settings: Settings, k: int, *, rows: int, columns: int) -> Rule | None:
    """The rule this sampler follows under these settings; None where it follows none.

    ``k`` is how many positions a step of "unmask" writes.
    """
    if (settings.get("temperature", 1), settings.get("top_p", 1)) != (1, 1):
        return None  # a walk scores the model's own law, and EB budgets the law drawn from
    everywhere = settings.get("scope") == "everywhere"
    match sampler:
        case "unmask":
            return in_order(settings, k, rows=rows, columns=columns)
        case "first_hitting":
            return Rule(_all_alike, _always(1))
        case "autoregress":
            return Rule(_along(list(range(rows * columns))), _always(1))
        case "ancestral" if settings["asks"] == "flipping":
            return by_chance(int(settings["steps"]))
        case "entropy_bounded" if everywhere and settings["proxy"] == "entropy":
            return entropy_bounded(float(settings["gamma"]))
        case "threshold" if everywhere and settings["criterion"] == "threshold":
            return threshold(float(settings["tau"]))
        case "threshold" if everywhere:
            return factor(float(settings["factor"]))
        case _:
            return None


def in_order(settings: Settings, k: int, *, rows: int, columns: int) -> Rule | None:
    """``k`` positions a step in the order of the settings; the last step writes the rest."""
    name = str(settings["order"])
    size = int(settings["block_size"]) if name == "blocks" else None
    inner = str(settings["inner"]) if size else name
    if inner in SIGHTED:
        order = {"confidence": confidence, "entropy": entropy, "margin": margin}[inner]()
        return _sighted(settings, order, size, k)
    scores = {
        "random": _all_alike,
        "left-to-right": _along(list(range(rows * columns))),
        "halton": _along(halton_cells(rows, columns)),
    }
    if inner not in scores:
        return None  # a rolled order is drawn once a sequence, and a partial state forgets it
    return Rule(_in_blocks(scores[inner], size), _always(k))


def _sighted(settings: Settings, order: SightedOrder, size: int | None, k: int) -> Rule | None:
    ranks_samples = settings["fill"] == "sample-then-rank"
    if settings["scouted"] != 1 or settings["choice_temperature"] != 0:
        return None
    if size is None:
        return Rule(lambda known, laws: order.score(laws), _always(k), _everyone, ranks_samples)
    if ranks_samples:
        return None
    inside = cast("SightedOrder", blocks(size, order))  # sighted, as its inside is

    def asks(unknown: Bool[Tensor, "r n"]) -> Int[Tensor, " r"]:
        where = inside.scope(unknown, k, rng=torch.Generator())
        return (where >= 0).sum(1)

    return Rule(_in_blocks(lambda known, laws: order.score(laws), size), _always(k), asks)


def entropy_bounded(gamma: float) -> Rule:
    """Least entropy first, as many as keep the sum of entropies less the largest within ``gamma``.

    EB-Sampler (arXiv 2505.24857) with entropy as its error proxy: that sum bounds the total
    correlation of what is written together. Nats; 0 writes one position and all certain ones. The
    entropy is that of the model's own law: a walk through a temperature is not what is sampled.
    """

    def count(
        step: int, falling: Float[Tensor, "r n"], unknown: Int[Tensor, " r"]
    ) -> Float[Tensor, "r m"]:
        # Sorted, the largest of a prefix is its last, so all but the last are summed.
        before = pad((-falling).cumsum(1)[:, :-1], (1, 0))
        return _certainly((before <= gamma + ROUNDING).sum(1), falling, unknown)

    return Rule(lambda known, laws: -entropy_of(laws), count, _everyone)


def threshold(tau: float) -> Rule:
    """Every position whose likeliest token has at least the probability ``tau``, or else the best.

    Fast-dLLM (arXiv 2505.22618).
    """

    def count(
        step: int, falling: Float[Tensor, "r n"], unknown: Int[Tensor, " r"]
    ) -> Float[Tensor, "r m"]:
        return _certainly((falling.exp() >= tau - ROUNDING).sum(1), falling, unknown)

    return Rule(_most_probable, count, _everyone)


def factor(f: float) -> Rule:
    """The most positions m for which (m + 1)(1 - c_m) < f, c_m the m-th highest probability.

    Fast-dLLM's second rule (arXiv 2505.22618); at least one is written.
    """

    def count(
        step: int, falling: Float[Tensor, "r n"], unknown: Int[Tensor, " r"]
    ) -> Float[Tensor, "r m"]:
        places = torch.arange(1, falling.shape[1] + 1)
        passing = (places + 1) * (1 - falling.exp()) < f
        most = (passing & falling.isfinite()).long() * places
        return _certainly(most.amax(1), falling, unknown)

    return Rule(_most_probable, count, _everyone)


def by_chance(steps: int) -> Rule:
    """Ancestral sampling: each unknown position is written with chance 1 / (steps left)."""

    def count(
        step: int, falling: Float[Tensor, "r n"], unknown: Int[Tensor, " r"]
    ) -> Float[Tensor, "r m"]:
        chance, n = 1 / max(steps - step, 1), falling.shape[1]
        binomial = torch.zeros(n + 1, n + 1, dtype=torch.float64)
        for u in range(n + 1):
            for m in range(u + 1):
                binomial[u, m] = math.comb(u, m) * chance**m * (1 - chance) ** (u - m)
        return binomial[unknown]

    return Rule(_all_alike, count)


def _always(k: int) -> Count:
    return lambda step, falling, unknown: _certainly(torch.full_like(unknown, k), falling, unknown)


def _certainly(
    count: Int[Tensor, " r"], falling: Float[Tensor, "r n"], unknown: Int[Tensor, " r"]
) -> Float[Tensor, "r m"]:
    """A law on counts that is sure of one: this, but at least 1 and at most what is unknown."""
    chosen = torch.minimum(count.clamp(min=1), unknown)
    return one_hot(chosen, falling.shape[1] + 1).double()


def _everyone(unknown: Bool[Tensor, "r n"]) -> Int[Tensor, " r"]:
    return unknown.sum(1)


def _all_alike(known: Bool[Tensor, "r n"], laws: Float[Tensor, "r n v"]) -> Float[Tensor, "r n"]:
    return torch.zeros(known.shape, dtype=torch.float64)


def _along(places: list[int]) -> Score:
    rank = torch.tensor(places).argsort().double()
    return lambda known, laws: -rank.expand(known.shape)


def _in_blocks(inner: Score, size: int | None) -> Score:
    if size is None:
        return inner

    def score(known: Bool[Tensor, "r n"], laws: Float[Tensor, "r n v"]) -> Float[Tensor, "r n"]:
        block = torch.arange(known.shape[1]) // size
        return inner(known, laws) - _BEFORE * block

    return score


def _most_probable(
    known: Bool[Tensor, "r n"], laws: Float[Tensor, "r n v"]
) -> Float[Tensor, "r n"]:
    return laws.amax(-1)
