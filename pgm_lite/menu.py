"""The samplers as users meet them: what each one does, which families it runs on, its knobs."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import cast

from pgm_lite.core import Canvas, Conditional, NextToken, Step
from pgm_lite.datasets import Dataset
from pgm_lite.draw import rng
from pgm_lite.knobs import (
    BLOCK_SIZE,
    FILL,
    INNER,
    ORDER,
    SCHEDULE,
    STEPS,
    TEMPERATURE,
    TOP_P,
    Knob,
    Value,
)
from pgm_lite.orders import (
    Order,
    blocks,
    confidence,
    entropy,
    halton,
    left_to_right,
    margin,
    random_order,
)
from pgm_lite.samplers import ancestral, autoregress, unmask
from pgm_lite.schedules import cosine, one_by_one, uniform


@dataclass(frozen=True, slots=True)
class Sampler:
    """A sampler as users meet it: what it does, which families it runs on, its knobs."""

    name: str
    summary: str
    families: tuple[str, ...]
    knobs: tuple[Knob, ...]
    run: Callable[["Request"], Iterator[Step]]


@dataclass(frozen=True, slots=True, eq=False)
class Request:
    """Everything a sampler needs to start."""

    model: Conditional | NextToken
    dataset: Dataset
    canvas: Canvas
    settings: dict[str, Value]
    seed: int

    def text(self, name: str) -> str:
        """A setting that is a choice."""
        return str(self.settings[name])

    def number(self, name: str) -> int:
        """A setting that is a whole number."""
        return int(self.settings[name])


def make_order(request: Request) -> Order:
    """The order a request asks for."""
    rows, columns = request.dataset.layout.rows, request.dataset.layout.columns
    simple: dict[str, Callable[[], Order]] = {
        "random": random_order,
        "left-to-right": left_to_right,
        "halton": lambda: halton(rows, columns),
        "confidence": confidence,
        "entropy": entropy,
        "margin": margin,
    }
    name = request.text("order")
    if name == "blocks":
        return blocks(request.number("block_size"), simple[request.text("inner")]())
    return simple[name]()


def run_unmask(request: Request) -> Iterator[Step]:
    """``unmask`` with the schedule, order and fill mode of the request."""
    unknown = int(request.canvas.unknown[0].sum())
    steps = min(request.number("steps"), max(unknown, 1))
    schedules = {
        "cosine": lambda: cosine(unknown, steps=steps),
        "uniform": lambda: uniform(unknown, steps=steps),
        "one-by-one": lambda: one_by_one(unknown),
    }
    return unmask(
        cast("Conditional", request.model),
        request.canvas,
        schedule=schedules[request.text("schedule")]() if unknown else (),
        order=make_order(request),
        rng=rng(request.seed),
        fill=request.text("fill"),
    )


def run_ancestral(request: Request) -> Iterator[Step]:
    """``ancestral`` with the steps of the request."""
    model = cast("Conditional", request.model)
    return ancestral(model, request.canvas, steps=request.number("steps"), rng=rng(request.seed))


def run_autoregress(request: Request) -> Iterator[Step]:
    """``autoregress``: one token after another."""
    return autoregress(cast("NextToken", request.model), request.canvas, rng=rng(request.seed))


SAMPLERS: dict[str, Sampler] = {
    "unmask": Sampler(
        "unmask",
        "writes a scheduled number of positions a step, in a chosen order",
        ("mdlm", "pgm"),
        (ORDER, SCHEDULE, STEPS, FILL, BLOCK_SIZE, INNER, TEMPERATURE, TOP_P),
        run_unmask,
    ),
    "ancestral": Sampler(
        "ancestral",
        "every unknown position flips by chance at each step, as in the MDLM paper",
        ("mdlm", "pgm"),
        (STEPS, TEMPERATURE, TOP_P),
        run_ancestral,
    ),
    "autoregress": Sampler(
        "autoregress",
        "one token after another, left to right, with a key/value cache",
        ("ar",),
        (TEMPERATURE, TOP_P),
        run_autoregress,
    ),
}
