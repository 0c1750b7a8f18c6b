"""Adaptive parallel decoding: a masked model drafts ahead, a model of the next token decides how far.

Notation (arXiv 2506.00413): p_D -> the drafts' laws; p_AR -> the judge's laws; R -> mixture;
M -> look_ahead; r (Gumbel noise) -> clocks. The target at each position is proportional to
p_D^R p_AR^(1 - R). Draft and target token are chosen with the same noise, and agree often.
"""

import math
from collections.abc import Generator

import torch
from jaxtyping import Float
from torch import Tensor

from pgm_lite.core import Canvas, Conditional, Step
from pgm_lite.draw import Reshaped, clocks, first_to_ring, law
from pgm_lite.protocols import NextSpan, check_model
from pgm_lite.run import Run
from pgm_lite.samplers.autoregress import refuse_gaps
from pgm_lite.samplers.fill import Draws, ask, spread
from pgm_lite.samplers.pairs import check_pair, drafting, judging, span


def adaptive_parallel(
    model: Conditional,
    judge: NextSpan,
    canvas: Canvas,
    *,
    mixture: float,
    look_ahead: int,
    rng: torch.Generator,
) -> Run:
    """Left to right: ``model`` drafts the next ``look_ahead`` positions, ``judge`` reads them.

    Each round drafts every position from its marginal given the known tokens (one call of the
    model) and has the judge score the drafts (one call, with its memory). The target token of each
    position is chosen with the noise that chose its draft (``draw.first_to_ring``); target tokens
    are written up to and including the first that differs from its draft. A written token is thus
    always a target token and the noise of those after it was not looked at: given the tokens before
    it, it follows the target of its round exactly. Hence ``mixture`` 0 gives the judge's law exactly,
    and 1 accepts everything drafted. In between the result is **not lossless**: the target is a
    mixture of two laws, and p_D in it depends on where the round began.

    Deviations. The published rule discards the target token at the first difference and drafts
    anew, and always accepts the first draft: both bend the law, so here the target token is kept,
    the first one included. Temperature and top-p reshape the drafts' laws and, once, the mixture:
    pass ``judge`` unwrapped. The model reads the whole canvas at every round: there is no window of
    stale keys and values (the paper's W). Both steps of a round bill their own network; a call
    counts as one whichever network it is.
    """
    check_model(model, Conditional, canvas, role="the drafting model")
    check_model(judge, NextSpan, canvas, role="the judge")
    if look_ahead < 1:
        raise ValueError(f"at least 1 position is drafted ahead; got {look_ahead}")
    if not (math.isfinite(mixture) and 0 <= mixture <= 1):
        raise ValueError(
            "the mixture is the drafting model's share of the target, from 0 (the judge alone) to 1 "
            f"(the drafts alone); got {mixture}"
        )
    refuse_gaps(canvas)
    check_pair(model, judge)
    return Run(
        _decode(model, judge, canvas, mixture, look_ahead, rng),
        canvas=canvas,
        model=model,
        sampler="adaptive_parallel",
        knobs={"mixture": mixture, "look_ahead": look_ahead},
    )


def _decode(
    model: Conditional,
    judge: NextSpan,
    canvas: Canvas,
    mixture: float,
    look_ahead: int,
    rng: torch.Generator,
) -> Generator[Step]:
    known, memory = canvas.known.sum(1), None
    held, rounds = torch.zeros_like(known), 0
    while bool((known < canvas.seq_len).any()):
        rounds += 1
        counts = (canvas.seq_len - known).clamp(max=look_ahead)
        where = span(known, counts)
        answers = ask(model, canvas, where)
        noise = clocks(answers.laws, rng=rng)
        tokens = first_to_ring(answers.laws, noise)
        said = answers.laws.gather(-1, tokens[..., None])[..., 0]
        drafts = Draws(where, tokens, said)
        yield drafting(
            canvas,
            drafts,
            answers.laws,
            model.cost(canvas, where),
            f"draft {rounds}: {spread(counts)} tokens drafted from {spread(known)} known ones",
        )
        scores, memory = judge.span_log_probs(canvas.reveal(where, tokens), where, held, memory)
        scored = law(scores.masked_fill((where < 0)[..., None], 0.0))
        targets = reshaped_like(model, mixed(answers.own, scored, mixture))
        chosen = first_to_ring(targets, noise)
        differs = (chosen != tokens) & (where >= 0)
        before = differs.long().cumsum(1) - differs.long()
        written = (where >= 0) & (before == 0)
        accepted, refused = written & ~differs, written & differs
        kept, replaced, left = (
            spread(each.sum(1)) for each in (accepted, refused, (where >= 0) & ~written)
        )
        step = judging(
            canvas,
            where,
            drafts,
            chosen,
            targets,
            accepted=accepted,
            refused=refused,
            written=written,
            cost=judge.span_cost(where, held),
            note=(
                f"check {rounds}: {kept} drafts agree with the mixture, {replaced} replaced, "
                f"{left} thrown away"
            ),
        )
        canvas, known = step.canvas, step.canvas.known.sum(1)
        # What the judge read holds up to the first replaced token.
        held = known
        yield step


def mixed(
    drafted: Float[Tensor, "b q v"], scored: Float[Tensor, "b q v"], mixture: float
) -> Float[Tensor, "b q v"]:
    """p_D^R p_AR^(1 - R), normalised, from log-probabilities; one of the two where R is 0 or 1."""
    if mixture in (0, 1):
        return drafted if mixture else scored
    return law(mixture * drafted + (1 - mixture) * scored)


def reshaped_like(model: object, laws: Float[Tensor, "b q v"]) -> Float[Tensor, "b q v"]:
    """``laws`` under the temperature, top-p and top-k that ``model`` is wrapped in."""
    if isinstance(model, Reshaped):
        return law(model.reshape(reshaped_like(model.model, laws)))
    return laws
