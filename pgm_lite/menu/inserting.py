"""The sampler of sequences that grow."""

from collections.abc import Iterator
from typing import cast

from pgm_lite.core import Step
from pgm_lite.draw import rng
from pgm_lite.knobs import LONGEST, STOP, TEMPERATURE, THRESHOLD, TOP_P
from pgm_lite.menu.sampler import Request, Sampler
from pgm_lite.protocols import Inserting
from pgm_lite.samplers import insert


def run_insert(request: Request) -> Iterator[Step]:
    """``insert`` with the end and the limit of the request; no row outgrows its data set."""
    by_chance = request.text("stop") == "by chance"
    return insert(
        cast("Inserting", request.model),
        request.canvas,
        rng=rng(request.seed),
        threshold=None if by_chance else request.amount("threshold"),
        longest=min(request.number("longest"), request.canvas.seq_len),
    )


INSERT = Sampler(
    "insert",
    "puts one token at a time wherever it belongs, until the sequence is done",
    ("insertion",),
    (STOP, THRESHOLD, LONGEST, TEMPERATURE, TOP_P),
    run_insert,
    needs="what comes in next and where, and whether it is done",
)
