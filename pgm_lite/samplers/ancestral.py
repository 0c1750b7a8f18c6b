"""Ancestral sampling: time runs from 1 to 0, and unknown positions flip by chance on the way.

Notation: alpha_t = 1 - t; t -> s is one step; z_t -> canvas.

Which positions flip does not depend on the model. It can therefore be drawn first and the model
asked about those alone ("flipping"), which is how this sampler works unless told otherwise. Two
readable references stand beside it, as published: "unknown" asks about every unknown position at
every step, flips or none; "cached" does so only when something was written since the last call,
because the answers would be the same. The law is the same in all three; the bill is not.
"""

from collections.abc import Generator
from dataclasses import replace

import torch
from jaxtyping import Bool
from torch import Tensor

from pgm_lite.core import Canvas, Conditional, Cost, Step, gather_positions, listed
from pgm_lite.draw import heads
from pgm_lite.protocols import check_model
from pgm_lite.run import Run
from pgm_lite.samplers.fill import ask, by_position, draw_at, idle, write

ASKS = ("flipping", "unknown", "cached")


def ancestral(
    model: Conditional, canvas: Canvas, *, steps: int, rng: torch.Generator, asks: str = "flipping"
) -> Run:
    """Divide time into ``steps``; in each, unknown positions are written by chance.

    The chance is (alpha_s - alpha_t) / (1 - alpha_t) (MDLM, arXiv 2406.07524, eq. 7), with a
    linear schedule 1 / (steps left). ``asks`` is "flipping", "unknown" or "cached"; the module says
    how they differ. Rows write different numbers of positions, and one that is asked nothing is not
    charged. With "flipping" and "cached" a row makes T (1 - (1 - 1/T)^L) calls on average for T
    steps and L unknown positions. Deviation from the released cache, which looks at the whole batch
    and so hardly ever holds in a large one: each row keeps its own answers. A step in which no row
    is asked and none writes is idle: it is yielded, but free. With "cached" a row may write from
    answers it kept: it is then ``written`` without being ``queried``.
    """
    check_model(model, Conditional, canvas)
    if steps < 1:
        raise ValueError(f"ancestral sampling takes at least 1 step; got {steps}")
    if asks not in ASKS:
        raise ValueError(f"asks must be one of {', '.join(ASKS)}; got {asks!r}")
    walk = _flipping if asks == "flipping" else _published
    keep = {} if asks == "flipping" else {"asks": asks}
    return Run(
        walk(model, canvas, steps, rng, cached=asks == "cached"),
        canvas=canvas,
        model=model,
        sampler="ancestral",
        knobs={"steps": steps, **keep},
    )


def _flipping(
    model: Conditional, canvas: Canvas, steps: int, rng: torch.Generator, *, cached: bool
) -> Generator[Step]:
    del cached
    if not canvas.unknown.any():
        return
    for index in range(1, steps + 1):
        when = f"step {index} of {steps}"
        where = listed(_flips(canvas, 1 / (steps - index + 1), rng))
        if where.shape[1] == 0:
            yield idle(canvas, when)
            continue
        laws, cost = ask(model, canvas, where).laws, model.cost(canvas, where)
        draws = draw_at(where, laws, rng=rng)
        step = write(canvas, draws, asked=where, laws=laws, cost=cost, when=when)
        canvas = step.canvas
        yield step


def _published(
    model: Conditional, canvas: Canvas, steps: int, rng: torch.Generator, *, cached: bool
) -> Generator[Step]:
    if not canvas.unknown.any():
        return
    n, kept = canvas.seq_len, None
    stale = torch.ones_like(canvas.known[:, :1])
    for index in range(1, steps + 1):
        when = f"step {index} of {steps}"
        # Ask, unless the answers would be those of the last call.
        where = listed(canvas.unknown & stale)
        laws, cost = None, Cost.zero(canvas.batch)
        if where.shape[1]:
            laws, cost = ask(model, canvas, where).laws, model.cost(canvas, where)
            fresh = by_position(where, laws, n)
            kept = fresh if kept is None else fresh.where(stale[..., None], kept)
        # Flip, and draw from what was answered, now or earlier.
        flips = _flips(canvas, 1 / (steps - index + 1), rng)
        if kept is None or (laws is None and not flips.any()):
            yield idle(canvas, when)
            continue
        written = listed(flips)
        draws = draw_at(written, gather_positions(kept, written), rng=rng)
        laws = kept[:, :0] if laws is None else laws
        step = write(canvas, draws, asked=where, laws=laws, cost=cost, when=when)
        if not step.queried.any():
            step = replace(step, note=f"{step.note}, by the answers of an earlier call")
        canvas = step.canvas
        stale = step.written.any(1, keepdim=True) if cached else torch.ones_like(stale)
        yield step


def _flips(canvas: Canvas, chance: float, rng: torch.Generator) -> Bool[Tensor, "b n"]:
    """The unknown positions that flip, each with this chance."""
    return heads(canvas.unknown * torch.tensor(chance, dtype=torch.float64), rng=rng)
