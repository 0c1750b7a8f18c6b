"""The exact law of what a policy generates, by dynamic programming over partial states.

A partial state says of each position which token it has, or that it is unknown: (v + 1)^n states.
All probability starts on the blank state; each step moves it along every set of positions the
policy may choose, with the chance of the choice, and every way to fill them. Nothing is drawn.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from pgm_lite.core import Canvas, Conditional
from pgm_lite.lab.rows import unique_rows
from pgm_lite.lab.rules import ROUNDING, Rule
from pgm_lite.laws import every_sequence
from pgm_lite.samplers.fill import ask

LARGEST = 2**26
"""Pairs of a partial state and a set of positions, (2 (v + 1))^n, that are still walked."""

_AT_ONCE = 2**22


def walkable(n: int, v: int) -> bool:
    """Whether ``n`` positions of ``v`` tokens are few enough for the exact law."""
    return (2 * (v + 1)) ** n <= LARGEST


@dataclass(frozen=True, slots=True, eq=False)
class PolicyLaw:
    """The probability of each sequence, in the order of ``every_sequence``, and expected costs.

    ``calls`` counts steps in which something is asked, ``asked`` the positions asked about.
    """

    probabilities: Float[Tensor, " m"]
    calls: float
    asked: float


class PartialStates:
    """All partial states of ``n`` positions, and a model's laws in those that were looked at."""

    def __init__(self, model: Conditional, n: int, v: int) -> None:
        if not walkable(n, v):
            raise ValueError(
                f"{n} positions of {v} tokens make {(v + 1) ** n:,} partial states, and "
                f"{(2 * (v + 1)) ** n:,} "
                f"pairs of a state and a set of positions; the limit is {LARGEST:,}. Simulate it "
                "instead, or give a smaller table"
            )
        self.model, self.n, self.v = model, n, v
        self.tokens = every_sequence(n, v + 1)
        self.known: Bool[Tensor, "s n"] = self.tokens < v
        self.places: Int[Tensor, " n"] = (v + 1) ** torch.arange(n - 1, -1, -1)
        self._asked = torch.zeros(len(self.tokens), dtype=torch.bool)
        shape = (len(self.tokens), n, v)
        self._own, self._laws = (torch.zeros(shape, dtype=torch.float64) for _ in "12")

    def answers(self, states: Int[Tensor, " r"]) -> tuple[Tensor, Tensor]:
        """The model's own laws, which are scored, and those to draw from [r n v], in nats."""
        new_ones = cast("Tensor", states[~self._asked[states]].unique())
        for new in torch.split(new_ones, 1024):
            canvas = Canvas(self.tokens[new] % self.v, self.known[new])
            answers = ask(self.model, canvas, torch.arange(self.n).expand(len(new), -1))
            self._own[new], self._laws[new], self._asked[new] = answers.own, answers.laws, True
        return self._own[states], self._laws[states]


@torch.no_grad()
def policy_law(rule: Rule | None, states: PartialStates) -> PolicyLaw:
    """The law of the sequences that a ``rule`` generates from a blank canvas, and its costs."""
    if rule is None:
        raise ValueError("this policy follows no rule that can be walked; count it with simulate()")
    complete = states.known.all(1)
    members = every_sequence(states.n, 2).bool()  # every set of positions, the empty one first
    mass = torch.zeros(len(complete), dtype=torch.float64)
    mass[-1] = 1.0  # the blank state is the last: v at every position
    calls, asked, step = 0.0, 0.0, 0
    while bool((active := (mass > 0) & ~complete).any()):
        after = mass.where(complete, 0.0)
        for rows in _parts(active, states, rule):
            walk = _ranked if rule.ranks_samples else _chosen
            counts = walk(rule, states, rows, mass, after, members, step)
            busy = counts[:, 1:].sum(1) * mass[rows]
            calls += float(busy.sum())
            sizes = torch.arange(counts.shape[1]).double()
            written = counts @ sizes * mass[rows]
            each = busy * rule.asks(~states.known[rows]) if rule.asks else written
            asked += float(each.sum())
        mass, step = after, step + 1
    return PolicyLaw(mass[complete], calls, asked)


