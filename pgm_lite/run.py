"""A sampler at work: its steps as they come, and what a recording has to say about them."""

from collections.abc import Generator, Iterator, Mapping

import torch

from pgm_lite.core import Canvas, Step

Value = str | int | float | bool | None
"""What a knob can be set to."""


class Run(Iterator[Step]):
    """The steps of one sampler, one at a time; ``close`` ends it early.

    Nothing is computed before the first ``next``, and no gradients are kept. ``model`` is
    whatever the sampler asks; a recording reads from it what it says about itself.
    """

    def __init__(
        self,
        steps: Generator[Step],
        *,
        canvas: Canvas,
        model: object,
        sampler: str,
        knobs: Mapping[str, Value],
    ) -> None:
        self._steps = steps
        self.canvas = canvas
        self.model = model
        self.sampler = sampler
        self.knobs = knobs

    def __iter__(self) -> "Run":
        return self

    def __next__(self) -> Step:
        with torch.no_grad():
            return next(self._steps)

    def close(self) -> None:
        """Stop here; no step follows."""
        self._steps.close()
