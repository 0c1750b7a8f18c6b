"""First-hitting sampling is random order, one position at a time; its moments come on top."""

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import permutations

import pytest
import torch
from exact import exact_law, index_of, outcomes, table
from subjects import dirichlet, shidoku

from pgm_lite.core import Canvas, Step
from pgm_lite.draw import rng
from pgm_lite.orders import BlindOrder
from pgm_lite.samplers import first_hitting, unmask
from pgm_lite.schedules import one_by_one

N, V = 3, 2
ORACLE = dirichlet(N, V, seed=3)


def path_law(run: Callable[[], Iterator[Step]]) -> Counter[tuple[int, ...]]:
    """The probability of each path: positions as they were written, then the sequence."""
    law: Counter[tuple[int, ...]] = Counter()
    for steps, probability in outcomes(run):
        places = [int(step.written[0].nonzero()) for step in steps]
        law[(*places, *steps[-1].canvas.tokens[0].tolist())] += probability
    return law


def in_order(places: tuple[int, ...]) -> Callable[[], Iterator[Step]]:
    rank = torch.tensor(places).argsort().double()[None]
    order = BlindOrder("given", lambda canvas, rng: rank)
    return lambda: unmask(
        ORACLE, Canvas.blank(1, N), schedule=one_by_one(N), order=order, rng=rng(0)
    )


def hitting(oracle: object = ORACLE, n: int = N) -> Iterator[Step]:
    return first_hitting(oracle, Canvas.blank(1, n), rng=rng(0))


def test_its_paths_are_those_of_random_order_one_by_one() -> None:
    """Exactly: each of the 3! orders with the same probability, and then unmask's own law."""
    orders = list(permutations(range(N)))
    expected: Counter[tuple[int, ...]] = Counter()
    for places in orders:
        for path, probability in path_law(in_order(places)).items():
            expected[path] += probability / len(orders)
    found = path_law(hitting)
    assert len(found) == len(expected) == len(orders) * V**N
    assert all(found[path] == pytest.approx(expected[path], abs=1e-12) for path in expected)


def test_it_draws_from_the_joint() -> None:
    law = exact_law(hitting, N, V)
    torch.testing.assert_close(law, table(ORACLE, N, V), rtol=0, atol=1e-12)


def test_every_order_is_equally_often_drawn() -> None:
    steps = list(first_hitting(dirichlet(4, 2), Canvas.blank(12_000, 4), rng=rng(1)))
    places = torch.stack([step.written.long().argmax(1) for step in steps], 1)
    counts = index_of(places, 4).bincount()
    counts = counts[counts > 0].double()
    assert len(counts) == 24
    # Chi-square with 23 degrees of freedom exceeds 60 with a chance of 4e-5.
    assert float(((counts - 500) ** 2 / 500).sum()) < 60


def test_it_makes_exactly_one_call_for_each_unknown_position() -> None:
    known = torch.zeros(4, 16, dtype=torch.bool)
    for row, given in enumerate((0, 3, 15, 16)):
        known[row, :given] = True
    oracle = shidoku()
    canvas = Canvas(oracle.sequences[:4], known)
    steps = list(first_hitting(oracle, canvas, rng=rng(2)))
    assert len(steps) == 16
    assert torch.stack([step.cost.calls for step in steps]).sum(0).tolist() == [16, 13, 1, 0]
    assert all(torch.equal(step.queried, step.written) for step in steps)
    assert all(int(step.written.sum(1).max()) == 1 for step in steps)
    assert torch.equal(steps[-1].canvas.tokens[known], oracle.sequences[:4][known])


def test_the_moments_are_those_at_which_uniform_clocks_run_out() -> None:
    """Event k of n stands at the k-th largest of n uniform numbers: mean (n + 1 - k) / (n + 1)."""
    runs, n = 400, 3
    moments = torch.zeros(runs, n, dtype=torch.float64)
    for seed in range(runs):
        steps = first_hitting(ORACLE, Canvas.blank(1, n), rng=rng(seed))
        notes = [step.note for step in steps]
        assert [note.split(" at ")[0] for note in notes] == ["event 1", "event 2", "event 3"]
        moments[seed] = torch.tensor([float(note.split("t = ")[1].split(":")[0]) for note in notes])
    assert (moments.diff(dim=1) <= 0).all()
    expected = torch.tensor([0.75, 0.5, 0.25], dtype=torch.float64)
    # The k-th of 3 has a standard deviation of sqrt(k (4 - k) / 80) <= 0.224; five standard errors
    # of 400 runs are 0.056: once in half a million for each of the three means.
    assert float((moments.mean(0) - expected).abs().max()) < 0.056
    # Each gap is a beta variable too: the squares, which a wrong exponent would move.
    squares = torch.tensor([0.6, 0.3, 0.1], dtype=torch.float64)
    # A square lies in [0, 1]: its standard deviation is at most 0.5, four standard errors are 0.1.
    assert float(((moments**2).mean(0) - squares).abs().max()) < 0.1


def test_rows_have_moments_of_their_own() -> None:
    first = next(iter(first_hitting(ORACLE, Canvas.blank(5, N), rng=rng(0))))
    low, high = first.note.split("t = ")[1].split(":")[0].split(" to ")
    assert 0 < float(low) < float(high) < 1
