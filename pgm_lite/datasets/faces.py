"""Faces: 12,000 pixel-art portraits of 16x16 cells in 32 colours, with known attributes."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from jaxtyping import Int, UInt8
from torch import Tensor

from pgm_lite.core import Layout
from pgm_lite.datasets.assets import asset
from pgm_lite.datasets.dataset import Attribute, Dataset, Rows, Split

SIDE = 16
VALIDATION = slice(10_800, 11_400)
TEST = slice(11_400, 12_000)

NOTE = (
    "Portraits of the DiceBear pixel-art style (CC0 1.0), drawn by dicebear-core (MIT) from "
    "the seeds 0 to 11999."
)


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """Which variant of every part the generator drew, for judges; not for steering."""

    variants: dict[str, tuple[str, ...]]
    drawn: Int[Tensor, "rows parts"]


def faces() -> Dataset:
    """Portraits whose palette is a balanced tree of similar colours; token 0 is the background.

    The five bits of a token walk down that tree, so its leading bits already say the kind of
    colour. Attributes for steering: the colours of hair, skin and clothes, and whether there
    are glasses, a hat, a beard, accessories. The first 10,800 portraits train, the next 600
    validate, the last 600 test.
    """
    return _faces()


def parts() -> Parts:
    """The parts of the training portraits, in their order."""
    with np.load(asset("faces.npz")) as file:
        variants = _named(file["part_names"].tolist(), file["part_values"].tolist())
        return Parts(variants, torch.as_tensor(file["parts"])[: VALIDATION.start].long())


@cache
def _faces() -> Dataset:
    with np.load(asset("faces.npz")) as file:
        tokens: UInt8[Tensor, "rows n"] = torch.as_tensor(file["tokens"])
        labels: Int[Tensor, "rows a"] = torch.as_tensor(file["labels"])
        palette = tuple("#{:02x}{:02x}{:02x}".format(*colour) for colour in file["palette"])
        named = _named(file["attributes"].tolist(), file["values"].tolist())
    splits: dict[str, Split] = {
        "train": Rows(tokens[: VALIDATION.start], labels[: VALIDATION.start]),
        "validation": Rows(tokens[VALIDATION], labels[VALIDATION]),
        "test": Rows(tokens[TEST], labels[TEST]),
    }
    return Dataset(
        name="faces",
        symbols=palette,
        layout=Layout("grid", SIDE, SIDE, palette),
        splits=splits,
        attributes=tuple(Attribute(name, values) for name, values in named.items()),
        note=NOTE,
    )


def _named(names: list[str], values: list[str]) -> dict[str, tuple[str, ...]]:
    return {name: tuple(joined.split("|")) for name, joined in zip(names, values, strict=True)}