def _parts(
    active: Bool[Tensor, " s"], states: PartialStates, rule: Rule
) -> Iterator[Int[Tensor, " r"]]:
    """The active states in parts that fit into memory; of one known set if samples are ranked."""
    rows = active.nonzero()[:, 0]
    if not rule.ranks_samples:
        yield from rows.split(max(1, _AT_ONCE >> states.n))
        return
    known_sets, which = unique_rows(states.known[rows])
    for index, known in enumerate(known_sets):
        draws = states.v ** int((~known).sum())
        yield from rows[which == index].split(max(1, (_AT_ONCE >> states.n) // draws))


def _chosen(
    rule: Rule,
    states: PartialStates,
    rows: Int[Tensor, " r"],
    mass: Float[Tensor, " s"],
    after: Float[Tensor, " s"],
    members: Bool[Tensor, "m n"],
    step: int,
) -> Float[Tensor, "r k"]:
    """Move the mass of ``rows``: positions are chosen, then tokens drawn. Returns law of counts."""
    own, laws = states.answers(rows)
    counts, sets = chances(rule, step, states.known[rows], rule.score(states.known[rows], own))
    laws = laws.exp()
    for index in sets.any(0).nonzero()[:, 0]:
        some = sets[:, index].nonzero()[:, 0]
        moved = (mass[rows[some]] * sets[some, index])[:, None]
        target = rows[some][:, None]
        for position in members[index].nonzero()[:, 0]:
            moved = (moved[..., None] * laws[some, position][:, None]).flatten(1)
            gain = (torch.arange(states.v) - states.v) * states.places[position]
            target = (target[..., None] + gain).flatten(1)
        after.index_add_(0, target.flatten(), moved.flatten())
    return counts


def _ranked(
    rule: Rule,
    states: PartialStates,
    rows: Int[Tensor, " r"],
    mass: Float[Tensor, " s"],
    after: Float[Tensor, " s"],
    members: Bool[Tensor, "m n"],
    step: int,
) -> Float[Tensor, "r k"]:
    """Move the mass of ``rows``, of one known set: tokens are drawn everywhere, then chosen."""
    own, laws = states.answers(rows)
    known = states.known[rows[0]]
    places = (~known).nonzero()[:, 0]
    draws = every_sequence(len(places), states.v)
    r, d = len(rows), len(draws)
    chance = laws[:, places, draws].sum(-1).exp() * mass[rows][:, None]
    scores = torch.zeros(r, d, states.n, dtype=torch.float64)
    scores[:, :, places] = own[:, places, draws]
    every = known.expand(r * d, -1)
    counts, sets = chances(rule, step, every, scores.view(r * d, -1))
    gains = torch.zeros(d, states.n, dtype=torch.long)
    gains[:, places] = (draws - states.v) * states.places[places]
    target = rows[:, None, None] + gains @ members.long().T
    after.index_add_(0, target.flatten(), (chance.view(-1, 1) * sets).flatten())
    return counts.view(r, d, -1)[:, 0]


def chances(
    rule: Rule, step: int, known: Bool[Tensor, "r n"], scores: Float[Tensor, "r n"]
) -> tuple[Float[Tensor, "r k"], Float[Tensor, "r m"]]:
    """The law of how many positions are written, and that of the set of them, of all 2^n sets."""
    n = known.shape[1]
    members = every_sequence(n, 2).double()
    scores = scores.masked_fill(known, -torch.inf)
    falling = scores.sort(dim=1, descending=True).values
    counts = rule.count(step, falling, (~known).sum(1))
    sets = torch.zeros(len(known), 2**n, dtype=torch.float64)
    sets[:, 0] = counts[:, 0]
    for count in range(1, n + 1):
        some = counts[:, count].nonzero()[:, 0]
        if len(some) == 0:
            continue
        these = (members.sum(1) == count).nonzero()[:, 0]
        last = falling[some, count - 1, None]
        surely = (scores[some] > last + ROUNDING).double()
        never = (scores[some] < last - ROUNDING).double()
        fits = (surely @ members[these].T == surely.sum(1, keepdim=True)) & (
            never @ members[these].T == 0
        )
        share = fits.double() / fits.sum(1, keepdim=True)
        sets[some[:, None], these] += share * counts[some, count, None]
    return counts, sets
