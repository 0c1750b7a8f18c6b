"""Partial masking (MDM-Prime, arXiv 2505.18495): tokens spelled in digits that are known one by one.

Notation: y_t -> canvas of digits; m -> the private row of the embedding; l -> shape.digits;
V(y_t) -> consistent.

Deviation: whatever the digit length, known digits are certain (the paper's carry-over, which its
code can switch off); one digit is then MDLM to the bit.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from pgm_lite.core import Canvas, gather_positions
from pgm_lite.digits import Digits, consistent
from pgm_lite.models.mdlm import MDLM
from pgm_lite.net import Shape


class Prime(MDLM):
    """MDLM that reads digits: as many positions, one softmax over whole tokens, filtered.

    Only the embedding is another: the vectors of a token's digits side by side. Of the logits,
    those of tokens that contradict a known digit are removed before anything else sees them.
    ``codes`` permutes the tokens before they are spelled; it is saved with the weights.
    """

    family = "Prime"

    def __init__(self, shape: Shape, *, codes: Int[Tensor, " v"] | None = None) -> None:
        super().__init__(shape)
        code = Digits(shape.vocab_size, shape.digits, codes=codes)
        self.register_buffer("spellings", code.table)

    @property
    def digits(self) -> Digits:
        """How tokens are spelled."""
        return Digits.from_table(self.get_buffer("spellings"))

    def forward(
        self,
        tokens: Int[Tensor, "b m"],
        known: Bool[Tensor, "b m"],
        label: Int[Tensor, "b a"] | None = None,
    ) -> Float[Tensor, "b n v"]:
        """Training: filtered logits at every position; both arguments are of digits."""
        return self.filtered(self.head(self.hidden(tokens, known, label)), tokens, known)

    def log_probs(
        self,
        canvas: Canvas,
        where: Int[Tensor, "b q"],
        label: Int[Tensor, "b a"] | None = None,
    ) -> Float[Tensor, "b q v"]:
        """Log-probabilities of the tokens at ``where`` given a canvas of digits."""
        hidden = gather_positions(self.hidden(canvas.tokens, canvas.known, label), where)
        spelled = (canvas.batch, -1, self.shape.digits)
        digits = gather_positions(canvas.tokens.view(spelled), where)
        known = gather_positions(canvas.known.view(spelled), where)
        logits = self.filtered(self.head(hidden), digits.flatten(1), known.flatten(1))
        return logits.log_softmax(-1)

    def filtered(
        self, logits: Float[Tensor, "b q v"], digits: Int[Tensor, "b m"], known: Bool[Tensor, "b m"]
    ) -> Float[Tensor, "b q v"]:
        """Logits with minus infinity at every token that contradicts a known digit."""
        spelled = (*logits.shape[:2], self.shape.digits)
        allowed = consistent(
            self.get_buffer("spellings"), digits.view(spelled), known.view(spelled)
        )
        return logits.masked_fill(~allowed, -torch.inf)
