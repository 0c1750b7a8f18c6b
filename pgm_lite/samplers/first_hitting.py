"""The first-hitting sampler: no grid of times, but the very moments at which positions become known.

Notation: tau -> time; alpha_t = 1 - t.
"""

from collections.abc import Generator

import torch
from jaxtyping import Float
from torch import Tensor

from pgm_lite.core import NOBODY, Canvas, Conditional, Step
from pgm_lite.draw import categorical
from pgm_lite.protocols import check_model
from pgm_lite.run import Run
from pgm_lite.samplers.fill import ask, draw_at, write


def first_hitting(model: Conditional, canvas: Canvas, *, rng: torch.Generator) -> Run:
    """Jump from one event to the next; at each, one random unknown position is written.

    First-hitting sampler (arXiv 2409.02908): with n positions unknown at time tau, the next of
    them becomes known at tau u^(1/n), u uniform, for alpha_t = 1 - t (in general where 1 - alpha
    has fallen to the share u^(1/n)). Time starts at 1 whatever the canvas holds. The models here
    are not told the time, so it changes nothing but the note of a step: the paths have the law of
    ``unmask`` in random order, one position a step, with one call for each unknown position. This
    is what ancestral sampling comes to with infinitely many steps.
    """
    check_model(model, Conditional, canvas)
    return Run(
        _first_hitting(model, canvas, rng),
        canvas=canvas,
        model=model,
        sampler="first_hitting",
        knobs={},
    )


def _first_hitting(model: Conditional, canvas: Canvas, rng: torch.Generator) -> Generator[Step]:
    time = torch.ones(canvas.batch, dtype=torch.float64)
    event = 0
    while canvas.unknown.any():
        event += 1
        left = canvas.unknown.sum(1)
        open_ = left > 0
        u = torch.rand(canvas.batch, generator=rng, device=rng.device, dtype=torch.float64)
        time = time * u.cpu() ** (1 / left.cpu().clamp(min=1))
        anyone = canvas.unknown | ~open_[:, None]  # a row in which nothing is left has no event
        hit = categorical(anyone.double().log(), rng=rng)
        where = hit.masked_fill(~open_, NOBODY)[:, None]
        laws, cost = ask(model, canvas, where).laws, model.cost(canvas, where)
        draws = draw_at(where, laws, rng=rng)
        when = f"event {event} at t = {_moments(time[open_.cpu()])}"
        step = write(canvas, draws, asked=where, laws=laws, cost=cost, when=when)
        canvas = step.canvas
        yield step


def _moments(time: Float[Tensor, " b"]) -> str:
    """The time, or the range it has over the rows."""
    low, high = f"{float(time.min()):.4f}", f"{float(time.max()):.4f}"
    return low if low == high else f"{low} to {high}"
