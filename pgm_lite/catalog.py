"""What exists, listed once: checkpoints, orders, schedules, samplers, and each one's knobs with ranges.

The app, the command line and the notebooks get everything from here; a sampler that is added to
``SAMPLERS`` appears in all of them.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal, cast

from pgm_lite import datasets
from pgm_lite.checkpoints import Card, Model, names, read_card, read_checkpoint
from pgm_lite.core import Canvas, Conditional, NextToken, Step
from pgm_lite.datasets import Dataset
from pgm_lite.draw import Tempered, TopP, rng
from pgm_lite.models import AR, Guided, Labelled
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
from pgm_lite.prompts import canvas_from
from pgm_lite.samplers import ancestral, autoregress, unmask
from pgm_lite.schedules import cosine, one_by_one, uniform
from pgm_lite.trace import ModelInfo, Trace, record

CHECKPOINTS = Path(__file__).parent.parent / "assets" / "checkpoints"

Value = str | int | float
Settings = Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Knob:
    """One choice a sampler leaves open, with its range and what it does in one sentence."""

    name: str
    kind: Literal["int", "float", "choice"]
    default: Value
    help: str
    low: float = 0.0
    high: float = 0.0
    choices: tuple[str, ...] = ()

    def check(self, value: Value) -> Value:
        """The value, if it is of the right kind and in range."""
        if self.kind == "choice":
            if value not in self.choices:
                raise ValueError(
                    f"{self.name} must be one of {', '.join(self.choices)}; got {value!r}"
                )
            return value
        if isinstance(value, str) or (self.kind == "int" and value != int(value)):
            raise ValueError(f"{self.name} must be a number ({self.kind}); got {value!r}")
        if not self.low <= value <= self.high:
            raise ValueError(
                f"{self.name} must lie between {self.low:g} and {self.high:g}; got {value:g}"
            )
        return int(value) if self.kind == "int" else float(value)


@dataclass(frozen=True, slots=True)
class Sampler:
    """A sampler as users meet it: what it does, which families it runs on, its knobs."""

    name: str
    summary: str
    families: tuple[str, ...]
    knobs: tuple[Knob, ...]
    run: Callable[["Request"], Iterator[Step]]


@dataclass(frozen=True, slots=True, eq=False)
class Request:
    """Everything a sampler needs to start."""

    model: Conditional | NextToken
    dataset: Dataset
    canvas: Canvas
    settings: dict[str, Value]
    seed: int

    def text(self, name: str) -> str:
        """A setting that is a choice."""
        return str(self.settings[name])

    def number(self, name: str) -> int:
        """A setting that is a whole number."""
        return int(self.settings[name])


def make_order(request: Request) -> Order:
    """The order a request asks for."""
    rows, columns = request.dataset.layout.rows, request.dataset.layout.columns
    simple: dict[str, Callable[[], Order]] = {
        "random": random_order,
        "left-to-right": left_to_right,
        "halton": lambda: halton(rows, columns),
        "confidence": confidence,
        "entropy": entropy,
        "margin": margin,
    }
    name = request.text("order")
    if name == "blocks":
        return blocks(request.number("block_size"), simple[request.text("inner")]())
    return simple[name]()


def run_unmask(request: Request) -> Iterator[Step]:
    """``unmask`` with the schedule, order and fill mode of the request."""
    unknown = int(request.canvas.unknown[0].sum())
    steps = min(request.number("steps"), max(unknown, 1))
    schedules = {
        "cosine": lambda: cosine(unknown, steps=steps),
        "uniform": lambda: uniform(unknown, steps=steps),
        "one-by-one": lambda: one_by_one(unknown),
    }
    return unmask(
        cast("Conditional", request.model),
        request.canvas,
        schedule=schedules[request.text("schedule")]() if unknown else (),
        order=make_order(request),
        rng=rng(request.seed),
        fill=request.text("fill"),
    )


def run_ancestral(request: Request) -> Iterator[Step]:
    """``ancestral`` with the steps of the request."""
    model = cast("Conditional", request.model)
    return ancestral(
        model, request.canvas, steps=request.number("steps"), rng=rng(request.seed)
    )


def run_autoregress(request: Request) -> Iterator[Step]:
    """``autoregress``: one token after another."""
    return autoregress(
        cast("NextToken", request.model), request.canvas, rng=rng(request.seed)
    )


TEMPERATURE = Knob(
    "temperature", "float", 1.0, "1 draws from the model's law, 0 takes the likeliest token", 0, 2
)
TOP_P = Knob("top_p", "float", 1.0, "draw only from the likeliest tokens of this total probability", 0.05, 1)
STEPS = Knob("steps", "int", 32, "network calls; fewer calls write more positions at once", 1, 256)
ORDER_NAMES = ("random", "left-to-right", "halton", "blocks", "confidence", "entropy", "margin")

SAMPLERS: dict[str, Sampler] = {
    "unmask": Sampler(
        "unmask",
        "writes a scheduled number of positions a step, in a chosen order",
        ("mdlm", "pgm"),
        (
            Knob("order", "choice", "random", "which positions come next", choices=ORDER_NAMES),
            Knob(
                "schedule", "choice", "cosine", "how many positions a step writes",
                choices=("cosine", "uniform", "one-by-one"),
            ),
            STEPS,
            Knob(
                "fill", "choice", "choose-then-sample",
                "choose positions, then draw there; or draw everywhere and keep the likeliest draws",
                choices=("choose-then-sample", "sample-then-rank"),
            ),
            TEMPERATURE,
            TOP_P,
            Knob("block_size", "int", 32, "positions in a block, for the order 'blocks'", 1, 256),
            Knob("inner", "choice", "random", "the order inside a block",
                 choices=("random", "left-to-right", "confidence", "entropy", "margin")),
        ),
        run_unmask,
    ),
    "ancestral": Sampler(
        "ancestral",
        "every unknown position flips by chance at each step, as in the MDLM paper",
        ("mdlm", "pgm"),
        (STEPS, TEMPERATURE, TOP_P),
        run_ancestral,
    ),
    "autoregress": Sampler(
        "autoregress",
        "one token after another, left to right, with a key/value cache",
        ("ar",),
        (TEMPERATURE, TOP_P),
        run_autoregress,
    ),
}


def checkpoint_names(dataset: str | None = None) -> list[str]:
    """The shipped checkpoints, "dataset/model", of one data set or of all."""
    return [name for name in names(CHECKPOINTS) if dataset in (None, name.split("/")[0])]


@lru_cache(maxsize=16)
def load_with_card(name: str) -> tuple[Model, Card]:
    """A shipped network and its card; loaded once a process."""
    return read_checkpoint(CHECKPOINTS, name)


def load(name: str) -> Model:
    """The shipped network ``name``, for example ``faces/pgm``, ready for inference on the CPU."""
    return load_with_card(name)[0]


def card(name: str) -> Card:
    """The card of a shipped checkpoint."""
    return read_card(CHECKPOINTS / f"{name}.json")


@lru_cache(maxsize=8)
def dataset(name: str) -> Dataset:
    """A data set; loaded once a process."""
    return datasets.load(name)


def samplers_for(family: str) -> list[Sampler]:
    """The samplers that run on a family."""
    return [sampler for sampler in SAMPLERS.values() if family in sampler.families]


def settled(sampler: Sampler, settings: Settings) -> dict[str, Value]:
    """All knobs of a sampler, as given or at their defaults, each checked."""
    known = {knob.name for knob in sampler.knobs}
    if unknown := sorted(set(settings) - known):
        raise ValueError(
            f"{sampler.name} has no knob {', '.join(unknown)}; its knobs are "
            f"{', '.join(sorted(known))}"
        )
    return {knob.name: knob.check(settings.get(knob.name, knob.default)) for knob in sampler.knobs}


def watch(
    name: str,
    *,
    sampler: str | None = None,
    settings: Settings | None = None,
    seed: int = 0,
    label: Mapping[str, str] | None = None,
    guidance: float = 0.0,
    prompt: str = "",
    batch: int = 1,
) -> Trace:
    """Generate with a shipped checkpoint and record it.

    ``label`` names values of the data set's attributes; ``guidance`` exaggerates them (0: plain
    conditioning). ``prompt`` is described in ``pgm_lite.prompts``.
    """
    model, its_card = load_with_card(name)
    data = dataset(its_card.dataset)
    chosen = SAMPLERS.get(sampler or samplers_for(its_card.family)[0].name)
    if chosen is None or its_card.family not in chosen.families:
        fitting = ", ".join(each.name for each in samplers_for(its_card.family))
        raise ValueError(f"{name} cannot be sampled with {sampler!r}; its samplers are: {fitting}")
    values = settled(chosen, settings or {})
    asked = steered(model, data, label or {}, guidance)
    if values["top_p"] != 1.0:
        asked = TopP(asked, float(values["top_p"]))
    if values["temperature"] != 1.0:
        asked = Tempered(asked, float(values["temperature"]))
    canvas = canvas_from(data, prompt, batch=batch)
    request = Request(asked, data, canvas, values, seed)
    info = ModelInfo(model.family, name, its_card.weights_sha256, model.reads)
    knobs: dict[str, str | int | float | bool | None] = dict(values)
    if label:
        knobs["guidance"] = guidance
    return record(
        chosen.run(request),
        dataset=data,
        model=info,
        sampler=chosen.name,
        knobs=knobs,
        seed=seed,
        label=", ".join(f"{key}: {value}" for key, value in (label or {}).items()) or None,
    )


def steered(
    model: Model, data: Dataset, label: Mapping[str, str], guidance: float
) -> Conditional | NextToken:
    """The model, labelled and guided as asked."""
    if not label:
        if guidance:
            raise ValueError("guidance exaggerates a label; choose a label or set guidance to 0")
        return model
    if isinstance(model, AR):
        raise ValueError("the AR models here were trained without labels; leave the label out")
    index = data.label(**label)
    return Guided(model, index, guidance) if guidance else Labelled(model, index)
