"""The frontier as a figure: every way of sampling a point, the best of each model joined by a line."""
# pyright: reportMissingTypeStubs=false

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots  # pyright: ignore[reportUnknownVariableType]

from pgm_lite.metrics import FIGURES
from pgm_lite.viz.colour import QUALITATIVE
from pgm_lite.viz.comparison import COSTS
from pgm_lite.viz.figures import TEMPLATE

Row = Mapping[str, str]


def frontier_figure(
    starred: Mapping[str, Sequence[Row]],
    *,
    quality: str,
    title: str,
) -> go.Figure:
    """One panel for each cost in ``starred``: its rows, marked by ``frontier.marked`` for that cost.

    A colour is a model. Faint points are beaten by a point of the same model; the others are joined,
    and those that nothing beats carry the name of their sampling.
    """
    if unknown := [cost for cost in starred if cost not in COSTS]:
        raise ValueError(f"no cost is called {unknown[0]!r}; the costs are {', '.join(COSTS)}")
    figure: Any = make_subplots(
        rows=1, cols=len(starred), shared_yaxes=True, horizontal_spacing=0.03
    )
    models = list(dict.fromkeys(row["model"] for rows in starred.values() for row in rows))
    colours = dict(zip(models, cycle(QUALITATIVE), strict=False))
    for column, (cost, rows) in enumerate(starred.items(), start=1):
        for model in models:
            its = in_order([row for row in rows if row["model"] == model], cost)
            beaten = [row for row in its if not row["frontier"]]
            best = [row for row in its if row["frontier"]]
            style = {"name": model.split("/")[1], "legendgroup": model, "row": 1, "col": column}
            figure.add_scatter(
                **_placed(beaten, cost, quality),
                mode="markers",
                marker={"color": colours[model], "size": 6, "opacity": 0.3},
                showlegend=False,
                **style,
            )
            figure.add_scatter(
                **_placed(best, cost, quality),
                mode="lines+markers+text",
                text=[row["sampling"] if row["frontier"] == "**" else "" for row in best],
                textposition=["top center" if i % 2 else "bottom center" for i in range(len(best))],
                cliponaxis=False,
                textfont={"size": 9},
                line={"color": colours[model]},
                marker={"size": 8},
                showlegend=column == 1,
                **style,
            )
        figure.update_xaxes(title_text=COSTS[cost], type="log", row=1, col=column)
    if FIGURES[quality].better == "lower":  # distances, which may be many times as large
        figure.update_yaxes(type="log")
    figure.update_yaxes(title_text=quality.replace("_", " "), row=1, col=1)
    figure.update_layout(
        template=TEMPLATE, title=title, legend={"orientation": "h", "y": -0.2}, height=460
    )
    return figure


def in_order(rows: Sequence[Row], cost: str) -> list[Row]:
    """The rows from cheap to dear."""

    def price(row: Row) -> float:
        return float(row[cost])

    return sorted(rows, key=price)


def _placed(rows: Sequence[Row], cost: str, quality: str) -> dict[str, list[Any]]:
    told = [f"{row['model']}<br>{row['sampling']} {row['budget']}" for row in rows]
    return {
        "x": [float(row[cost]) for row in rows],
        "y": [float(row[quality]) for row in rows],
        "hovertext": told,
    }
