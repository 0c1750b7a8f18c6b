"""What exists, listed once: checkpoints, data sets, samplers, knobs, and how to run them.

The app, the command line and the notebooks get everything from here; a sampler that is added to
``SAMPLERS`` appears in all of them.
"""

from collections.abc import Callable, Mapping
from functools import cache, partial
from pathlib import Path

from pgm_lite import datasets
from pgm_lite.checkpoints import Card, Model, names, read_card, read_checkpoint
from pgm_lite.core import Canvas, Conditional, NextToken
from pgm_lite.datasets import Dataset
from pgm_lite.draw import rng
from pgm_lite.knobs import Knob, Settings, Value, relevant
from pgm_lite.menu import SAMPLERS, Request, Sampler
from pgm_lite.menu.sampler import reshaped
from pgm_lite.models import AR, Guided, Insertion, Labelled
from pgm_lite.models.ramps import RAMPS
from pgm_lite.prompts import canvas_from
from pgm_lite.protocols import Inserting
from pgm_lite.run import Run
from pgm_lite.samplers import autoregress
from pgm_lite.trace import ModelInfo, Trace, record

__all__ = [
    "CHECKPOINTS",
    "RAMPS",
    "SAMPLERS",
    "Knob",
    "Request",
    "Sampler",
    "Trace",
    "card",
    "checkpoint_names",
    "complaints",
    "dataset",
    "load",
    "model_of",
    "relevant",
    "samplers_for",
    "watch",
]

CHECKPOINTS = Path(__file__).parent.parent / "assets" / "checkpoints"


def checkpoint_names(dataset: str | None = None) -> list[str]:
    """The shipped checkpoints, "dataset/model", of one data set or of all."""
    return [name for name in names(CHECKPOINTS) if dataset in (None, name.split("/")[0])]


@cache
def load_with_card(name: str) -> tuple[Model, Card]:
    """A shipped network and its card; loaded once a process."""
    return read_checkpoint(CHECKPOINTS, name)


def load(name: str) -> Model:
    """The shipped network ``name``, for example ``faces/pgm``, ready for inference."""
    return load_with_card(name)[0]


def card(name: str) -> Card:
    """The card of a shipped checkpoint."""
    if name not in checkpoint_names():
        present = ", ".join(checkpoint_names()) or "none"
        raise ValueError(f"there is no checkpoint {name!r}; the checkpoints here are: {present}")
    return read_card(CHECKPOINTS / f"{name}.json")


@cache
def dataset(name: str) -> Dataset:
    """A data set; loaded once a process."""
    return datasets.load(name)


def samplers_for(name: str) -> list[Sampler]:
    """The samplers that run on a checkpoint: on its family, with other checkpoints as companions."""
    its_card = card(name)
    here = [other for other in checkpoint_names(its_card.dataset) if other != name]
    return [
        sampler
        for sampler in SAMPLERS.values()
        if its_card.family in sampler.families
        and (not sampler.companion or f"{its_card.dataset}/{sampler.companion}" in here)
    ]


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
    ramp: str = "constant",
    prompt: str = "",
    batch: int = 1,
) -> Trace:
    """Generate with a shipped checkpoint and record it.

    ``label`` names values of the data set's attributes; ``guidance`` exaggerates them (0: plain
    conditioning), and ``ramp`` says how it changes as more becomes known. ``prompt`` is described
    in ``pgm_lite.prompts``.
    """
    model, its_card = load_with_card(name)
    data = dataset(its_card.dataset)
    chosen = sampler_of(name, sampler)
    values = settled(chosen, settings or {})
    check_seed(seed)
    asked = reshaped(steered(model, data, label or {}, guidance, ramp), values)
    canvas = started(model, data, prompt, batch)
    request = Request(asked, data, canvas, values, seed, companion_of(name, chosen))
    info = ModelInfo(model.family, name, its_card.weights_sha256, model.reads)
    knobs: dict[str, str | int | float | bool | None] = {
        name: values[name] for name in relevant(chosen.knobs, values)
    }
    if label:
        knobs |= {"guidance": guidance, "ramp": ramp}
    if chosen.companion:
        knobs["companion"] = f"{its_card.dataset}/{chosen.companion}"
    steps = chosen.run(request)
    if "steps" in knobs and isinstance(steps, Run):
        knobs["steps"] = steps.knobs["steps"]  # at most one for each unknown position
    return record(
        steps,
        dataset=data,
        model=info,
        sampler=chosen.name,
        knobs=knobs,
        seed=seed,
        label=label_text(label or {}) or None,
    )


def label_text(label: Mapping[str, str]) -> str:
    """A label as a trace keeps it: "hair: red, glasses: yes"."""
    return ", ".join(f"{name}: {value}" for name, value in label.items())


def label_in(text: str) -> dict[str, str]:
    """The label that ``label_text`` wrote."""
    return dict(part.split(": ", 1) for part in text.split(", ") if part)


