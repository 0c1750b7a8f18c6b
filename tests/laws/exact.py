"""The exact law of a sampler, by walking every outcome of every draw it makes."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import product
from math import prod
from unittest.mock import patch

import torch
from subjects import every_sequence

from pgm_lite.core import Step
from pgm_lite.oracle import Support


@dataclass
class Race:
    """Stands in for the noise two laws share: remembers what the first of them chose, and from what."""

    laws: torch.Tensor | None = None
    chosen: torch.Tensor | None = None


@dataclass
class Scripted:
    """Stands in for ``draw.categorical``: follows a script, and notes what else could have come."""

    script: tuple[int, ...]
    taken: list[int] = field(default_factory=list)
    probability: float = 1.0
    untried: list[tuple[int, ...]] = field(default_factory=list)

    def __call__(self, log_probs: torch.Tensor, *, rng: torch.Generator) -> torch.Tensor:
        del rng
        laws = log_probs.double().softmax(-1).flatten(0, -2)
        chosen = torch.tensor([self.choose(law) for law in laws], dtype=torch.long)
        return chosen.reshape(log_probs.shape[:-1])

    def heads(self, chance: torch.Tensor, *, rng: torch.Generator) -> torch.Tensor:
        """Stands in for ``draw.heads``."""
        laws = torch.stack([1 - chance, chance], -1).log()
        return self(laws, rng=rng).bool()

    def first_to_ring(self, log_probs: torch.Tensor, race: Race) -> torch.Tensor:
        """Stands in for ``draw.first_to_ring``: the second choice of a race depends on the first."""
        laws = log_probs.double().softmax(-1)
        if race.laws is None or race.chosen is None:
            race.laws, race.chosen = laws, self(log_probs, rng=torch.Generator())
            return race.chosen
        flat = zip(
            race.laws.flatten(0, -2), laws.flatten(0, -2), race.chosen.flatten(), strict=True
        )
        second = [self.choose(coupled(p, q, int(a))) for p, q, a in flat]
        return torch.tensor(second).reshape(race.chosen.shape)

    def choose(self, law: torch.Tensor) -> int:
        possible = [token for token, p in enumerate(law.tolist()) if p > 0]
        if len(self.taken) < len(self.script):
            token = self.script[len(self.taken)]
        else:
            token = possible[0]
            self.untried += [(*self.taken, other) for other in possible[1:]]
        self.taken.append(token)
        self.probability *= float(law[token])
        return token


def coupled(p: torch.Tensor, q: torch.Tensor, a: int) -> torch.Tensor:
    """The law of the second choice, given that the first was ``a``, if both share their clocks.

    With clocks E_w, a = argmin E / p and b = argmin E / q: both are a with probability
    1 / sum_w max(p_w / p_a, q_w / q_a). Else, with u = E_b / E_a between p_b / p_a and q_b / q_a and
    E_a integrated out, the density of u is 1 / (sum_w max(p_w / p_a, u q_w / q_b))^2; its integral is
    taken piece by piece between the u at which a maximum changes sides.
    """
    joint = torch.zeros_like(p)
    for b in range(len(p)):
        if q[b] == 0:
            continue
        first, second = p / p[a], q / q[b]
        if a == b:
            joint[b] = 1 / torch.maximum(first, second).sum()
            continue
        low, high = first[b], 1 / second[a] if second[a] > 0 else torch.tensor(torch.inf)
        turns = torch.where(second > 0, first / second, torch.inf)
        ends = torch.cat([low[None], turns[(turns > low) & (turns < high)].sort().values])
        for u, v in zip(ends, torch.cat([ends[1:], high[None]]), strict=True):
            if u >= v:
                continue
            inside = u + 1 if v == torch.inf else (u + v) / 2
            later = inside * second > first
            c, d = first[~later].sum(), second[later].sum()
            # The integral of 1 / (c + d x)^2 from u to v; d holds at least b's own share, 1.
            joint[b] += (1 / (c + d * u) - 1 / (c + d * v)) / d
    return joint / p[a]


def outcomes(run: Callable[[], Iterator[Step]]) -> Iterator[tuple[list[Step], float]]:
    """Every way the draws of ``run`` (a batch of one) can come out, with its probability.

    ``run`` starts afresh each time with the same seed; what it draws besides tokens (an order) stays.
    """
    scripts: list[tuple[int, ...]] = [()]
    while scripts:
        scripted = Scripted(scripts.pop())
        with (
            patch("pgm_lite.samplers.fill.categorical", scripted),
            patch("pgm_lite.samplers.speculate.heads", scripted.heads),
            patch("pgm_lite.samplers.insert.heads", scripted.heads),
            patch("pgm_lite.samplers.ancestral.heads", scripted.heads),
            patch("pgm_lite.samplers.first_hitting.categorical", scripted),
            patch("pgm_lite.samplers.remask.heads", scripted.heads),
            patch("pgm_lite.samplers.adaptive_parallel.clocks", lambda laws, rng: Race()),
            patch("pgm_lite.samplers.adaptive_parallel.first_to_ring", scripted.first_to_ring),
        ):
            steps = list(run())
        scripts += scripted.untried
        yield steps, scripted.probability


def exact_law(run: Callable[[], Iterator[Step]], n: int, v: int) -> torch.Tensor:
    """The probability of each of the v^n sequences, in the order of their table."""
    law = torch.zeros(v**n, dtype=torch.float64)
    for steps, probability in outcomes(run):
        law[index_of(steps[-1].canvas.tokens, v)] += probability
    return law


def index_of(tokens: torch.Tensor, v: int) -> torch.Tensor:
    """The place of each sequence in the table."""
    n = tokens.shape[1]
    return (tokens * v ** torch.arange(n - 1, -1, -1)).sum(1)


def table(oracle: Support, n: int, v: int) -> torch.Tensor:
    """The law of an oracle in the same order."""
    return oracle.log_prob(every_sequence(n, v)).exp()


def observed(tokens: torch.Tensor, v: int) -> torch.Tensor:
    """The frequency of each sequence among samples."""
    n = tokens.shape[1]
    return torch.bincount(index_of(tokens, v), minlength=v**n) / len(tokens)


def distance(one: torch.Tensor, other: torch.Tensor) -> float:
    """Total variation."""
    return float((one - other).abs().sum() / 2)


def written_in(joint: torch.Tensor, n: int, v: int, moments: tuple[int, ...]) -> torch.Tensor:
    """The law of writing position i at moment ``moments[i]``, by sums over the table alone.

    Positions of one moment are drawn independently, each given those of earlier moments.
    """
    sequences = list(product(range(v), repeat=n))
    chance = dict(zip(sequences, joint.tolist(), strict=True))

    def mass(fixed: dict[int, int]) -> float:
        return sum(p for x, p in chance.items() if all(x[i] == a for i, a in fixed.items()))

    def probability(x: tuple[int, ...]) -> float:
        before = [{j: x[j] for j in range(n) if moments[j] < moments[i]} for i in range(n)]
        return prod(mass(before[i] | {i: x[i]}) / mass(before[i]) for i in range(n))

    return torch.tensor([probability(x) for x in sequences], dtype=torch.float64)
