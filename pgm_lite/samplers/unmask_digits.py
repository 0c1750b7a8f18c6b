"""Sampling digit by digit: tokens become half-known before they are known (Prime).

Notation: alpha_t = 1 - t; t -> s is one step; y_t -> digits.

With *joint* reveal one token is drawn at each position and every unknown digit becomes known with
the chance of the step: digits of a token that are revealed together follow their joint law. With
*factorised* reveal each digit is drawn from its own marginal. That loses what digits of one token
say about each other and is here to show it (some published image samplers work that way).
"""

from collections.abc import Generator
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from pgm_lite.core import (
    NOBODY,
    Canvas,
    Cost,
    DigitStep,
    Step,
    gather_positions,
    listed,
    positions_mask,
    scatter,
)
from pgm_lite.digits import Digits
from pgm_lite.draw import entropy_of
from pgm_lite.marginals import Marginals, touched
from pgm_lite.protocols import DigitConditional, check_model
from pgm_lite.run import Run
from pgm_lite.samplers.fill import ask, draw_at, spread

REVEALS = ("joint", "factorised")


def unmask_digits(
    model: DigitConditional,
    canvas: Canvas,
    *,
    steps: int,
    rng: torch.Generator,
    reveal: str = "joint",
) -> Run:
    """Divide time into ``steps``; in each, unknown digits become known by chance.

    The chance is (alpha_s - alpha_t) / (1 - alpha_t) with a linear schedule, 1 / (steps left), so
    that the last step reveals what is left, jointly. ``canvas`` holds tokens; known ones have all
    their digits known. ``reveal`` is "joint" or "factorised"; the module says how they differ.

    Deviations from MDM-Prime (arXiv 2505.18495), the law being the same: which digits are revealed
    is drawn first, and the model is asked about their tokens only; the last step takes the place of
    its clean-up. An idle step, in which no digit is revealed, is yielded but asks nothing and is free.
    """
    check_model(model, DigitConditional, canvas)
    if steps < 1:
        raise ValueError(f"sampling digits takes at least 1 step; got {steps}")
    if reveal not in REVEALS:
        raise ValueError(f"reveal must be one of {', '.join(REVEALS)}; got {reveal!r}")
    code = model.digits
    if reveal == "factorised" and code.base**code.count != code.vocab_size:
        raise ValueError(
            f"digits drawn by themselves could spell no token: {code.count} digits of base "
            f"{code.base} have {code.base**code.count} spellings, but there are "
            f"{code.vocab_size} tokens; use reveal='joint'"
        )
    return Run(
        _unmask_digits(model, code, canvas, steps, rng, factorised=reveal == "factorised"),
        canvas=canvas,
        model=model,
        sampler="unmask_digits",
        knobs={"steps": steps, "reveal": reveal, "digits": code.count},
    )


def _unmask_digits(
    model: DigitConditional,
    code: Digits,
    canvas: Canvas,
    steps: int,
    rng: torch.Generator,
    *,
    factorised: bool,
) -> Generator[Step]:
    digits = code.spell(canvas)
    if not digits.unknown.any():
        return
    for index in range(1, steps + 1):
        chance = 1 / (steps - index + 1)
        coin = torch.rand(digits.known.shape, generator=rng, device=rng.device, dtype=torch.float64)
        revealed = digits.unknown & (coin.to(digits.known.device) < chance)
        if not revealed.any():
            found = _nothing(code.read(digits))
        elif factorised:
            found = _each_by_itself(model, digits, revealed, rng)
        else:
            found = _together(model, digits, revealed, rng)
        step = _step(code, digits, found, f"step {index} of {steps}")
        digits = digits.reveal(found.where, found.values)
        yield step


@dataclass(frozen=True, slots=True, eq=False)
class _Reveal:
    """Digits at some places, and what it took to find them; entropies and ``asked`` are of tokens."""

    where: Int[Tensor, "b r"]
    values: Int[Tensor, "b r"]
    log_prob: Float[Tensor, "b r"]
    asked: Int[Tensor, "b q"]
    entropy: Float[Tensor, "b n"]
    cost: Cost


