"""The samplers whose rows go at their own pace: ancestral by chance, autoregress by their prompts."""

import math
from dataclasses import replace

import pytest
import torch
from networks import LINE, stirred
from subjects import dirichlet

from pgm_lite.core import Canvas
from pgm_lite.draw import rng
from pgm_lite.models import AR
from pgm_lite.oracle import Sequential
from pgm_lite.samplers import ancestral, autoregress


@pytest.mark.parametrize("steps", [2, 5])
def test_ancestral_flips_with_the_chance_of_the_paper(steps: int) -> None:
    """(alpha_s - alpha_t) / (1 - alpha_t) at every step, and a binomial number of positions."""
    rows, n = 20_000, 4
    model, known = dirichlet(n, 2), torch.zeros(rows, n, dtype=torch.bool)
    for index, step in enumerate(ancestral(model, Canvas.blank(rows, n), steps=steps, rng=rng(3))):
        t, s = 1 - index / steps, 1 - (index + 1) / steps
        alpha_t, alpha_s = 1 - t, 1 - s
        chance = (alpha_s - alpha_t) / (1 - alpha_t)
        open_before = ~known
        flipped = float(step.written[open_before].double().mean())
        spread = math.sqrt(chance * (1 - chance) / int(open_before.sum()))
        # Five standard deviations: once in 1.7 million draws.
        assert flipped == pytest.approx(chance, abs=5 * spread + 1e-12)
        untouched = open_before.all(1)
        if int(untouched.sum()) > 1000:
            count = step.written[untouched].sum(1).double()
            variance = n * chance * (1 - chance)
            # The standard error of a variance is below 2 variance / sqrt(rows), here five of them.
            margin = 10 * variance / math.sqrt(int(untouched.sum()))
            assert float(count.var()) == pytest.approx(variance, abs=margin + 1e-12)
        known = step.canvas.known
    assert known.all()


def test_ancestral_rows_go_at_their_own_pace() -> None:
    steps = list(ancestral(dirichlet(4, 2), Canvas.blank(50, 4), steps=3, rng=rng(4)))
    counts = torch.stack([step.written.sum(1) for step in steps])
    assert (counts.sum(0) == 4).all()
    assert len(counts.unique(dim=1).T) > 5
    idle = counts == 0
    calls = torch.stack([step.cost.calls for step in steps])
    assert torch.equal(calls == 0, idle)


def test_ancestral_asks_nothing_in_steps_in_which_no_row_writes() -> None:
    every = list(ancestral(dirichlet(3, 2), Canvas.blank(1, 3), steps=1000, rng=rng(5)))
    assert len(every) == 1000
    steps = [step for step in every if step.written.any()]
    assert len(steps) <= 3
    numbers = [int(step.note.split()[1]) for step in steps]
    assert numbers == sorted(numbers)
    assert numbers[0] > 1
    assert all("idle" in step.note for step in every[: numbers[0] - 1])


def test_ancestral_in_one_step_writes_everything() -> None:
    (step,) = ancestral(dirichlet(3, 2), Canvas.blank(2, 3), steps=1, rng=rng(6))
    assert step.written.all()
    with pytest.raises(ValueError, match="at least 1 step; got 0"):
        ancestral(dirichlet(3, 2), Canvas.blank(2, 3), steps=0, rng=rng(6))


def test_autoregress_cannot_infill_and_says_which_position_is_in_the_way() -> None:
    known = torch.tensor([[True, True, False, False, False], [True, False, False, True, False]])
    canvas = Canvas(torch.zeros(2, 5, dtype=torch.long), known)
    with pytest.raises(ValueError, match="position 3 of row 1 is known"):
        autoregress(stirred(AR, replace(LINE, columns=5)), canvas, rng=rng(0))


def test_autoregress_takes_prompts_of_different_length() -> None:
    """Each row as if it ran alone: same law, same bill, its prompt untouched."""
    known = torch.tensor([[True, True, False], [False, False, False], [True, True, True]])
    tokens = torch.tensor([[1, 2, 0], [0, 0, 0], [2, 1, 0]])
    steps = list(autoregress(Sequential(dirichlet(3, 3)), Canvas(tokens, known), rng=rng(0)))
    assert [step.written.long().tolist() for step in steps] == [
        [[0, 0, 0], [1, 0, 0], [0, 0, 0]],
        [[0, 0, 0], [0, 1, 0], [0, 0, 0]],
        [[0, 0, 1], [0, 0, 1], [0, 0, 0]],
    ]
    assert torch.stack([step.cost.calls for step in steps]).sum(0).tolist() == [1, 3, 0]
    final = steps[-1].canvas
    assert torch.equal(final.tokens[known], tokens[known])
