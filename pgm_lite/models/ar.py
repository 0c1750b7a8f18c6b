"""Autoregressive transformer: one token after another, with a key/value cache.

Each position's input is the token before it, placed at the position to be predicted; the private
row of the embedding is the beginning of the sequence.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from pgm_lite.core import Canvas, Cost, gather_positions
from pgm_lite.models.answers import bill
from pgm_lite.net import Block, Embedding, KeyValue, Shape, forbid, turns


@dataclass(frozen=True, slots=True, eq=False)
class Memory:
    """The keys and values of the first ``length`` positions, one pair a layer."""

    length: int
    layers: tuple[KeyValue, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Slots:
    """Keys and values by position, one pair a layer; which of them hold is for the caller to know."""

    layers: tuple[KeyValue, ...]


class AR(nn.Module):
    """A causal transformer; position i is predicted from all positions before it."""

    family = "AR"
    reads = "cache"

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.embedding = Embedding(shape)
        self.blocks = nn.ModuleList(Block(shape, own_keys=True) for _ in range(shape.depth))
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

    def span_log_probs(
        self,
        canvas: Canvas,
        where: Int[Tensor, "b q"],
        start: Int[Tensor, " b"],
        memory: object | None,
    ) -> tuple[Float[Tensor, "b q v"], Slots]:
        """Log-probabilities at ``where``; positions from ``start`` to the last of them are computed.

        Rows that are asked nothing are computed along with the others and change nothing.
        """
        if memory is not None and not isinstance(memory, Slots):
            raise ValueError(f"a memory of spans comes from an earlier call; got a {type(memory)}")
        n, ends = self.shape.seq_len, where.amax(1) + 1
        first = int(start.where(ends > 0, 0).max())
        if int(ends.max()) > n or bool((start < 0).any()):
            raise ValueError(
                f"this model has positions 0 to {n - 1}; asked to read from {int(start.min())} on "
                f"and to answer at {int(ends.max()) - 1}"
            )
        if memory is None and first > 0:
            raise ValueError(
                f"reading is to start at position {first}, but there is no memory of those before; "
                "start at 0, or pass the memory of an earlier call"
            )
        widest = int((ends - start).clamp(min=1).max())
        reads = start[:, None] + torch.arange(widest, device=start.device)
        real = reads < ends[:, None]
        places = reads.where(real, 0)
        inputs = F.pad(canvas.tokens, (1, 0), value=self.embedding.private).gather(1, places)
        x = self.embedding(inputs, places)
        turning = self.get_buffer("turns")[places][:, None]
        bias = self._looks(torch.arange(first, device=start.device) < start[:, None], reads, real)
        # One slot more than there are positions takes what belongs nowhere.
        slots = reads.where(real, n)[:, None, :, None]
        layers: list[KeyValue] = []
        for index, block in enumerate(self.blocks):
            if memory is None:
                keys = values = x.new_zeros(
                    x.shape[0], block.heads, n + 1, x.shape[2] // block.heads
                )
            else:
                keys, values = memory.layers[index]
            x, seen = block(x, turning, (keys[:, :, :first], values[:, :, :first]), bias)
            new_keys, new_values = (each[:, :, first:] for each in seen)
            into = slots.expand_as(new_keys)
            layers.append((keys.scatter(2, into, new_keys), values.scatter(2, into, new_values)))
        answered = gather_positions(x, (where - start[:, None]).clamp(min=0))
        return self.head(self.last_norm(answered)).log_softmax(-1), Slots(tuple(layers))

    def _looks(
        self,
        earlier: Bool[Tensor, "b k"],
        reads: Int[Tensor, "b r"],
        real: Bool[Tensor, "b r"],
    ) -> Float[Tensor, "b 1 r kr"]:
        """What each position read may look at: those held of its row, and no later one read now.

        A row of nothing real looks at itself, so that its attention is a number.
        """
        causal = (reads[:, None, :] > reads[:, :, None]) | ~real[:, None, :]
        causal &= ~torch.eye(reads.shape[1], dtype=torch.bool, device=reads.device)
        before = ~earlier[:, None, :].expand(-1, reads.shape[1], -1)
        return forbid(torch.cat([before, causal], dim=2))

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

    def span_cost(self, where: Int[Tensor, "b q"], start: Int[Tensor, " b"]) -> Cost:
        """One call that reads from ``start`` to the last of ``where`` and predicts at each of these.

        Counted as in ``cost``; only the head runs more often.
        """
        d, asked = self.shape.width, (where >= 0).sum(1)
        last = where.amax(1) + 1
        read = (last - start).where(asked > 0, 0)
        q, k = read.double(), last.double()
        network = self.shape.depth * (24 * q * d**2 + 4 * q * k * d)
        head = 2.0 * d * self.shape.vocab_size * asked
        return bill(asked, encoder=read, decoder=torch.zeros_like(asked), flops=network + head)
