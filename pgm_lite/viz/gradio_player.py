"""The player in Gradio.

The value is the text of ``payload_json``: a nested value would cost Gradio seconds, and only a
static template keeps the tokens of a trace from being read as markup.
"""

import json
from collections.abc import Callable

import gradio as gr

from pgm_lite.viz.module import player_module

# The module is part of the script: an update that arrives before the player is mounted
# replaces the properties it was given.
_SHIM = """
(async () => {
  const given = GIVEN;
  const url = URL.createObjectURL(new Blob([given.esm], { type: "text/javascript" }));
  const widget = (await import(url)).default;
  URL.revokeObjectURL(url);
  const parse = text => { try { return text ? JSON.parse(text) : null; } catch { return {}; } };
  const moving = trace => Boolean(trace?.mark || (props.autoplay ?? given.autoplay));
  const { curious } = given;
  const first = parse(props.value);
  const state = { trace: first, step: null, autoplay: moving(first), curious };
  const listeners = {};
  const tell = name => (listeners[`change:${name}`] || []).forEach(run => run());
  let answered = null;
  const saved = async () => {
    const { asked } = state;
    if (asked === answered || !asked) return trigger("step", { step: state.step });
    answered = asked;
    const told = await server.told(asked);
    if (asked !== state.asked) return;
    state.told = told;
    tell("told");
  };
  const model = {
    get: name => state[name],
    set: (name, value) => { state[name] = value; },
    save_changes: saved,
    on: (event, run) => (listeners[event] ??= []).push(run),
    off: (event, run) => {
      listeners[event] = (listeners[event] || []).filter(other => other !== run);
    },
  };
  widget.render({ model, el: element.querySelector(".pgm-player") });
  watch("value", () => {
    state.trace = parse(props.value);
    state.step = null;
    state.autoplay = moving(state.trace);
    tell("trace");
  });
})()
"""


def player(
    value: str | None = None,
    *,
    autoplay: bool = False,
    answer: Callable[[object], object] | None = None,
    label: str | None = None,
    elem_id: str | None = None,
    visible: bool = True,
    render: bool = True,
) -> gr.HTML:
    """Plays the traces in its value; ``.step(...)`` hears where the player came to rest.

    ``autoplay`` starts each new trace by itself, unless the visitor asked for reduced motion; a
    ``mark`` in the value starts that one.
    ``answer`` is handed the questions that pinned positions raise (``curious.answers``).
    A function and no subclass, because Gradio writes a stub file beside every subclass.
    """
    given = json.dumps({"esm": player_module(), "autoplay": autoplay, "curious": bool(answer)})
    functions: list[Callable[[object], object]] = []
    if answer is not None:

        def told(asked: object) -> object:  # the script knows it by this name
            return answer(asked)

        functions.append(told)
    return gr.HTML(
        value=value,
        label=label,
        elem_id=elem_id,
        visible=visible,
        render=render,
        html_template="<div class='pgm-player'></div>",
        js_on_load=_SHIM.replace("GIVEN", given),
        apply_default_css=False,
        autoplay=autoplay,
        server_functions=functions,
    )
