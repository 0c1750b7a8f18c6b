"""Orders by the names that knobs give them."""

from collections.abc import Callable

from pgm_lite.datasets import Dataset
from pgm_lite.menu.sampler import Request
from pgm_lite.orders import (
    Order,
    blocks,
    confidence,
    entropy,
    halton,
    left_to_right,
    margin,
    random_order,
)


def simple_order(name: str, data: Dataset) -> Order:
    """An order by its name."""
    rows, columns = data.layout.rows, data.layout.columns
    simple: dict[str, Callable[[], Order]] = {
        "random": random_order,
        "left-to-right": left_to_right,
        "halton": lambda: halton(rows, columns),
        "confidence": confidence,
        "entropy": entropy,
        "margin": margin,
    }
    return simple[name]()


def make_order(request: Request) -> Order:
    """The order a request asks for."""
    name = request.text("order")
    if name == "blocks":
        inner = simple_order(request.text("inner"), request.dataset)
        return blocks(request.number("block_size"), inner)
    return simple_order(name, request.dataset)
