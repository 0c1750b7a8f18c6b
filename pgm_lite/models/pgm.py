"""Partition generative model (PGM, arXiv 2505.18883): no mask token, only known tokens are read.

Notation: g_i -> groups; M_ij = [g_i = g_j] -> ``same``; M_ij = [g_i != g_j] -> ``other``;
u -> query_vector; pos_i -> query_position; GroupSwap -> swap.

Deviations from the paper and its released code, each an equal or simpler function: no adaLN (without
time conditioning it is a learned constant); the per-layer norm of the decoder's keys is
shared, since its scale folds into each projection; a learned position vector joins the fixed
sinusoid, which initialises it; labels are added to embeddings and queries.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from pgm_lite.core import NOBODY, Canvas, Cost, gather_positions, listed
from pgm_lite.models.answers import bill, carry_over
from pgm_lite.net import (
    Block,
    Embedding,
    KeyValue,
    Shape,
    attend,
    forbid,
    keys_values,
    merge,
    rotate,
    split,
    turns,
    unit,
)


class PGM(nn.Module):
    """Encoder within each group, GroupSwap, decoder that looks only at the other group.

    ``shape.depth`` counts encoder and decoder blocks together, half each (the encoder has the odd
    one). Each group has one register, always known, so that no position is ever without keys.
    """

    family = "PGM"
    reads = "known"

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        decoders = shape.depth // 2
        if decoders < 1:
            raise ValueError(f"a PGM needs a depth of at least 2 (1 + 1); got {shape.depth}")
        self.embedding = Embedding(shape)
        self.encoder = nn.ModuleList(
            Block(shape, own_keys=True) for _ in range(shape.depth - decoders)
        )
        self.encoded_norm = nn.LayerNorm(shape.width, bias=False)
        self.key_values = nn.ModuleList(
            nn.Linear(shape.width, 2 * shape.width, bias=False) for _ in range(decoders + 1)
        )
        self.query_vector = nn.Parameter(torch.zeros(shape.width))
        self.query_position = nn.Embedding.from_pretrained(
            sinusoid(shape.seq_len, shape.width), freeze=False
        )
        self.query_norm = nn.LayerNorm(shape.width, bias=False)
        self.swap_query = nn.Linear(shape.width, shape.width)
        self.swap_out = nn.Linear(shape.width, shape.width)
        self.decoder = nn.ModuleList(Block(shape, own_keys=False) for _ in range(decoders))
        self.last_norm = nn.LayerNorm(shape.width, bias=False)
        self.head = nn.Linear(shape.width, shape.vocab_size)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)
        self.register_buffer("turns", turns(shape), persistent=False)

    def forward(
        self,
        tokens: Int[Tensor, "b n"],
        groups: Int[Tensor, "b n"],
        label: Int[Tensor, "b a"] | None = None,
    ) -> Float[Tensor, "b n v"]:
        """Training: logits at every position, each from the tokens of the other group only."""
        batch, n = tokens.shape
        positions = torch.arange(n, device=tokens.device)
        registers = torch.arange(2, device=tokens.device).expand(batch, 2)
        members = torch.cat([registers, groups], dim=1)
        same = forbid(members[:, :, None] != members[:, None, :])
        other = forbid(groups[:, :, None] == members[:, None, :])
        where = torch.cat([positions.new_full((2,), NOBODY), positions])
        content = torch.cat([torch.zeros_like(registers), tokens], dim=1)
        encoded = self.encode(content, where.expand(batch, -1), same, label)
        return self.decode(encoded, positions.expand(batch, -1), other, label)

    def log_probs(
        self,
        canvas: Canvas,
        where: Int[Tensor, "b q"],
        label: Int[Tensor, "b a"] | None = None,
    ) -> Float[Tensor, "b q v"]:
        """Log-probabilities at ``where``: known tokens in, asked positions out, nothing else runs."""
        context = F.pad(listed(canvas.known), (1, 0), value=NOBODY)
        content = gather_positions(canvas.tokens[..., None], context)[..., 0]
        padding = context < 0
        padding[:, 0] = False
        bias = forbid(padding[:, None, :]) if padding.any() else None
        encoded = self.encode(content, context, bias, label)
        logits = self.decode(encoded, where.clamp(min=0), bias, label)
        return carry_over(logits.log_softmax(-1), canvas, where)

    def encode(
        self,
        tokens: Int[Tensor, "b k"],
        where: Int[Tensor, "b k"],
        bias: Float[Tensor, "#b 1 k2 k"] | None,
        label: Int[Tensor, "b a"] | None,
    ) -> list[KeyValue]:
        """Keys and values for GroupSwap and each decoder block; ``NOBODY`` stands for a register."""
        register = where < 0
        positions = where.masked_fill(register, self.shape.seq_len)
        turning = self.get_buffer("turns")[positions][:, None]
        content = tokens.masked_fill(register, self.embedding.private)
        x = self.embedding(content, positions, label)
        for block in self.encoder:
            x, _ = block(x, turning, bias=bias)
        # One product makes the keys and values of all layers.
        weights = torch.cat([layer.get_parameter("weight") for layer in self.key_values])
        projected = F.linear(self.encoded_norm(x), weights)
        layers = projected.chunk(len(self.key_values), dim=-1)
        return [keys_values(layer, self.shape.heads, turning) for layer in layers]

    def decode(
        self,
        encoded: list[KeyValue],
        where: Int[Tensor, "b q"],
        bias: Float[Tensor, "#b 1 q k"] | None,
        label: Int[Tensor, "b a"] | None,
    ) -> Float[Tensor, "b q v"]:
        """Logits at ``where``; a query sees the encoded tokens ``bias`` allows and no other query."""
        turning = self.get_buffer("turns")[where][:, None]
        asked = self.embedding.add_label(self.query_vector + self.query_position(where), label)
        asking = self.swap_query(self.query_norm(asked))
        query = rotate(unit(split(asking, self.shape.heads)), turning)
        x = self.swap_out(merge(attend(query, *encoded[0], bias, self.shape.sharpness)))
        for block, seen in zip(self.decoder, encoded[1:], strict=True):
            x, _ = block(x, turning, seen, bias)
        return self.head(self.last_norm(x))

    def cost(self, canvas: Canvas, where: Int[Tensor, "b q"]) -> Cost:
        """Known positions and one register through the encoder, asked positions through the decoder."""
        d, encoders, decoders = self.shape.width, len(self.encoder), len(self.decoder)
        read, asked = canvas.known.sum(1) + 1, (where >= 0).sum(1)
        k, q = read.double(), asked.double()
        encoder = encoders * (24 * k * d**2 + 4 * k**2 * d) + (decoders + 1) * 4 * k * d**2
        swap = 4 * q * d**2 + 4 * q * k * d
        decoder = decoders * (20 * q * d**2 + 4 * q * k * d)
        head = 2 * q * d * self.shape.vocab_size
        return bill(asked, encoder=read, decoder=asked, flops=encoder + swap + decoder + head)


def sinusoid(seq_len: int, width: int) -> Float[Tensor, "n d"]:
    """The fixed position vectors [cos, sin] with base 10000 (arXiv 1706.03762)."""
    speed = 10000.0 ** (-torch.arange(width // 2) / (width // 2))
    turning = torch.arange(seq_len)[:, None] * speed
    return torch.cat([turning.cos(), turning.sin()], dim=1)
