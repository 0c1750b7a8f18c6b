"""The sampler of models of the next token."""

from collections.abc import Iterator
from typing import cast

from pgm_lite.core import NextToken, Step
from pgm_lite.draw import rng
from pgm_lite.knobs import TEMPERATURE, TOP_P
from pgm_lite.menu.sampler import Request, Sampler
from pgm_lite.samplers import autoregress


def run_autoregress(request: Request) -> Iterator[Step]:
    """``autoregress``: one token after another."""
    return autoregress(cast("NextToken", request.model), request.canvas, rng=rng(request.seed))


AUTOREGRESS = Sampler(
    "autoregress",
    "one token after another, left to right, with a key/value cache",
    ("ar",),
    (TEMPERATURE, TOP_P),
    run_autoregress,
    needs="the next token given all before it",
)
