"""The samplers of any model that can be asked about unknown positions: on a schedule, by chance."""

from collections.abc import Iterator
from typing import cast

from pgm_lite.core import Conditional, Step
from pgm_lite.draw import rng
from pgm_lite.knobs import BLOCK_SIZE, FILL, INNER, ORDER, SCHEDULE, STEPS, TEMPERATURE, TOP_P
from pgm_lite.menu.orders import make_order
from pgm_lite.menu.sampler import Request, Sampler
from pgm_lite.samplers import ancestral, unmask
from pgm_lite.schedules import cosine, one_by_one, uniform


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


UNMASK = Sampler(
    "unmask",
    "writes a scheduled number of positions a step, in a chosen order",
    ("mdlm", "pgm", "self_spec"),
    (ORDER, SCHEDULE, STEPS, FILL, BLOCK_SIZE, INNER, TEMPERATURE, TOP_P),
    run_unmask,
)
ANCESTRAL = Sampler(
    "ancestral",
    "every unknown position flips by chance at each step, as in the MDLM paper",
    ("mdlm", "pgm", "self_spec"),
    (STEPS, TEMPERATURE, TOP_P),
    run_ancestral,
)
