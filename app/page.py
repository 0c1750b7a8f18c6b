"""The whole page: three tabs, the state in the address, and two endpoints for programs."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from urllib.parse import parse_qsl, urlencode

import gradio as gr
from gradio.components import Component
from gradio.events import api

from app import race, runs, start, watch
from app.form import Form
from app.parts import AWAIT_PLAYER
from app.stage import Stage, Updates
from app.wish import Tab, Wish, read_query
from pgm_lite import catalog
from pgm_lite.knobs import Value
from pgm_lite.printing import sentence


@dataclass(frozen=True, slots=True)
class Panel:
    """One tab that runs models."""

    name: Tab
    tab: gr.Tab
    form: Form
    shown: Stage
    linked: gr.Textbox


def build() -> gr.Blocks:
    """Everything but the server."""
    with gr.Blocks(title="pgm_lite", fill_width=True) as page:
        panels: list[Panel] = []
        links = [gr.Textbox(visible="hidden") for _ in range(2)]
        with gr.Tabs(elem_id="pages") as tabs:
            with gr.Tab("Start", id="start"):
                start.draw()
            if catalog.checkpoint_names():
                panels = [
                    draw_panel("watch", watch.draw, links[0]),
                    draw_panel("race", race.draw, links[1]),
                ]
        if panels:

            def on_load(request: gr.Request) -> dict[object, object]:
                return arrive(tabs, panels, dict(request.query_params))

            page.load(
                on_load,
                None,
                [tabs, *(each for panel in panels for each in filled_by_link(panel))],
                show_progress="hidden",
                api_visibility="private",
            )
            api(watch_endpoint, api_name="watch", concurrency_id="model")
            api(race_endpoint, api_name="race", concurrency_id="model")
    return page


def draw_panel(name: Tab, draw: Callable[[], tuple[Form, Stage]], linked: gr.Textbox) -> Panel:
    """A tab that shows a run of its settings, or of the link that led here, when first opened.

    Both wait until the player is on the page: what reaches it earlier would be lost.
    """
    with gr.Tab(name.capitalize(), id=name) as tab:
        form, shown = draw()
    panel = Panel(name, tab, form, shown, linked)
    outputs = [*shown.outputs, *form.lines.values()]
    wait = AWAIT_PLAYER.replace("TAB", name)
    tab.select(
        partial(first_run, panel),
        [linked, shown.traces, *form.inputs],
        outputs,
        js=wait,
        concurrency_id="model",
        api_visibility="private",
    )
    linked.change(
        partial(linked_run, panel),
        linked,
        outputs,
        js=wait,
        concurrency_id="model",
        api_visibility="private",
    ).then(
        form.shape,
        form.inputs,
        form.shaped,
        show_progress="hidden",
        api_visibility="private",
    )
    return panel


def first_run(panel: Panel, linked: str, traces: list[str] | None, *values: object) -> Updates:
    """A run of the settings as they stand, unless a run is there or on its way."""
    if linked or traces:
        return [gr.skip()] * (len(panel.shown.outputs) + len(panel.form.lines))
    return watch.answer(panel.name, panel.form, *values)


def linked_run(panel: Panel, linked: str) -> Updates:
    """The run of a link, or a sentence that says what is wrong with the link."""
    try:
        wish = read_query(dict(parse_qsl(linked)))
        if wish is None or len(wish.models) != len(panel.form.models):
            raise ValueError(
                f"the address must name {len(panel.form.models)} of the models: m=faces/pgm, "
                "and for a race also vs=faces/mdlm"
            )
    except ValueError as error:
        return [gr.skip()] * len(panel.shown.outputs) + watch.blame(panel.form, {"run": str(error)})
    return watch.grant(panel.name, panel.form, wish)


def filled_by_link(panel: Panel) -> list[Component]:
    """What a link sets before its run starts."""
    return [panel.linked, *panel.form.inputs]


def arrive(tabs: gr.Tabs, panels: list[Panel], given: dict[str, str]) -> dict[object, object]:
    """An address that names a tab opens it; one that names a run sets the controls, too."""
    named = next((panel for panel in panels if panel.name == given.get("tab")), None)
    if named is None:
        return {tabs: gr.skip()}
    updates: dict[object, object] = {tabs: gr.update(selected=named.name)}
    if given.get("m"):
        updates[named.linked] = urlencode(given)
        try:
            wish = read_query(given)
        except ValueError:
            return updates
        if wish and len(wish.models) == len(named.form.models):
            updates |= dict(zip(named.form.inputs, named.form.fill(wish), strict=True))
    return updates


def watch_endpoint(
    model: str,
    sampler: str | None = None,
    settings: dict[str, Value] | None = None,
    seed: int = 0,
    label: dict[str, str] | None = None,
    guidance: float = 0.0,
    prompt: str = "",
    ramp: str = "constant",
) -> str:
    """Generate one sequence and return its trace as the text of a pgm_lite.trace/1 file."""
    wish = Wish(
        (model,),
        sampler,
        tuple((settings or {}).items()),
        seed,
        tuple((label or {}).items()),
        guidance,
        ramp,
        prompt,
    )
    return granted(wish)[0]


def race_endpoint(
    first: str,
    second: str,
    sampler: str | None = None,
    settings: dict[str, Value] | None = None,
    seed: int = 0,
    label: dict[str, str] | None = None,
    guidance: float = 0.0,
    prompt: str = "",
    ramp: str = "constant",
) -> list[str]:
    """Generate with two models of one data set; returns both traces as texts."""
    wish = Wish(
        (first, second),
        sampler,
        tuple((settings or {}).items()),
        seed,
        tuple((label or {}).items()),
        guidance,
        ramp,
        prompt,
    )
    return granted(wish)


def granted(wish: Wish) -> list[str]:
    """The traces, or an error that a program can read."""
    try:
        return runs.grant(wish)
    except ValueError as error:
        raise gr.Error(sentence(str(error)), print_exception=False) from error
