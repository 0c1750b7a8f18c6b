"""Policies: a rule that says, for a partly known sequence, which positions are written next.

Every rule here is a score and a count: unknown positions stand in the order of their score, ties
in every order alike, and the first so many are written. The count may depend on the scores and on
chance. That is enough to walk a policy exactly (``policy_law``) and to run it (``simulation``).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import repeat

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import one_hot, pad

from pgm_lite import policies
from pgm_lite.core import Canvas, Conditional
from pgm_lite.draw import entropy_of
from pgm_lite.orders import (
    Order,
    SightedOrder,
    confidence,
    entropy,
    halton,
    halton_cells,
    left_to_right,
    margin,
    random_order,
)
from pgm_lite.run import Run
from pgm_lite.samplers import ancestral, unmask, unmask_adaptive

Score = Callable[[Bool[Tensor, "r n"], Float[Tensor, "r n v"]], Float[Tensor, "r n"]]
"""Known positions and laws (nats) -> a number a position, the highest first; ties at random."""

Count = Callable[[int, Float[Tensor, "r n"], Int[Tensor, " r"]], Float[Tensor, "r m"]]
"""Step (from 0), scores of unknown positions falling (then -inf), how many are unknown -> the
chance of writing 0, 1, ..., n positions."""

Sampler = Callable[[Conditional, Canvas, torch.Generator], Run]


ROUNDING = 1e-9
"""Scores this close are one score: what is equal on paper differs by less in float64."""


@dataclass(frozen=True, slots=True)
class Policy:
    """A rule with a name; ``sighted`` ones ask about every unknown position, blind ones about few.

    ``ranks_samples`` draws tokens everywhere first and scores them by their probability instead.
    ``sampler`` is the library's sampler that follows the same rule.
    """

    name: str
    score: Score
    count: Count
    sampler: Sampler
    sighted: bool = False
    ranks_samples: bool = False


FAMILIES = {
    "random": "k",
    "left-to-right": "k",
    "halton": "k",
    "confidence": "k",
    "entropy": "k",
    "margin": "k",
    "sample-then-rank": "k",
    "eb": "gamma",
    "threshold": "tau",
    "factor": "f",
    "ancestral": "steps",
    "one-shot": "",
}
"""Policies by name, and the number that follows the colon: "random:2" writes 2 positions a step."""

DEFAULT = (
    *("random:1", "left-to-right:1", "confidence:1", "entropy:1", "margin:1"),
    *("sample-then-rank:1", "random:2", "left-to-right:2", "confidence:2", "entropy:2"),
    *("sample-then-rank:2", "random:3", "entropy:3", "eb:0.2", "eb:0.5", "eb:1"),
    *("threshold:0.9", "threshold:0.7", "factor:1", "ancestral:6", "one-shot"),
)
"""What the lab compares unless told otherwise."""


def policy(name: str, *, rows: int, columns: int) -> Policy:
    """A policy by its name, "family:number", for sequences of ``rows`` x ``columns`` positions."""
    family, _, number = name.partition(":")
    if family not in FAMILIES:
        raise ValueError(f"there is no policy {name!r}; the policies are {', '.join(listing())}")
    if (FAMILIES[family] == "") != (number == ""):
        form = listing()[list(FAMILIES).index(family)]
        raise ValueError(f"the policy {family} is written {form}; got {name!r}")
    n = rows * columns
    match family:
        case "eb":
            return entropy_bounded(_number(name, number, least=0))
        case "threshold":
            return threshold(_number(name, number, least=0))
        case "factor":
            return factor(_number(name, number, least=0))
        case "ancestral":
            return by_chance(_whole(name, number))
        case "one-shot":
            return blind("one-shot", random_order(), n, _all_alike)
        case "random":
            return blind(name, random_order(), _whole(name, number), _all_alike)
        case "left-to-right":
            return blind(name, left_to_right(), _whole(name, number), _in_order(list(range(n))))
        case "halton":
            cells = _in_order(halton_cells(rows, columns))
            return blind(name, halton(rows, columns), _whole(name, number), cells)
        case "sample-then-rank":
            return sighted(name, confidence(), _whole(name, number), ranks_samples=True)
        case _:
            order = {"confidence": confidence, "entropy": entropy, "margin": margin}[family]()
            return sighted(name, order, _whole(name, number))


def listing() -> list[str]:
    """How each policy is written."""
    return [f"{family}:{number}" if number else family for family, number in FAMILIES.items()]


def blind(name: str, order: Order, k: int, score: Score) -> Policy:
    """``k`` positions a step in an order that looks at nothing; the last step writes the rest."""
    return Policy(name, score, _always(k), _unmask(order, k, "choose-then-sample"))


def sighted(name: str, order: SightedOrder, k: int, *, ranks_samples: bool = False) -> Policy:
    """The ``k`` positions that score highest: chosen from laws, or from tokens drawn everywhere."""
    fill = "sample-then-rank" if ranks_samples else "choose-then-sample"
    return Policy(
        name,
        lambda known, laws: order.score(laws),
        _always(k),
        _unmask(order, k, fill),
        sighted=True,
        ranks_samples=ranks_samples,
    )


def entropy_bounded(gamma: float) -> Policy:
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

    run = _adaptive(policies.entropy_bounded(gamma))
    return Policy(f"eb:{gamma:g}", _less_entropy, count, run, sighted=True)


def threshold(tau: float) -> Policy:
    """Every position whose likeliest token has at least the probability ``tau``, or else the best.

    Fast-dLLM (arXiv 2505.22618).
    """

    def count(
        step: int, falling: Float[Tensor, "r n"], unknown: Int[Tensor, " r"]
    ) -> Float[Tensor, "r m"]:
        return _certainly((falling.exp() >= tau - ROUNDING).sum(1), falling, unknown)

    run = _adaptive(policies.threshold(tau))
    return Policy(f"threshold:{tau:g}", _most_probable, count, run, sighted=True)


def factor(f: float) -> Policy:
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

    run = _adaptive(policies.factor(f))
    return Policy(f"factor:{f:g}", _most_probable, count, run, sighted=True)


def by_chance(steps: int) -> Policy:
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

    def run(model: Conditional, canvas: Canvas, rng: torch.Generator) -> Run:
        return ancestral(model, canvas, steps=steps, rng=rng)

    return Policy(f"ancestral:{steps}", _all_alike, count, run)


def _unmask(order: Order, k: int, fill: str) -> Sampler:
    def run(model: Conditional, canvas: Canvas, rng: torch.Generator) -> Run:
        unknown = int(canvas.unknown[0].sum())
        full, rest = divmod(unknown, k)
        schedule = (*repeat(k, full), *([rest] if rest else []))
        return unmask(model, canvas, schedule=schedule, order=order, rng=rng, fill=fill)

    return run


def _adaptive(rule: policies.Policy) -> Sampler:
    def run(model: Conditional, canvas: Canvas, rng: torch.Generator) -> Run:
        return unmask_adaptive(model, canvas, policy=rule, rng=rng)

    return run


def _always(k: int) -> Count:
    return lambda step, falling, unknown: _certainly(torch.full_like(unknown, k), falling, unknown)


def _certainly(
    count: Int[Tensor, " r"], falling: Float[Tensor, "r n"], unknown: Int[Tensor, " r"]
) -> Float[Tensor, "r m"]:
    """A law on counts that is sure of one: this, but at least 1 and at most what is unknown."""
    chosen = torch.minimum(count.clamp(min=1), unknown)
    return one_hot(chosen, falling.shape[1] + 1).double()


def _all_alike(known: Bool[Tensor, "r n"], laws: Float[Tensor, "r n v"]) -> Float[Tensor, "r n"]:
    return torch.zeros(known.shape, dtype=torch.float64)


def _in_order(places: list[int]) -> Score:
    rank = torch.tensor(places).argsort().double()
    return lambda known, laws: -rank.expand(known.shape)


def _most_probable(
    known: Bool[Tensor, "r n"], laws: Float[Tensor, "r n v"]
) -> Float[Tensor, "r n"]:
    return laws.amax(-1)


def _less_entropy(known: Bool[Tensor, "r n"], laws: Float[Tensor, "r n v"]) -> Float[Tensor, "r n"]:
    return -entropy_of(laws)


def _number(name: str, text: str, *, least: float) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not value >= least:
        raise ValueError(f"the policy {name!r} needs a number from {least:g} after the colon")
    return value


def _whole(name: str, text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ValueError(f"the policy {name!r} needs a whole number from 1 after the colon")
    return int(text)
