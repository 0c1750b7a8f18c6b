"""One figure for many ways of sampling: what samples are worth against what they cost."""
# pyright: reportMissingTypeStubs=false

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots  # pyright: ignore[reportUnknownVariableType]

from pgm_lite.viz.colour import QUALITATIVE
from pgm_lite.viz.figures import TEMPLATE

COSTS = {"calls": "network evaluations", "GFLOP": "GFLOP a sample", "seconds": "seconds a sample"}
"""The costs a figure can stand against, and how their axes are called."""

_MARKS = ("circle", "square", "diamond", "cross", "triangle-up", "star")


def quality_against_cost(
    rows: Sequence[Mapping[str, str]],
    *,
    quality: str,
    title: str,
    costs: Sequence[str] = ("calls", "GFLOP", "seconds"),
    real: float | None = None,
) -> go.Figure:
    """One panel for each cost, one curve for each way of sampling; rows as ``evaluate`` makes them.

    ``real`` draws a line at what real data score.
    """
    if unknown := [cost for cost in costs if cost not in COSTS]:
        raise ValueError(f"no cost is called {unknown[0]!r}; the costs are {', '.join(COSTS)}")
    curves: dict[str, list[Mapping[str, str]]] = {}
    for row in rows:
        if quality not in row:
            raise ValueError(f"the rows have no {quality!r}, only {', '.join(row)}")
        curves.setdefault(f"{row['model']}, {row['sampling']}", []).append(row)
    figure: Any = make_subplots(rows=1, cols=len(costs), shared_yaxes=True, horizontal_spacing=0.03)
    styles = zip(cycle(QUALITATIVE), cycle(_MARKS), strict=False)
    for (name, points), (colour, mark) in zip(curves.items(), styles, strict=False):
        for column, cost in enumerate(costs, start=1):
            placed = sorted(points, key=lambda row: float(row[cost]))
            figure.add_scatter(
                x=[float(row[cost]) for row in placed],
                y=[float(row[quality]) for row in placed],
                text=[f"budget {row['budget']}" for row in placed],
                name=name,
                legendgroup=name,
                showlegend=column == 1,
                mode="lines+markers",
                line={"color": colour},
                marker={"symbol": mark, "size": 8},
                row=1,
                col=column,
            )
    for column, cost in enumerate(costs, start=1):
        figure.update_xaxes(title_text=COSTS[cost], type="log", row=1, col=column)
        if real is not None:
            figure.add_hline(y=real, line={"dash": "dot", "width": 1}, row=1, col=column)
    figure.update_yaxes(title_text=quality.replace("_", " "), row=1, col=1)
    figure.update_layout(
        template=TEMPLATE, title=title, legend={"orientation": "h", "y": -0.25}, height=420
    )
    return figure
