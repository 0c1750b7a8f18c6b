"""Orders by the names that knobs give them."""

from collections.abc import Callable

from pgm_lite.datasets import Dataset
from pgm_lite.menu.sampler import Request
from pgm_lite.orders import (
    Order,
    SightedOrder,
    blocks,
    confidence,
    entropy,
    halton,
    left_to_right,
    margin,
    random_order,
    scouted,
)


def simple_order(name: str, data: Dataset) -> Order:
    """An order by its name."""
    rows, columns = data.layout.rows, data.layout.columns
    simple: dict[str, Callable[[], Order]] = {
        "random": random_order,
        "left-to-right": left_to_right,
        "halton": lambda: halton(rows, columns),
        "rolled-halton": lambda: halton(rows, columns, roll=True),
        "confidence": confidence,
        "entropy": entropy,
        "margin": margin,
    }
    return simple[name]()


def make_order(request: Request) -> Order:
    """The order a request asks for."""
    name = request.text("order")
    in_blocks = name == "blocks"
    order = simple_order(request.text("inner") if in_blocks else name, request.dataset)
    if isinstance(order, SightedOrder) and (share := float(request.settings.get("scouted", 1))) < 1:
        order = scouted(order, share)
    return blocks(request.number("block_size"), order) if in_blocks else order
