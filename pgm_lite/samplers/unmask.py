"""The sampler with a schedule and an order: write so many positions a step, in this order.

With perfect answers, an order that chooses from laws (or from nothing) and a schedule of one
position a step, *choose-then-sample* draws from the joint law exactly. Several positions a step
are drawn independently of each other, which makes the entropy of what is generated too high.

*Sample-then-rank*, the published MaskGIT and LLaDA rule, draws a token at every position first
and keeps the draws that came out most probable. Which positions are kept then depends on what
was drawn there, so improbable tokens are thrown away and drawn again later: even one position a
step with a perfect model is biased towards probable sequences, and the entropy is too low.
"""

import math
from collections.abc import Generator, Sequence
from itertools import groupby

import torch

from pgm_lite.core import Canvas, Conditional, Step
from pgm_lite.draw import gumbel
from pgm_lite.orders import BlindOrder, Order, SightedOrder
from pgm_lite.protocols import check_model
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
    choice_temperature: float = 0.0,
) -> Run:
    """Write ``schedule[k]`` positions in step k, the next ones in ``order``.

    Under a blind order the model is asked only about the positions to be written, under a
    sighted one about every unknown position in the order's scope. ``fill`` is
    "choose-then-sample" or "sample-then-rank" (MaskGIT, arXiv 2202.04200); the module says how
    they differ. ``choice_temperature`` tau is MaskGIT's: draws x are ranked by
    log p(x) + tau (1 - r) G, with Gumbel noise G (float64) and r the share of the steps made when
    this one is, k / len(schedule) in step k: no noise is left in the last step, and as tau grows
    the order becomes random. ``rng`` lives on the device of the canvas.
    """
    check_model(model, Conditional, canvas)
    check_schedule(schedule, canvas)
    if not 0 <= choice_temperature < math.inf:
        raise ValueError(
            "choice_temperature must be 0 (rank the draws as they are) or more, and finite; got "
            f"{choice_temperature}"
        )
    if choice_temperature and fill != "sample-then-rank":
        raise ValueError(
            f"choice_temperature={choice_temperature:g} puts noise on the ranking of drawn tokens, "
            f"and {fill} ranks none; use fill='sample-then-rank' or choice_temperature=0"
        )
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
        noise = choice_temperature
        steps = _sighted(model, canvas, schedule, order, rng, noise, rank_samples=rank_samples)
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
            **({"choice_temperature": choice_temperature} if choice_temperature else {}),
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
    noise: float,
    *,
    rank_samples: bool,
) -> Generator[Step]:
    for index, count in enumerate(schedule, start=1):
        where = order.scope(canvas.unknown, count, rng=rng)
        answers, cost = ask(model, canvas, where), model.cost(canvas, where)
        laws = answers.laws
        if rank_samples:
            everywhere = draw_at(where, laws, rng=rng)
            score = answers.own.gather(-1, everywhere.tokens[..., None])[..., 0]
            if noise:
                left = 1 - index / len(schedule)
                score = score + noise * left * gumbel(where.shape, rng=rng).to(score.device)
            draws = everywhere.only(order.choose(where, score, count, rng=rng))
        else:
            score = order.score(answers.own)
            chosen = order.choose(where, score, count, rng=rng)
            laws_there = laws.gather(1, chosen[..., None].expand(-1, -1, laws.shape[-1]))
            draws = draw_at(where.gather(1, chosen), laws_there, rng=rng)
        when = f"step {index}"
        step = write(canvas, draws, asked=where, laws=laws, cost=cost, when=when, score=score)
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
