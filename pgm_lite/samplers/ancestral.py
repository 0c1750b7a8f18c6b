"""The sampler of masked diffusion itself: every unknown position flips by chance at each step."""

from collections.abc import Iterator

import torch

from pgm_lite.core import Canvas, Conditional, Step, listed
from pgm_lite.draw import categorical
from pgm_lite.samplers.steps import Choice, written


def ancestral(
    model: Conditional, canvas: Canvas, *, steps: int, rng: torch.Generator
) -> Iterator[Step]:
    """Run the reverse process of MDLM (arXiv 2406.07524, eq. 7) with alpha_t = 1 - t in ``steps`` steps.

    From t to s = t - 1/steps an unknown position is written with probability (t - s)/t, so the
    counts are binomial and rows go at their own pace. Whether a position flips does not depend on
    its token, so the flips come first and only they are asked about: the same law, fewer answers. A
    step in which no row flips calls nobody and is left out of the trace.
    """
    if steps < 1:
        raise ValueError(f"ancestral sampling needs at least 1 step; got {steps}")
    return flips(model, canvas, steps, rng)


@torch.no_grad()
def flips(
    model: Conditional, canvas: Canvas, steps: int, rng: torch.Generator
) -> Iterator[Step]:
    """The loop of ``ancestral``, its arguments checked."""
    for step in range(steps):
        # t = 1 - step/steps and s = t - 1/steps, so (t - s)/t = 1/(steps - step); the last is 1.
        coin = torch.rand(canvas.known.shape, generator=rng, device=canvas.known.device)
        flip = canvas.unknown & (coin < 1 / (steps - step))
        if not flip.any():
            continue
        where = listed(flip)
        log_probs = model.log_probs(canvas, where)
        drawn = categorical(log_probs, rng=rng)
        chosen = torch.ones_like(where, dtype=torch.bool)
        made = written(model, canvas, Choice(where, log_probs, drawn, chosen), step + 1)
        canvas = made.canvas
        yield made
