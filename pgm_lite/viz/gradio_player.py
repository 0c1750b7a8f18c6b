"""The player in Gradio.

The value is the text of ``payload_json``: a nested value would cost Gradio seconds, and only a
static template keeps the tokens of a trace from being read as markup.
"""

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


def player(
    value: str | None = None,
    *,
    autoplay: bool = False,
    label: str | None = None,
    elem_id: str | None = None,
    visible: bool = True,
    render: bool = True,
) -> gr.HTML:
    """Plays the traces in its value; ``.step(...)`` hears where the player came to rest.

    ``autoplay`` starts each new trace by itself, unless the visitor asked for reduced motion.
    A function and no subclass, because Gradio writes a stub file beside every subclass.
    """
    return gr.HTML(
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
