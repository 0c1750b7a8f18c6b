"""The samplers of any model that can be asked about unknown positions: on a schedule, by chance."""

from collections.abc import Iterator
from typing import cast

from pgm_lite.core import Conditional, Step
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
    Settings,
    sighted,
)
from pgm_lite.menu.orders import make_order
from pgm_lite.menu.sampler import Request, Sampler
from pgm_lite.samplers import ancestral, unmask
from pgm_lite.schedules import cosine, one_by_one, uniform


def ranks_samples(settings: Settings) -> bool:
    """Matters where tokens are drawn first and then ranked."""
    return sighted(settings) and settings.get("fill") == "sample-then-rank"


CHOICE_TEMPERATURE = Knob(
    "choice_temperature",
    "float",
    0.0,
    "noise on the ranking of draws, less at every step; more makes the order random",
    0,
    20,
    applies=ranks_samples,
)
SCOUTED = Knob(
    "scouted",
    "float",
    1.0,
    "share of the unknown positions that is asked about and ranked; 0 is random order",
    0,
    1,
    applies=sighted,
)
ASKS = Knob(
    "asks",
    "choice",
    "flipping",
    "ask about positions that flip; or about all unknown ones; or so, but keep answers that hold",
    choices=("flipping", "unknown", "cached"),
)


def schedule_of(request: Request) -> tuple[int, ...]:
    """The schedule of the request; at most one step for each unknown position."""
    unknown = int(request.canvas.unknown[0].sum())
    steps = min(request.number("steps"), max(unknown, 1))
    schedules = {
        "cosine": lambda: cosine(unknown, steps=steps),
        "uniform": lambda: uniform(unknown, steps=steps),
        "one-by-one": lambda: one_by_one(unknown),
    }
    return schedules[request.text("schedule")]() if unknown else ()


def run_unmask(request: Request) -> Iterator[Step]:
    """``unmask`` with the schedule, order and fill mode of the request."""
    return unmask(
        cast("Conditional", request.model),
        request.canvas,
        schedule=schedule_of(request),
        order=make_order(request),
        rng=rng(request.seed),
        fill=request.text("fill"),
        choice_temperature=request.amount("choice_temperature"),
    )


def run_ancestral(request: Request) -> Iterator[Step]:
    """``ancestral`` with the steps of the request, asking as it says."""
    return ancestral(
        cast("Conditional", request.model),
        request.canvas,
        steps=request.number("steps"),
        rng=rng(request.seed),
        asks=request.text("asks"),
    )


UNMASK = Sampler(
    "unmask",
    "writes a scheduled number of positions a step, in a chosen order",
    ("mdlm", "pgm", "self_spec"),
    (
        ORDER,
        SCHEDULE,
        STEPS,
        FILL,
        CHOICE_TEMPERATURE,
        BLOCK_SIZE,
        INNER,
        SCOUTED,
        TEMPERATURE,
        TOP_P,
    ),
    run_unmask,
)
ANCESTRAL = Sampler(
    "ancestral",
    "every unknown position flips by chance at each step, as in the MDLM paper",
    ("mdlm", "pgm", "self_spec"),
    (STEPS, ASKS, TEMPERATURE, TOP_P),
    run_ancestral,
)
