"""The samplers that reopen what they have written."""

from collections.abc import Iterator
from typing import cast

from pgm_lite.core import Conditional, Step
from pgm_lite.draw import rng
from pgm_lite.knobs import SCHEDULE, STEPS, TEMPERATURE, TOP_P, Knob
from pgm_lite.menu.masked import schedule_of
from pgm_lite.menu.sampler import Request, Sampler
from pgm_lite.samplers import Loop, path_planning, remask

VARIANT = Knob(
    "variant",
    "choice",
    "cap",
    "which written tokens reopen: any, never above eta a step (cap); any, eta of what is possible "
    "(rescale); the improbable ones (conf); any, for a while near the end (loop)",
    choices=("cap", "rescale", "conf", "loop"),
)
ETA = Knob(
    "eta",
    "float",
    0.1,
    "how much is reopened at each step; 0 is plain ancestral sampling",
    0,
    1,
    applies=lambda settings: settings.get("variant") != "conf",
    step=0.01,
)
LOOP_ON = Knob(
    "loop_on",
    "float",
    0.55,
    "when the loop begins; time runs from 1 down to 0",
    0.05,
    0.95,
    applies=lambda settings: settings.get("variant") == "loop",
)
LOOP_OFF = Knob(
    "loop_off",
    "float",
    0.05,
    "when the loop ends; after it began, so a smaller number",
    0.01,
    0.9,
    applies=lambda settings: settings.get("variant") == "loop",
    step=0.01,
)
LOOP_ALPHA = Knob(
    "loop_alpha",
    "float",
    0.9,
    "the share known during the loop",
    0.1,
    0.99,
    applies=lambda settings: settings.get("variant") == "loop",
)
DOUBT = Knob(
    "doubt",
    "float",
    1.0,
    "how hard written tokens are judged: 0 never reopens, 1 like new ones, more reopens more",
    0,
    4,
)
SCORED = Knob(
    "scored",
    "choice",
    "when written",
    "judge a written token by its chance when it was written, or ask again for each one now "
    "(one call more a token: slow)",
    choices=("when written", "now"),
    applies=lambda settings: settings.get("doubt") != 0,
)


def run_remask(request: Request) -> Iterator[Step]:
    """``remask`` with the variant, eta and loop of the request."""
    return remask(
        cast("Conditional", request.model),
        request.canvas,
        steps=request.number("steps"),
        rng=rng(request.seed),
        variant=request.text("variant"),
        eta=request.amount("eta"),
        loop=Loop(
            on=request.amount("loop_on"),
            off=request.amount("loop_off"),
            alpha=request.amount("loop_alpha"),
        )
        if request.text("variant") == "loop"
        else None,
    )


def run_path_planning(request: Request) -> Iterator[Step]:
    """``path_planning`` with the schedule and scores of the request."""
    return path_planning(
        cast("Conditional", request.model),
        request.canvas,
        schedule=schedule_of(request),
        rng=rng(request.seed),
        eta=request.amount("doubt"),
        scored=request.text("scored"),
    )


REMASK = Sampler(
    "remask",
    "ancestral sampling that also reopens written tokens by chance, so that errors can be undone",
    ("mdlm", "pgm", "self_spec"),
    (VARIANT, ETA, LOOP_ON, LOOP_OFF, LOOP_ALPHA, STEPS, TEMPERATURE, TOP_P),
    run_remask,
)
PATH_PLANNING = Sampler(
    "path_planning",
    "draws everywhere, keeps the best of old and new tokens, reopens the worst of the old",
    ("mdlm", "pgm", "self_spec"),
    (DOUBT, SCORED, SCHEDULE, STEPS, TEMPERATURE, TOP_P),
    run_path_planning,
)
