"""Autoregressive transformer: one token after another, with a key/value cache.

Each position's input is the token before it, placed at the position to be predicted; the private
row of the embedding is the beginning of the sequence.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from pgm_lite.core import Canvas, Cost
from pgm_lite.models.answers import bill
from pgm_lite.net import Block, Embedding, KeyValue, Shape, turns


@dataclass(frozen=True, slots=True, eq=False)
class Memory:
    """The keys and values of the first ``length`` positions, one pair a layer."""

    length: int
    layers: tuple[KeyValue, ...]


class AR(nn.Module):
    """A causal transformer; position i is predicted from all positions before it."""

    family = "AR"
    reads = "cache"

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.embedding = Embedding(shape)
        self.blocks = nn.ModuleList(
            Block(shape.width, shape.heads, own_keys=True) for _ in range(shape.depth)
        )
        self.last_norm = nn.LayerNorm(shape.width, bias=False)
        self.head = nn.Linear(shape.width, shape.vocab_size)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)
        self.register_buffer("turns", turns(shape)[:-1], persistent=False)
        future = torch.ones(shape.seq_len, shape.seq_len, dtype=torch.bool).triu(1)
        causal = torch.zeros(future.shape).masked_fill(future, -torch.inf)
        self.register_buffer("causal", causal[None, None], persistent=False)

    def forward(
        self, tokens: Int[Tensor, "b n"], label: Int[Tensor, "b a"] | None = None
    ) -> Float[Tensor, "b n v"]:
        """Training: logits at every position, each from the tokens before it."""
        inputs = F.pad(tokens, (1, 0), value=self.embedding.private)[:, :-1]
        places = torch.arange(self.shape.seq_len, device=tokens.device)
        x = self.embedding(inputs, places, label)
        for block in self.blocks:
            x, _ = block(x, self.get_buffer("turns"), bias=self.get_buffer("causal"))
        return self.head(self.last_norm(x))

    def next_log_probs(
        self,
        canvas: Canvas,
        position: int,
        memory: object | None = None,
        label: Int[Tensor, "b a"] | None = None,
    ) -> tuple[Float[Tensor, "b v"], Memory]:
        """Log-probabilities at ``position``; only positions that ``memory`` lacks are computed."""
        if memory is not None and not isinstance(memory, Memory):
            raise ValueError(f"an AR memory comes from an earlier call; got a {type(memory)}")
        start = 0 if memory is None else memory.length
        if not start <= position < self.shape.seq_len:
            raise ValueError(
                f"the cache holds {start} of {self.shape.seq_len} positions; ask about one from "
                f"there on, not about {position}"
            )
        places = torch.arange(start, position + 1, device=canvas.tokens.device)
        inputs = F.pad(canvas.tokens, (1, 0), value=self.embedding.private)[:, places]
        x = self.embedding(inputs, places, label)
        bias = self.get_buffer("causal")[:, :, start : position + 1, : position + 1]
        layers: list[KeyValue] = []
        for index, block in enumerate(self.blocks):
            earlier = None if memory is None else memory.layers[index]
            x, seen = block(x, self.get_buffer("turns")[places], earlier, bias)
            layers.append(seen)
        logits = self.head(self.last_norm(x[:, -1]))
        return logits.log_softmax(-1), Memory(position + 1, tuple(layers))

    def cost(self, canvas: Canvas, where: Int[Tensor, "b q"]) -> Cost:
        """One call that reads the positions ``where`` and predicts what follows the last of them.

        Each of them is compared with all positions up to the last, whatever the mask then hides.
        """
        d, asked = self.shape.width, (where >= 0).sum(1)
        q, k = asked.double(), F.pad(where + 1, (1, 0)).amax(1).double()
        network = self.shape.depth * (24 * q * d**2 + 4 * q * k * d)
        head = 2.0 * d * self.shape.vocab_size * (asked > 0)
        none = torch.zeros_like(asked)
        return bill(asked, encoder=asked, decoder=none, flops=network + head)
