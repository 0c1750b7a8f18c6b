"""The sampler with a schedule and an order: write so many positions a step, in this order.

With perfect answers, an order that chooses from laws (or from nothing) and a schedule of one
position a step, *choose-then-sample* draws from the joint law exactly. Several positions a step
are drawn independently of each other, which makes the entropy of what is generated too high.

*Sample-then-rank*, the published MaskGIT and LLaDA rule, draws a token at every position first
and keeps the draws that came out most probable. Which positions are kept then depends on what
was drawn there, so improbable tokens are thrown away and drawn again later: even one position a
step with a perfect model is biased towards probable sequences, and the entropy is too low.
"""

from collections.abc import Generator, Sequence
from itertools import groupby

import torch

from pgm_lite.core import Canvas, Conditional, Step
from pgm_lite.orders import BlindOrder, Order, SightedOrder
from pgm_lite.run import Run
from pgm_lite.samplers.fill import ask, draw_at, spread, write

FILLS = ("choose-then-sample", "sample-then-rank")


def unmask(
    model: Conditional,
    canvas: Canvas,
    *,
    schedule: Sequence[int],
    order: Order,
    rng: torch.Generator,
    fill: str = "choose-then-sample",
) -> Run:
    """Write ``schedule[k]`` positions in step k, the next ones in ``order``.

    Under a blind order the model is asked only about the positions to be written, under a
    sighted one about every unknown position in the order's scope. ``fill`` is
    "choose-then-sample" or "sample-then-rank" (MaskGIT, arXiv 2202.04200, without its annealed
    noise); the module says how they differ. ``rng`` lives on the device of the canvas.
    """
    check_schedule(schedule, canvas)
    if fill not in FILLS:
        raise ValueError(f"fill must be one of {', '.join(FILLS)}; got {fill!r}")
    if isinstance(order, BlindOrder):
        if fill == "sample-then-rank":
            raise ValueError(
                f"sample-then-rank keeps the most probable draws, but the order {order.name} "
                "looks at no probability; use the order confidence(), or "
                "fill='choose-then-sample'"
            )
        steps = _blind(model, canvas, schedule, order, rng)
    else:
        rank_samples = fill == "sample-then-rank"
        if rank_samples and not order.ranks_samples:
            raise ValueError(
                f"sample-then-rank ranks drawn tokens by their probability, which the order "
                f"{order.name} does not score; use confidence(), or fill='choose-then-sample'"
            )
        steps = _sighted(model, canvas, schedule, order, rng, rank_samples=rank_samples)
    return Run(
        steps,
        canvas=canvas,
        model=model,
        sampler="unmask",
        knobs={
            "order": order.name,
            "schedule": ", ".join(
                f"{count} x {len(list(same))}" for count, same in groupby(schedule)
            ),
            "steps": len(schedule),
            "fill": fill,
        },
    )


def _blind(
    model: Conditional,
    canvas: Canvas,
    schedule: Sequence[int],
    order: BlindOrder,
    rng: torch.Generator,
) -> Generator[Step]:
    if not schedule:
        return
    priority = order.priority(canvas, rng=rng).masked_fill(canvas.known, torch.inf)
    sequence = priority.argsort(dim=1, stable=True)
    done = 0
    for index, count in enumerate(schedule, start=1):
        where = sequence[:, done : done + count]
        done += count
        laws, cost = ask(model, canvas, where).laws, model.cost(canvas, where)
        draws = draw_at(where, laws, rng=rng)
        step = write(canvas, draws, asked=where, laws=laws, cost=cost, when=f"step {index}")
        canvas = step.canvas
        yield step


def _sighted(
    model: Conditional,
    canvas: Canvas,
    schedule: Sequence[int],
    order: SightedOrder,
    rng: torch.Generator,
    *,
    rank_samples: bool,
) -> Generator[Step]:
    for index, count in enumerate(schedule, start=1):
        where = order.scope(canvas.unknown, count)
        answers, cost = ask(model, canvas, where), model.cost(canvas, where)
        laws = answers.laws
        if rank_samples:
            everywhere = draw_at(where, laws, rng=rng)
            score = answers.own.gather(-1, everywhere.tokens[..., None])[..., 0]
            draws = everywhere.only(order.choose(where, score, count, rng=rng))
        else:
            chosen = order.choose(where, order.score(answers.own), count, rng=rng)
            laws_there = laws.gather(1, chosen[..., None].expand(-1, -1, laws.shape[-1]))
            draws = draw_at(where.gather(1, chosen), laws_there, rng=rng)
        step = write(canvas, draws, asked=where, laws=laws, cost=cost, when=f"step {index}")
        canvas = step.canvas
        yield step


def check_schedule(schedule: Sequence[int], canvas: Canvas) -> None:
    """A schedule writes at least one position a step, and in the end all that are unknown."""
    if any(count < 1 for count in schedule):
        raise ValueError(
            f"every step writes at least 1 position; the schedule given is {list(schedule)}"
        )
    unknown = canvas.unknown.sum(1)
    if not bool((unknown == sum(schedule)).all()):
        raise ValueError(
            f"the schedule writes {sum(schedule)} positions, but {spread(unknown)} are unknown "
            "in the rows of the canvas; give a schedule that sums to the number unknown, the "
            "same in every row (such as uniform(unknown, steps), or () where nothing is "
            "unknown)"
        )
