"""The first page: a recorded race, there before any model is loaded."""

from typing import Any

import gradio as gr

from app import asking
from app.parts import plain_text, play_button
from app.shipped import EXAMPLES, named, payload
from pgm_lite.viz.gradio_player import player


def draw() -> None:
    """The headline, what to look for, a large button, the race; and the other examples."""
    present = [example for example in EXAMPLES if payload(example)] or [EXAMPLES[0]]
    first = present[0]
    with gr.Row(elem_classes="hero"):
        with gr.Column(scale=5, min_width=320, elem_classes="say"):
            headline = plain_text(first.headline, "h1", "headline")
            look_for = plain_text(first.look_for, "p", "lead")
        with gr.Column(scale=2, min_width=260, elem_classes="act"):
            play_button("#start-player")
            choice = gr.Radio(
                [(example.button, example.key) for example in present],
                value=first.key,
                label="Recorded examples",
                show_label=False,
                container=False,
                elem_classes=["segments", "examples"],
            )
    shown = player(payload(first), elem_id="start-player", answer=asking.answer)
    choice.input(
        show,
        choice,
        [headline, look_for, shown],
        show_progress="hidden",
        queue=False,
        api_visibility="private",
    )


def show(key: str) -> list[Any]:
    """Another recorded example."""
    example = named(key)
    return [example.headline, example.look_for, payload(example)]
