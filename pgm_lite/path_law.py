"""The exact probability that speculation writes a sequence, by dynamic programming.

Notation: F(i) = probability that the positions after the first i of the order get the tokens of x,
given that those have them; G(i, j, m) = the same while the drafts of context i are judged, from
place j on, with m loops left; p_i(d), q_i(d) = what drafts' law and target law of context i say of
x_{s(d)}. arXiv 2510.03929 describes the case of one loop; derived here for any number.

    G(i, j, m) = (q - p)_+(j) G(i, j + 1, m - 1) + min(p, q)(j) G(i, j + 1, m)    at context i
    G(i, j, 0) = F(j);  G(i, w, m) = F(w) with w = min(n, i + W(i));  F(i) = G(i, i, loops)
"""

from functools import cache

import torch
from jaxtyping import Float, Int
from torch import Tensor

from pgm_lite.core import Canvas
from pgm_lite.draw import law
from pgm_lite.protocols import DraftVerify, check_model
from pgm_lite.windows import Window, window_end

LONGEST = 64
"""Positions of the longest sequence; the work grows with the cube."""


@torch.no_grad()
def speculative_log_prob(
    model: DraftVerify,
    tokens: Int[Tensor, " n"],
    order: Int[Tensor, " n"],
    *,
    window: Window,
    loops: int,
    known: int = 0,
) -> float:
    """Log-probability (nats) that ``speculate`` along ``order`` writes ``tokens``.

    The first ``known`` positions of the order are given. One drafting and one verifying pass for
    each place after them.
    """
    n = len(tokens)
    check_model(model, DraftVerify, Canvas(tokens[None], torch.zeros(1, n, dtype=torch.bool)))
    if n > LONGEST:
        raise ValueError(f"{n} positions are too many to sum over all paths; at most {LONGEST}")
    if not torch.equal(order.sort().values, torch.arange(n)):
        raise ValueError(f"order must list each of the positions 0 to {n - 1} once; got {order}")
    if loops < 1:
        raise ValueError(f"drafts are verified in at least 1 loop; got {loops}")
    ends = [n] * n
    both: list[list[float]] = [[] for _ in range(n)]  # min(p, q)
    more: list[list[float]] = [[] for _ in range(n)]  # (q - p)_+
    for i in range(known, n):
        ends[i] = int(window_end(window, torch.tensor([i]), n))
        p, q = context(model, tokens, order, i, ends[i])
        both[i] = torch.minimum(p, q).cpu().numpy().tolist()
        more[i] = (q - p).clamp(min=0).cpu().numpy().tolist()

    @cache
    def judged(i: int, j: int, left: int) -> float:
        if j == ends[i] or left == 0:
            return after(j)
        refused = more[i][j - i] * judged(i, j + 1, left - 1)
        return refused + both[i][j - i] * judged(i, j + 1, left)

    @cache
    def after(i: int) -> float:
        return 1.0 if i == n else judged(i, i, loops)

    return float(torch.tensor(after(known), dtype=torch.float64).log())


def context(
    model: DraftVerify, tokens: Int[Tensor, " n"], order: Int[Tensor, " n"], i: int, end: int
) -> tuple[Float[Tensor, " w"], Float[Tensor, " w"]]:
    """What drafts' law and target law say of the true tokens from place ``i`` up to ``end``."""
    canvas = Canvas(tokens[None], torch.zeros(1, len(tokens), dtype=torch.bool))
    canvas = canvas.reveal(order[None, :i], tokens[order[:i]][None])
    where, slots = order[None, i:end], torch.arange(i, end)[None]
    drafts, memory = model.draft(canvas, where)
    targets = model.verify(memory, order[None, :end], tokens[None], slots)
    truth = tokens[where][..., None]
    p, q = (law(each).exp().gather(-1, truth)[0, :, 0] for each in (drafts, targets))
    return p, q
