"""Insertion language model (ILM, arXiv 2505.05755): sequences that grow, with no mask and no end.

Notation: gap g -> the place right after kept token g, gap 0 before the first; p(g, v | kept) ->
the joint softmax over gaps and tokens; the stop head of the paper's [CLS] -> ``done``.

Deviations from the paper and its released code: one register does the work of their [CLS] and
[BOS]; it stands before the first token, so it answers for gap 0 and for the end. The register does
not turn, and positions are counted anew among the kept tokens, as theirs are.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from pgm_lite.core import Cost
from pgm_lite.models.answers import bill
from pgm_lite.net import Block, Embedding, Shape, forbid, turns


class Insertion(nn.Module):
    """A bidirectional transformer over the kept tokens and one register; nothing else goes in."""

    family = "ILM"
    reads = "known"

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        if shape.rows > 1:
            raise ValueError(
                f"tokens that come in between push others along a line; {shape.rows} x "
                f"{shape.columns} positions are a grid, which has no gaps"
            )
        self.shape = shape
        self.embedding = Embedding(shape)
        self.blocks = nn.ModuleList(Block(shape, own_keys=True) for _ in range(shape.depth))
        self.last_norm = nn.LayerNorm(shape.width, bias=False)
        self.head = nn.Linear(shape.width, shape.vocab_size)
        self.done_head = nn.Linear(shape.width, 1)
        for linear in (self.head, self.done_head):
            nn.init.zeros_(linear.weight)
            nn.init.zeros_(linear.bias)
        self.register_buffer("turns", turns(shape), persistent=False)

    def forward(
        self, tokens: Int[Tensor, "b k"], length: Int[Tensor, " b"]
    ) -> tuple[Float[Tensor, "b g v"], Float[Tensor, " b"]]:
        """Training: logits of every gap and token, minus infinity beyond the end, and of being done."""
        batch, k = tokens.shape
        n = self.shape.seq_len
        if k > n:
            raise ValueError(
                f"{k} tokens are more than the {n} positions this model was built for; keep at "
                f"most {n}"
            )
        place = torch.arange(k, device=tokens.device)
        beyond = F.pad(place >= length[:, None], (1, 0), value=False)
        register = tokens.new_full((batch, 1), self.embedding.private)
        content = torch.cat([register, tokens.masked_fill(beyond[:, 1:], 0)], dim=1)
        where = torch.cat([place.new_full((1,), n), place])
        turning = self.get_buffer("turns")[where]
        bias = forbid(beyond[:, None, :]) if beyond.any() else None
        x = self.embedding(content, where)
        for block in self.blocks:
            x, _ = block(x, turning, bias=bias)
        x = self.last_norm(x)
        logits = self.head(x).masked_fill(beyond[..., None], -torch.inf)
        return logits, self.done_head(x[:, 0])[:, 0]

    def insertion_log_probs(
        self, tokens: Int[Tensor, "b k"], length: Int[Tensor, " b"]
    ) -> tuple[Float[Tensor, "b g v"], Float[Tensor, " b"]]:
        """The joint law (nats) of the next gap and token, and the log-probability of being done."""
        logits, done = self(tokens, length)
        return logits.flatten(1).log_softmax(-1).view(logits.shape), F.logsigmoid(done)

    def insertion_cost(self, length: Int[Tensor, " b"]) -> Cost:
        """The kept tokens and the register through the network; the head at every gap, the end once."""
        d, asked = self.shape.width, (length >= 0).long()
        k = (length + 1).double()
        network = self.shape.depth * (24 * k * d**2 + 4 * k**2 * d)
        heads = 2 * k * d * self.shape.vocab_size + 2 * d
        return bill(
            asked, encoder=length + 1, decoder=torch.zeros_like(asked), flops=network + heads
        )
