"""The sampler of models that judge their own drafts."""

from collections.abc import Callable, Iterator
from typing import cast

from pgm_lite.core import Step
from pgm_lite.draw import rng
from pgm_lite.knobs import DELTA, DRAFT_ORDER, LOOPS, SHARE, SIZE, TEMPERATURE, TOP_P, WINDOW
from pgm_lite.menu.orders import simple_order
from pgm_lite.menu.sampler import Request, Sampler
from pgm_lite.protocols import DraftVerify
from pgm_lite.samplers import speculate
from pgm_lite.windows import Window, constant_window, cosine_window, linear_window


def run_speculate(request: Request) -> Iterator[Step]:
    """``speculate`` with the window, loops and order of the request."""
    windows: dict[str, Callable[[], Window]] = {
        "cosine": lambda: cosine_window(request.canvas.seq_len, request.amount("delta")),
        "linear": lambda: linear_window(request.amount("share")),
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


SPECULATE = Sampler(
    "speculate",
    "drafts many positions in one pass and keeps those that the target law would",
    ("self_spec",),
    (WINDOW, DELTA, SHARE, SIZE, LOOPS, DRAFT_ORDER, TEMPERATURE, TOP_P),
    run_speculate,
    needs="a draft of many positions and a verdict on each draft",
)
