"""The frontier as a figure: every way of sampling a point, the best of each model joined by a line."""
# pyright: reportMissingTypeStubs=false

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from pgm_lite.metrics import FIGURES
from pgm_lite.viz.comparison import Row, honest, in_order, panels, reach, scaled, stem_of, styles

_ROOM = 0.3
"""What a panel has on the left of its cheapest point, as a share of its width: room for a name."""

_NEAR = (0.15, 0.05)
"""Shares of a panel's width and height within which a second name would cover the first."""


def frontier_figure(starred: Mapping[str, Sequence[Row]], *, quality: str, title: str) -> go.Figure:
    """One column for each cost in ``starred``: its rows, marked by ``frontier.marked`` for that cost.

    A colour is a family, open marks are a variant of it. Faint points are beaten by a point of the
    same model; the others are joined, and those that nothing beats carry the name of their sampling,
    written to the side where no point can be. The panels below show the same points once more.
    """
    rows = [row for its in starred.values() for row in its]
    figure = panels(list(starred), rows, quality, title)
    lower = quality in FIGURES and FIGURES[quality].better == "lower"
    for column, (cost, points) in enumerate(starred.items(), start=1):
        names = _names(points, cost, quality)
        for line, shown in enumerate([quality, *honest(rows)], start=1):
            for model, style in styles(row["model"] for row in rows).items():
                its = in_order((row for row in points if row["model"] == model), cost)
                best = [row for row in its if row["frontier"]]
                mark = "circle-open" if style.open else "circle"
                place = {"legendgroup": model, "name": stem_of(model), "row": line, "col": column}
                figure.add_scatter(
                    **_placed([row for row in its if not row["frontier"]], cost, shown),
                    mode="markers",
                    marker={"color": style.colour, "size": 6, "opacity": 0.3, "symbol": mark},
                    showlegend=False,
                    **place,
                )
                figure.add_scatter(
                    **_placed(best, cost, shown),
                    mode="lines+markers+text" if line == 1 else "lines+markers",
                    text=[names.get(id(row), "") for row in best],
                    textposition="bottom left" if lower else "top left",
                    cliponaxis=False,
                    textfont={"size": 10},
                    line={"color": style.colour, "width": 1.5},
                    marker={"size": 8, "symbol": mark},
                    showlegend=line == column == 1,
                    **place,
                )
        low, high = reach([scaled(row, cost) for row in points])
        figure.update_xaxes(range=[low - _ROOM * (high - low), high], col=column)
    return figure


def _names(points: Sequence[Row], cost: str, quality: str) -> dict[int, str]:
    """The sampling of each point that nothing beats, unless a cheaper one's name stands there."""
    width, height = (
        high - low
        for low, high in (reach([scaled(row, name) for row in points]) for name in (cost, quality))
    )
    names: dict[int, str] = {}
    taken: list[tuple[float, float]] = []
    for row in in_order((row for row in points if row["frontier"] == "**"), cost):
        x, y = scaled(row, cost) / width, scaled(row, quality) / height
        if all(abs(x - left) > _NEAR[0] or abs(y - up) > _NEAR[1] for left, up in taken):
            names[id(row)] = row["sampling"]
            taken.append((x, y))
    return names


def _placed(rows: Sequence[Row], cost: str, shown: str) -> dict[str, list[Any]]:
    told = [f"{row['model']}<br>{row['sampling']} {row['budget']}" for row in rows]
    return {
        "x": [float(row[cost]) for row in rows],
        "y": [float(row[shown]) for row in rows],
        "hovertext": told,
    }
