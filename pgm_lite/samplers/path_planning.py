"""Path planning (P2): draw a token at every unknown position, keep the best of old and new tokens.

Notation (arXiv 2502.03540): kappa_t -> the schedule, summed up; eta -> eta; G -> log-probability
of a token in the model's own law (self-planning); newly open -> written.

What a written token is worth is the difficulty. The paper scores it by what the denoiser says at a
position that it sees, which a network trained only on unknown positions never learnt: MDLM carries
known tokens over with certainty, PGM reads known positions and answers elsewhere. Here a written
token is scored by its log-probability "when written", or the model is asked again "now", once for
each written token, with that token hidden. Both deviate from the paper; the second costs calls.
"""

import math
from collections.abc import Generator, Sequence
from dataclasses import replace
from itertools import accumulate

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from pgm_lite.core import NOBODY, Canvas, Conditional, Cost, Step, listed, positions_mask, scatter
from pgm_lite.protocols import check_model
from pgm_lite.run import Run
from pgm_lite.samplers.fill import Draws, ask, draw_at, spread, write
from pgm_lite.samplers.unmask import check_schedule

SCORED = ("when written", "now")


def path_planning(
    model: Conditional,
    canvas: Canvas,
    *,
    schedule: Sequence[int],
    rng: torch.Generator,
    eta: float = 1.0,
    scored: str = "when written",
) -> Run:
    """After step k exactly ``schedule[0] + ... + schedule[k]`` positions are written: the best.

    Each step draws a token at every unknown position, ranks these together with the tokens written
    before, reopens written ones that are no longer among the best and writes drawn ones that are
    (P2 with self-planning, arXiv 2502.03540). The score is the token's log-probability
    in the model's own law; ``eta`` multiplies that of written tokens. Log-probabilities are never
    positive, so a larger eta reopens more, and 0 never reopens: *sample-then-rank* of ``unmask``.
    Like that, it is biased with perfect answers and one position a step: what is kept depends on
    what was drawn. At eta up to 1 the entropy is too low; at large eta probable tokens are reopened
    too, and it is too high. ``scored`` is "when written" or "now"; the module says how they differ,
    and from the paper.

    All of one step comes from one canvas, so nothing is both reopened and written in it. What is
    known at the start is given and never reopened. Ties go to written tokens, then by chance, and
    never change how many are kept. "now" adds a call for each written token to every step's bill.
    """
    check_model(model, Conditional, canvas)
    check_schedule(schedule, canvas)
    if not 0 <= eta < math.inf:
        raise ValueError(
            f"eta multiplies the scores of written tokens: 0 (never reopen) or more; got {eta:g}"
        )
    if scored not in SCORED:
        raise ValueError(f"scored must be one of {', '.join(SCORED)}; got {scored!r}")
    return Run(
        _path_planning(model, canvas, schedule, eta, rng, asking=scored == "now" and eta > 0),
        canvas=canvas,
        model=model,
        sampler="path_planning",
        knobs={"steps": len(schedule), "eta": eta, "scored": scored},
    )


def _path_planning(
    model: Conditional,
    canvas: Canvas,
    schedule: Sequence[int],
    eta: float,
    rng: torch.Generator,
    *,
    asking: bool,
) -> Generator[Step]:
    ours, n = canvas.unknown, canvas.seq_len
    told = torch.zeros(ours.shape, dtype=torch.float64, device=ours.device)
    for index, kept in enumerate(accumulate(schedule), start=1):
        where, open_ = listed(canvas.unknown), ours & canvas.known
        answers, cost = ask(model, canvas, where), model.cost(canvas, where)
        draws = draw_at(where, answers.laws, rng=rng)
        if asking:
            told, extra = opinions(model, canvas, open_)
            cost = cost + extra
        own = scatter(where, answers.own.gather(-1, draws.tokens[..., None])[..., 0], n)
        # Rounding leaves certain tokens a trace above 0, where no score may lie.
        score = torch.where(open_, eta * told, own).clamp(max=0).masked_fill(~ours, -torch.inf)
        best = foremost(score, open_, ours, kept, rng=rng)
        fresh, reopened = best & canvas.unknown, open_ & ~best
        told = own.where(fresh, told)
        at = where.where(fresh.gather(1, where), NOBODY)
        new = Draws(at, draws.tokens, draws.log_prob)
        step = write(canvas, new, asked=where, laws=answers.laws, cost=cost, when=f"step {index}")
        again = f"; {spread(reopened.sum(1))} reopened" if reopened.any() else ""
        step = replace(
            step,
            canvas=step.canvas.reopen(listed(reopened)),
            reopened=reopened,
            score=own,
            note=step.note + again,
        )
        canvas = step.canvas
        yield step


def foremost(
    score: Float[Tensor, "b n"],
    open_: Bool[Tensor, "b n"],
    ours: Bool[Tensor, "b n"],
    count: int,
    *,
    rng: torch.Generator,
) -> Bool[Tensor, "b n"]:
    """The ``count`` best of ``ours`` in each row; ties go to ``open_`` ones, then by chance."""
    chance = torch.rand(score.shape, generator=rng, device=rng.device, dtype=torch.float64)
    index = chance.to(score.device).argsort(1)
    favour = open_.long() + ours.long()
    for key in (favour, score):
        index = index.gather(1, key.gather(1, index).argsort(dim=1, descending=True, stable=True))
    return positions_mask(index[:, :count], score.shape[1])


def opinions(
    model: Conditional, canvas: Canvas, open_: Bool[Tensor, "b n"]
) -> tuple[Float[Tensor, "b n"], Cost]:
    """The log-probability (nats) of each written token given all others, and the bill."""
    found = torch.zeros(open_.shape, dtype=torch.float64, device=open_.device)
    cost = Cost.zero(canvas.batch)
    asked = listed(open_)
    for column in range(asked.shape[1]):
        where = asked[:, column : column + 1]
        hidden = canvas.reopen(where)
        tokens = canvas.tokens.gather(1, where.clamp(min=0))[..., None]
        own = ask(model, hidden, where).own.gather(-1, tokens)[..., 0]
        found = found + scatter(where, own, canvas.seq_len)
        cost = cost + model.cost(hidden, where)
    return found, cost
