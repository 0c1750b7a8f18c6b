"""Rows of a table that are equal."""

from typing import cast

import torch
from jaxtyping import Int, Shaped
from torch import Tensor


def unique_rows(rows: Shaped[Tensor, "r n"]) -> tuple[Shaped[Tensor, "u n"], Int[Tensor, " r"]]:
    """The different rows, sorted, and which of them each row is."""
    return cast("tuple[Tensor, Tensor]", torch.unique(rows, dim=0, return_inverse=True))
