"""Samplers that write as many positions as the answers allow: sure ones together, doubtful ones alone.

Each call asks about every unknown position in reach, as sighted orders do, and a policy says which
of them are written now: at least one, so there are at most as many calls as unknown positions.
Rows go at their own pace.
"""

from collections.abc import Generator
from dataclasses import dataclass
from typing import cast

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from pgm_lite.core import NOBODY, Canvas, Conditional, Step, gather_positions, positions_mask
from pgm_lite.orders import SightedOrder, blocks
from pgm_lite.policies import Policy, Ranked
from pgm_lite.protocols import check_model
from pgm_lite.run import Run
from pgm_lite.samplers.fill import Answers, ask, by_position, draw_at, write


def unmask_adaptive(
    model: Conditional,
    canvas: Canvas,
    *,
    policy: Policy,
    rng: torch.Generator,
    block_size: int | None = None,
) -> Run:
    """Write at each step the positions that ``policy`` accepts, until all are known.

    Tokens are drawn independently, from the laws the policy looked at; positions that tie in its
    order are ranked by chance. With ``block_size`` positions stand in consecutive blocks, and only
    the first block that has unknown positions is asked about and written (semi-autoregressive
    decoding). Deviation where a policy looks at how answers move: the published samplers watch
    positions of later blocks too, here a position's history begins when its block is reached.
    """
    check_model(model, Conditional, canvas)
    order = policy.order
    if block_size is not None:
        order = cast("SightedOrder", blocks(block_size, order))  # sighted, as its inside is
    within = {} if block_size is None else {"block_size": block_size}
    return Run(
        _unmask_adaptive(model, canvas, policy, order, rng),
        canvas=canvas,
        model=model,
        sampler="unmask_adaptive",
        knobs={"policy": policy.name, **within},
    )


def _unmask_adaptive(
    model: Conditional, canvas: Canvas, policy: Policy, order: SightedOrder, rng: torch.Generator
) -> Generator[Step]:
    past, call = None, 0
    while canvas.unknown.any():
        call += 1
        where = order.scope(canvas.unknown, 1, rng=rng)
        answers, cost = ask(model, canvas, where), model.cost(canvas, where)
        past = _watched(past, where, answers.own, canvas.seq_len, policy.history)
        moves = gather_positions(past.moves, where)
        score = order.score(answers.own)
        ranking = order.choose(where, score, where.shape[1], rng=rng)
        chosen = _accepted(policy, where, answers, moves, ranking)
        there = where.gather(1, chosen.clamp(min=0)).masked_fill(chosen < 0, NOBODY)
        draws = draw_at(there, gather_positions(answers.laws, chosen), rng=rng)
        step = write(
            canvas,
            draws,
            asked=where,
            laws=answers.laws,
            cost=cost,
            when=f"call {call}",
            score=score,
        )
        canvas = step.canvas
        yield step


def _accepted(
    policy: Policy,
    where: Int[Tensor, "b q"],
    answers: Answers,
    moves: Float[Tensor, "b q h"],
    ranking: Int[Tensor, "b q"],
) -> Int[Tensor, "b k"]:
    """Indices into ``where`` of the positions that the policy writes, ``NOBODY`` for none."""
    seen = (gather_positions(each, ranking) for each in (answers.own, answers.laws, moves))
    accepted = policy.accept(Ranked(*seen)) & (where.gather(1, ranking) >= 0)
    return _first(ranking, accepted)


def _first(index: Int[Tensor, "b q"], accepted: Bool[Tensor, "b q"]) -> Int[Tensor, "b k"]:
    """The accepted entries of each row in their order, padded with ``NOBODY``."""
    counts = accepted.sum(1)
    front = accepted.to(torch.int8).argsort(dim=1, descending=True, stable=True)
    front = front[:, : int(counts.max())]
    beyond = torch.arange(front.shape[1], device=front.device) >= counts[:, None]
    return index.gather(1, front).masked_fill(beyond, NOBODY)


@dataclass(frozen=True, slots=True, eq=False)
class _Past:
    """The last answers by position (nan where not asked), and how far each of the last ones moved."""

    answers: Float[Tensor, "b n v"]
    moves: Float[Tensor, "b n h"]


def _watched(
    past: _Past | None,
    where: Int[Tensor, "b q"],
    own: Float[Tensor, "b q v"],
    seq_len: int,
    history: int,
) -> _Past:
    """The past with these answers added; positions not asked about now lose theirs."""
    if not history:
        nothing = own.new_zeros(own.shape[0], seq_len, 0)
        return past or _Past(nothing, nothing)
    asked = positions_mask(where, seq_len)[..., None]
    now = by_position(where, own, seq_len)
    before = torch.full_like(now, torch.nan) if past is None else past.answers
    moves = now.new_full((*now.shape[:2], history), torch.inf) if past is None else past.moves
    moves = torch.cat([moves[..., 1:], divergence(now, before)[..., None]], -1)
    return _Past(now.where(asked, torch.nan), moves.where(asked, torch.inf))


def divergence(
    one: Float[Tensor, "*batch v"], other: Float[Tensor, "*batch v"]
) -> Float[Tensor, "*batch"]:
    """KL(one || other) in nats; infinite where ``other`` is not known (nan) or rules a token out."""
    chance = one.exp()
    nats = (chance * (one - other)).where(chance > 0, 0.0).sum(-1).clamp(min=0)
    unknown = other.isnan().any(-1)
    return nats.masked_fill(unknown, torch.inf)
