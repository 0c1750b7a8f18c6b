"""Any two conditionals as one model that drafts and verifies: the first drafts, the second judges."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from pgm_lite.core import Canvas, Conditional, Cost


class TwoModels:
    """``drafting`` proposes, ``target`` is what is followed; exact oracles or networks alike.

    The target is asked about each slot by itself, with everything before it in the order known:
    one question a slot, all in one batch, and billed as such.
    """

    family = "two models"
    reads = "everything"

    def __init__(self, drafting: Conditional, target: Conditional) -> None:
        self.drafting, self.target = drafting, target

    def draft(
        self, canvas: Canvas, where: Int[Tensor, "b q"]
    ) -> tuple[Float[Tensor, "b q v"], object]:
        """The drafting model's laws; it leaves nothing behind."""
        return self.drafting.log_probs(canvas, where), None

    def verify(
        self,
        memory: object,
        order: Int[Tensor, "b k"],
        tokens: Int[Tensor, "b n"],
        slots: Int[Tensor, "b q"],
    ) -> Float[Tensor, "b q v"]:
        """The target model's law at each slot, given the tokens at earlier slots."""
        del memory
        canvas, where = questions(order, tokens, slots)
        return self.target.log_probs(canvas, where).view(*slots.shape, -1)

    def draft_cost(self, canvas: Canvas, where: Int[Tensor, "b q"]) -> Cost:
        """The drafting model's bill."""
        return self.drafting.cost(canvas, where)

    def verify_cost(self, order: Int[Tensor, "b k"], slots: Int[Tensor, "b q"]) -> Cost:
        """The target model's bill for every slot."""
        n = int(order.max()) + 1
        canvas, where = questions(order, torch.zeros_like(order[:, :1]).expand(-1, n), slots)
        each = self.target.cost(canvas, where)
        batch = len(order)
        return Cost(
            each.calls.view(batch, -1).sum(1),
            each.encoder_positions.view(batch, -1).sum(1),
            each.decoder_positions.view(batch, -1).sum(1),
            each.flops.view(batch, -1).sum(1),
        )


def questions(
    order: Int[Tensor, "b k"], tokens: Int[Tensor, "b n"], slots: Int[Tensor, "b q"]
) -> tuple[Canvas, Int[Tensor, "bq 1"]]:
    """One canvas and one position for each slot: known is what comes before it in the order."""
    batch, n = tokens.shape
    place = torch.full((batch, n + 1), order.shape[1], device=order.device)
    listed = torch.arange(order.shape[1], device=order.device).expand(batch, -1)
    place = place.scatter(1, order.where(order >= 0, n), listed)[:, None, :n]
    known = place < slots[..., None]
    everywhere = tokens[:, None].expand(-1, slots.shape[1], -1).flatten(0, 1)
    where = order.gather(1, slots.clamp(min=0)).where(slots >= 0, -1)
    return Canvas(everywhere, known.flatten(0, 1)), where.flatten()[:, None]
