"""Laws over sequences of different lengths, and what sampling them by insertion must give."""

from itertools import combinations, product
from math import comb

import torch

from pgm_lite.core import NOBODY, Step
from pgm_lite.insertion_oracle import InsertionOracle

Law = dict[tuple[int, ...], float]


def every_row(longest: int, v: int) -> list[tuple[int, ...]]:
    """All sequences of 0 to ``longest`` tokens."""
    return [row for m in range(longest + 1) for row in product(range(v), repeat=m)]


def filled(rows: list[tuple[int, ...]]) -> torch.Tensor:
    """Rows of different lengths as one tensor."""
    n = max(1, max(len(row) for row in rows))
    return torch.tensor([[*row, *[NOBODY] * (n - len(row))] for row in rows])


def ragged(longest: int, v: int, seed: int = 0) -> Law:
    """A law drawn uniformly from all laws on sequences of 0 to ``longest`` tokens."""
    rows, rng = every_row(longest, v), torch.Generator().manual_seed(seed)
    weights = -torch.rand(len(rows), generator=rng, dtype=torch.float64).log()
    return dict(zip(rows, (weights / weights.sum()).tolist(), strict=True))


def oracle_of(law: Law, v: int, **how: str) -> InsertionOracle:
    """The exact inserting model of a law."""
    weights = torch.tensor(list(law.values()), dtype=torch.float64)
    return InsertionOracle(filled(list(law)), v, weights, **how)


def normalised(law: Law) -> Law:
    total = sum(law.values())
    return {row: p / total for row, p in law.items() if p > 0}


def ways(kept: tuple[int, ...], row: tuple[int, ...]) -> int:
    """How often ``kept`` is found in ``row``."""
    return sum(chosen == kept for chosen in combinations(row, len(kept)))


def on_the_way(law: Law, kept: tuple[int, ...]) -> Law:
    """Where the process goes that stands at ``kept``: p(x) e(y, x) / C(m, k), normalised."""
    k = len(kept)
    return normalised(
        {row: p * ways(kept, row) / comb(len(row), k) for row, p in law.items() if len(row) >= k}
    )


def read(step: Step, row: int = 0) -> tuple[int, ...]:
    """A row as it is read after a step."""
    order = [at for at in step.insert.order[row].tolist() if at != NOBODY]
    return tuple(step.canvas.tokens[row, order].tolist())


def distance(one: Law, other: Law) -> float:
    """Total variation."""
    return sum(abs(one.get(row, 0.0) - other.get(row, 0.0)) for row in {*one, *other}) / 2


def mean_length(law: Law) -> float:
    return sum(len(row) * p for row, p in law.items())
