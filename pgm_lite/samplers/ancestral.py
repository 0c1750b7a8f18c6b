"""Ancestral sampling: time runs from 1 to 0, and unknown positions flip by chance on the way.

Notation: alpha_t = 1 - t; t -> s is one step; z_t -> canvas.
"""

from collections.abc import Generator

import torch

from pgm_lite.core import Canvas, Conditional, Step, listed
from pgm_lite.run import Run
from pgm_lite.samplers.fill import ask, draw_at, idle, write


def ancestral(model: Conditional, canvas: Canvas, *, steps: int, rng: torch.Generator) -> Run:
    """Divide time into ``steps``; in each, unknown positions are written by chance.

    The chance is (alpha_s - alpha_t) / (1 - alpha_t) (MDLM, arXiv 2406.07524, eq. 7), with a
    linear schedule 1 / (steps left). Deviation, the law being the same: which positions flip
    does not depend on the model, so it is drawn first and the model is asked about those only.
    Rows write different numbers of positions, and one that writes none is not charged. A step in
    which no row writes any is idle: it is yielded, but asks nothing and is free.
    """
    if steps < 1:
        raise ValueError(f"ancestral sampling takes at least 1 step; got {steps}")
    return Run(
        _ancestral(model, canvas, steps, rng),
        canvas=canvas,
        model=model,
        sampler="ancestral",
        knobs={"steps": steps},
    )


def _ancestral(
    model: Conditional, canvas: Canvas, steps: int, rng: torch.Generator
) -> Generator[Step]:
    if not canvas.unknown.any():
        return
    for index in range(1, steps + 1):
        chance = 1 / (steps - index + 1)
        shape = canvas.known.shape
        coin = torch.rand(shape, generator=rng, device=rng.device, dtype=torch.float64)
        where = listed(canvas.unknown & (coin.to(canvas.known.device) < chance))
        when = f"step {index} of {steps}"
        if where.shape[1] == 0:
            yield idle(canvas, when)
            continue
        laws, cost = ask(model, canvas, where).laws, model.cost(canvas, where)
        draws = draw_at(where, laws, rng=rng)
        step = write(canvas, draws, asked=where, laws=laws, cost=cost, when=when)
        canvas = step.canvas
        yield step
