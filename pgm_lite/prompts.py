"""What may be known at the start, written as a short text.

- text: the first characters; ``_`` leaves a position unknown, so ``it is a truth ____ acknowledged``
  is an infilling. To a model that inserts, ``_`` says nothing: tokens come in anywhere.
- shidoku: sixteen cells in raster order, ``_`` unknown; spaces are ignored.
- faces: ``portrait 12 top`` keeps the upper half of the held-out portrait 12; ``bottom``, ``left`` and
  ``right`` keep the other halves.
"""

import torch
from jaxtyping import Bool
from torch import Tensor

from pgm_lite.core import Canvas
from pgm_lite.datasets import Dataset

UNKNOWN = "_"


def canvas_from(dataset: Dataset, prompt: str, *, batch: int = 1) -> Canvas:
    """The canvas a prompt describes; an empty prompt leaves everything unknown."""
    if batch < 1:
        raise ValueError(f"a canvas needs at least 1 row; got a batch of {batch}")
    if not prompt:
        return Canvas.blank(batch, dataset.seq_len)
    if dataset.layout.palette is not None:
        return half_portrait(dataset, prompt, batch)
    if dataset.layout.kind == "grid":
        prompt = "".join(prompt.split()) or UNKNOWN
    if len(prompt) > dataset.seq_len:
        raise ValueError(
            f"the prompt has {len(prompt)} symbols but the sequence only {dataset.seq_len} "
            f"positions; shorten it by {len(prompt) - dataset.seq_len}"
        )
    known = torch.tensor([symbol != UNKNOWN for symbol in prompt])
    # Any symbol stands in at unknown positions: a canvas does not read it there.
    tokens = dataset.encode(prompt.replace(UNKNOWN, dataset.symbols[0]))
    rest = dataset.seq_len - len(prompt)
    return Canvas(
        torch.cat([tokens, tokens.new_zeros(rest)]).expand(batch, -1),
        torch.cat([known, known.new_zeros(rest)]).expand(batch, -1),
    )


def half_portrait(dataset: Dataset, prompt: str, batch: int) -> Canvas:
    """``portrait NUMBER SIDE``: one half of a held-out portrait."""
    halves = sides(dataset.layout.rows, dataset.layout.columns)
    held_out = dataset.splits["test"]
    words = prompt.lower().split()
    match words if words[:1] == ["portrait"] else ["portrait", *words]:
        case ["portrait", number, side] if number.isdecimal() and side in halves:
            if int(number) >= held_out.rows:
                raise ValueError(
                    f"there are {held_out.rows} held-out portraits, 0 to {held_out.rows - 1}; "
                    f"got {number}"
                )
            tokens, _ = held_out.batch(torch.tensor([int(number)]))
            return Canvas(tokens.expand(batch, -1), halves[side].expand(batch, -1))
        case _:
            raise ValueError(
                f"a prompt for {dataset.name} reads 'portrait NUMBER SIDE', SIDE being one of "
                f"{', '.join(halves)}; got {prompt!r}"
            )


def sides(rows: int, columns: int) -> dict[str, Bool[Tensor, "1 n"]]:
    """The positions of each half of a grid."""
    place = torch.arange(rows * columns)[None]
    row, column = place // columns, place % columns
    return {
        "top": row < rows // 2,
        "bottom": row >= rows // 2,
        "left": column < columns // 2,
        "right": column >= columns // 2,
    }