def _together(
    model: DigitConditional, digits: Canvas, revealed: Bool[Tensor, "b m"], rng: torch.Generator
) -> _Reveal:
    """One whole token drawn at each position that reveals a digit."""
    code = model.digits
    shown = revealed.view(digits.batch, -1, code.count)
    where = listed(shown.any(-1))
    laws, cost = ask(model, digits, where).laws, model.cost(digits, where)
    drawn = code.encode(draw_at(where, laws, rng=rng).tokens)
    shown_there = gather_positions(shown, where) & (where >= 0)[..., None]
    places = where[..., None] * code.count + torch.arange(code.count, device=where.device)
    return _Reveal(
        places.where(shown_there, NOBODY).flatten(1),
        drawn.flatten(1),
        _chain(laws, drawn, shown_there, code).flatten(1),
        where,
        scatter(where, entropy_of(laws), shown.shape[1]),
        cost,
    )


def _each_by_itself(
    model: DigitConditional, digits: Canvas, revealed: Bool[Tensor, "b m"], rng: torch.Generator
) -> _Reveal:
    """Every digit drawn from its own marginal."""
    code, single = model.digits, Marginals(model)
    where = listed(revealed)
    laws = ask(single, digits, where).laws
    draws = draw_at(where, laws, rng=rng)
    by_digit = scatter(where, entropy_of(laws), digits.seq_len)
    return _Reveal(
        where,
        draws.tokens,
        draws.log_prob,
        touched(where, code.count),
        by_digit.view(digits.batch, -1, code.count).sum(-1),
        single.cost(digits, where),
    )


def _nothing(canvas: Canvas) -> _Reveal:
    """An idle step."""
    nowhere = canvas.tokens[:, :0]
    free = torch.zeros(canvas.tokens.shape, dtype=torch.float64, device=nowhere.device)
    return _Reveal(nowhere, nowhere, free[:, :0], nowhere, free, Cost.zero(canvas.batch))


def _chain(
    laws: Float[Tensor, "b q v"],
    drawn: Int[Tensor, "b q l"],
    shown: Bool[Tensor, "b q l"],
    code: Digits,
) -> Float[Tensor, "b q l"]:
    """Log-probability of each revealed digit given those of its token revealed before it."""
    table, found = code.table.to(laws.device), list[Tensor]()
    for digit in range(code.count):
        sharing = drawn[..., digit, None] == table[:, digit]
        narrowed = laws.masked_fill(shown[..., digit, None] & ~sharing, -torch.inf)
        found.append(narrowed.logsumexp(-1) - laws.logsumexp(-1))
        laws = narrowed
    return torch.stack(found, -1)


def _step(code: Digits, before: Canvas, reveal: _Reveal, when: str) -> Step:
    """The step that makes the digits of ``reveal`` known."""
    after = before.reveal(reveal.where, reveal.values)
    shown = positions_mask(reveal.where, before.seq_len)
    log_prob = scatter(reveal.where, reveal.log_prob, before.seq_len)
    canvas, earlier = code.read(after), code.read(before)
    written = canvas.known & earlier.known.logical_not()
    spelled = (before.batch, -1, code.count)
    partly = after.known.view(spelled).any(-1) & canvas.unknown
    idle = "idle, no digit revealed and nothing asked"
    busy = (
        f"{spread(shown.sum(1))} digits of {spread((reveal.asked >= 0).sum(1))} tokens revealed; "
        f"{spread(written.sum(1))} tokens became known, {spread(partly.sum(1))} are half-known"
    )
    return Step(
        canvas=canvas,
        queried=positions_mask(reveal.asked, canvas.seq_len),
        written=written,
        log_prob=log_prob.view(spelled).sum(-1),
        entropy=reveal.entropy,
        cost=reveal.cost,
        note=f"{when}: {busy if shown.any() else idle}",
        digits=DigitStep(after, shown, log_prob),
    )
