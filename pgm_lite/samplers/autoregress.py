"""One token after another, from left to right."""

from collections.abc import Iterator

import torch
from jaxtyping import Int
from torch import Tensor

from pgm_lite.core import Canvas, NextToken, Step, positions_mask, scatter
from pgm_lite.draw import categorical
from pgm_lite.orders import entropy_of
from pgm_lite.samplers.steps import caption


def autoregress(model: NextToken, canvas: Canvas, *, rng: torch.Generator) -> Iterator[Step]:
    """Draw each unknown position given all before it; the known ones must come first.

    Rows may have prompts of different lengths: a row whose position is given waits.
    """
    if bool((canvas.known[:, 1:] & ~canvas.known[:, :-1]).any()):
        raise ValueError(
            "an autoregressive model reads only what lies to the left, but here a known position "
            "follows an unknown one; it cannot fill in: give a prompt at the start, or use MDLM or PGM"
        )
    return positions(model, canvas, rng)


@torch.no_grad()
def positions(model: NextToken, canvas: Canvas, rng: torch.Generator) -> Iterator[Step]:
    """The loop of ``autoregress``, its arguments checked."""
    memory: object | None = None
    start = int(canvas.known.sum(1).min())
    for number, position in enumerate(range(start, canvas.seq_len), start=1):
        log_probs, memory = model.next_log_probs(canvas, position, memory)
        drawn = categorical(log_probs, rng=rng)[:, None]
        where = asked(canvas, position)
        mask = positions_mask(where, canvas.seq_len)
        at_drawn = log_probs.gather(-1, drawn)
        before = canvas
        canvas = canvas.reveal(where, drawn)
        yield Step(
            canvas=canvas,
            queried=mask,
            written=mask,
            log_prob=scatter(where, at_drawn, canvas.seq_len),
            entropy=scatter(where, entropy_of(log_probs)[:, None], canvas.seq_len),
            cost=model.cost(before, where),
            note=caption(number, before, mask, mask),
        )


def asked(canvas: Canvas, position: int) -> Int[Tensor, "b 1"]:
    """The position, for the rows in which it is unknown."""
    place = torch.full((canvas.batch, 1), position, device=canvas.known.device)
    return place.masked_fill(canvas.known[:, position : position + 1], -1)
