"""The sampler of sequences that grow: one token a call, wherever it belongs, until the row is done.

With perfect answers (``InsertionOracle``) and the end drawn by chance it draws from the law exactly.
The published rule ends a row as soon as p(done) reaches a threshold, and never before: a row that
may be done or go on with chances of a half then always goes on. Its law is another one; at the
published 0.9 it has too many long sequences.
"""

from collections.abc import Generator
from dataclasses import replace
from typing import cast

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional as F

from pgm_lite.core import NOBODY, Canvas, Cost, InsertStep, Step, listed
from pgm_lite.draw import entropy_of, heads, law
from pgm_lite.protocols import Inserting, check_model, layers, size_of
from pgm_lite.run import Run
from pgm_lite.samplers.fill import draw_at, spread


def insert(
    model: Inserting,
    canvas: Canvas,
    *,
    rng: torch.Generator,
    threshold: float | None = None,
    longest: int | None = None,
) -> Run:
    """Insert tokens (gap and token drawn jointly) until p(done) says so (arXiv 2505.05755).

    Without a ``threshold`` a row ends by chance, with probability p(done); with one it ends when
    p(done) reaches it (published: 0.9). A row of ``longest`` tokens, the canvas's positions if left
    out, is cut there and asked nothing more. Known tokens of the canvas stay, in their order, and
    new ones may come in anywhere around them. A token keeps its position on the canvas, the first
    that was free, for good; ``Step.insert`` says how positions are read. Rows end at their own pace,
    and one that has ended is not charged. ``log_prob`` of a token is that of its gap, of the token
    and, by chance, of not being done, so their sum is that of one way to come about, not of the row.
    """
    check_model(model, Inserting)
    most = canvas.seq_len if longest is None else longest
    if not 1 <= most <= canvas.seq_len:
        raise ValueError(
            f"longest is a number of tokens from 1 to the {canvas.seq_len} positions of the canvas; "
            f"got {longest}"
        )
    inner = layers(model)[-1]
    positions = size_of(inner, "seq_len")
    # A shorter canvas is fine: it cuts rows short, as ``longest`` does.
    if positions is not None and most > positions:
        raise ValueError(
            f"rows may grow to {most} tokens here, but {type(inner).__name__} has {positions} "
            f"positions; give longest={positions}, or a canvas of as many"
        )
    if threshold is not None and not 0 < threshold <= 1:
        raise ValueError(
            f"the threshold of p(done) lies above 0 and is at most 1; got {threshold} (leave it out "
            "to end by chance)"
        )
    return Run(
        _insert(model, canvas, rng, threshold, most),
        canvas=canvas,
        model=model,
        sampler="insert",
        knobs={"stop": "by chance" if threshold is None else threshold, "longest": most},
    )


def _insert(
    model: Inserting, canvas: Canvas, rng: torch.Generator, threshold: float | None, longest: int
) -> Generator[Step]:
    order = reading_order(canvas)
    running, index = canvas.known.sum(1) < longest, 0
    while running.any():
        index += 1
        rows, length = running.nonzero()[:, 0], canvas.known.sum(1)
        kept = order[rows, : int(length[rows].max())]
        tokens = canvas.tokens[rows].gather(1, kept.clamp(min=0))
        answer, done = model.insertion_log_probs(tokens, length[rows])
        laws, chance = law(answer.flatten(1)), done.double().exp()
        ends = heads(chance, rng=rng) if threshold is None else chance >= threshold
        # What is drawn from: the end and then the law, or the law alone where a threshold decides.
        doubt = entropy_of(laws) * (~ends if threshold is not None else 1 - chance)
        if threshold is None:
            doubt = doubt + entropy_of(torch.stack([done.double(), torch.log1p(-chance)], -1))
        free = canvas.unknown[rows].long().argmax(1)
        step = _asked(canvas, order, rows, free, doubt)
        cost = model.insertion_cost(length.where(running, NOBODY))
        step = replace(step, cost=cost, note=_note(f"step {index}", length[rows], ends, chance))
        if not ends.all():
            going, spots = rows[~ends], free[~ends]
            draws = draw_at(spots[:, None], laws[~ends][:, None], rng=rng)
            alive = torch.zeros_like(chance) if threshold is not None else torch.log1p(-chance)
            log_prob = draws.log_prob[:, 0] + alive[~ends]
            gap, token = (
                draws.tokens[:, 0] // answer.shape[-1],
                draws.tokens[:, 0] % answer.shape[-1],
            )
            step = _grown(step, going, spots, gap, token, log_prob)
        yield step
        canvas, order = step.canvas, cast("InsertStep", step.insert).order
        running = step.written.any(1) & (canvas.known.sum(1) < longest)


def reading_order(canvas: Canvas) -> Int[Tensor, "b n"]:
    """The known positions as they are read before anything is inserted: as they stand."""
    found = listed(canvas.known)
    return F.pad(found, (0, canvas.seq_len - found.shape[1]), value=NOBODY)


def _asked(
    canvas: Canvas,
    order: Int[Tensor, "b n"],
    rows: Int[Tensor, " r"],
    free: Int[Tensor, " r"],
    doubt: Float[Tensor, " r"],
) -> Step:
    """The step in which these rows were asked what would stand at ``free``, and nothing came of it."""
    nothing = torch.zeros_like(canvas.known)
    queried, entropy = nothing.clone(), nothing.double()
    queried[rows, free], entropy[rows, free] = True, doubt
    return Step(
        canvas=canvas,
        queried=queried,
        written=nothing,
        log_prob=nothing.double(),
        entropy=entropy,
        cost=Cost.zero(canvas.batch),
        note="",
        insert=InsertStep(order, torch.full_like(order, NOBODY)),
    )


def _grown(
    step: Step,
    rows: Int[Tensor, " r"],
    spots: Int[Tensor, " r"],
    gap: Int[Tensor, " r"],
    token: Int[Tensor, " r"],
    log_prob: Float[Tensor, " r"],
) -> Step:
    """The same step, in which these rows got a token at ``spots``, to be read in the given gap."""
    before = cast("InsertStep", step.insert)
    tokens, known = step.canvas.tokens.clone(), step.canvas.known.clone()
    written, nats = step.written.clone(), step.log_prob.clone()
    tokens[rows, spots], known[rows, spots] = token, True
    written[rows, spots], nats[rows, spots] = True, log_prob
    order, after = before.order.clone(), before.after.clone()
    read, place = order[rows], torch.arange(order.shape[1], device=order.device)
    shifted = F.pad(read, (1, 0))[:, :-1]  # what is read later moves one place on
    order[rows] = torch.where(place < gap[:, None], read, shifted)
    order[rows, gap] = spots
    earlier = read.gather(1, (gap - 1).clamp(min=0)[:, None])[:, 0]
    after[rows, spots] = earlier.where(gap > 0, NOBODY)
    return replace(
        step,
        canvas=Canvas(tokens, known),
        written=written,
        log_prob=nats,
        insert=InsertStep(order, after),
    )


def _note(
    when: str, length: Int[Tensor, " r"], ends: Bool[Tensor, " r"], chance: Float[Tensor, " r"]
) -> str:
    told = " to ".join(dict.fromkeys(f"{float(each):.2g}" for each in chance.aminmax()))
    grown, ended = int((~ends).sum()), int(ends.sum())
    did = [f"1 token put among {spread(length[~ends])}"] if grown else []
    did += [f"done with {spread(length[ends])} tokens"] if ended else []
    if grown and ended:
        did = [f"{grown} rows: {did[0]}", f"{ended} rows: {did[1]}"]
    return f"{when}: {', '.join(did)}; the chance of being done was {told}"
