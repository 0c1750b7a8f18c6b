"""The tab *Watch*: one model, every knob, one trace."""

from pathlib import Path
from typing import Any

import gradio as gr

from app import runs, stage
from app.controls import make_form
from app.form import BESIDE, Form
from app.parts import INTO_VIEW, complaint_line
from app.stage import Stage
from app.wish import Tab, Wish
from pgm_lite.printing import sentence
from pgm_lite.trace import Trace

MAX_BYTES = 4 * 2**20
QUIET = ("show_progress", "queue", "api_visibility")


def draw() -> tuple[Form, Stage]:
    """The controls on the left, the player on the right."""
    with gr.Row(elem_classes="workbench"):
        form = make_form(1, "Run")
        with gr.Column(elem_classes="stage"):
            shown = stage.draw("watch")
            with gr.Accordion("Open a trace file", open=False, elem_classes="drawer"):
                upload = gr.UploadButton(
                    "Choose a file (JSON)", file_types=[".json"], type="filepath", size="sm"
                )
                trouble = complaint_line()
    connect("watch", form, shown)
    upload.upload(open_file, upload, [*shown.outputs, trouble], api_visibility="private")
    return form, shown


def connect(tab: Tab, form: Form, shown: Stage) -> None:
    """Controls that matter are shown as others change; Run fills the stage."""
    shape: dict[str, Any] = {
        "fn": form.shape,
        "inputs": form.inputs,
        "outputs": form.shaped,
        "show_progress": "hidden",
        "queue": False,
        "api_visibility": "private",
    }
    quiet: dict[str, Any] = {name: shape[name] for name in QUIET}
    own: dict[str, Any] = {"fn": form.own_sampler, "inputs": form.inputs, "outputs": form.sampler}
    form.dataset.input(form.switch, form.dataset, form.switched, **quiet).then(**own, **quiet).then(
        **shape
    )
    gr.on([model.input for model in form.models], **own, **quiet).then(**shape)
    gr.on([control.input for control in form.steering], **shape)
    gr.on(
        [form.run.click, form.prompt.submit, form.seed.submit],
        lambda *values: answer(tab, form, *values, play=True),
        form.inputs,
        [*shown.outputs, *form.lines.values()],
        concurrency_id="model",
        api_visibility="private",
        # What is asked for while a run is on its way comes next, and is not forgotten.
        trigger_mode="always_last",
    ).then(None, None, None, js=INTO_VIEW.replace("TAB", tab))


def answer(tab: Tab, form: Form, *values: object, play: bool = False) -> list[Any]:
    """Grant what the controls ask for, or say beside each control what is wrong with it."""
    try:
        wish = form.wish(*values)
    except runs.RefusedError as refused:
        return [gr.skip()] * 4 + blame(form, refused.problems)
    return grant(tab, form, wish, play=play)


def grant(tab: Tab, form: Form, wish: Wish, *, play: bool = False) -> list[Any]:
    """The stage with the new traces and no complaints, or as it was with complaints."""
    try:
        traces = runs.grant(wish)
    except runs.RefusedError as refused:
        return [gr.skip()] * 4 + blame(form, refused.problems)
    except ValueError as error:
        return [gr.skip()] * 4 + blame(form, {"run": str(error)})
    clock = "steps" if tab == "watch" else wish.clock
    return stage.show(traces, clock, wish.query(tab), play=play) + blame(form, {})


def blame(form: Form, problems: dict[str, str]) -> list[str]:
    """The sentence for each line of the form; what has no line goes to the button's."""
    said = dict.fromkeys(form.lines, "")
    for control, problem in problems.items():
        name = control if control in BESIDE else "run"
        said[name] = f"{said[name]} {sentence(problem)}".strip()
    return list(said.values())


def open_file(path: str) -> list[Any]:
    """Play a trace file, or say what is wrong with it."""
    try:
        size = Path(path).stat().st_size
        if size > MAX_BYTES:
            raise ValueError(
                f"the file has {size / 2**20:.1f} MiB, and this page opens at most "
                f"{MAX_BYTES // 2**20} MiB; record fewer steps or a shorter sequence"
            )
        trace = Trace.from_json(Path(path).read_text(encoding="utf-8")).to_json()
    except UnicodeDecodeError:
        said = "This is no trace file: it is not even text. Save one with Save trace (JSON)."
        return [gr.skip()] * 4 + [said]
    except ValueError as error:
        return [gr.skip()] * 4 + [sentence(str(error))]
    return [*stage.show([trace], "steps", ""), ""]
