"""The sampler that reads the whole canvas in some steps only."""

from collections.abc import Iterator
from typing import cast

from pgm_lite.core import Step
from pgm_lite.draw import rng
from pgm_lite.knobs import BLIND, SCHEDULE, SIGHTED, STEPS, TEMPERATURE, TOP_P, Knob
from pgm_lite.menu.masked import schedule_of
from pgm_lite.menu.orders import simple_order
from pgm_lite.menu.sampler import Request, Sampler
from pgm_lite.protocols import Cached
from pgm_lite.samplers import recap

GROUP_ORDER = Knob(
    "group_order",
    "choice",
    "confidence",
    "which positions come next; a full pass settles it for its whole group",
    choices=(*SIGHTED, *BLIND),
)
NOISE = Knob(
    "noise",
    "float",
    5.5,
    "chance in the order: Gumbel noise on the scores, fading out towards the end",
    0,
    20,
    applies=lambda settings: settings.get("group_order") in SIGHTED,
)
FULL_FIRST = Knob(
    "full_first",
    "float",
    0.375,
    "the share of the steps, at the start, that read the whole canvas",
    0,
    1,
    step=0.025,
)
LOCAL = Knob(
    "local",
    "int",
    1,
    "local steps after each later full one; they read only the group they write",
    0,
    16,
)


def run_recap(request: Request) -> Iterator[Step]:
    """``recap`` with the schedule, order and groups of the request."""
    order, schedule = request.text("group_order"), schedule_of(request)
    return recap(
        cast("Cached", request.model),
        request.canvas,
        schedule=schedule,
        order=simple_order(order, request.dataset),
        rng=rng(request.seed),
        full_first=round(request.amount("full_first") * len(schedule)),
        local=request.number("local"),
        noise=request.amount("noise") if order in SIGHTED else 0.0,
    )


RECAP = Sampler(
    "recap",
    "full passes choose positions for several steps; local passes write them from cached keys",
    ("mdlm", "self_spec"),
    (GROUP_ORDER, NOISE, FULL_FIRST, LOCAL, SCHEDULE, STEPS, TEMPERATURE, TOP_P),
    run_recap,
    needs="a few positions from remembered keys and values of all others",
)
