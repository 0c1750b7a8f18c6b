"""The samplers as users meet them: what each one does, which families it runs on, its knobs."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import cast

from pgm_lite.core import Canvas, Conditional, NextToken, Step
from pgm_lite.datasets import Dataset
from pgm_lite.draw import rng
from pgm_lite.knobs import (
    BLOCK_SIZE,
    DELTA,
    DRAFT_ORDER,
    FILL,
    INNER,
    LOOPS,
    ORDER,
    REVEAL,
    SCHEDULE,
    SHARE,
    SIZE,
    STEPS,
    TEMPERATURE,
    TOP_P,
    WINDOW,
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
from pgm_lite.protocols import DigitConditional, DraftVerify
from pgm_lite.samplers import ancestral, autoregress, speculate, unmask, unmask_digits
from pgm_lite.schedules import cosine, one_by_one, uniform
from pgm_lite.windows import Window, constant_window, cosine_window, linear_window


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

    model: Conditional | NextToken | DigitConditional | DraftVerify
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


def simple_order(name: str, data: Dataset) -> Order:
    """An order by its name."""
    rows, columns = data.layout.rows, data.layout.columns
    simple: dict[str, Callable[[], Order]] = {
        "random": random_order,
        "left-to-right": left_to_right,
        "halton": lambda: halton(rows, columns),
        "confidence": confidence,
        "entropy": entropy,
        "margin": margin,
    }
    return simple[name]()


def make_order(request: Request) -> Order:
    """The order a request asks for."""
    name = request.text("order")
    if name == "blocks":
        inner = simple_order(request.text("inner"), request.dataset)
        return blocks(request.number("block_size"), inner)
    return simple_order(name, request.dataset)


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


def run_unmask_digits(request: Request) -> Iterator[Step]:
    """``unmask_digits`` with the steps and the way of revealing of the request."""
    return unmask_digits(
        cast("DigitConditional", request.model),
        request.canvas,
        steps=request.number("steps"),
        rng=rng(request.seed),
        reveal=request.text("reveal"),
    )


def run_speculate(request: Request) -> Iterator[Step]:
    """``speculate`` with the window, loops and order of the request."""
    windows: dict[str, Callable[[], Window]] = {
        "cosine": lambda: cosine_window(request.canvas.seq_len, float(request.settings["delta"])),
        "linear": lambda: linear_window(float(request.settings["share"])),
        "constant": lambda: constant_window(request.number("size")),
    }
    return speculate(
        cast("DraftVerify", request.model),
        request.canvas,
        window=windows[request.text("window")](),
        loops=request.number("loops"),
        order=simple_order(request.text("draft_order"), request.dataset),
        rng=rng(request.seed),
    )


SAMPLERS: dict[str, Sampler] = {
    "speculate": Sampler(
        "speculate",
        "drafts many positions in one pass and keeps those that the target law would",
        ("self_spec",),
        (WINDOW, DELTA, SHARE, SIZE, LOOPS, DRAFT_ORDER, TEMPERATURE, TOP_P),
        run_speculate,
    ),
    "unmask_digits": Sampler(
        "unmask_digits",
        "digits become known one by one, so that tokens are half-known on the way",
        ("prime",),
        (STEPS, REVEAL, TEMPERATURE, TOP_P),
        run_unmask_digits,
    ),
    "unmask": Sampler(
        "unmask",
        "writes a scheduled number of positions a step, in a chosen order",
        ("mdlm", "pgm", "self_spec"),
        (ORDER, SCHEDULE, STEPS, FILL, BLOCK_SIZE, INNER, TEMPERATURE, TOP_P),
        run_unmask,
    ),
    "ancestral": Sampler(
        "ancestral",
        "every unknown position flips by chance at each step, as in the MDLM paper",
        ("mdlm", "pgm", "self_spec"),
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
