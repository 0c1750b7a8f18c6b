"""What every model does with its answers: carry over, bill."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from pgm_lite.core import Canvas, Cost


def carry_over(
    log_probs: Float[Tensor, "b q v"], canvas: Canvas, where: Int[Tensor, "b q"]
) -> Float[Tensor, "b q v"]:
    """Certainty about known positions: log-probability 0 on their token, elsewhere -inf."""
    known = canvas.known.gather(1, where.clamp(min=0)) & (where >= 0)
    if not known.any():
        return log_probs
    certain = torch.full_like(log_probs, -torch.inf)
    certain.scatter_(-1, canvas.tokens.gather(1, where.clamp(min=0))[..., None], 0.0)
    return torch.where(known[..., None], certain, log_probs)


def bill(
    asked: Int[Tensor, " b"],
    *,
    encoder: Int[Tensor, " b"],
    decoder: Int[Tensor, " b"],
    flops: Float[Tensor, " b"],
) -> Cost:
    """One call for each row that is asked about something, nothing for the others."""
    busy = (asked > 0).long().cpu()
    return Cost(
        busy.double(), busy * encoder.cpu(), busy * decoder.cpu(), busy * flops.double().cpu()
    )
