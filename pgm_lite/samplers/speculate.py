"""Self-speculation: draft many positions at once, then keep those that the target law would.

Notation (arXiv 2510.03929): sigma -> order; p -> drafts' laws; q -> targets; i -> known;
W(i) -> window(known); N -> loops. A draft x is accepted with probability min(1, q(x) / p(x)); the
first one refused is replaced by a draw from (q - p)_+, normalised. What is written then follows q
exactly, whatever p is.
"""

from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import cast

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from pgm_lite.core import NOBODY, Canvas, DraftStep, Step, positions_mask, scatter
from pgm_lite.draw import entropy_of, heads, law
from pgm_lite.orders import BlindOrder, Order, random_order
from pgm_lite.protocols import DraftVerify, check_model
from pgm_lite.run import Run
from pgm_lite.samplers.fill import draw_at, spread
from pgm_lite.windows import Window, window_end


def speculate(
    model: DraftVerify,
    canvas: Canvas,
    *,
    window: Window,
    loops: int,
    rng: torch.Generator,
    order: Order | None = None,
    redraw: bool = False,
) -> Run:
    """Draft ``window`` positions in one pass, judge them in up to ``loops`` passes, and so on.

    The ``order`` is settled before anything is drafted; left out, it is a random one. Each drafting
    and each verifying pass is a step, and every verifying pass writes at least one position. Rows of
    a batch go on at their own pace. After a refusal later drafts are kept for the next verifying
    pass or, with ``redraw``, drawn again: both are exact.

    Algorithm 2 of the paper. Within the positions drafted from one context, and with as many loops as
    positions, tokens follow the target law exactly; over several contexts the law depends on the
    path (``pgm_lite.path_law`` computes it).
    """
    check_model(model, DraftVerify, canvas)
    if loops < 1:
        raise ValueError(f"drafts are verified in at least 1 loop; got {loops}")
    way = random_order() if order is None else order
    if not isinstance(way, BlindOrder):
        raise ValueError(
            f"speculation settles its order before it drafts, but {way.name} looks at laws first; "
            "take random_order(), left_to_right(), halton(...) or blocks of these"
        )
    return Run(
        _speculate(model, canvas, window, loops, way, rng, redraw=redraw),
        canvas=canvas,
        model=model,
        sampler="speculate",
        knobs={"loops": loops, "order": way.name, "redraw": redraw},
    )


@dataclass(frozen=True, slots=True, eq=False)
class Round:
    """One drafting pass: the order, where each row's window begins and ends in it, the drafts."""

    order: Int[Tensor, "b n"]
    start: Int[Tensor, " b"]
    end: Int[Tensor, " b"]
    drafts: Int[Tensor, "b n"]
    laws: Float[Tensor, "b q v"]

    def slots(self, done: Int[Tensor, " b"]) -> Int[Tensor, "b q"]:
        """The places of the order from ``done`` on, as wide as the window."""
        place = self.start[:, None] + torch.arange(self.laws.shape[1], device=done.device)
        return place.where((place >= done[:, None]) & (place < self.end[:, None]), NOBODY)

    def positions(self, slots: Int[Tensor, "b q"]) -> Int[Tensor, "b q"]:
        """The positions at these places."""
        return self.order.gather(1, slots.clamp(min=0)).where(slots >= 0, NOBODY)


def _speculate(
    model: DraftVerify,
    canvas: Canvas,
    window: Window,
    loops: int,
    way: BlindOrder,
    rng: torch.Generator,
    *,
    redraw: bool,
) -> Generator[Step]:
    priority = way.priority(canvas, rng=rng).masked_fill(canvas.known, -torch.inf)
    order = priority.argsort(dim=1, stable=True)
    known = canvas.known.sum(1)
    passes = 0
    while bool((known < canvas.seq_len).any()):
        passes += 1
        end = window_end(window, known, canvas.seq_len)
        step, memory, drafted = _draft(model, canvas, order, known, end, rng, f"draft {passes}")
        yield step
        for check in range(1, loops + 1):
            if bool((known == end).all()):
                break
            step = _verify(
                model, canvas, memory, drafted, known, rng, f"draft {passes}, check {check}"
            )
            canvas, known = step.canvas, known + step.written.sum(1)
            if redraw and check < loops:
                step, drafted = _redrawn(step, drafted, known, rng)
            yield step


