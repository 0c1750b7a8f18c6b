"""How many positions each step writes: integers from 1 that sum to the number unknown."""

import math


def uniform(n: int, steps: int) -> tuple[int, ...]:
    """The same number at every step; what does not divide goes to the first steps, one each."""
    _check(n, steps)
    each, rest = divmod(n, steps)
    return tuple(each + (step < rest) for step in range(steps))


def cosine(n: int, steps: int) -> tuple[int, ...]:
    """Few positions at first, many at the end: n cos(pi/2 step / steps) stay unknown.

    MaskGIT (arXiv 2202.04200, section 3.2), rounded down. Deviation: every step writes at least
    one position, also where rounding would give none, so that any number of steps from 1 to n
    is possible.
    """
    _check(n, steps)
    counts: list[int] = []
    unknown = n
    for step in range(1, steps + 1):
        left = math.floor(n * math.cos(math.pi / 2 * step / steps))
        left = max(min(left, unknown - 1), steps - step)
        counts.append(unknown - left)
        unknown = left
    return tuple(counts)


def one_by_one(n: int) -> tuple[int, ...]:
    """One position at a time: n steps, and no dependence between positions is lost."""
    return uniform(n, n)


def _check(n: int, steps: int) -> None:
    if n < 1:
        raise ValueError(
            f"a schedule needs at least 1 unknown position; got {n} (for a canvas on which all "
            "is known the schedule is the empty tuple)"
        )
    if not 1 <= steps <= n:
        raise ValueError(
            f"{n} positions can be written in 1 to {n} steps; got {steps} "
            f"(every step writes at least one)"
        )
