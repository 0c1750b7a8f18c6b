"""The controls of a run, made from the catalogue, and what a visitor asks for with them."""

from dataclasses import dataclass, field
from typing import Any

import gradio as gr
from gradio.components import Component

from app.runs import RefusedError
from app.wish import Wish
from app.words import DATASETS, FAMILIES, SAMPLERS, dataset_words, spoken
from pgm_lite import catalog
from pgm_lite.knobs import Knob, Value, relevant

ANY = "any"
BESIDE = ("seed", "label", "prompt", "run")
"""The controls with room for a sentence beside them; all others share the button's."""


@dataclass(slots=True)
class Form:
    """The components of one form; ``inputs`` lists them in the order in which values arrive."""

    dataset: gr.Radio
    models: list[gr.Radio]
    sampler: gr.Radio
    knobs: dict[str, Component]
    seed: gr.Number
    attributes: dict[str, gr.Dropdown]
    labels: gr.Accordion
    guidance: gr.Slider
    ramp: gr.Dropdown
    prompt: gr.Textbox
    run: gr.Button
    clock: gr.Dropdown | None = None
    lines: dict[str, gr.HTML] = field(default_factory=dict[str, gr.HTML])

    @property
    def inputs(self) -> list[Component]:
        """Every control whose value makes up the wish."""
        rest = [self.clock] if self.clock else []
        return [
            self.dataset, *self.models, self.sampler, self.seed, self.guidance, self.ramp,
            self.prompt, *self.knobs.values(), *self.attributes.values(), *rest,
        ]  # fmt: skip

    @property
    def steering(self) -> list[gr.Radio | gr.Dropdown]:
        """The controls that decide which others matter: every choice of a few names."""
        knobs = [knob for knob in self.knobs.values() if isinstance(knob, gr.Radio | gr.Dropdown)]
        return [self.sampler, *knobs]

    @property
    def switched(self) -> list[Any]:
        """What ``switch`` sets: every count, the models, the prompt."""
        counts = [self.knobs[name] for name, knob in every_knob().items() if knob.kind == "int"]
        return [*counts, *self.models, self.prompt]

    @property
    def shaped(self) -> list[Any]:
        """What ``shape`` gives new ranges, choices and visibility to."""
        return [self.sampler, *self.knobs.values(), self.labels, self.guidance]

    def named(self, values: tuple[object, ...]) -> dict[Any, Any]:
        """The values that arrived, by component."""
        return dict(zip(self.inputs, values, strict=True))

    def wish(self, *values: object) -> Wish:
        """What these values ask for; knobs that do not matter are left out.

        A ``RefusedError`` says which number is none.
        """
        given = self.named(values)
        models = tuple(str(given[model]) for model in self.models)
        sampler = sampler_for(models, given[self.sampler])
        knobs: dict[str, Value] = {name: given[knob] for name, knob in self.knobs.items()}
        matters = relevant_to(models, sampler, knobs)
        label = {name: given[box] for name, box in self.attributes.items()}
        labelled = catalog.card(models[0]).labels
        chosen = {name: value for name, value in label.items() if value and value != ANY}
        return Wish(
            models=models,
            sampler=sampler,
            settings=tuple((name, filled(name, knobs[name])) for name in matters),
            seed=whole(given[self.seed]),
            label=tuple(chosen.items()) if labelled else (),
            guidance=float(filled("guidance", given[self.guidance])) if labelled else 0.0,
            ramp=str(given[self.ramp]) if labelled else "constant",
            prompt=str(given[self.prompt] or ""),
            clock=str(given[self.clock]) if self.clock else "flops",
        )

    def shape(self, *values: object) -> list[Any]:
        """Show the controls that matter, in the ranges they have for these models."""
        given = self.named(values)
        models = tuple(str(given[model]) for model in self.models)
        cards = [catalog.card(model) for model in models]
        fitting = samplers_of(models)
        sampler = sampler_for(models, given[self.sampler])
        knobs: dict[str, Value] = {name: given[knob] for name, knob in self.knobs.items()}
        matters = relevant_to(models, sampler, knobs)
        seq_len = cards[0].rows * cards[0].columns
        updates: list[Any] = [
            sampler_choice(models, sampler)
            | {"info": catalog.SAMPLERS[sampler].summary, "visible": len(fitting) > 1}
        ]
        for name, knob in every_knob().items():
            update: dict[str, Any] = {"visible": name in matters}
            if knob.kind == "int" and name in matters:
                top = min(int(knob.high), seq_len)
                value = given[self.knobs[name]]
                value = knob.default if value is None else value
                update |= {"maximum": top, "value": min(int(value), top)}
            updates.append(gr.update(**update))
        labelled = all(card.labels for card in cards)
        return [*updates, gr.update(visible=labelled), gr.update(visible=labelled)]

    def own_sampler(self, *values: object) -> dict[str, Any]:
        """After another model was chosen: its own sampler, unless a special one was chosen by hand."""
        given = self.named(values)
        models = tuple(str(given[model]) for model in self.models)
        usual = {catalog.samplers_for(name)[0].name for name in catalog.checkpoint_names()}
        fitting, chosen = samplers_of(models), str(given[self.sampler])
        kept = chosen in fitting and chosen not in usual
        return sampler_choice(models, chosen if kept else fitting[0])

    def switch(self, dataset: str) -> list[Any]:
        """Another data set: its models, and how its prompt is written."""
        words = dataset_words(dataset)
        updates = [
            gr.update(choices=model_choices(dataset), value=chosen)
            for chosen in first_models(dataset, len(self.models))
        ]
        # What was short for one data set is not so for another.
        counts = [knob for knob in every_knob().values() if knob.kind == "int"]
        return [
            *(gr.update(value=knob.default, maximum=knob.high) for knob in counts),
            *updates,
            gr.update(
                value="",
                label=words.prompt_label,
                info=words.prompt_help,
                placeholder=words.prompt_example,
            ),
        ]

    def fill(self, wish: Wish) -> list[Any]:
        """The controls as they stand for a wish that came from an address."""
        dataset = wish.models[0].split("/")[0]
        known = catalog.checkpoint_names(dataset)
        if not known or any(model not in known for model in wish.models):
            return [gr.skip()] * len(self.inputs)
        words, settings, label = dataset_words(dataset), dict(wish.settings), dict(wish.label)
        updates: list[Any] = [gr.update(value=dataset)]
        updates += [gr.update(choices=model_choices(dataset), value=model) for model in wish.models]
        updates += [gr.skip()] * (len(self.models) - len(wish.models))
        updates += [sampler_choice(wish.models, sampler_for(wish.models, wish.sampler))]
        updates += [gr.update(value=wish.seed), gr.update(value=wish.guidance)]
        updates += [gr.update(value=wish.ramp) if wish.ramp in catalog.RAMPS else gr.skip()]
        updates += [
            gr.update(
                value=wish.prompt,
                label=words.prompt_label,
                info=words.prompt_help,
                placeholder=words.prompt_example,
            )
        ]
        for name, knob in every_knob().items():
            value = settings.get(name, knob.default)
            fits = knob.kind != "choice" or value in knob.choices
            updates.append(gr.update(value=value) if fits else gr.skip())
        for name, box in self.attributes.items():
            value = label.get(name, ANY)
            fits = value in [choice[1] for choice in box.choices]
            updates.append(gr.update(value=value) if fits else gr.skip())
        return updates + ([gr.update(value=wish.clock)] if self.clock else [])


