"""From one set of answers to one ``Step``: what all samplers share."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from pgm_lite.core import NOBODY, Canvas, Conditional, Step, positions_mask, scatter
from pgm_lite.orders import entropy_of


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """What one call answered, what was drawn from the answers, and which draws are written."""

    where: Int[Tensor, "b q"]
    log_probs: Float[Tensor, "b q v"]
    drawn: Int[Tensor, "b q"]
    chosen: Bool[Tensor, "b q"]


def best_first(
    score: Float[Tensor, "b q"],
    where: Int[Tensor, "b q"],
    tier: Int[Tensor, " n"],
    *,
    rng: torch.Generator,
) -> Int[Tensor, "b q"]:
    """The rank of each asked position: lower tiers first, then higher scores, equals at random."""
    shuffle = torch.rand(score.shape, generator=rng, device=score.device).argsort(1)
    # Stable sorts from the least to the most important key: chance, score, tier.
    by_score = score.gather(1, shuffle).argsort(dim=1, descending=True, stable=True)
    order = shuffle.gather(1, by_score)
    tiers = tier[where.clamp(min=0)].masked_fill(where == NOBODY, torch.iinfo(torch.long).max)
    order = order.gather(1, tiers.gather(1, order).argsort(dim=1, stable=True))
    return order.argsort(1)


def written(model: Conditional, canvas: Canvas, choice: Choice, number: int) -> Step:
    """The step that writes the chosen draws on the canvas and says what it cost."""
    n = canvas.seq_len
    where = choice.where.masked_fill(~choice.chosen, NOBODY)
    asked = positions_mask(choice.where, n)
    mask = positions_mask(where, n) & asked
    at_drawn = choice.log_probs.gather(-1, choice.drawn[..., None])[..., 0]
    return Step(
        canvas=canvas.reveal(where, choice.drawn),
        queried=asked,
        written=mask,
        log_prob=scatter(where, at_drawn, n),
        entropy=scatter(choice.where, entropy_of(choice.log_probs), n),
        cost=model.cost(canvas, choice.where),
        note=caption(number, canvas, asked, mask),
    )


def caption(
    number: int, canvas: Canvas, asked: Bool[Tensor, "b n"], mask: Bool[Tensor, "b n"]
) -> str:
    """One line about a step, told for the first row."""
    wrote, known = int(mask[0].sum()), int(canvas.known[0].sum())
    tokens = "1 token" if wrote == 1 else f"{wrote} tokens"
    text = f"step {number}: {tokens} written from {known} known"
    if (thrown := int(asked[0].sum()) - wrote) > 0:
        text += f"; {thrown} more answers thrown away"
    return text
