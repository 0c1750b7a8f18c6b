"""Models that are right: exact conditionals of a law that is known completely.

Parallel sampling can write tokens together that no sequence has together. Given such an impossible
canvas a conditional does not exist; an oracle then answers with the uniform law, or refuses, as its
``impossible`` says. At one position a step it never happens.

Axis letters: m sequences of the support, n positions, v vocabulary, b batch, q asked positions.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from pgm_lite.core import Canvas, Conditional, Cost
from pgm_lite.draw import categorical

LARGEST = 2**22
"""Entries of the largest table worth enumerating."""


@dataclass(frozen=True, slots=True, eq=False)
class Support:
    """A law on listed sequences: ``weights`` [m] (equal if left out) on ``sequences`` [m n]."""

    sequences: Int[Tensor, "m n"]
    vocab_size: int
    weights: Float[Tensor, " m"] | None = None
    impossible: Literal["uniform", "error"] = "uniform"

    def __post_init__(self) -> None:
        count = self.sequences.shape[0]
        if self.sequences.ndim != 2 or count == 0:
            raise ValueError(
                f"a support needs at least one sequence, as [sequences, positions]; got the shape "
                f"{list(self.sequences.shape)}"
            )
        if int(self.sequences.min()) < 0 or int(self.sequences.max()) >= self.vocab_size:
            raise ValueError(
                f"the sequences hold tokens {int(self.sequences.min())} to "
                f"{int(self.sequences.max())}; with vocab_size {self.vocab_size} they must lie in 0 "
                f"to {self.vocab_size - 1}"
            )
        if self.weights is not None:
            check_law(self.weights, count)

    @property
    def log_weights(self) -> Float[Tensor, " m"]:
        """Log-probability of each sequence, float64."""
        count = self.sequences.shape[0]
        if self.weights is None:
            return torch.full((count,), 1 / count, dtype=torch.float64).log()
        return self.weights.double().log()

    def log_probs(
        self, canvas: Canvas, where: Int[Tensor, "b q"]
    ) -> Float[Tensor, "b q v"]:
        """The exact conditionals given the known tokens, float64."""
        agrees = (
            (self.sequences[None] == canvas.tokens[:, None]) | ~canvas.known[:, None]
        ).all(-1)
        posterior = self.log_weights.masked_fill(~agrees, -torch.inf).softmax(-1)
        lost = posterior.isnan().any(-1)
        if self.impossible == "error" and bool(lost.any()):
            row = int(lost.nonzero()[0])
            raise ValueError(
                f"the known tokens of row {row} occur together in no sequence of the support; write "
                "fewer positions a step, or build the oracle with impossible='uniform'"
            )
        symbols = self.sequences.T[where.clamp(min=0)]  # [b q m]
        answers = torch.zeros(*where.shape, self.vocab_size, dtype=torch.float64)
        answers.scatter_add_(-1, symbols, posterior[:, None].expand(symbols.shape))
        answers = torch.where(lost[:, None, None], 1 / self.vocab_size, answers)
        return (answers / answers.sum(-1, keepdim=True)).log()

    def cost(self, canvas: Canvas, where: Int[Tensor, "b q"]) -> Cost:
        """One call; an oracle sends no position through any network."""
        del canvas
        none = torch.zeros(where.shape[0], dtype=torch.long)
        return Cost((where >= 0).any(1).long(), none, none, none.double())

    def log_prob(self, tokens: Int[Tensor, "b n"]) -> Float[Tensor, " b"]:
        """Log-probability (nats) of whole sequences, float64; minus infinity outside the support."""
        same = (tokens[:, None] == self.sequences[None]).all(-1)
        return self.log_weights.masked_fill(~same, -torch.inf).logsumexp(-1)

    def entropy(self) -> float:
        """Entropy of the law in nats; repeated sequences count as one."""
        _, index = self.sequences.unique(dim=0, return_inverse=True)
        law = torch.zeros(int(index.max()) + 1, dtype=torch.float64)
        law.scatter_add_(0, index, self.log_weights.exp())
        return float(torch.special.entr(law).sum())

    def sample(self, count: int, *, rng: torch.Generator) -> Int[Tensor, "b n"]:
        """Exact draws."""
        return self.sequences[categorical(self.log_weights.expand(count, -1), rng=rng)]


def joint_table(
    table: Float[Tensor, "..."], *, impossible: Literal["uniform", "error"] = "uniform"
) -> Support:
    """The oracle of an explicit joint: one axis a position, all axes of one length, summing to one."""
    sizes = set(table.shape)
    if len(sizes) != 1:
        raise ValueError(
            f"a joint table has one axis a position, all as long as the vocabulary; got the shape "
            f"{list(table.shape)}"
        )
    if table.numel() > LARGEST:
        raise ValueError(
            f"a table of {table.numel()} entries is too large to enumerate; the limit is {LARGEST}"
        )
    check_law(table.flatten(), table.numel())
    (vocab_size,) = sizes
    sequences = torch.cartesian_prod(*[torch.arange(vocab_size)] * table.ndim)
    kept = table.flatten() > 0
    return Support(
        sequences.reshape(table.numel(), table.ndim)[kept],
        vocab_size,
        table.flatten()[kept],
        impossible,
    )


@dataclass(frozen=True, slots=True, eq=False)
class Sequential:
    """A conditional asked from left to right only, so that ``autoregress`` can run on an oracle."""

    model: Conditional

    def next_log_probs(
        self, canvas: Canvas, position: int, memory: object | None
    ) -> tuple[Float[Tensor, "b v"], object]:
        """The conditional at ``position`` given the tokens before it; nothing to remember."""
        del memory
        before = torch.arange(canvas.seq_len).expand(canvas.batch, -1) < position
        where = torch.full((canvas.batch, 1), position)
        seen = Canvas(canvas.tokens, canvas.known & before)
        return self.model.log_probs(seen, where)[:, 0], None

    def cost(self, canvas: Canvas, where: Int[Tensor, "b q"]) -> Cost:
        """The model's own bill."""
        return self.model.cost(canvas, where)


def check_law(weights: Float[Tensor, " m"], count: int) -> None:
    """Weights are a probability law on ``count`` things."""
    if weights.shape != (count,):
        raise ValueError(
            f"{count} sequences need {count} weights; got the shape {list(weights.shape)}"
        )
    if bool((weights < 0).any()) or abs(float(weights.double().sum()) - 1) > 1e-6:
        raise ValueError(
            f"probabilities must be at least 0 and sum to 1; the smallest is "
            f"{float(weights.min()):g}, the sum {float(weights.double().sum()):.8g}; divide by the sum"
        )
