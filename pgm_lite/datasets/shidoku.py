"""Shidoku: every 4x4 sudoku there is, so that the whole distribution is known."""

from functools import cache
from itertools import permutations, product

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from pgm_lite.core import Layout
from pgm_lite.datasets.dataset import Dataset, Rows, Split

SIDE = 4


def is_valid(grids: Int[Tensor, "b n"]) -> Bool[Tensor, " b"]:
    """Whether every row, column and 2x2 box of each grid holds all four digits."""
    cells = grids.reshape(-1, SIDE, SIDE)
    boxes = cells.reshape(-1, 2, 2, 2, 2).transpose(2, 3).reshape(-1, SIDE, SIDE)
    houses = torch.cat([cells, cells.transpose(1, 2), boxes], dim=1)
    return (houses.sort(dim=-1).values == torch.arange(SIDE)).all(-1).all(-1)


@cache
def shidoku() -> Dataset:
    """All 288 grids of 4x4 sudoku, 16 positions and 4 tokens.

    The uniform law over them has entropy ln 288 = 5.66296 nats. Training, validation and test
    are the same 288 grids: nothing is held out where everything is known.
    """
    grids = _all_grids()
    rows = Rows(grids.to(torch.uint8), torch.zeros(len(grids), 0, dtype=torch.long))
    splits: dict[str, Split] = {"train": rows, "validation": rows, "test": rows}
    return Dataset(
        name="shidoku",
        symbols=("1", "2", "3", "4"),
        layout=Layout("grid", SIDE, SIDE),
        splits=splits,
        note="All 288 grids of 4x4 sudoku, enumerated by this library; no licence needed.",
    )


def _all_grids() -> Int[Tensor, "288 16"]:
    """The 24^4 ways to stack four permutations, filtered: slow and plain."""
    lines = torch.tensor(list(permutations(range(SIDE))))
    stacks = torch.tensor(list(product(range(len(lines)), repeat=SIDE)))
    grids = lines[stacks].flatten(1)
    return grids[is_valid(grids)]
