"""Where a run is shown: the player, what to take away, and the figures below."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import gradio as gr

from app import asking, order
from app.parts import COPY, FETCH, SHOW_ADDRESS
from app.wish import Tab
from pgm_lite import viz
from pgm_lite.viz.gradio_player import player

Updates = list[Any]
"""What an event hands back to Gradio: one value or update for each of its outputs."""

SMALL = {
    "height": 300,
    "font": {"size": 11},
    "margin": {"l": 50, "r": 14, "t": 44, "b": 40},
    "title": {"font": {"size": 14}, "y": 0.96, "yanchor": "top"},
    "legend": {"x": 0, "y": 1, "yanchor": "bottom", "orientation": "h"},
}
"""How the figures are trimmed to stand side by side."""

NAMES = {"json": "trace.json", "html": "player.html", "gif": "trace.gif"}


@dataclass(slots=True)
class Stage:
    """The components on which one tab shows its traces."""

    player: gr.HTML
    traces: gr.State
    clock: gr.State
    address: gr.Textbox
    figures: list[gr.Plot]
    order: gr.Markdown

    @property
    def outputs(self) -> Updates:
        """What a new run replaces."""
        return [self.player, self.traces, self.clock, self.address]


def show(traces: list[str], clock: str, query: str, *, play: bool = False) -> Updates:
    """The values of ``Stage.outputs`` for these traces, played at once if somebody pressed Run."""
    asking.remember(traces)
    # What was run before may come from the cache; a mark of its own lets the player start anew.
    mark = uuid4().hex if play else None
    return [viz.payload_json(traces, clock, mark=mark), traces, clock, query]


def draw(tab: Tab) -> Stage:
    """The player with everything around it."""
    stage = Stage(
        player=player(elem_id=f"{tab}-player", answer=asking.answer),
        traces=gr.State(time_to_live=3600),
        clock=gr.State("steps"),
        address=gr.Textbox(visible="hidden", elem_id=f"address-{tab}"),
        figures=[],
        order=gr.Markdown(render=False, elem_classes="order"),
    )
    with gr.Row(elem_classes="takeaway"):
        copy = gr.Button("Copy link", size="sm", elem_id=f"copy-{tab}")
        page = gr.Button("Save as web page", size="sm")
        moving = gr.Button("Save as GIF", size="sm")
        files = [(page, "html"), (moving, "gif")]
        if tab == "watch":
            files.append((gr.Button("Save trace (JSON)", size="sm"), "json"))
    file = gr.DownloadButton(visible="hidden", elem_id=f"file-{tab}")
    # The figures load plotly, 4.6 MB that nobody should wait for who only wants to watch.
    opened = gr.State(value=False)
    drawer = gr.Accordion("Curves and order of this run", open=False, elem_classes="drawer")
    with drawer:
        with gr.Row(elem_classes="figures"):
            stage.figures += [gr.Plot(show_label=False) for _ in range(3 - (tab == "race"))]
        stage.order.render()

    def redraw(traces: list[str] | None, is_open: bool) -> Updates:
        drawn = figures(traces) if traces and is_open else [gr.skip()] * len(stage.figures)
        return [is_open, *drawn]

    def recount(traces: list[str] | None, is_open: bool) -> str | dict[str, Any]:
        return order.told(traces) if traces and is_open else gr.skip()

    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    outputs, inputs = [opened, *stage.figures], [stage.traces, opened]
    drawn = drawer.expand(lambda traces: redraw(traces, True), stage.traces, outputs, **quiet)
    drawer.collapse(lambda: False, None, opened, **quiet)
    # Regret asks the model about every token once more: the curves need not wait for it.
    for before in (drawn, stage.traces.change(redraw, inputs, outputs, **quiet)):
        before.then(recount, inputs, stage.order, **quiet)
    copy.click(None, stage.address, None, js=COPY.replace("TAB", tab))
    for button, kind in files:
        button.click(
            lambda traces, clock, kind=kind: save(traces, clock, kind),
            [stage.traces, stage.clock],
            file,
            api_visibility="private",
        ).success(None, js=FETCH.replace("TAB", tab))
    stage.address.change(None, stage.address, None, js=SHOW_ADDRESS)
    return stage


def save(traces: list[str] | None, clock: str, kind: str) -> str:
    """Write the traces as a file of this kind; its name never comes from the visitor."""
    if not traces:
        raise gr.Error("There is nothing to save yet: press Run first.", print_exception=False)
    path = Path(tempfile.mkdtemp(prefix="pgm_lite_")) / NAMES[kind]
    match kind:
        case "html":
            viz.save_html(path, traces, clock=clock)
        case "gif":
            viz.save_gif(path, traces, clock=clock)
        case _:
            path.write_text(traces[0], encoding="utf-8")
    return str(path)


def figures(traces: list[str]) -> Updates:
    """The figures of one trace (three) or of the traces of a race (two), in a small format."""
    curves = [viz.positions_per_step(traces), viz.entropy_left(traces)]
    drawn = [viz.step_map(traces[0]), *curves] if len(traces) == 1 else curves
    for figure in drawn:
        figure.update_layout(SMALL)
        figure.update_layout(showlegend=len(traces) > 1)
        if len(traces) > 1:
            figure.update_layout(margin={"t": 68})  # room for the legend under the title
    return drawn
