"""ReCAP: full passes that choose the positions of several steps, local passes that write them.

Notation (arXiv 2505.19089): target set -> group; full evaluation -> full pass; local evaluation ->
local pass; n-hat -> positions of the group; tau -> noise. A full pass reads all positions and is
remembered; a local pass reads the group alone, against the remembered keys and values of the rest.
The rest does not know of tokens written since: with a network this is an approximation, and that is
what it costs. The order within a group is settled by the full pass and may be stale too.

A pass of either kind is one call: it goes through all of the network, with fewer positions. So the
calls of a run are the sum of two unlike things; notes say "full" or "local", and ``passes`` counts
them apart. Compare runs by positions or FLOPs.
"""

import math
from collections.abc import Generator, Sequence
from itertools import accumulate, pairwise
from typing import cast

import torch
from jaxtyping import Float, Int
from torch import Tensor

from pgm_lite.core import Canvas, Step, gather_positions
from pgm_lite.draw import Reshaped, gumbel, law
from pgm_lite.orders import BlindOrder, Order
from pgm_lite.protocols import Cached, check_model
from pgm_lite.run import Run
from pgm_lite.samplers.fill import Answers, draw_at, write
from pgm_lite.samplers.unmask import check_schedule


def recap(
    model: Cached,
    canvas: Canvas,
    *,
    schedule: Sequence[int],
    order: Order,
    rng: torch.Generator,
    full_first: int = 0,
    local: int = 1,
    noise: float = 0.0,
) -> Run:
    """Write ``schedule[k]`` positions in step k; only some steps read the whole canvas.

    The first ``full_first`` steps are full passes. After them every full pass is followed by
    ``local`` local ones, which write the rest of the group that the full pass chose: the next
    positions in ``order``, as many as the schedule gives these steps (ReCAP, arXiv 2505.19089, has
    8 to 12 full steps first and 1 local one). A sighted order scores all unknown positions in its
    scope, plus Gumbel ``noise`` times the share of steps still to come (the paper: 5.5, with
    confidence). With ``local`` 0 and no noise this is ``unmask``, draw for draw.

    Deviations: positions are chosen before tokens are drawn, and the confidence is the log-probability
    of the likeliest token, where MaskGIT's is that of the token drawn.
    """
    check_model(bare(model), Cached, canvas)
    check_schedule(schedule, canvas)
    if full_first < 0 or local < 0:
        raise ValueError(
            f"numbers of steps are 0 or more; got full_first={full_first} and local={local}"
        )
    if not 0 <= noise < math.inf:
        raise ValueError(f"the noise on scores is 0 (none) or more, and finite; got {noise:g}")
    if noise and isinstance(order, BlindOrder):
        raise ValueError(
            f"noise is added to scores, but the order {order.name} looks at none; set noise to 0 or "
            "take confidence()"
        )
    full, cheap = passes(len(schedule), full_first, local)
    return Run(
        _recap(model, canvas, schedule, order, rng, full_first, local, noise),
        canvas=canvas,
        model=model,
        sampler="recap",
        knobs={
            "order": order.name,
            "steps": len(schedule),
            "passes": f"{full} full, {cheap} local",
            "noise": noise,
        },
    )


def passes(steps: int, full_first: int, local: int) -> tuple[int, int]:
    """How many of so many steps are full passes, and how many local ones."""
    grouped = _groups((1,) * steps, full_first, local)
    return len(grouped), steps - len(grouped)


def _groups(schedule: Sequence[int], full_first: int, local: int) -> list[tuple[int, ...]]:
    """The schedule cut into groups; a full pass begins each."""
    start = min(full_first, len(schedule))
    cuts = [*range(start), *range(start, len(schedule), local + 1), len(schedule)]
    return [tuple(schedule[a:b]) for a, b in pairwise(cuts)]


def _recap(
    model: Cached,
    canvas: Canvas,
    schedule: Sequence[int],
    order: Order,
    rng: torch.Generator,
    full_first: int,
    local: int,
    noise: float,
) -> Generator[Step]:
    inner, index, done, line = bare(model), 0, 0, canvas.tokens[:, :0]
    if isinstance(order, BlindOrder) and schedule:
        priority = order.priority(canvas, rng=rng).masked_fill(canvas.known, torch.inf)
        line = priority.argsort(dim=1, stable=True)
    for counts in _groups(schedule, full_first, local):
        index, size = index + 1, sum(counts)
        if isinstance(order, BlindOrder):
            group = line[:, done : done + size]
            asked = at = group[:, : counts[0]]
            score = None
            own, memory = inner.full(canvas, asked)
            answers = dressed(model, own, asked)
            laws = answers.laws
        else:
            asked = order.scope(canvas.unknown, size, rng=rng)
            own, memory = inner.full(canvas, asked)
            answers = dressed(model, own, asked)
            score = order.score(answers.own)
            if noise:
                score = score + noise * (1 - index / len(schedule)) * gumbel(
                    score.shape, rng=rng
                ).to(score.device)
            chosen = order.choose(asked, score, size, rng=rng)
            group, first = asked.gather(1, chosen), chosen[:, : counts[0]]
            at, laws = asked.gather(1, first), gather_positions(answers.laws, first)
        step = write(
            canvas,
            draw_at(at, laws, rng=rng),
            asked=asked,
            laws=answers.laws,
            cost=inner.cost(canvas, asked),
            when=f"step {index}, full",
            score=score,
        )
        canvas = step.canvas
        yield step
        for before, count in zip(accumulate(counts), counts[1:], strict=False):
            index += 1
            at = group[:, before : before + count]
            laws = dressed(model, inner.local(memory, canvas, group, at), at).laws
            step = write(
                canvas,
                draw_at(at, laws, rng=rng),
                asked=at,
                laws=laws,
                cost=inner.local_cost(group, at),
                when=f"step {index}, local",
            )
            canvas = step.canvas
            yield step
        done += size


def bare(model: Cached | Reshaped) -> Cached:
    """The model below everything that only reshapes its answers."""
    return bare(cast("Cached", model.model)) if isinstance(model, Reshaped) else model


def dressed(
    model: Cached | Reshaped, own: Float[Tensor, "b q v"], where: Int[Tensor, "b q"]
) -> Answers:
    """What ``fill.ask`` makes of the bare model's answers."""
    if isinstance(model, Reshaped):
        inner = dressed(cast("Cached", model.model), own, where)
        return Answers(inner.own, law(model.reshape(inner.laws)))
    precise = law(own.masked_fill((where < 0)[..., None], 0.0))
    return Answers(precise, precise)
