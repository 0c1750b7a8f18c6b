"""The player as a file of its own: no server, no kernel, no network."""

from html import escape
from pathlib import Path

from pgm_lite.viz.module import player_module
from pgm_lite.viz.record import Traces, payload_json, records

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
  content="default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'">
<title>{title}</title>
<style>
body {{ margin: 0; padding: 24px 16px; background: #eef0f3; color: #15181d;
  font: 15px/1.5 system-ui, sans-serif; }}
main {{ max-width: 1320px; margin: auto; }}
h1 {{ font-size: 17px; margin: 0 0 12px; }}
@media (prefers-color-scheme: dark) {{ body {{ background: #0a0c0f; color: #eceff3; }} }}
@media (max-width: 620px) {{ body {{ padding: 12px 6px; }} }}
</style>
</head>
<body>
<main><h1>{title}</h1><div id="player"></div></main>
<script type="application/json" id="trace">{trace}</script>
<script type="module">
{module}
const state = {{ trace: JSON.parse(document.getElementById("trace").textContent), step: null }};
const model = {{
  get: name => state[name],
  set: (name, value) => {{ state[name] = value; }},
  save_changes() {{}}, on() {{}}, off() {{}},
}};
render({{ model, el: document.getElementById("player") }});
</script>
</body>
</html>
"""


def to_html(
    traces: Traces, *, clock: str | None = None, row: int = 0, title: str | None = None
) -> str:
    """A complete page that plays the traces; it makes no request of any kind."""
    heading = title or " and ".join(records(traces, row))
    return _PAGE.format(
        title=escape(heading),
        trace=payload_json(traces, clock, row),
        module=player_module().replace("</script", "<\\/script"),
    )


def save_html(
    path: str | Path,
    traces: Traces,
    *,
    clock: str | None = None,
    row: int = 0,
    title: str | None = None,
) -> Path:
    """Write the page of ``to_html`` to ``path``, which is returned."""
    target = Path(path)
    target.write_text(to_html(traces, clock=clock, row=row, title=title), encoding="utf-8")
    return target
