"""The samplers that ask two models: a small drafter, or a judge of the next token."""

from collections.abc import Iterator
from typing import cast

from pgm_lite.core import Conditional, Step
from pgm_lite.draw import rng
from pgm_lite.knobs import TEMPERATURE, TOP_P, Knob
from pgm_lite.menu.sampler import Request, Sampler, reshaped
from pgm_lite.protocols import NextSpan
from pgm_lite.samplers import adaptive_parallel, speculative_decode

DRAFTS = Knob("drafts", "int", 4, "tokens the small model writes ahead of each check", 1, 32)
MIXTURE = Knob(
    "mixture",
    "float",
    0.5,
    "0 follows the AR model exactly, 1 accepts every draft; between, a mixture of both laws",
    0,
    1,
)
LOOK_AHEAD = Knob("look_ahead", "int", 32, "positions drafted ahead of each check", 1, 256)


def run_speculative_decode(request: Request) -> Iterator[Step]:
    """``speculative_decode``, its drafter reshaped as the request's model is."""
    return speculative_decode(
        cast("NextSpan", request.model),
        cast("NextSpan", reshaped(request.companion, request.settings)),
        request.canvas,
        drafts=request.number("drafts"),
        rng=rng(request.seed),
    )


def run_adaptive_parallel(request: Request) -> Iterator[Step]:
    """``adaptive_parallel``; the mixture is reshaped, so the judge is asked as it is."""
    return adaptive_parallel(
        cast("Conditional", request.model),
        cast("NextSpan", request.companion),
        request.canvas,
        mixture=request.amount("mixture"),
        look_ahead=request.number("look_ahead"),
        rng=rng(request.seed),
    )


SPECULATIVE_DECODE = Sampler(
    "speculative_decode",
    "a small AR model drafts tokens, the large one checks them in one call; the law stays its own",
    ("ar",),
    (DRAFTS, TEMPERATURE, TOP_P),
    run_speculative_decode,
    needs="the next token given all before it, at several positions in one call",
    companion="ar_small",
)
ADAPTIVE_PARALLEL = Sampler(
    "adaptive_parallel",
    "left to right: drafts ahead at once, keeps what an AR model mixed in agrees with (APD)",
    ("mdlm", "pgm"),
    (MIXTURE, LOOK_AHEAD, TEMPERATURE, TOP_P),
    run_adaptive_parallel,
    companion="ar",
)
