"""Steering by a class label: wrappers that are conditionals themselves.

How strong guidance is may change with the share known: see ``pgm_lite.models.ramps``.

A label is one value index per attribute, -1 for unspecified. Classifier-free guidance follows
arXiv 2207.12598 in the convention (1 + scale) * conditional - scale * unconditional, so that scale
0 is plain conditioning; PGM and Halton-MaskGIT write it the same way.
"""

from dataclasses import dataclass
from typing import Protocol, cast, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from pgm_lite.core import Canvas, Cost
from pgm_lite.digits import Digits
from pgm_lite.models.ramps import Ramp, constant
from pgm_lite.net import check_label
from pgm_lite.protocols import Cached, DigitConditional, DraftVerify
from pgm_lite.shape import Shape


@runtime_checkable
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


@runtime_checkable
class SteerableDrafts(DraftVerify, Protocol):
    """A model that drafts and verifies and also takes a label: self-speculation."""

    def draft(
        self,
        canvas: Canvas,
        where: Int[Tensor, "b q"],
        label: Int[Tensor, "b a"] | None = None,
    ) -> tuple[Float[Tensor, "b q v"], object]:
        """The draft law given the known tokens and the label, and the memory."""
        ...


@runtime_checkable
class SteerableCache(Cached, Protocol):
    """A model that remembers full passes and also takes a label: MDLM."""

    def full(
        self,
        canvas: Canvas,
        where: Int[Tensor, "b q"],
        label: Int[Tensor, "b a"] | None = None,
    ) -> tuple[Float[Tensor, "b q v"], object]:
        """Log-probabilities given the known tokens and the label, and the memory."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """``model`` with its label fixed: every row is asked for the same kind of sequence."""

    model: Steerable
    label: Int[Tensor, " a"]

    def __post_init__(self) -> None:
        check(self.model, self.label)

    def log_probs(self, canvas: Canvas, where: Int[Tensor, "b q"]) -> Float[Tensor, "b q v"]:
        """Log-probabilities given the label."""
        return self.model.log_probs(canvas, where, self.label.expand(canvas.batch, -1))

    def draft(
        self, canvas: Canvas, where: Int[Tensor, "b q"]
    ) -> tuple[Float[Tensor, "b q v"], object]:
        """Drafts given the label."""
        drafting = cast("SteerableDrafts", self.model)
        return drafting.draft(canvas, where, self.label.expand(canvas.batch, -1))

    def verify(
        self,
        memory: object,
        order: Int[Tensor, "b k"],
        tokens: Int[Tensor, "b n"],
        slots: Int[Tensor, "b q"],
    ) -> Float[Tensor, "b q v"]:
        """The target law; the memory already knows the label."""
        return cast("SteerableDrafts", self.model).verify(memory, order, tokens, slots)

    def draft_cost(self, canvas: Canvas, where: Int[Tensor, "b q"]) -> Cost:
        """A label costs nothing."""
        return cast("SteerableDrafts", self.model).draft_cost(canvas, where)

    def verify_cost(self, order: Int[Tensor, "b k"], slots: Int[Tensor, "b q"]) -> Cost:
        """A label costs nothing."""
        return cast("SteerableDrafts", self.model).verify_cost(order, slots)

    def full(
        self, canvas: Canvas, where: Int[Tensor, "b q"]
    ) -> tuple[Float[Tensor, "b q v"], object]:
        """A full pass given the label."""
        caching = cast("SteerableCache", self.model)
        return caching.full(canvas, where, self.label.expand(canvas.batch, -1))

    def local(
        self, memory: object, canvas: Canvas, group: Int[Tensor, "b g"], where: Int[Tensor, "b q"]
    ) -> Float[Tensor, "b q v"]:
        """A local pass; the memory already knows the label."""
        return cast("SteerableCache", self.model).local(memory, canvas, group, where)

    def local_cost(self, group: Int[Tensor, "b g"], where: Int[Tensor, "b q"]) -> Cost:
        """A label costs nothing."""
        return cast("SteerableCache", self.model).local_cost(group, where)

    @property
    def digits(self) -> Digits:
        """How the model spells tokens, if it does."""
        return cast("DigitConditional", self.model).digits

    def cost(self, canvas: Canvas, where: Int[Tensor, "b q"]) -> Cost:
        """A label costs nothing."""
        return self.model.cost(canvas, where)


@dataclass(frozen=True, slots=True, eq=False)
class Guided:
    """Classifier-free guidance: the label exaggerated by ``scale``; two calls a step.

    The scale is multiplied by ``ramp`` of the share of the canvas that is known when the question
    is asked (a prompt counts, and of half-known tokens each digit). Drafts are judged at the scale
    at which they were drafted.
    """

    model: Steerable
    label: Int[Tensor, " a"]
    scale: float
    ramp: Ramp = constant

    def __post_init__(self) -> None:
        if not 0 <= self.scale < float("inf"):
            raise ValueError(
                "the guidance scale must be 0 (plain conditioning) or more, and finite; "
                f"got {self.scale}"
            )
        check(self.model, self.label)

    def log_probs(self, canvas: Canvas, where: Int[Tensor, "b q"]) -> Float[Tensor, "b q v"]:
        """(1 + scale) * conditional - scale * unconditional, normalised."""
        with_label = self.model.log_probs(canvas, where, self.label.expand(canvas.batch, -1))
        return self.mixed(with_label, self.model.log_probs(canvas, where), self.scale_at(canvas))

    def scale_at(self, canvas: Canvas) -> Float[Tensor, " b"]:
        """The scale of each row of a canvas."""
        return self.scale * self.ramp(canvas.known.double().mean(1))

    def mixed(
        self,
        with_label: Float[Tensor, "b q v"],
        without: Float[Tensor, "b q v"],
        scale: Float[Tensor, " b"],
    ) -> Float[Tensor, "b q v"]:
        """The law that guidance makes of the two."""
        weight = scale.to(with_label.dtype)[:, None, None]
        # At scale 0 nothing is taken away, not even what is impossible.
        away = (weight * without).masked_fill(weight == 0, 0.0)
        mixed = (1 + weight) * with_label - away
        # What the label rules out stays ruled out: -inf - (-inf) would be no number.
        return torch.where(with_label == -torch.inf, with_label, mixed).log_softmax(-1)

    def draft(
        self, canvas: Canvas, where: Int[Tensor, "b q"]
    ) -> tuple[Float[Tensor, "b q v"], object]:
        """Guided drafts; target laws have to be guided likewise."""
        drafting = cast("SteerableDrafts", self.model)
        with_label, one = drafting.draft(canvas, where, self.label.expand(canvas.batch, -1))
        without, other = drafting.draft(canvas, where)
        scale = self.scale_at(canvas)
        return self.mixed(with_label, without, scale), (one, other, scale)

    def verify(
        self,
        memory: object,
        order: Int[Tensor, "b k"],
        tokens: Int[Tensor, "b n"],
        slots: Int[Tensor, "b q"],
    ) -> Float[Tensor, "b q v"]:
        """The guided target law."""
        drafting = cast("SteerableDrafts", self.model)
        one, other, scale = cast("tuple[object, object, Tensor]", memory)
        with_label = drafting.verify(one, order, tokens, slots)
        return self.mixed(with_label, drafting.verify(other, order, tokens, slots), scale)

    def draft_cost(self, canvas: Canvas, where: Int[Tensor, "b q"]) -> Cost:
        """The model's bill, twice."""
        once = cast("SteerableDrafts", self.model).draft_cost(canvas, where)
        return once + once

    def verify_cost(self, order: Int[Tensor, "b k"], slots: Int[Tensor, "b q"]) -> Cost:
        """The model's bill, twice."""
        once = cast("SteerableDrafts", self.model).verify_cost(order, slots)
        return once + once

    def full(
        self, canvas: Canvas, where: Int[Tensor, "b q"]
    ) -> tuple[Float[Tensor, "b q v"], object]:
        """A guided full pass, and both memories."""
        caching = cast("SteerableCache", self.model)
        with_label, one = caching.full(canvas, where, self.label.expand(canvas.batch, -1))
        without, other = caching.full(canvas, where)
        return self.mixed(with_label, without, self.scale_at(canvas)), (one, other)

    def local(
        self, memory: object, canvas: Canvas, group: Int[Tensor, "b g"], where: Int[Tensor, "b q"]
    ) -> Float[Tensor, "b q v"]:
        """A guided local pass."""
        caching, (one, other) = (
            cast("SteerableCache", self.model),
            cast("tuple[object, object]", memory),
        )
        with_label = caching.local(one, canvas, group, where)
        without = caching.local(other, canvas, group, where)
        return self.mixed(with_label, without, self.scale_at(canvas))

    def local_cost(self, group: Int[Tensor, "b g"], where: Int[Tensor, "b q"]) -> Cost:
        """The model's bill, twice."""
        once = cast("SteerableCache", self.model).local_cost(group, where)
        return once + once

    @property
    def digits(self) -> Digits:
        """How the model spells tokens, if it does."""
        return cast("DigitConditional", self.model).digits

    def cost(self, canvas: Canvas, where: Int[Tensor, "b q"]) -> Cost:
        """The model's bill, twice."""
        once = self.model.cost(canvas, where)
        return once + once


def check(model: object, label: Int[Tensor, " a"]) -> None:
    """Refuse a value that the model's attributes lack before anything is asked.

    Of models that are not ours the sizes are unknown, and a label of another length is refused
    where it is used.
    """
    shape = getattr(model, "shape", None)
    if isinstance(shape, Shape) and len(shape.labels) == len(label):
        check_label(label, shape.labels)