def _draft(
    model: DraftVerify,
    canvas: Canvas,
    order: Int[Tensor, "b n"],
    known: Int[Tensor, " b"],
    end: Int[Tensor, " b"],
    rng: torch.Generator,
    when: str,
) -> tuple[Step, object, Round]:
    """The pass that drafts every row's window."""
    widest = int((end - known).max())
    nothing = torch.zeros((*known.shape, widest, 1), dtype=torch.float64, device=order.device)
    empty = Round(order, known, end, canvas.tokens, nothing)
    where = empty.positions(empty.slots(known))
    answers, memory = model.draft(canvas, where)
    laws = law(answers.masked_fill((where < 0)[..., None], 0.0))
    draws = draw_at(where, laws, rng=rng)
    n, asked = canvas.seq_len, positions_mask(where, canvas.seq_len)
    none = torch.zeros_like(asked)
    tokens = scatter(where, draws.tokens, n)
    step = Step(
        canvas=canvas,
        queried=asked,
        written=none,
        log_prob=none.double(),
        entropy=scatter(where, entropy_of(laws), n),
        cost=model.draft_cost(canvas, where),
        note=f"{when}: {spread(asked.sum(1))} tokens drafted from {spread(known)} known ones",
        draft=DraftStep(
            tokens=tokens,
            drafted=asked,
            accepted=none,
            rejected=none,
            draft_log_prob=scatter(where, draws.log_prob, n),
            target_log_prob=none.double(),
        ),
    )
    return step, memory, Round(order, known, end, tokens.where(asked, canvas.tokens), laws)


def _verify(
    model: DraftVerify,
    canvas: Canvas,
    memory: object,
    drafted: Round,
    known: Int[Tensor, " b"],
    rng: torch.Generator,
    when: str,
) -> Step:
    """The pass that judges the drafts still open and writes up to the first one refused."""
    slots, n = drafted.slots(known), canvas.seq_len
    where, order = drafted.positions(slots), drafted.order[:, : int(slots.max()) + 1]
    tokens = canvas.tokens.where(canvas.known, drafted.drafts)
    answers = model.verify(memory, order, tokens, slots)
    targets = law(answers.masked_fill((where < 0)[..., None], 0.0))
    drafts = tokens.gather(1, where.clamp(min=0))
    p, q = (each.gather(-1, drafts[..., None])[..., 0] for each in (drafted.laws, targets))
    judged, refused = verdict(p, q, slots >= 0, rng=rng)
    certain = torch.full_like(targets, -torch.inf).scatter(-1, drafts[..., None], 0.0)
    left_over = residual(drafted.laws, targets).where(refused[..., None], certain)
    chosen = draw_at(where, left_over, rng=rng).tokens
    written = where.where(judged, NOBODY)
    counts = judged.sum(1) - refused.sum(1), refused.sum(1), (slots >= 0).sum(1) - judged.sum(1)
    kept, replaced, left = (spread(count) for count in counts)
    return Step(
        canvas=canvas.reveal(written, chosen),
        queried=positions_mask(where, n),
        written=positions_mask(written, n),
        log_prob=scatter(written, targets.gather(-1, chosen[..., None])[..., 0], n),
        entropy=scatter(where, entropy_of(targets), n),
        cost=model.verify_cost(order, slots),
        note=f"{when}: {kept} drafts accepted, {replaced} refused and replaced, {left} not judged",
        draft=DraftStep(
            tokens=scatter(where, drafts, n),
            drafted=torch.zeros_like(canvas.known),
            accepted=positions_mask(where.where(judged & ~refused, NOBODY), n),
            rejected=positions_mask(where.where(refused, NOBODY), n),
            draft_log_prob=scatter(where, p, n),
            target_log_prob=scatter(written, q, n),
        ),
    )


def _redrawn(
    step: Step, drafted: Round, known: Int[Tensor, " b"], rng: torch.Generator
) -> tuple[Step, Round]:
    """Fresh drafts in place of those not judged, from the same laws and without a pass."""
    where = drafted.positions(drafted.slots(known))
    draws = draw_at(where, drafted.laws, rng=rng)
    fresh, n = positions_mask(where, step.canvas.seq_len), step.canvas.seq_len
    tokens = scatter(where, draws.tokens, n)
    judged = cast("DraftStep", step.draft)
    shown = replace(
        judged,
        tokens=tokens.where(fresh, judged.tokens),
        drafted=fresh,
        draft_log_prob=scatter(where, draws.log_prob, n).where(fresh, judged.draft_log_prob),
    )
    return replace(step, draft=shown), replace(drafted, drafts=tokens.where(fresh, drafted.drafts))


def verdict(
    p: Float[Tensor, "b q"],
    q: Float[Tensor, "b q"],
    open_: Bool[Tensor, "b q"],
    *,
    rng: torch.Generator,
) -> tuple[Bool[Tensor, "b q"], Bool[Tensor, "b q"]]:
    """Which drafts are judged, and which one of them is refused; ``p`` and ``q`` are log-probabilities.

    Each is accepted with probability min(1, q / p). Judging stops at the first refusal.
    """
    refused = open_ & ~heads((q - p).exp().clamp(max=1), rng=rng)
    before = refused.long().cumsum(1) - refused.long()
    judged = open_ & (before == 0)
    return judged, refused & judged


def residual(p: Float[Tensor, "b q v"], q: Float[Tensor, "b q v"]) -> Float[Tensor, "b q v"]:
    """The log of (q - p)_+, normalised; q itself where the two agree and nothing is left."""
    left = (q.exp() - p.exp()).clamp(min=0)
    total = left.sum(-1, keepdim=True)
    return torch.where(total > 0, (left / total.clamp(min=1e-300)).log(), q)
