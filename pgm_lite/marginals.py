"""One digit at a time: what a model of whole tokens says about each digit by itself.

Law of a digit = sum of the filtered law of its token over the tokens that have that digit. The
marginal bound is the masked bound of this view, and a sampler that draws from it draws the digits
of a token independently of each other, which a joint draw does not.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from pgm_lite.core import Canvas, Cost
from pgm_lite.protocols import DigitConditional


class Marginals:
    """A ``DigitConditional`` as a ``Conditional`` over digits: n * l positions, base tokens."""

    def __init__(self, model: DigitConditional) -> None:
        self.model = model
        code = model.digits
        values = code.encode(torch.arange(code.vocab_size))
        # [l v base]: does token v have this value as digit l?
        self.spelled = torch.nn.functional.one_hot(values.T, code.base).double()

    def log_probs(self, canvas: Canvas, where: Int[Tensor, "b q"]) -> Float[Tensor, "b q base"]:
        """Log-probabilities (nats, float64) of the digits at ``where`` given the known digits."""
        count = self.model.digits.count
        token = torch.where(where >= 0, where // count, where)
        laws = self.model.log_probs(canvas, token).double().log_softmax(-1).exp()
        spelled = self.spelled.to(laws.device)[where.clamp(min=0) % count]
        return torch.einsum("bqv,bqvc->bqc", laws, spelled).log()

    def cost(self, canvas: Canvas, where: Int[Tensor, "b q"]) -> Cost:
        """The model's bill for the tokens those digits belong to."""
        return self.model.cost(canvas, touched(where, self.model.digits.count))


def touched(where: Int[Tensor, "b q"], count: int) -> Int[Tensor, "b q"]:
    """The tokens that digits belong to, each once, padded with ``NOBODY``."""
    token = torch.where(where >= 0, where // count, where).sort(dim=1, descending=True).values
    repeated = torch.nn.functional.pad(token[:, 1:] == token[:, :-1], (1, 0))
    return token.masked_fill(repeated, -1)
