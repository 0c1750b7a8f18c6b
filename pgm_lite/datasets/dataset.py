"""What every data set is: an alphabet, a layout, its splits, and labels to steer by."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, Self, runtime_checkable

import torch
from jaxtyping import Int, UInt8
from torch import Tensor

from pgm_lite.core import NOBODY, Layout

UNSPECIFIED = -1
"""The label index that says nothing about an attribute."""


@runtime_checkable
class Split(Protocol):
    """One part of a data set, as training and evaluation ask for it."""

    @property
    def rows(self) -> int:
        """Number of sequences that can be asked for (windows, in one long text)."""
        ...

    @property
    def stored(self) -> UInt8[Tensor, "..."]:
        """Every token of the split as it lies in memory, for judges and fingerprints."""
        ...

    def batch(self, indices: Int[Tensor, " b"]) -> tuple[Int[Tensor, "b n"], Int[Tensor, "b a"]]:
        """The sequences at ``indices`` and their labels, one column an attribute.

        Where sequences vary in length, ``NOBODY`` stands at every position after the end.
        """
        ...


@dataclass(frozen=True, slots=True)
class Attribute:
    """One thing a sequence can be labelled with, and the values it takes."""

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """A split of separate sequences; ``labels`` holds one value index per attribute."""

    stored: UInt8[Tensor, "rows n"]
    labels: Int[Tensor, "rows a"]

    @property
    def rows(self) -> int:
        """Number of sequences."""
        return self.stored.shape[0]

    def batch(self, indices: Int[Tensor, " b"]) -> tuple[Int[Tensor, "b n"], Int[Tensor, "b a"]]:
        """The sequences at ``indices`` and their labels."""
        _check_indices(indices, self.rows)
        return self.stored[indices].long(), self.labels[indices].long()


@dataclass(frozen=True, slots=True, eq=False)
class Stream:
    """A split that is one long text, read through windows of ``seq_len`` tokens.

    Window ``i`` starts at character ``i * stride``: stride 1 lets training start anywhere,
    stride ``seq_len`` gives evaluation the windows that follow one another without overlap. The
    few tokens after the last whole window are not read.
    """

    stored: UInt8[Tensor, " length"]
    seq_len: int
    stride: int

    @property
    def rows(self) -> int:
        """Number of windows."""
        return max(0, (self.stored.shape[0] - self.seq_len) // self.stride + 1)

    def batch(self, indices: Int[Tensor, " b"]) -> tuple[Int[Tensor, "b n"], Int[Tensor, "b a"]]:
        """The windows at ``indices``; a text has no labels, so their second axis is empty."""
        _check_indices(indices, self.rows)
        where = indices[:, None] * self.stride + torch.arange(self.seq_len)
        return self.stored[where].long(), torch.zeros(len(indices), 0, dtype=torch.long)


@dataclass(frozen=True, slots=True, eq=False)
class Lines:
    """A split of sequences of different lengths; ``starts`` and ``lengths`` find them in ``stored``.

    ``stored`` is all of them in a row with a space after each, so that it reads like a text.
    """

    stored: UInt8[Tensor, " length"]
    starts: Int[Tensor, " rows"]
    lengths: Int[Tensor, " rows"]
    seq_len: int

    @classmethod
    def of(cls, lines: Sequence[UInt8[Tensor, " k"]], *, space: int, seq_len: int) -> Self:
        """The split of these lines; ``space`` is the token between them."""
        lengths = torch.tensor([len(line) for line in lines])
        gap = torch.tensor([space], dtype=torch.uint8)
        starts = (lengths + 1).cumsum(0) - lengths - 1
        return cls(
            torch.cat([each for line in lines for each in (line, gap)]), starts, lengths, seq_len
        )

    @property
    def rows(self) -> int:
        """Number of sequences."""
        return len(self.starts)

    def batch(self, indices: Int[Tensor, " b"]) -> tuple[Int[Tensor, "b n"], Int[Tensor, "b a"]]:
        """The sequences at ``indices``, ``NOBODY`` after the end of each; there are no labels."""
        _check_indices(indices, self.rows)
        place = torch.arange(self.seq_len)
        where = (self.starts[indices][:, None] + place).clamp(max=len(self.stored) - 1)
        beyond = place >= self.lengths[indices][:, None]
        tokens = self.stored[where].long().masked_fill(beyond, NOBODY)
        return tokens, torch.zeros(len(indices), 0, dtype=torch.long)


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """A named set of sequences with everything needed to train on it, show it and judge it.

    ``symbols`` lists one printable string a token, in token order; symbols of one character are
    written side by side, longer ones (colour names) with spaces between.
    """

    name: str
    symbols: tuple[str, ...]
    layout: Layout
    splits: dict[str, Split]
    attributes: tuple[Attribute, ...] = ()
    note: str = ""

    @property
    def vocab_size(self) -> int:
        """Number of different tokens."""
        return len(self.symbols)

    @property
    def seq_len(self) -> int:
        """Number of positions in a sequence, in the longest one where they vary in length."""
        return self.layout.rows * self.layout.columns

    @property
    def varies(self) -> bool:
        """Whether its sequences differ in length."""
        return isinstance(self.splits["train"], Lines)

    @property
    def row_length(self) -> float:
        """Tokens of a sequence, on average over the training split."""
        train = self.splits["train"]
        return float(train.lengths.double().mean()) if isinstance(train, Lines) else self.seq_len

    def encode(self, text: str) -> Int[Tensor, " n"]:
        """The tokens of a text; a symbol outside the alphabet is an error, never replaced."""
        found = list(text) if self._separator == "" else text.split()
        index = {symbol: token for token, symbol in enumerate(self.symbols)}
        foreign = [f"{s!r} at {at}" for at, s in enumerate(found) if s not in index]
        if foreign:
            more = f" and {len(foreign) - 12} more" if len(foreign) > 12 else ""
            raise ValueError(
                f"{self.name} has no symbol {', '.join(foreign[:12])}{more}; "
                f"its alphabet is: {' '.join(repr(symbol) for symbol in self.symbols)}"
            )
        return torch.tensor([index[symbol] for symbol in found], dtype=torch.long)

    def decode(self, tokens: Int[Tensor, " n"]) -> str:
        """The text of one sequence of tokens; where lengths vary, ``NOBODY`` after its end says nothing."""
        given: list[int] = tokens.cpu().numpy().tolist()
        while self.varies and given and given[-1] == NOBODY:
            given.pop()
        symbols = self.symbols
        for at, token in enumerate(given):
            if not 0 <= token < len(symbols):
                raise ValueError(
                    f"{self.name} has tokens 0 to {len(symbols) - 1}; got {token} at {at}"
                )
        return self._separator.join([symbols[token] for token in given])

    def label(self, **chosen: str) -> Int[Tensor, " a"]:
        """The label that asks for the chosen values, ``UNSPECIFIED`` for all else."""
        known = {attribute.name: attribute.values for attribute in self.attributes}
        for name, value in chosen.items():
            if name not in known:
                raise ValueError(
                    f"{self.name} has no attribute {name!r}; {_choices(tuple(known), 'attributes')}"
                )
            if value not in known[name]:
                raise ValueError(
                    f"{self.name} has no {name} {value!r}; {_choices(known[name], 'values')}"
                )
        return torch.tensor(
            [
                values.index(chosen[name]) if name in chosen else UNSPECIFIED
                for name, values in known.items()
            ],
            dtype=torch.long,
        )

    def fingerprint(self) -> str:
        """The sha256 of the training split's tokens, for the cards of trained models."""
        return hashlib.sha256(self.splits["train"].stored.numpy().tobytes()).hexdigest()

    @property
    def _separator(self) -> str:
        return "" if all(len(symbol) == 1 for symbol in self.symbols) else " "


def _choices(names: Sequence[str], what: str) -> str:
    return f"its {what} are: {', '.join(names)}" if names else f"it has no {what}"


def _check_indices(indices: Int[Tensor, " b"], rows: int) -> None:
    if len(indices) and (int(indices.min()) < 0 or int(indices.max()) >= rows):
        raise ValueError(
            f"the split has rows 0 to {rows - 1}; got indices from {int(indices.min())} "
            f"to {int(indices.max())}"
        )
