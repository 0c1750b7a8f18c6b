"""The sampler of half-known tokens."""

from collections.abc import Iterator
from typing import cast

from pgm_lite.core import Step
from pgm_lite.draw import rng
from pgm_lite.knobs import REVEAL, STEPS, TEMPERATURE, TOP_P
from pgm_lite.menu.sampler import Request, Sampler
from pgm_lite.protocols import DigitConditional
from pgm_lite.samplers import unmask_digits


def run_unmask_digits(request: Request) -> Iterator[Step]:
    """``unmask_digits`` with the steps and the way of revealing of the request."""
    return unmask_digits(
        cast("DigitConditional", request.model),
        request.canvas,
        steps=request.number("steps"),
        rng=rng(request.seed),
        reveal=request.text("reveal"),
    )


UNMASK_DIGITS = Sampler(
    "unmask_digits",
    "digits become known one by one, so that tokens are half-known on the way",
    ("prime",),
    (STEPS, REVEAL, TEMPERATURE, TOP_P),
    run_unmask_digits,
    needs="tokens given any of their digits",
)
