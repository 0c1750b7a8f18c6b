"""Schedules: integers that sum to the unknown, whatever the number of steps."""

import math
from itertools import pairwise

import pytest

from pgm_lite.schedules import cosine, one_by_one, uniform


@pytest.mark.parametrize("schedule", [uniform, cosine])
@pytest.mark.parametrize("n", [1, 2, 3, 16, 100, 256])
def test_every_number_of_steps_is_possible(schedule: object, n: int) -> None:
    for steps in range(1, n + 1):
        counts = schedule(n, steps)
        assert len(counts) == steps
        assert sum(counts) == n
        assert min(counts) >= 1
        assert all(type(count) is int for count in counts)


def test_uniform_gives_what_does_not_divide_to_the_first_steps() -> None:
    assert uniform(10, 4) == (3, 3, 2, 2)
    assert uniform(256, 32) == (8,) * 32


def test_cosine_is_maskgits() -> None:
    # 256 in 12 steps, computed by hand; the published loop leaves the last token to an extra step.
    assert cosine(256, 12) == (3, 6, 11, 15, 18, 22, 26, 27, 31, 31, 33, 33)
    assert sum(cosine(256, 32)[:16]) == 256 - math.floor(256 * math.cos(math.pi / 4))


def test_cosine_grows() -> None:
    counts = cosine(1024, 16)
    assert all(later >= earlier - 1 for earlier, later in pairwise(counts))
    assert counts[-1] > 10 * counts[0]


def test_cosine_with_a_step_for_every_position_writes_one_at_a_time() -> None:
    assert cosine(256, 256) == one_by_one(256) == (1,) * 256


@pytest.mark.parametrize("schedule", [uniform, cosine])
@pytest.mark.parametrize("steps", [0, -1, 11])
def test_too_few_or_too_many_steps(schedule: object, steps: int) -> None:
    with pytest.raises(
        ValueError, match=f"10 positions can be written in 1 to 10 steps; got {steps}"
    ):
        schedule(10, steps)


@pytest.mark.parametrize("schedule", [lambda n: uniform(n, 1), lambda n: cosine(n, 1), one_by_one])
@pytest.mark.parametrize("n", [0, -3])
def test_nothing_unknown_has_no_schedule(schedule: object, n: int) -> None:
    with pytest.raises(ValueError, match=rf"at least 1 unknown position; got {n}"):
        schedule(n)
