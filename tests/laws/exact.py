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
class Scripted:
    """Stands in for ``draw.categorical``: follows a script, and notes what else could have come."""

    script: tuple[int, ...]
    taken: list[int] = field(default_factory=list)
    probability: float = 1.0
    untried: list[tuple[int, ...]] = field(default_factory=list)

    def __call__(self, log_probs: torch.Tensor, *, rng: torch.Generator) -> torch.Tensor:
        del rng
        laws = log_probs.double().softmax(-1).flatten(0, -2)
        return torch.tensor([self.choose(law) for law in laws]).reshape(log_probs.shape[:-1])

    def heads(self, chance: torch.Tensor, *, rng: torch.Generator) -> torch.Tensor:
        """Stands in for ``draw.heads``."""
        laws = torch.stack([1 - chance, chance], -1).log()
        return self(laws, rng=rng).bool()

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
