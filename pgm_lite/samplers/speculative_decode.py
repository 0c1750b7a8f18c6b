"""Speculative decoding: a small model of the next token drafts, a larger one judges in one pass.

Notation (arXiv 2211.17192): q there -> the drafter's law p here; p there -> the target law q here;
gamma -> drafts. A draft x is accepted with probability min(1, q(x) / p(x)); the first one refused is
replaced by a draw from (q - p)_+, normalised; if none is, the judging pass yields one token more.
"""

from collections.abc import Generator

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import pad

from pgm_lite.core import Canvas, Cost, Step
from pgm_lite.draw import law
from pgm_lite.protocols import NextSpan, check_model
from pgm_lite.run import Run
from pgm_lite.samplers.autoregress import refuse_gaps
from pgm_lite.samplers.fill import Draws, draw_at, spread
from pgm_lite.samplers.pairs import check_pair, drafting, judging, span
from pgm_lite.samplers.speculate import residual, verdict


def speculative_decode(
    model: NextSpan, drafter: NextSpan, canvas: Canvas, *, drafts: int, rng: torch.Generator
) -> Run:
    """``drafter`` writes up to ``drafts`` tokens ahead, ``model`` judges them all in one pass.

    What is written follows the law of ``model`` exactly, whatever the drafter is: it decides only
    how many tokens a judging pass yields, (1 - a^(drafts + 1)) / (1 - a) on average if each draft is
    accepted with probability a by itself. Temperature and top-p have to reshape both models alike
    for drafts to be accepted; the law that is followed is the reshaped one of ``model``.

    A round is two steps: one holds all calls of the drafter, one a token, the other the single call
    of the model. Both bill the calls, positions and FLOPs of their own network, and a call counts
    as one whichever network it is: compare runs at equal FLOPs or seconds. Both keep a memory of
    keys and values. The last unknown position of a row is never drafted, since judging yields it.
    Rows go on at their own pace; known positions come first in each.
    """
    check_model(model, NextSpan, canvas)
    check_model(drafter, NextSpan, canvas, role="the drafter")
    if drafts < 1:
        raise ValueError(f"at least 1 token is drafted before a check; got {drafts}")
    refuse_gaps(canvas)
    check_pair(model, drafter)
    return Run(
        _decode(model, drafter, canvas, drafts, rng),
        canvas=canvas,
        model=model,
        sampler="speculative_decode",
        knobs={"drafts": drafts},
    )


def _decode(
    model: NextSpan, drafter: NextSpan, canvas: Canvas, drafts: int, rng: torch.Generator
) -> Generator[Step]:
    known = canvas.known.sum(1)
    held, drafter_held = torch.zeros_like(known), torch.zeros_like(known)
    memory: object | None = None
    drafter_memory: object | None = None
    passes = 0
    while bool((known < canvas.seq_len).any()):
        passes += 1
        counts = (canvas.seq_len - known - 1).clamp(0, drafts)
        guess, laws, cost = canvas, list[Tensor](), Cost.zero(canvas.batch)
        made = list[Draws]()
        for index in range(int(counts.max())):
            where = span(known + index, (counts - index).clamp(0, 1))
            answers, drafter_memory = drafter.span_log_probs(
                guess, where, drafter_held, drafter_memory
            )
            cost += drafter.span_cost(where, drafter_held)
            laws.append(_laws(answers, where))
            made.append(draw_at(where, laws[-1], rng=rng))
            guess = guess.reveal(where, made[-1].tokens)
            drafter_held = torch.where(where[:, 0] >= 0, where[:, 0] + 1, drafter_held)
        if made:
            proposed, p = _joined(made), torch.cat(laws, 1)
            yield drafting(
                canvas,
                proposed,
                p,
                cost,
                f"draft {passes}: the small model drafts {spread(counts)} tokens, one a call",
            )
        else:
            proposed, p = None, None
        where = span(known, (counts + 1).where(known < canvas.seq_len, 0))
        answers, memory = model.span_log_probs(guess, where, held, memory)
        step = _judge(
            canvas,
            where,
            _laws(answers, where),
            proposed,
            p,
            model.span_cost(where, held),
            rng,
            f"check {passes}: one call of the large model",
        )
        canvas, known = step.canvas, step.canvas.known.sum(1)
        # What was read holds as far as the tokens read were kept.
        held, drafter_held = known, drafter_held.minimum(known)
        yield step


def _laws(answers: Float[Tensor, "b q v"], where: Int[Tensor, "b q"]) -> Float[Tensor, "b q v"]:
    """The answers as laws; where nobody is asked, the uniform one."""
    return law(answers.masked_fill((where < 0)[..., None], 0.0))


def _joined(draws: list[Draws]) -> Draws:
    """Draws made one after another, as one."""
    return Draws(
        torch.cat([each.where for each in draws], 1),
        torch.cat([each.tokens for each in draws], 1),
        torch.cat([each.log_prob for each in draws], 1),
    )


def _judge(
    canvas: Canvas,
    where: Int[Tensor, "b q"],
    targets: Float[Tensor, "b q v"],
    proposed: Draws | None,
    laws: Float[Tensor, "b k v"] | None,
    cost: Cost,
    rng: torch.Generator,
    when: str,
) -> Step:
    """The step that accepts drafts up to the first refused one and writes one token after them.

    ``where`` goes one position further than the drafts of a row; there the law is the target's.
    """
    if proposed is None or laws is None:
        nobody = torch.full_like(where, -1)
        drafts, p_laws = Draws(nobody, torch.zeros_like(where), nobody.double()), targets
    else:
        drafts = Draws(
            pad(proposed.where, (0, 1), value=-1),
            pad(proposed.tokens, (0, 1)),
            pad(proposed.log_prob, (0, 1)),
        )
        p_laws = torch.cat([laws, targets[:, -1:]], 1)
    open_ = drafts.where >= 0
    q = targets.gather(-1, drafts.tokens[..., None])[..., 0]
    judged, refused = verdict(
        drafts.log_prob.where(open_, 0.0), q.where(open_, 0.0), open_, rng=rng
    )
    further = (where >= 0) & ~open_ & ~refused.any(1, keepdim=True)
    certain = torch.full_like(targets, -torch.inf).scatter(-1, drafts.tokens[..., None], 0.0)
    left_over = residual(p_laws, targets).where(refused[..., None], certain)
    chosen = draw_at(where, targets.where(further[..., None], left_over), rng=rng).tokens
    kept, replaced, more = (spread(each.sum(1)) for each in (judged & ~refused, refused, further))
    return judging(
        canvas,
        where,
        drafts,
        chosen,
        targets,
        accepted=judged & ~refused,
        refused=refused,
        written=judged | further,
        cost=cost,
        note=f"{when}: {kept} drafts accepted, {replaced} refused and replaced, {more} added",
    )
