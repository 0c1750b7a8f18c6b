"""The sizes of a network, and which of them cannot be."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes of a network.

    ``rows`` x ``columns`` positions in raster order, one row for text. ``labels`` lists how many
    values each attribute of a class label has; empty for models without labels. ``digits`` is how
    many spell a token (Prime; 1 elsewhere), ``causal`` how many of the blocks judge drafts
    (self-speculation; 0 elsewhere).

    ``rotary`` is by how many radians a position the fastest pair of a head's channels turns, and
    what the slowest comes near; left out, 1 and 1/10000 along a line, 1 and 1/100 along a grid's
    axis. ``sharpness`` multiplies the scores of attention, which normalised queries and keys alone
    keep below the square root of a head's channels.
    """

    vocab_size: int
    rows: int
    columns: int
    width: int
    heads: int
    depth: int
    labels: tuple[int, ...] = ()
    digits: int = 1
    causal: int = 0
    rotary: tuple[float, float] | None = None
    sharpness: float = 1.0

    def __post_init__(self) -> None:
        step = 4 if self.rows > 1 else 2
        if self.width % self.heads or (self.width // self.heads) % step:
            raise ValueError(
                f"width {self.width} with {self.heads} heads leaves {self.width / self.heads:g} "
                f"channels a head; rotary embedding needs a whole multiple of {step}"
            )
        sizes = (self.vocab_size, self.rows, self.columns, self.depth, self.digits)
        if min(sizes) < 1:
            raise ValueError(f"every size of a network must be at least 1; got {self}")
        if self.width % self.digits:
            raise ValueError(
                f"{self.digits} digits share the width equally, but {self.width} is no multiple of "
                f"{self.digits}; take a number of digits that divides the width, or the width "
                f"{-(-self.width // self.digits) * self.digits}"
            )
        if not 0 <= self.causal < self.depth:
            raise ValueError(
                f"{self.causal} of {self.depth} blocks cannot be causal: at least one has to draft"
            )
        if self.sharpness <= 0 or not 0 < self.slowest <= self.fastest <= math.pi:
            raise ValueError(
                "attention needs a sharpness above 0 and rotary turns of 0 < slowest <= fastest <= "
                f"pi radians a position; got {self.sharpness} and {self.rotary}"
            )

    @property
    def fastest(self) -> float:
        """Radians a position by which the fastest pair of channels turns."""
        return self.rotary[0] if self.rotary else 1.0

    @property
    def slowest(self) -> float:
        """Radians a position that the slowest pair of channels comes near."""
        return self.rotary[1] if self.rotary else 1e-4 if self.rows == 1 else 1e-2

    @property
    def seq_len(self) -> int:
        """Number of positions."""
        return self.rows * self.columns
