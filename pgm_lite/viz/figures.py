"""Plotly figures of traces: when each position was written, how much doubt was left, the cost.

Every function returns a ``Figure`` in the ``pgm_lite`` template. Show one with
``figure.show(config=CONFIG)``, which leaves out plotly's button that uploads the data.
"""
# pyright: reportMissingTypeStubs=false

from itertools import cycle, pairwise
from typing import Any

import plotly.graph_objects as go
import plotly.io as pio

from pgm_lite.viz.colour import LIGHT, QUALITATIVE, SEQUENTIAL
from pgm_lite.viz.record import Record, Traces, reading, records, state, ticks

CONFIG = {"displaylogo": False, "showSendToCloud": False}
"""What to hand to ``figure.show(config=...)``."""

TEMPLATE = "pgm_lite"
"""The name of our plotly template, registered when this module is imported."""

_FONT = "system-ui, -apple-system, Segoe UI, Roboto, sans-serif"
_DASHES = ("solid", "dash", "dot", "dashdot", "longdash")


def step_map(trace: Traces, *, row: int = 0) -> go.Figure:
    """The step that wrote each position, laid out as the sequence is; 0 where it was given."""
    named = records(trace, row)
    if len(named) != 1:
        raise ValueError(
            f"a step map shows one trace, got {len(named)} ({', '.join(named)}); choose one"
        )
    ((name, record),) = named.items()
    n, layout = record["seq_len"], record["layout"]
    columns: int = layout["columns"] if layout["kind"] == "grid" else min(32, n)
    written = _written_at(record)
    tokens, known = state(record, len(record["steps"]))
    symbols = [
        record["vocab"][token] if is_known else "unknown"
        for token, is_known in zip(tokens, known, strict=True)
    ]
    if (order := reading(record, len(record["steps"]))) is not None:
        written, symbols = [written[i] for i in order], [symbols[i] for i in order]
    heat = {
        "type": "heatmap",
        "z": _rows(written, columns, None),
        "customdata": _rows(symbols, columns, ""),
        "xgap": 1,
        "ygap": 1,
        "hovertemplate": "row %{y}, column %{x}<br>%{customdata}<br>step %{z}<extra></extra>",
        "colorbar": {"title": {"text": "step"}, "thickness": 12},
    }
    square = {"visible": False, "autorange": "reversed", "scaleanchor": "x"}
    x_axis = {"visible": False, "constrain": "domain"}
    return _figure([heat], f"When {name} wrote each position", x_axis, square)


def entropy_left(traces: Traces, *, row: int = 0) -> go.Figure:
    """Mean and range of the entropy (nats) at the positions asked about, step by step."""
    curves: list[dict[str, Any]] = []
    for name, record, line in _styled(traces, row):
        asked = [
            (k, known)
            for k, step in enumerate(record["steps"], start=1)
            if (known := [nats for _, nats in step["entropy"] if nats is not None])
        ]
        steps = [k for k, _ in asked]
        highest, lowest = [max(nats) for _, nats in asked], [min(nats) for _, nats in asked]
        curves.append(
            {
                "x": steps + steps[::-1],
                "y": highest + lowest[::-1],
                "fill": "toself",
                "mode": "none",
                "fillcolor": line["color"],
                "opacity": 0.15,
                "hoverinfo": "skip",
                "showlegend": False,
            }
        )
        means = [sum(nats) / len(nats) for _, nats in asked]
        curves.append({"x": steps, "y": means, "name": name, "mode": "lines", "line": line})
    y_axis = {"title": {"text": "entropy (nats)"}, "rangemode": "tozero"}
    title = "Doubt at the positions asked about"
    return _figure(curves, title, {"title": {"text": "step"}}, y_axis)


def positions_per_step(traces: Traces, *, row: int = 0) -> go.Figure:
    """Positions sent through the network at each step; the area under a curve is its bill."""
    curves: list[dict[str, Any]] = []
    for name, record, line in _styled(traces, row):
        spent = ticks(record, "positions")
        curves.append(
            {
                "x": list(range(1, len(spent))),
                "y": [after - before for before, after in pairwise(spent)],
                "name": f"{name}: {spent[-1]:,.0f} in all",
                "mode": "lines",
                "line": line | {"shape": "hvh"},
                "fill": "tozeroy",
            }
        )
    y_axis = {"title": {"text": "positions through the network"}, "rangemode": "tozero"}
    title = "What goes through the network"
    return _figure(curves, title, {"title": {"text": "step"}}, y_axis)


def _styled(traces: Traces, row: int) -> list[tuple[str, Record, dict[str, Any]]]:
    styles = zip(cycle(QUALITATIVE), cycle(_DASHES), strict=False)
    return [
        (name, record, {"color": colour, "dash": dash, "width": 2.5})
        for (name, record), (colour, dash) in zip(
            records(traces, row).items(), styles, strict=False
        )
    ]


def _written_at(record: Record) -> list[int | None]:
    written: list[int | None] = [0 if known else None for known in record["init"]["known"]]
    for k, step in enumerate(record["steps"], start=1):
        for position, kind, *_ in step["events"]:
            if kind in ("write", "accept", "insert"):
                written[position] = k
            elif kind in ("reopen", "draft", "reject"):
                written[position] = None
    return written


def _rows(cells: list[Any], columns: int, filler: str | None) -> list[list[Any]]:
    padded = cells + [filler] * (-len(cells) % columns)
    return [padded[i : i + columns] for i in range(0, len(padded), columns)]


def _figure(
    data: list[dict[str, Any]], title: str, x_axis: dict[str, Any], y_axis: dict[str, Any]
) -> go.Figure:
    layout = {
        "title": {"text": title},
        "xaxis": x_axis,
        "yaxis": y_axis,
        "template": TEMPLATE,
    }
    return go.Figure(data=data, layout=layout)


def _template() -> go.layout.Template:
    axis = {
        "gridcolor": LIGHT["soft"].fill,
        "zerolinecolor": LIGHT["unknown"].fill,
        "linecolor": LIGHT["muted"].text,
        "ticks": "outside",
    }
    return go.layout.Template(
        layout={
            "colorway": list(QUALITATIVE),
            "font": {"family": _FONT, "color": LIGHT["surface"].text, "size": 13},
            "paper_bgcolor": LIGHT["surface"].fill,
            "plot_bgcolor": LIGHT["surface"].fill,
            "title": {"x": 0.02, "xanchor": "left", "font": {"size": 17}},
            "xaxis": axis,
            "yaxis": axis,
            "margin": {"l": 64, "r": 24, "t": 56, "b": 52},
            "hoverlabel": {"font": {"family": _FONT}},
        },
        data={"heatmap": [go.Heatmap(colorscale=SEQUENTIAL)]},
    )


pio.templates[TEMPLATE] = _template()
