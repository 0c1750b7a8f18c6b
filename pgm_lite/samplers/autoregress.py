"""One token after another, left to right, each given all before it."""

from collections.abc import Generator

import torch
from jaxtyping import Bool
from torch import Tensor

from pgm_lite.core import NOBODY, Canvas, NextToken, Step
from pgm_lite.draw import law
from pgm_lite.protocols import check_model
from pgm_lite.run import Run
from pgm_lite.samplers.fill import draw_at, write


def autoregress(model: NextToken, canvas: Canvas, *, rng: torch.Generator) -> Run:
    """Write the unknown positions from left to right, one a step, with the model's memory.

    Known positions are read, not drawn; they have to come first in each row (a prompt), since a
    model of the next token cannot look at what stands later. Rows with prompts of different
    length share the calls of the batch, but each is billed as if it ran alone: nothing while
    its own prompt lasts, then one call that also reads the prompt, then one call a token.
    """
    check_model(model, NextToken, canvas)
    refuse_gaps(canvas)
    return Run(
        _autoregress(model, canvas, rng),
        canvas=canvas,
        model=model,
        sampler="autoregress",
        knobs={},
    )


def refuse_gaps(canvas: Canvas) -> None:
    """A model of the next token starts where the known tokens of a row end."""
    late = canvas.known & (canvas.unknown.cumsum(1) > 0)
    if late.any():
        places: list[int] = late.nonzero()[0].cpu().numpy().tolist()
        row, position = places
        raise ValueError(
            f"position {position} of row {row} is known, but one before it is unknown: a model "
            "of the next token cannot infill; give known tokens at the start only, or use a "
            "model that takes any known positions (MDLM, PGM)"
        )


def _autoregress(model: NextToken, canvas: Canvas, rng: torch.Generator) -> Generator[Step]:
    memory: object | None = None
    start = canvas.known.sum(1)
    for position in range(int(start.min()), canvas.seq_len):
        unknown = canvas.unknown[:, position]
        answer, memory = model.next_log_probs(canvas, position, memory)
        laws = law(answer)[:, None]
        here = torch.full_like(start, position)
        where = here.where(unknown, NOBODY)[:, None]
        cost = model.cost(canvas, _read(canvas, position, start == position, unknown))
        draws = draw_at(where, laws, rng=rng)
        step = write(
            canvas,
            draws,
            asked=where,
            laws=laws,
            cost=cost,
            when=f"step {position + 1 - int(start.min())}",
        )
        canvas = step.canvas
        yield step


def _read(
    canvas: Canvas, position: int, first: Bool[Tensor, " b"], unknown: Bool[Tensor, " b"]
) -> Tensor:
    """What each row is billed for [b q]: the position, and at its first token the prompt."""
    places = torch.arange(position + 1, device=canvas.tokens.device).expand(canvas.batch, -1)
    billed = first[:, None] | (places == position)
    return places.where(billed & unknown[:, None], NOBODY)
