"""The player in Gradio.

The value is the text of ``payload_json``: a nested value would cost Gradio seconds, and only a
static template keeps the tokens of a trace from being read as markup.
"""
# pyright: reportUnknownMemberType=false

from typing import Any

import gradio as gr

from pgm_lite.viz.module import player_module

_SHIM = """
(async () => {
  const url = URL.createObjectURL(new Blob([props.esm], { type: "text/javascript" }));
  const widget = (await import(url)).default;
  URL.revokeObjectURL(url);
  const parse = text => { try { return text ? JSON.parse(text) : null; } catch { return {}; } };
  const state = { trace: parse(props.value), step: null, autoplay: Boolean(props.autoplay) };
  const listeners = {};
  const model = {
    get: name => state[name],
    set: (name, value) => { state[name] = value; },
    save_changes: () => trigger("step", { step: state.step }),
    on: (event, run) => (listeners[event] ??= []).push(run),
    off: (event, run) => {
      listeners[event] = (listeners[event] || []).filter(other => other !== run);
    },
  };
  widget.render({ model, el: element.querySelector(".pgm-player") });
  watch("value", () => {
    state.trace = parse(props.value);
    state.step = null;
    state.autoplay = Boolean(props.autoplay);
    (listeners["change:trace"] || []).forEach(run => run());
  });
})()
"""


class Player(gr.HTML):
    """Plays the traces in its value; ``.step(...)`` listens to where the player came to rest.

    ``autoplay`` starts each new trace by itself, unless the visitor asked for reduced motion.
    """

    def __init__(
        self,
        value: str | None = None,
        *,
        autoplay: bool = False,
        label: str | None = None,
        elem_id: str | None = None,
        visible: bool = True,
        render: bool = True,
    ) -> None:
        super().__init__(
            value=value,
            label=label,
            elem_id=elem_id,
            visible=visible,
            render=render,
            html_template="<div class='pgm-player'></div>",
            js_on_load=_SHIM,
            apply_default_css=False,
            esm=player_module(),
            autoplay=autoplay,
        )

    def api_info(self) -> dict[str, Any]:
        """The value is text: the JSON of ``payload_json``."""
        return {"type": "string"}
