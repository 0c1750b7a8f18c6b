"""Drawing the controls: each knob becomes a slider, a row of choices or a list."""

import gradio as gr
from gradio.components import Component

from app.form import (
    ANY,
    Form,
    datasets,
    every_knob,
    first_models,
    model_choices,
    samplers_of,
)
from app.parts import complaint_line
from app.words import CLOCKS, SAMPLERS, dataset_words, spoken
from pgm_lite import catalog
from pgm_lite.knobs import Knob, relevant


def make_form(racers: int, run_label: str) -> Form:
    """Draw the controls, for one model or for a race of two: what to run, then how."""
    present = datasets()
    first = "faces" if "faces" in present else present[0]
    words = dataset_words(first)
    lines: dict[str, gr.HTML] = {}
    with gr.Column(elem_classes=["controls", "what"]):
        dataset = gr.Radio(
            [(dataset_words(name).title, name) for name in present],
            value=first,
            label="Data set",
            elem_classes="segments",
        )
        titles = ["Model"] if racers == 1 else ["First model", "Second model"]
        models = [
            gr.Radio(model_choices(first), value=chosen, label=title, elem_classes="segments")
            for title, chosen in zip(titles, first_models(first, racers), strict=True)
        ]
        prompt = gr.Textbox(
            label=words.prompt_label,
            info=words.prompt_help,
            placeholder=words.prompt_example,
            max_length=2000,
        )
        lines["prompt"] = complaint_line()
        with gr.Row(elem_classes="go"):
            seed = gr.Number(0, label="Seed", min_width=90, scale=1)
            run = gr.Button(run_label, variant="primary", min_width=120, scale=2)
        lines["seed"] = complaint_line()
        lines["run"] = complaint_line()
    with gr.Column(elem_classes=["controls", "how"]):
        clock = draw_clock() if racers > 1 else None
        labelled = bool(catalog.card(first_models(first, 1)[0]).labels)
        with gr.Accordion("Steer by label", open=False, visible=labelled) as labels:
            attributes = draw_attributes()
            guidance = gr.Slider(
                0,
                4,
                0,
                step=0.25,
                label="Guidance",
                info="0 follows the label as it was learnt; more exaggerates it",
                buttons=[],
            )
            ramp = gr.Dropdown(
                list(catalog.RAMPS),
                value="constant",
                label="Guidance as more becomes known",
                info="the whole guidance throughout, rising from none, or falling to a tenth",
            )
            lines["label"] = complaint_line()
        fitting = samplers_of(tuple(first_models(first, racers)))
        chosen = catalog.SAMPLERS[fitting[0]]
        sampler = gr.Radio(
            [(SAMPLERS.get(name, name), name) for name in fitting],
            value=chosen.name,
            label="Sampler",
            info=chosen.summary,
            elem_classes="segments",
        )
        matters = relevant(chosen.knobs, {})
        knobs = {
            name: draw_knob(knob, visible=name in matters) for name, knob in every_knob().items()
        }
    return Form(
        dataset=dataset,
        models=models,
        sampler=sampler,
        knobs=knobs,
        seed=seed,
        attributes=attributes,
        labels=labels,
        guidance=guidance,
        ramp=ramp,
        prompt=prompt,
        run=run,
        clock=clock,
        lines=lines,
    )


def draw_clock() -> gr.Dropdown:
    """What two traces are compared at."""
    return gr.Dropdown(
        [(words, name) for name, words in CLOCKS.items()],
        value="flops",
        label="Compare at equal",
        info="the clock both run on; the player can change it afterwards",
    )


def draw_knob(knob: Knob, *, visible: bool) -> Component:
    """A slider for a number; a few choices side by side, more of them in a list."""
    label, info = spoken(knob.name), knob.help
    if knob.kind != "choice":
        step = 1 if knob.kind == "int" else knob.step
        return gr.Slider(
            knob.low,
            knob.high,
            float(knob.default),
            step=step,
            label=label,
            info=info,
            buttons=[],
            visible=visible,
        )
    if len(knob.choices) > 3:
        return gr.Dropdown(
            list(knob.choices),
            value=str(knob.default),
            label=label,
            info=info,
            visible=visible,
        )
    return gr.Radio(
        list(knob.choices),
        value=str(knob.default),
        label=label,
        info=info,
        elem_classes="segments",
        visible=visible,
    )


def draw_attributes() -> dict[str, gr.Dropdown]:
    """One list for every attribute of the labelled data sets; "any" leaves it open."""
    labelled = [name for name in catalog.checkpoint_names() if catalog.card(name).labels]
    names = {name.split("/")[0] for name in labelled}
    attributes = [each for name in sorted(names) for each in catalog.dataset(name).attributes]
    return {
        each.name: gr.Dropdown([ANY, *each.values], value=ANY, label=spoken(each.name))
        for each in attributes
    }
