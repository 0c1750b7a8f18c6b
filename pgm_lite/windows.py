"""How many positions are drafted at a time, as a function of how many are known.

A window maps the number known i [b] to the number drafted next, W(i) >= 1. The windows of SSMD grow
with i; the formula is not in the sources, so the cosine here is the MaskGIT reading of it.
"""

import math
from collections.abc import Callable

import torch
from jaxtyping import Int
from torch import Tensor

Window = Callable[[Int[Tensor, " b"]], Int[Tensor, " b"]]


def window_end(window: Window, known: Int[Tensor, " b"], seq_len: int) -> Int[Tensor, " b"]:
    """Where the windows end that begin after ``known`` positions; that of a full row is empty."""
    going = known < seq_len
    drafted = torch.as_tensor(window(known), device=known.device).expand_as(known)
    if bool((short := going & (drafted < 1)).any()):
        row = int(short.nonzero()[0])
        raise ValueError(
            f"the window given is {int(drafted[row])} positions wide after {int(known[row])} known "
            "ones, but nothing would ever be drafted with less than 1; let it end in .clamp(min=1)"
        )
    return (known + drafted).clamp(max=seq_len).where(going, known)


def constant_window(size: int) -> Window:
    """Always ``size`` positions."""
    if size < 1:
        raise ValueError(f"a window holds at least 1 position; got {size}")
    return lambda known: torch.full_like(known, size)


def linear_window(share: float) -> Window:
    """A ``share`` of as many positions as are known, at least one."""
    if not 0 < share < math.inf:
        raise ValueError(
            f"a linear window is a share of what is known, more than 0 (1 doubles it); got {share}"
        )
    return lambda known: (known * share).ceil().long().clamp(min=1)


def cosine_window(seq_len: int, delta: float) -> Window:
    """The time of a cosine schedule moves on by ``delta``: few positions first, many at the end.

    tau(i) = (2/pi) arccos((n - i)/n); W(i) = ceil(n (1 - cos(pi/2 min(1, tau + delta)))) - i, at
    least 1. The number of windows for n positions is close to 1/delta.
    """
    if seq_len < 1:
        raise ValueError(f"a sequence has at least 1 position; got {seq_len}")
    if not 0 < delta <= 1:
        raise ValueError(
            f"delta is a share of the whole time, more than 0 and at most 1; got {delta}"
        )

    def window(known: Int[Tensor, " b"]) -> Int[Tensor, " b"]:
        tau = ((seq_len - known.double()) / seq_len).acos() * 2 / math.pi
        ahead = seq_len * (1 - ((tau + delta).clamp(max=1) * math.pi / 2).cos())
        # 1e-9: a whole number may come out a rounding error above itself.
        return ((ahead - 1e-9).ceil().long() - known).clamp(min=1)

    return window
