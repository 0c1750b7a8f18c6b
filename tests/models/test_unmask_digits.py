"""Sampling digit by digit: exact for any number of steps, idle as the formula says (P4, P6-P8)."""

import pytest
import torch
from networks import GRID, SPELLED, stirred
from toys import one_token

from pgm_lite.core import Canvas
from pgm_lite.digits import Digits
from pgm_lite.draw import rng
from pgm_lite.models import MDLM, Prime
from pgm_lite.net import Shape
from pgm_lite.oracle import HalfKnown, Support
from pgm_lite.samplers import unmask_digits


def law_of_digits() -> Support:
    return one_token(torch.rand(27, generator=rng(5), dtype=torch.float64) ** 4)


def drawn_in(steps: int, reveal: str, rows: int = 10_000) -> float:
    """Total variation between samples and the law of one token of three digits."""
    law = law_of_digits()
    model = HalfKnown(law, Digits(27, 3))
    *_, last = unmask_digits(
        model, Canvas.blank(rows, 1), steps=steps, rng=rng(steps), reveal=reveal
    )
    found = torch.bincount(last.canvas.tokens[:, 0], minlength=27) / rows
    return float((found - law.log_prob(torch.arange(27)[:, None]).exp()).abs().sum() / 2)


@pytest.mark.parametrize("steps", [1, 2, 8, 32])
def test_joint_reveal_is_exact_for_every_number_of_steps(steps: int) -> None:
    # 10,000 draws over 27 outcomes: E[TV] is at most 0.4 sqrt(27 / 10,000) = 0.021; its standard
    # deviation is about 0.003, so 0.036 is five of them away.
    assert drawn_in(steps, "joint") < 0.036


def test_factorised_reveal_is_not() -> None:
    distances = [drawn_in(steps, "factorised") for steps in (1, 2, 8)]
    assert distances == sorted(distances, reverse=True)
    assert distances[0] > 0.1
    assert distances[1] > 0.05


def test_idle_steps_come_as_often_as_the_formula_says() -> None:
    """(1 - 1/N)^(L l) of all steps; and they are free."""
    steps, rows = 24, 3000
    shape = Shape(vocab_size=4, rows=2, columns=4, width=8, heads=2, depth=1, digits=2)
    run = unmask_digits(Prime(shape), Canvas.blank(rows, 8), steps=steps, rng=rng(0))
    taken = list(run)
    idle = torch.stack([~step.queried.any(1) for step in taken])
    calls = torch.stack([step.cost.calls for step in taken])
    assert torch.equal(calls == 0, idle)
    expected = (1 - 1 / steps) ** 16
    # Of 24 steps 12.1 are idle on average; a row's number has a standard deviation below 1.7, the
    # mean of 3,000 rows one of 0.031 / 24 in the share: five of them.
    assert float(idle.double().mean()) == pytest.approx(expected, abs=5 * 0.031 / 24)


def test_a_digit_is_revealed_with_the_chance_of_the_step() -> None:
    rows = 20_000
    model = HalfKnown(law_of_digits(), Digits(27, 3))
    first = next(unmask_digits(model, Canvas.blank(rows, 1), steps=5, rng=rng(0)))
    assert first.digits is not None
    shown = first.digits.written
    # 60,000 coins of chance 1/5: five standard errors are 0.0082.
    assert float(shown.double().mean()) == pytest.approx(0.2, abs=0.0082)
    both = shown[:, 0] & shown[:, 1] & ~shown[:, 2]
    pairs = first.digits.canvas.tokens[both][:, :2]
    found = torch.bincount(pairs[:, 0] * 3 + pairs[:, 1], minlength=9) / len(pairs)
    truth = law_of_digits().log_prob(torch.arange(27)[:, None]).exp().view(9, 3).sum(1)
    # About 640 rows over 9 outcomes: E[TV] 0.047 at most, standard deviation about 0.013.
    assert float((found - truth).abs().sum() / 2) < 0.12


def test_digits_never_change_and_every_token_exists() -> None:
    model = stirred(Prime, SPELLED)
    start = Canvas.prompt([4, 0, 3], batch=5, seq_len=12)
    digits = model.digits.spell(start)
    for step in unmask_digits(model, start, steps=7, rng=rng(0)):
        assert step.digits is not None
        after = step.digits.canvas
        assert torch.equal(after.tokens[digits.known], digits.tokens[digits.known])
        assert torch.equal(after.known, digits.known | step.digits.written)
        assert not (step.digits.written & digits.known).any()
        assert int(step.canvas.tokens.max()) < 5
        by_digit = step.digits.log_prob.view(5, 12, 3)
        torch.testing.assert_close(by_digit.sum(-1), step.log_prob, rtol=0, atol=1e-12)
        digits = after
    assert digits.known.all()


@pytest.mark.parametrize(
    ("choices", "says"),
    [
        ({"steps": 0}, "at least 1 step; got 0"),
        ({"steps": 3, "reveal": "alone"}, "joint, factorised; got 'alone'"),
        ({"steps": 3, "reveal": "factorised"}, "8 spellings, but there are 5 tokens"),
    ],
)
def test_digit_sampling_refuses(choices: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        unmask_digits(stirred(Prime, SPELLED), Canvas.blank(1, 12), rng=rng(0), **choices)


def test_a_model_without_digits_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"given is MDLM.* not for tokens given any of their digits; .*take Prime"
    ):
        unmask_digits(stirred(MDLM, GRID), Canvas.blank(1, 12), steps=3, rng=rng(0))
