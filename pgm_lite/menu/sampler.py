"""What a sampler is on the menu, and what it is handed when it starts."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import cast

from pgm_lite.core import Canvas, Conditional, NextToken, Step
from pgm_lite.datasets import Dataset
from pgm_lite.draw import Tempered, TopP
from pgm_lite.knobs import Knob, Settings, Value
from pgm_lite.protocols import DigitConditional, DraftVerify, Inserting


def reshaped(model: object, settings: Settings) -> Conditional | NextToken:
    """``model`` under the temperature and top-p of the settings."""
    asked = cast("Conditional | NextToken", model)
    if settings.get("top_p", 1.0) != 1.0:
        asked = TopP(asked, float(settings["top_p"]))
    if settings.get("temperature", 1.0) != 1.0:
        asked = Tempered(asked, float(settings["temperature"]))
    return asked


@dataclass(frozen=True, slots=True)
class Sampler:
    """A sampler as users meet it: what it does, which families it runs on, its knobs.

    ``needs`` says in words what a model has to be able to answer. ``companion`` names the second
    checkpoint of the same data set that it asks, such as "ar"; empty if it asks one model only.
    """

    name: str
    summary: str
    families: tuple[str, ...]
    knobs: tuple[Knob, ...]
    run: Callable[["Request"], Iterator[Step]]
    needs: str = "any unknown position given the known ones"
    companion: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Request:
    """Everything a sampler needs to start."""

    model: Conditional | NextToken | DigitConditional | DraftVerify | Inserting
    dataset: Dataset
    canvas: Canvas
    settings: dict[str, Value]
    seed: int
    companion: object = None

    def text(self, name: str) -> str:
        """A setting that is a choice."""
        return str(self.settings[name])

    def number(self, name: str) -> int:
        """A setting that is a whole number."""
        return int(self.settings[name])

    def amount(self, name: str) -> float:
        """A setting that is any number."""
        return float(self.settings[name])
