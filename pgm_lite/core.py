"""What every floor above agrees on: the canvas, its cost, one step, and what a model can be asked.

Axis letters: b batch rows, n positions, q queried positions, v vocabulary.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Literal, Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor

NOBODY = -1
"""The entry of a ragged ``where`` that asks about no position."""


@dataclass(frozen=True, slots=True, eq=False)
class Canvas:
    """A batch of partly known sequences. What ``tokens`` holds where ``known`` is false means nothing."""

    tokens: Int[Tensor, "b n"]
    known: Bool[Tensor, "b n"]

    def __post_init__(self) -> None:
        if self.tokens.ndim != 2 or self.tokens.shape != self.known.shape:
            raise ValueError(
                f"a Canvas needs tokens and known of one shape [batch, positions]; got "
                f"{list(self.tokens.shape)} and {list(self.known.shape)}"
            )

    @classmethod
    def blank(cls, batch: int, seq_len: int, device: torch.device | str = "cpu") -> "Canvas":
        """A canvas on which nothing is known."""
        if batch < 1 or seq_len < 1:
            raise ValueError(f"batch and seq_len must be at least 1; got {batch} and {seq_len}")
        shape = (batch, seq_len)
        return cls(
            torch.zeros(shape, dtype=torch.long, device=device),
            torch.zeros(shape, dtype=torch.bool, device=device),
        )

    @classmethod
    def prompt(
        cls, tokens: Int[Tensor, " p"] | Sequence[int], batch: int, seq_len: int
    ) -> "Canvas":
        """A canvas whose first positions are known to be ``tokens``, the rest unknown."""
        given = torch.as_tensor(tokens, dtype=torch.long)
        if len(given) > seq_len:
            raise ValueError(
                f"the prompt has {len(given)} tokens but the sequence only {seq_len} positions; "
                f"shorten it by {len(given) - seq_len}"
            )
        where = torch.arange(len(given)).expand(batch, -1)
        return cls.blank(batch, seq_len).reveal(where, given.expand(batch, -1))

    @property
    def batch(self) -> int:
        """Number of rows."""
        return self.tokens.shape[0]

    @property
    def seq_len(self) -> int:
        """Number of positions in a row."""
        return self.tokens.shape[1]

    @property
    def unknown(self) -> Bool[Tensor, "b n"]:
        """The positions that still have no token."""
        return ~self.known

    def reveal(self, where: Int[Tensor, "b q"], tokens: Int[Tensor, "b q"]) -> "Canvas":
        """A new canvas on which the positions ``where`` are known to be ``tokens``."""
        written = positions_mask(where, self.seq_len)
        return type(self)(
            torch.where(written, scatter(where, tokens, self.seq_len), self.tokens),
            self.known | written,
        )

    def reopen(self, where: Int[Tensor, "b q"]) -> "Canvas":
        """A new canvas on which the positions ``where`` are unknown again."""
        opened = positions_mask(where, self.seq_len)
        return type(self)(self.tokens.masked_fill(opened, 0), self.known & ~opened)

    def row(self, index: int) -> "Canvas":
        """One row, as a batch of one."""
        return type(self)(self.tokens[index : index + 1], self.known[index : index + 1])


@dataclass(frozen=True, slots=True, eq=False)
class Cost:
    """What each row of a batch has been charged; add with ``+``.

    ``calls`` are network evaluations (NFE); a pass through some of a network's blocks counts as
    their share of all blocks. ``encoder_positions`` and ``decoder_positions`` count positions sent
    through those halves of a network (a network of one piece is all encoder; registers count).
    ``flops`` counts the multiplications and additions of its matrix products, two for each weight
    used.
    """

    calls: Float[Tensor, " b"]
    encoder_positions: Int[Tensor, " b"]
    decoder_positions: Int[Tensor, " b"]
    flops: Float[Tensor, " b"]

    @classmethod
    def zero(cls, batch: int) -> "Cost":
        """Nothing spent yet."""
        none = torch.zeros(batch, dtype=torch.long)
        return cls(none.double(), none, none, none.double())

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(
            self.calls + other.calls,
            self.encoder_positions + other.encoder_positions,
            self.decoder_positions + other.decoder_positions,
            self.flops + other.flops,
        )

    @property
    def positions(self) -> Int[Tensor, " b"]:
        """All positions processed, whichever half of the network they went through."""
        return self.encoder_positions + self.decoder_positions

    def row(self, index: int) -> "Cost":
        """The bill of one row."""
        return Cost(*(getattr(self, field.name)[index : index + 1] for field in fields(self)))


@dataclass(frozen=True, slots=True, eq=False)
class DigitStep:
    """What a step did to the digits of half-known tokens; ``m`` = positions x digits of a token.

    ``canvas`` holds every digit after the step. ``log_prob`` (nats) belongs to the written digits,
    each given those of its token known before or listed earlier in this step; zero elsewhere.
    """

    canvas: Canvas
    written: Bool[Tensor, "b m"]
    log_prob: Float[Tensor, "b m"]


@dataclass(frozen=True, slots=True, eq=False)
class DraftStep:
    """What a step of speculation proposed or judged, by position.

    ``drafted`` marks the drafts proposed in this step, ``accepted`` and ``rejected`` those it
    judged; ``tokens`` are the drafts in question, ``draft_log_prob`` and ``target_log_prob``
    (nats) what draft law and target law say of them, the second zero where nothing was judged.
    """

    tokens: Int[Tensor, "b n"]
    drafted: Bool[Tensor, "b n"]
    accepted: Bool[Tensor, "b n"]
    rejected: Bool[Tensor, "b n"]
    draft_log_prob: Float[Tensor, "b n"]
    target_log_prob: Float[Tensor, "b n"]


@dataclass(frozen=True, slots=True, eq=False)
class InsertStep:
    """What a step inserted, where sequences grow: positions of the canvas are names, not places.

    A token keeps its position for good, whatever comes in before it. ``order`` lists the positions
    of the known tokens as they are read after the step, padded with ``NOBODY``; ``after`` holds for
    each position written in this step the one its token was put right after, ``NOBODY`` for the
    beginning, and means nothing elsewhere.
    """

    order: Int[Tensor, "b n"]
    after: Int[Tensor, "b n"]


@dataclass(frozen=True, slots=True, eq=False)
class ErrorStep:
    """What the tokens a step wrote lost against a law that is known (nats); see ``lab.split_error``.

    ``model`` is KL(law, network) at each written position, zero elsewhere; ``parallel`` the total
    correlation, under the law, of what was written together. Both are nan where the tokens known
    before the step have probability zero, since nothing is true given them.
    """

    model: Float[Tensor, "b n"]
    parallel: Float[Tensor, " b"]


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """What one model call did. ``canvas`` is the canvas after it; fields that do not apply are None.

    ``log_prob`` (nats) belongs to the written positions and is zero elsewhere; ``entropy`` (nats)
    belongs to the queried positions, is that of the law actually drawn from, and is zero elsewhere.
    A position is ``written`` when its token becomes known. With ``digits`` that is when the last of
    its digits does, and ``log_prob`` belongs to every position that got a digit. A step in which
    nothing happened and no model was called is idle; its cost is zero. With ``insert`` the position
    queried is the one that the next token would get, and it stays unknown where the row ends instead.
    ``score`` is what a sighted order ranked the queried positions by, the highest first, zero
    elsewhere; None where nothing was ranked.
    """

    canvas: Canvas
    queried: Bool[Tensor, "b n"]
    written: Bool[Tensor, "b n"]
    log_prob: Float[Tensor, "b n"]
    entropy: Float[Tensor, "b n"]
    cost: Cost
    note: str
    reopened: Bool[Tensor, "b n"] | None = None
    digits: DigitStep | None = None
    draft: DraftStep | None = None
    insert: InsertStep | None = None
    errors: ErrorStep | None = None
    score: Float[Tensor, "b n"] | None = None


@dataclass(frozen=True, slots=True)
class Layout:
    """How a sequence is laid out for the eye: a line of text, or a grid in raster order.

    ``palette`` names the colour ("#rrggbb") of each token where tokens are colours.
    """

    kind: Literal["line", "grid"]
    rows: int
    columns: int
    palette: tuple[str, ...] | None = None


@runtime_checkable
class Priced(Protocol):
    """A model that can say what a question costs without being asked it."""

    def cost(self, canvas: Canvas, where: Int[Tensor, "b q"]) -> Cost:
        """The bill for asking about ``where`` on this canvas."""
        ...


@runtime_checkable
class Conditional(Priced, Protocol):
    """A model of any unknown position given the known ones: MDLM, PGM, the exact oracles."""

    def log_probs(self, canvas: Canvas, where: Int[Tensor, "b q"]) -> Float[Tensor, "b q v"]:
        """Log-probabilities (nats) at ``where``; answers at ``NOBODY`` mean nothing."""
        ...


@runtime_checkable
class NextToken(Priced, Protocol):
    """A model of the next position given all earlier ones; ``memory`` is its key/value cache."""

    def next_log_probs(
        self, canvas: Canvas, position: int, memory: object | None
    ) -> tuple[Float[Tensor, "b v"], object]:
        """Log-probabilities (nats) at ``position`` given all before it, and the new memory."""
        ...


def positions_mask(where: Int[Tensor, "b q"], seq_len: int) -> Bool[Tensor, "b n"]:
    """The positions listed in ``where``, as booleans."""
    slots = torch.zeros(where.shape[0], seq_len + 1, dtype=torch.bool, device=where.device)
    return slots.scatter(1, where.where(where >= 0, seq_len), value=True)[:, :seq_len]


def gather_positions(x: Shaped[Tensor, "b n d"], where: Int[Tensor, "b q"]) -> Tensor:
    """What ``x`` holds at ``where`` [b q d]; an entry ``NOBODY`` gets the first position's."""
    return x.gather(1, where.clamp(min=0)[..., None].expand(-1, -1, x.shape[-1]))


def scatter(where: Int[Tensor, "b q"], values: Tensor, seq_len: int) -> Tensor:
    """``values`` [b q] laid out by position [b n], zero where nothing was said."""
    slots = torch.zeros(where.shape[0], seq_len + 1, dtype=values.dtype, device=values.device)
    return slots.scatter(1, where.where(where >= 0, seq_len), values)[:, :seq_len]


def listed(mask: Bool[Tensor, "b n"]) -> Int[Tensor, "b q"]:
    """The true positions of each row in rising order, padded with ``NOBODY`` to a common length."""
    counts = mask.sum(1)
    longest = int(counts.max()) if len(counts) else 0
    order = torch.argsort(mask.to(torch.int8), dim=1, descending=True, stable=True)[:, :longest]
    padding = torch.arange(longest, device=mask.device) >= counts[:, None]
    return order.masked_fill(padding, NOBODY)
