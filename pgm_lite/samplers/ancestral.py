"""Ancestral sampling: time runs from 1 to 0, and unknown positions flip by chance on the way.

Notation: alpha_t = 1 - t; t -> s is one step; z_t -> canvas.
"""

from collections.abc import Generator

import torch

from pgm_lite.core import Canvas, Conditional, Step, listed
from pgm_lite.run import Run
from pgm_lite.samplers.fill import ask, draw_at, write


def ancestral(model: Conditional, canvas: Canvas, *, steps: int, rng: torch.Generator) -> Run:
    """Divide time into ``steps``; in each, unknown positions are written by chance.

    The chance is (alpha_s - alpha_t) / (1 - alpha_t) (MDLM, arXiv 2406.07524, eq. 7), with a
    linear schedule 1 / (steps left). Deviation, the law being the same: which positions flip
    does not depend on the model, so it is drawn first and the model is asked about those only.
    Rows write different numbers of positions; a row that writes none is not charged, and a step
    in which no row writes any asks nothing and is not yielded. The note of the next step counts
    them.
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
    idle = 0
    for index in range(1, steps + 1):
        unknown = canvas.unknown
        if not unknown.any():
            return
        chance = 1 / (steps - index + 1)
        coin = torch.rand(unknown.shape, generator=rng, device=rng.device, dtype=torch.float64)
        flips = unknown & (coin.to(unknown.device) < chance)
        if not flips.any():
            idle += 1
            continue
        where = listed(flips)
        laws, cost = ask(model, canvas, where).laws, model.cost(canvas, where)
        draws = draw_at(where, laws, rng=rng)
        when = f"step {index} of {steps}" + (f" ({idle} before it wrote nothing)" if idle else "")
        step = write(canvas, draws, asked=where, laws=laws, cost=cost, when=when)
        canvas, idle = step.canvas, 0
        yield step