def model_of(trace: Trace) -> Conditional | NextToken | Inserting:
    """The shipped model that a trace was made with, labelled, guided and reshaped as it was then."""
    made_by, knobs = trace.header.model, trace.header.knobs
    if made_by.name not in checkpoint_names():
        raise ValueError(
            f"this trace was made with {made_by.name!r} ({made_by.family}), which is not one of the "
            "checkpoints here; hand over the model itself"
        )
    model, its_card = load_with_card(made_by.name)
    if made_by.checkpoint != its_card.weights_sha256:
        raise ValueError(
            f"this trace was made with other weights of {made_by.name} than those here "
            f"({(made_by.checkpoint or 'unknown')[:12]} against {its_card.weights_sha256[:12]}); "
            "hand over the model itself, or record the trace anew"
        )
    label = label_in(trace.header.label or "")
    guidance, ramp = float(knobs.get("guidance") or 0), str(knobs.get("ramp") or "constant")
    asked = steered(model, dataset(its_card.dataset), label, guidance, ramp)
    return reshaped(asked, {name: each for name, each in knobs.items() if each is not None})


def complaints(
    name: str,
    *,
    sampler: str | None = None,
    settings: Settings | None = None,
    seed: int = 0,
    label: Mapping[str, str] | None = None,
    guidance: float = 0.0,
    ramp: str = "constant",
    prompt: str = "",
) -> dict[str, str]:
    """What is wrong with a request to ``watch``, by control; empty where nothing is.

    The controls are "model", "sampler", each knob by its name, "seed", "label" (with its
    guidance) and "prompt".
    """
    try:
        model, its_card = load_with_card(name)
    except ValueError as error:
        return {"model": str(error)}
    try:
        chosen = sampler_of(name, sampler)
    except ValueError as error:
        return {"sampler": str(error)}
    data, wanted = dataset(its_card.dataset), label or {}
    checks: dict[str, Callable[[], object]] = {
        name: partial(settled, chosen, {name: value}) for name, value in (settings or {}).items()
    }
    checks["seed"] = partial(check_seed, seed)
    checks["label"] = partial(steered, model, data, wanted, guidance, ramp)
    checks["prompt"] = partial(started, model, data, prompt, 1)
    found: dict[str, str] = {}
    for control, check in checks.items():
        try:
            check()
        except ValueError as error:
            found[control] = str(error)
    if found:
        return found
    values = settled(chosen, settings or {})
    try:
        # Each choice is right by itself; a sampler refuses those that do not go together.
        canvas = started(model, data, prompt, 1)
        chosen.run(Request(model, data, canvas, values, seed, companion_of(name, chosen)))
    except ValueError as error:
        return {"fill" if "fill" in values else "sampler": str(error)}
    return {}


def sampler_of(name: str, wanted: str | None) -> Sampler:
    """The sampler wanted, or the first that runs on the checkpoint; it must run on it."""
    fitting = {each.name: each for each in samplers_for(name)}
    if not wanted:
        return next(iter(fitting.values()))
    if wanted in fitting:
        return fitting[wanted]
    its_card, chosen = card(name), SAMPLERS.get(wanted)
    if chosen is None:
        reason = f"there is no sampler {wanted!r}"
    elif its_card.family not in chosen.families:
        reason = (
            f"{wanted} asks a model for {chosen.needs}, which {', '.join(chosen.families)} models "
            f"can answer and {its_card.family} models cannot"
        )
    else:
        second = f"{its_card.dataset}/{chosen.companion}"
        missing = "no companion of itself" if second == name else "which is not here"
        reason = f"{wanted} also needs {second}, {missing}"
    raise ValueError(f"{reason}; the samplers of {name} are: {', '.join(fitting)}")


def companion_of(name: str, sampler: Sampler) -> Model | None:
    """The second checkpoint a sampler asks, if it asks one."""
    if not sampler.companion:
        return None
    return load(f"{card(name).dataset}/{sampler.companion}")


def check_seed(seed: int) -> None:
    """The seed is one a generator takes."""
    if not 0 <= seed < 2**32:
        raise ValueError(f"the seed must be a whole number from 0 to {2**32 - 1}; got {seed}")


def started(model: Model, data: Dataset, prompt: str, batch: int) -> Canvas:
    """The canvas a prompt describes, if this model can start from it."""
    canvas = canvas_from(data, prompt, batch=batch)
    if not canvas.unknown.any():
        raise ValueError(
            f"the prompt gives all {data.seq_len} positions, so nothing is left to write; put "
            "_ where a position is unknown"
        )
    if isinstance(model, AR):
        autoregress(model, canvas, rng=rng(0))  # refuses a gap before a known position
    return canvas


def steered(
    model: Model, data: Dataset, label: Mapping[str, str], guidance: float, ramp: str
) -> Conditional | NextToken | Inserting:
    """The model, labelled and guided as asked."""
    if ramp not in RAMPS:
        raise ValueError(f"the ramp of guidance must be one of {', '.join(RAMPS)}; got {ramp!r}")
    if not label:
        if guidance:
            raise ValueError("guidance exaggerates a label; choose a label or set guidance to 0")
        return model
    if isinstance(model, AR | Insertion):
        raise ValueError(
            f"the {model.family} models here were trained without labels; leave the label out"
        )
    index = data.label(**label)
    return Guided(model, index, guidance, RAMPS[ramp]) if guidance else Labelled(model, index)
