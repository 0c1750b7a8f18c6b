"""The tab *Race*: two models of one data set, the same seed and knobs, one clock."""

import gradio as gr

from app import stage
from app.controls import make_form
from app.form import Form
from app.stage import Stage
from app.watch import connect


def draw() -> tuple[Form, Stage]:
    """The controls on the left, both traces on the right."""
    with gr.Row(elem_classes="workbench"):
        form = make_form(2, "Race")
        with gr.Column(elem_classes="stage"):
            shown = stage.draw("race")
    connect("race", form, shown)
    return form, shown
