"""Ancestral sampling asks in three ways; the law is one, and the bill is known in closed form."""

from collections.abc import Iterator
from itertools import product

import pytest
import torch
from exact import distance, exact_law, outcomes, table, written_in
from subjects import dirichlet

from pgm_lite.core import Canvas, Step
from pgm_lite.draw import rng
from pgm_lite.samplers import ancestral

ASKS = ("flipping", "unknown", "cached")
N, V, T = 3, 2, 3
ORACLE = dirichlet(N, V, seed=5)


def blank(asks: str, steps: int = T) -> Iterator[Step]:
    return ancestral(ORACLE, Canvas.blank(1, N), steps=steps, rng=rng(0), asks=asks)


def law_by_sums(steps: int) -> torch.Tensor:
    """Every position at an independent, uniform moment; those of one moment apart."""
    joint = table(ORACLE, N, V)
    moments = list(product(range(steps), repeat=N))
    return torch.stack([written_in(joint, N, V, each) for each in moments]).mean(0)


@pytest.mark.parametrize("asks", ASKS)
def test_the_law_is_the_same_however_it_asks(asks: str) -> None:
    """Every coin and every token enumerated."""
    assert distance(exact_law(lambda: blank(asks), N, V), law_by_sums(T)) < 1e-12


def expected_calls(asks: str, steps: int) -> float:
    if asks == "unknown":  # until the last position has flipped: the largest of N uniform moments
        return sum(1 - (k / steps) ** N for k in range(steps))
    return steps * (1 - (1 - 1 / steps) ** N)


@pytest.mark.parametrize("steps", [1, 2, 3])
@pytest.mark.parametrize("asks", ASKS)
def test_the_expected_number_of_calls_is_exact(asks: str, steps: int) -> None:
    """T (1 - (1 - 1/T)^L) where idle steps are skipped, over every outcome of every coin."""
    calls = total = 0.0
    for run, probability in outcomes(lambda: blank(asks, steps)):
        calls += probability * sum(float(step.cost.calls) for step in run)
        total += probability
    assert total == pytest.approx(1, abs=1e-12)
    assert calls == pytest.approx(expected_calls(asks, steps), abs=1e-12)


def test_the_same_seed_gives_the_same_run_and_another_bill() -> None:
    rows, n = 40, 6
    oracle, canvas = dirichlet(n, 2), Canvas.blank(rows, n)
    runs = {asks: list(ancestral(oracle, canvas, steps=12, rng=rng(1), asks=asks)) for asks in ASKS}
    for one, two, three in zip(*runs.values(), strict=True):
        for other in (two, three):
            assert torch.equal(one.written, other.written)
            assert torch.equal(one.canvas.tokens, other.canvas.tokens)
            torch.testing.assert_close(one.log_prob, other.log_prob, rtol=0, atol=1e-12)
    calls = {asks: sum(step.cost.calls for step in steps) for asks, steps in runs.items()}
    assert torch.equal(calls["flipping"], calls["cached"])
    assert (calls["unknown"] >= calls["cached"]).all()
    assert (calls["unknown"] > calls["cached"]).any()


def test_each_row_keeps_its_own_answers() -> None:
    """In a step, some rows are asked and others live on what they were told: no test of the batch."""
    canvas = Canvas.blank(40, 6)
    steps = list(ancestral(dirichlet(6, 2), canvas, steps=12, rng=rng(1), asks="cached"))
    mixed, before, changed = 0, canvas, torch.ones(40, dtype=torch.bool)
    for step in steps:
        asked = step.queried.any(1)
        # Exactly the rows that changed in the last step and are not complete, about all unknown.
        assert torch.equal(asked, changed & before.unknown.any(1))
        assert torch.equal(step.queried, before.unknown & asked[:, None])
        mixed += bool(asked.any() and (~asked & before.unknown.any(1)).any())
        before, changed = step.canvas, step.written.any(1)
    assert mixed > 5
    one = list(ancestral(dirichlet(6, 2), Canvas.blank(1, 6), steps=40, rng=rng(1), asks="cached"))
    kept = [step for step in one if step.written.any() and not step.queried.any()]
    assert kept
    assert all(step.note.endswith("by the answers of an earlier call") for step in kept)
    assert any("idle" in step.note for step in one)


def test_asking_about_all_unknown_positions_reports_their_entropy() -> None:
    canvas = Canvas.blank(3, N)
    for step in ancestral(ORACLE, canvas, steps=4, rng=rng(0), asks="unknown"):
        assert torch.equal(step.queried, canvas.unknown)
        assert torch.equal(step.entropy > 0, canvas.unknown)
        canvas = step.canvas


def test_other_ways_of_asking_are_refused() -> None:
    with pytest.raises(ValueError, match="one of flipping, unknown, cached; got 'all'"):
        ancestral(ORACLE, Canvas.blank(1, N), steps=2, rng=rng(0), asks="all")
