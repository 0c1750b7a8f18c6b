"""Steering by a class label: wrappers that are conditionals themselves.

A label is one value index per attribute, -1 for unspecified. Classifier-free guidance follows
arXiv 2207.12598 in the convention (1 + scale) * conditional - scale * unconditional, so that scale
0 is plain conditioning; PGM and Halton-MaskGIT write it the same way.
"""

from dataclasses import dataclass
from typing import Protocol, cast

import torch
from jaxtyping import Float, Int
from torch import Tensor

from pgm_lite.core import Canvas, Cost
from pgm_lite.digits import Digits
from pgm_lite.protocols import DigitConditional


class Steerable(Protocol):
    """A conditional that also takes a label: MDLM and PGM."""

    def log_probs(
        self,
        canvas: Canvas,
        where: Int[Tensor, "b q"],
        label: Int[Tensor, "b a"] | None = None,
    ) -> Float[Tensor, "b q v"]:
        """Log-probabilities at ``where`` given the known tokens and the label."""
        ...

    def cost(self, canvas: Canvas, where: Int[Tensor, "b q"]) -> Cost:
        """The bill for asking once."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """``model`` with its label fixed: every row is asked for the same kind of sequence."""

    model: Steerable
    label: Int[Tensor, " a"]

    def log_probs(self, canvas: Canvas, where: Int[Tensor, "b q"]) -> Float[Tensor, "b q v"]:
        """Log-probabilities given the label."""
        return self.model.log_probs(canvas, where, self.label.expand(canvas.batch, -1))

    @property
    def digits(self) -> Digits:
        """How the model spells tokens, if it does."""
        return cast("DigitConditional", self.model).digits

    def cost(self, canvas: Canvas, where: Int[Tensor, "b q"]) -> Cost:
        """A label costs nothing."""
        return self.model.cost(canvas, where)


@dataclass(frozen=True, slots=True, eq=False)
class Guided:
    """Classifier-free guidance: the label exaggerated by ``scale``; two calls a step."""

    model: Steerable
    label: Int[Tensor, " a"]
    scale: float

    def __post_init__(self) -> None:
        if self.scale < 0:
            raise ValueError(
                f"the guidance scale must be 0 (plain conditioning) or more; got {self.scale}"
            )

    def log_probs(self, canvas: Canvas, where: Int[Tensor, "b q"]) -> Float[Tensor, "b q v"]:
        """(1 + scale) * conditional - scale * unconditional, normalised."""
        with_label = self.model.log_probs(canvas, where, self.label.expand(canvas.batch, -1))
        without = self.model.log_probs(canvas, where)
        mixed = (1 + self.scale) * with_label - self.scale * without
        # What the label rules out stays ruled out: -inf - (-inf) would be no number.
        return torch.where(with_label == -torch.inf, with_label, mixed).log_softmax(-1)

    @property
    def digits(self) -> Digits:
        """How the model spells tokens, if it does."""
        return cast("DigitConditional", self.model).digits

    def cost(self, canvas: Canvas, where: Int[Tensor, "b q"]) -> Cost:
        """The model's bill, twice."""
        once = self.model.cost(canvas, where)
        return once + once
