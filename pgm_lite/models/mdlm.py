"""Masked diffusion language model (MDLM, arXiv 2406.07524); with a confidence order it is MaskGIT.

Notation: x_t -> canvas; m ([MASK]) -> the private row of the embedding; x_theta -> log_probs.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from pgm_lite.core import Canvas, Cost, gather_positions
from pgm_lite.models.answers import bill, carry_over
from pgm_lite.net import Block, Embedding, Shape, turns


class MDLM(nn.Module):
    """A bidirectional transformer over all positions, the unknown ones as [MASK].

    SUBS parameterisation (section 3.2 of the paper): [MASK] has no logit, and a known position is
    answered with certainty. No time conditioning: the network sees how much is unknown anyway.
    """

    family = "MDLM"
    reads = "everything"

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.embedding = Embedding(shape)
        self.blocks = nn.ModuleList(
            Block(shape.width, shape.heads, own_keys=True)
            for _ in range(shape.depth - shape.causal)
        )
        self.last_norm = nn.LayerNorm(shape.width, bias=False)
        self.head = nn.Linear(shape.width, shape.vocab_size)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)
        self.register_buffer("turns", turns(shape)[:-1], persistent=False)

    def stream(
        self,
        tokens: Int[Tensor, "b m"],
        known: Bool[Tensor, "b m"],
        label: Int[Tensor, "b a"] | None = None,
    ) -> Float[Tensor, "b n d"]:
        """What leaves the last block at each position; ``m`` is n, or n x the digits of a token."""
        seen = tokens.masked_fill(~known, self.embedding.private)
        x = self.embedding(seen, torch.arange(self.shape.seq_len, device=tokens.device), label)
        for block in self.blocks:
            x, _ = block(x, self.get_buffer("turns"))
        return x

    def hidden(
        self,
        tokens: Int[Tensor, "b m"],
        known: Bool[Tensor, "b m"],
        label: Int[Tensor, "b a"] | None = None,
    ) -> Float[Tensor, "b n d"]:
        """What the head reads."""
        return self.last_norm(self.stream(tokens, known, label))

    def forward(
        self,
        tokens: Int[Tensor, "b n"],
        known: Bool[Tensor, "b n"],
        label: Int[Tensor, "b a"] | None = None,
    ) -> Float[Tensor, "b n v"]:
        """Training: logits at every position, from the known tokens."""
        return self.head(self.hidden(tokens, known, label))

    def log_probs(
        self,
        canvas: Canvas,
        where: Int[Tensor, "b q"],
        label: Int[Tensor, "b a"] | None = None,
    ) -> Float[Tensor, "b q v"]:
        """Log-probabilities at ``where``; the head runs at these positions only."""
        hidden = gather_positions(self.hidden(canvas.tokens, canvas.known, label), where)
        return carry_over(self.head(hidden).log_softmax(-1), canvas, where)

    def cost(self, canvas: Canvas, where: Int[Tensor, "b q"]) -> Cost:
        """All positions through the network, whatever is asked; the head where asked."""
        n, d = self.shape.seq_len, self.shape.width
        network = len(self.blocks) * (24 * n * d**2 + 4 * n**2 * d)
        asked = (where >= 0).sum(1)
        return bill(
            asked,
            encoder=torch.full_like(asked, n),
            decoder=torch.zeros_like(asked),
            flops=network + 2.0 * asked.double() * d * self.shape.vocab_size,
        )