def whole(seed: object) -> int:
    """The seed as it was typed."""
    if isinstance(seed, int) or (isinstance(seed, float) and seed.is_integer()):
        return int(seed)
    said = "nothing was given" if seed is None else f"got {seed}"
    raise RefusedError({"seed": f"the seed must be a whole number; {said}"})


def filled(name: str, value: Value | None) -> Value:
    """The value of a control that has to hold one."""
    if value is None:
        raise RefusedError({"run": f"{spoken(name)} is empty; give it a value"})
    return value


def every_knob() -> dict[str, Knob]:
    """The knobs of all samplers, each once."""
    return {knob.name: knob for each in catalog.SAMPLERS.values() for knob in each.knobs}


def samplers_of(models: tuple[str, ...]) -> list[str]:
    """The samplers to choose from: of two models, those of the one that leaves more choice."""
    options = [[each.name for each in catalog.samplers_for(model)] for model in models]
    return max(options, key=len)


def relevant_to(models: tuple[str, ...], chosen: str, knobs: dict[str, Value]) -> tuple[str, ...]:
    """The knobs that matter to one of these models; one that lacks the sampler takes its own."""
    names = dict[str, None]()
    for model in models:
        fitting = {each.name: each for each in catalog.samplers_for(model)}
        sampler = fitting.get(chosen) or next(iter(fitting.values()))
        names |= dict.fromkeys(relevant(sampler.knobs, knobs))
    return tuple(names)


def sampler_for(models: tuple[str, ...], chosen: str | None) -> str:
    """The chosen sampler if these models have it, else their first."""
    fitting = samplers_of(models)
    return chosen if chosen in fitting else fitting[0]


def sampler_choice(models: tuple[str, ...], chosen: str) -> dict[str, Any]:
    """The control of the sampler: those of these models to choose from, one of them chosen."""
    return gr.update(
        choices=[(SAMPLERS.get(name, name), name) for name in samplers_of(models)], value=chosen
    )


def datasets() -> list[str]:
    """The data sets that have checkpoints, in the order in which the words list them."""
    present = {name.split("/")[0] for name in catalog.checkpoint_names()}
    spoken_of = [name for name in DATASETS if name in present]
    return spoken_of + sorted(present - set(spoken_of))


def model_choices(dataset: str) -> list[tuple[str, str]]:
    """The models of a data set, as (words, name)."""
    names = catalog.checkpoint_names(dataset)
    return [(FAMILIES.get(name.split("/")[1], name), name) for name in names]


def first_models(dataset: str, count: int) -> list[str]:
    """Which models are chosen at first: the partition model, in a race against the masked one."""
    names = catalog.checkpoint_names(dataset)
    usual = [name for name in names if name.split("/")[1] in ("mdlm", "pgm")]
    return (names[:1] * count + names + usual)[-count:]
