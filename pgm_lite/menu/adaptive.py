"""The samplers that set their own pace: by the moments of events, or by what the answers allow."""

from collections.abc import Iterator
from typing import cast

from pgm_lite.core import Conditional, Step
from pgm_lite.draw import rng
from pgm_lite.knobs import BLOCK_SIZE, SIGHTED, TEMPERATURE, TOP_P, Knob
from pgm_lite.menu.orders import simple_order
from pgm_lite.menu.sampler import Request, Sampler
from pgm_lite.policies import Policy, entropy_bounded, factor, stable, threshold
from pgm_lite.samplers import first_hitting, unmask_adaptive

FAMILIES = ("mdlm", "pgm", "self_spec")

GAMMA = Knob(
    "gamma",
    "float",
    0.1,
    "nats of dependence a step may lose; 0 writes one position, with the certain ones",
    0,
    10,
)
PROXY = Knob(
    "proxy",
    "choice",
    "entropy",
    "what makes a position come first",
    choices=("entropy", *(name for name in SIGHTED if name != "entropy")),
)
CRITERION = Knob(
    "criterion",
    "choice",
    "threshold",
    "write what is surer than a threshold; or the more, the surer the least sure of them is",
    choices=("threshold", "factor"),
)
TAU = Knob(
    "tau",
    "float",
    0.9,
    "the probability of its likeliest token from which a position counts as sure",
    0,
    1,
    applies=lambda settings: settings.get("criterion", "threshold") == "threshold",
)
FACTOR = Knob(
    "factor",
    "float",
    1.0,
    "n positions are written if n + 1 times the doubt of the last one stays below this",
    0,
    8,
    applies=lambda settings: settings.get("criterion") == "factor",
)
EPSILON = Knob(
    "epsilon",
    "float",
    0.01,
    "nats by which an answer may move in a step and still count as stable",
    0,
    1,
    applies=lambda settings: settings.get("history") != 0,
    step=0.001,
)
HISTORY = Knob("history", "int", 2, "for how many steps an answer has to be stable", 0, 8)
SCOPE = Knob(
    "scope",
    "choice",
    "everywhere",
    "ask about all unknown positions, or about those of one block after another",
    choices=("everywhere", "blocks"),
)


def run_first_hitting(request: Request) -> Iterator[Step]:
    """``first_hitting``."""
    return first_hitting(cast("Conditional", request.model), request.canvas, rng=rng(request.seed))


def run_entropy_bounded(request: Request) -> Iterator[Step]:
    """``unmask_adaptive`` within a budget of nats."""
    proxy = simple_order(request.text("proxy"), request.dataset)
    return adaptive(request, entropy_bounded(request.amount("gamma"), proxy))


def run_threshold(request: Request) -> Iterator[Step]:
    """``unmask_adaptive`` by confidence: above a threshold, or by Fast-dLLM's factor."""
    if request.text("criterion") == "factor":
        return adaptive(request, factor(request.amount("factor")))
    return adaptive(request, threshold(request.amount("tau")))


def run_stable(request: Request) -> Iterator[Step]:
    """``unmask_adaptive`` where answers are sure and have stopped moving."""
    tau, epsilon = request.amount("tau"), request.amount("epsilon")
    return adaptive(request, stable(tau, epsilon, request.number("history")))


def adaptive(request: Request, policy: Policy) -> Iterator[Step]:
    """``unmask_adaptive`` with this policy, in blocks if the request says so."""
    return unmask_adaptive(
        cast("Conditional", request.model),
        request.canvas,
        policy=policy,
        rng=rng(request.seed),
        block_size=request.number("block_size") if request.text("scope") == "blocks" else None,
    )


FIRST_HITTING = Sampler(
    "first_hitting",
    "jumps from one event to the next: one random position at a time, and its moment",
    FAMILIES,
    (TEMPERATURE, TOP_P),
    run_first_hitting,
)
ENTROPY_BOUNDED = Sampler(
    "entropy_bounded",
    "writes as many positions as a budget of entropy allows (EB-Sampler)",
    FAMILIES,
    (GAMMA, PROXY, SCOPE, BLOCK_SIZE, TEMPERATURE, TOP_P),
    run_entropy_bounded,
)
THRESHOLD = Sampler(
    "threshold",
    "writes every position the model is sure of, at least one (Fast-dLLM)",
    FAMILIES,
    (CRITERION, TAU, FACTOR, SCOPE, BLOCK_SIZE, TEMPERATURE, TOP_P),
    run_threshold,
)
STABLE = Sampler(
    "stable",
    "writes positions whose answers are sure and have stopped moving (KLASS)",
    FAMILIES,
    (TAU, EPSILON, HISTORY, SCOPE, BLOCK_SIZE, TEMPERATURE, TOP_P),
    run_stable,
)
