"""Masked diffusion language model (MDLM, arXiv 2406.07524); with a confidence order it is MaskGIT.

Notation: x_t -> canvas; m ([MASK]) -> the private row of the embedding; x_theta -> log_probs.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from pgm_lite.core import Canvas, Cost, gather_positions, listed, positions_mask, scatter
from pgm_lite.models.answers import bill, carry_over
from pgm_lite.net import Block, Embedding, KeyValue, Shape, forbid, turns


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
            Block(shape, own_keys=True) for _ in range(shape.depth - shape.causal)
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

    def full(
        self,
        canvas: Canvas,
        where: Int[Tensor, "b q"],
        label: Int[Tensor, "b a"] | None = None,
    ) -> tuple[Float[Tensor, "b q v"], "Memory"]:
        """``log_probs``, and what each block's attention read of every position."""
        seen: list[KeyValue] = []
        x = self.read(canvas, torch.arange(canvas.seq_len, device=where.device)[None], label)
        for block in self.blocks:
            x, pair = block(x, self.get_buffer("turns"))
            seen.append(pair)
        logits = self.head(self.last_norm(gather_positions(x, where)))
        return carry_over(logits.log_softmax(-1), canvas, where), Memory(tuple(seen), label)

    def local(
        self,
        memory: object,
        canvas: Canvas,
        group: Int[Tensor, "b g"],
        where: Int[Tensor, "b q"],
    ) -> Float[Tensor, "b q v"]:
        """``group`` through the network; its queries see its own new keys and the others' old ones."""
        if not isinstance(memory, Memory):
            raise ValueError(f"the memory comes from full(); got a {type(memory).__name__}")
        inside = positions_mask(group, canvas.seq_len)
        if not bool(inside.gather(1, where.clamp(min=0))[where >= 0].all()):
            raise ValueError(
                "a local pass answers about positions of its group only; add the others"
            )
        outside = listed(~inside)
        nobody = torch.cat([outside, group], dim=1) < 0
        bias = forbid(nobody[:, None].expand(-1, group.shape[1], -1)) if nobody.any() else None
        x = self.read(canvas, group, memory.label)
        turning = self.get_buffer("turns")[group.clamp(min=0)][:, None]
        for block, (keys, values) in zip(self.blocks, memory.seen, strict=True):
            x, _ = block(x, turning, (at_heads(keys, outside), at_heads(values, outside)), bias)
        places = torch.arange(group.shape[1], device=group.device).expand_as(group)
        slots = scatter(group, places, canvas.seq_len).gather(1, where.clamp(min=0))
        logits = self.head(self.last_norm(gather_positions(x, slots)))
        return carry_over(logits.log_softmax(-1), canvas, where)

    def read(
        self, canvas: Canvas, where: Int[Tensor, "... q"], label: Int[Tensor, "b a"] | None
    ) -> Float[Tensor, "b q d"]:
        """What enters the first block at ``where``."""
        places = where.clamp(min=0).expand(canvas.batch, -1)
        seen = canvas.tokens.masked_fill(canvas.unknown, self.embedding.private)
        return self.embedding(seen.gather(1, places), places, label)

    def cost(self, canvas: Canvas, where: Int[Tensor, "b q"]) -> Cost:
        """All positions through the network, whatever is asked; the head where asked."""
        return self._bill(where.new_full((len(where),), self.shape.seq_len), where)

    def local_cost(self, group: Int[Tensor, "b g"], where: Int[Tensor, "b q"]) -> Cost:
        """The group through the network, each of its positions looking at all; the head where asked."""
        return self._bill((group >= 0).sum(1), where)

    def _bill(self, read: Int[Tensor, " b"], where: Int[Tensor, "b q"]) -> Cost:
        """One call, in which ``read`` positions go through the network and look at all positions."""
        n, d, asked = self.shape.seq_len, self.shape.width, (where >= 0).sum(1)
        network = len(self.blocks) * read.double() * (24 * d**2 + 4 * n * d)
        return bill(
            asked,
            encoder=read,
            decoder=torch.zeros_like(asked),
            flops=network + 2 * asked.double() * d * self.shape.vocab_size,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Memory:
    """Keys and values of all positions in each block, and the label they were made with."""

    seen: tuple[KeyValue, ...]
    label: Int[Tensor, "b a"] | None


def at_heads(x: Float[Tensor, "b h n e"], where: Int[Tensor, "b k"]) -> Float[Tensor, "b h k e"]:
    """What every head holds at ``where``; an entry ``NOBODY`` gets the first position's."""
    index = where.clamp(min=0)[:, None, :, None]
    return x.gather(2, index.expand(-1, x.shape[1], -1, x.shape[3]))
