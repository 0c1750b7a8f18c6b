"""What samples are worth against what they cost: the panels, and one curve for each way of sampling.

Quality stands above; below it, where the rows have it, the figure that keeps it honest, since a
sampler can score well by saying always the same.
"""
# pyright: reportMissingTypeStubs=false

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from math import log10
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots  # pyright: ignore[reportUnknownVariableType]

from pgm_lite.metrics import FIGURES
from pgm_lite.viz.colour import FAMILIES, QUALITATIVE
from pgm_lite.viz.figures import TEMPLATE

Row = Mapping[str, str]

COSTS = {"calls": "network evaluations", "GFLOP": "GFLOP a sample", "seconds": "seconds a sample"}
"""The costs a figure can stand against, and how their axes are called."""

BESIDE = {"total_variation": "noise_floor", "entropy": "entropy_real"}
"""What keeps a quality honest, and the figure of the same row that it should come near."""

LOGARITHMIC = (*COSTS, "frechet")
"""What is drawn by powers of ten: costs, and distances, which may be many times the best."""

_NAMES = {"frechet": "Fréchet distance"}
_MARKS = ("circle", "square", "diamond", "cross", "triangle-up", "star")
_WIDE = 1.7
"""Powers of ten an axis may span before it keeps only the ticks 1, 10, 100."""


@dataclass(frozen=True, slots=True)
class Style:
    """How a model is drawn: the colour of its family, open marks for a variant such as a student."""

    colour: str
    open: bool


def styles(models: Iterable[str]) -> dict[str, Style]:
    """A style for each model; families have colours of their own, others get what is left."""
    left = cycle(QUALITATIVE)
    found: dict[str, Style] = {}
    for model in dict.fromkeys(models):
        stem = stem_of(model)
        family = next((each for each in FAMILIES if f"{stem}_".startswith(f"{each}_")), None)
        found[model] = Style(FAMILIES[family] if family else next(left), family not in (None, stem))
    return found


def stem_of(model: str) -> str:
    """The name of a checkpoint without its data set."""
    return model.split("/")[-1]


def panels(costs: Sequence[str], rows: Sequence[Row], quality: str, title: str) -> go.Figure:
    """An empty figure: a column for each cost; below the quality a row for what keeps it honest."""
    if unknown := [cost for cost in costs if cost not in COSTS]:
        raise ValueError(f"no cost is called {unknown[0]!r}; the costs are {', '.join(COSTS)}")
    if lacking := [row for row in rows if quality not in row]:
        raise ValueError(f"the rows have no {quality!r}, only {', '.join(lacking[0])}")
    shown = [quality, *honest(rows)]
    figure: Any = make_subplots(
        rows=len(shown),
        cols=len(costs),
        row_heights=[1.0, 0.6][: len(shown)],
        shared_xaxes=True,
        shared_yaxes=True,
        horizontal_spacing=0.03,
        vertical_spacing=0.06,
    )
    for column, cost in enumerate(costs, start=1):
        spent = [float(row[cost]) for row in rows]
        figure.update_xaxes(**log_axis(spent), col=column)
        figure.update_xaxes(title_text=COSTS[cost], row=len(shown), col=column)
    for line, name in enumerate(shown, start=1):
        values = [float(row[name]) for row in rows]
        if aims := [float(row[BESIDE[name]]) for row in rows[:1] if BESIDE.get(name) in row]:
            style = {"dash": "dot", "width": 1.5}
            figure.add_hline(
                y=aims[0], line=style, row=line, col="all", exclude_empty_subplots=False
            )
        axis = log_axis(values) if name in LOGARITHMIC else {"range": reach([*values, *aims])}
        figure.update_yaxes(**axis, row=line)
        figure.update_yaxes(title_text=_axis(name), title_standoff=8, row=line, col=1)
    figure.update_layout(
        template=TEMPLATE,
        title=title,
        legend={"orientation": "h", "y": -0.16 if len(shown) > 1 else -0.24},
        height=460 if len(shown) == 1 else 660,
    )
    return figure


def honest(rows: Sequence[Row]) -> list[str]:
    """The figure that stands below the quality, if the rows have one."""
    return [name for name in BESIDE if rows and all(name in row for row in rows)][:1]


def in_order(rows: Iterable[Row], cost: str) -> list[Row]:
    """The rows from cheap to dear."""

    def price(row: Row) -> float:
        return float(row[cost])

    return sorted(rows, key=price)


def quality_against_cost(
    rows: Sequence[Row],
    *,
    quality: str,
    title: str,
    costs: Sequence[str] = ("calls", "GFLOP", "seconds"),
    real: float | None = None,
) -> go.Figure:
    """One column for each cost, one curve for each way of sampling; rows as ``evaluate`` makes them.

    ``real`` draws a line at what real data score.
    """
    figure: Any = panels(costs, rows, quality, title)
    ways = dict.fromkeys((row["model"], row["sampling"]) for row in rows)
    looks = zip(cycle(QUALITATIVE), cycle(_MARKS), strict=False)
    for (model, sampling), (colour, mark) in zip(ways, looks, strict=False):
        its = [row for row in rows if (row["model"], row["sampling"]) == (model, sampling)]
        name = f"{stem_of(model)}, {sampling}"
        for line, shown in enumerate([quality, *honest(rows)], start=1):
            for column, cost in enumerate(costs, start=1):
                placed = in_order(its, cost)
                figure.add_scatter(
                    x=[float(row[cost]) for row in placed],
                    y=[float(row[shown]) for row in placed],
                    text=[f"budget {row['budget']}" for row in placed],
                    name=name,
                    legendgroup=name,
                    showlegend=line == column == 1,
                    mode="lines+markers",
                    line={"color": colour},
                    marker={"symbol": mark, "size": 8},
                    row=line,
                    col=column,
                )
    if real is not None:
        figure.add_hline(y=real, line={"dash": "dot", "width": 1.5}, row=1)
    return figure


def log_axis(values: Sequence[float]) -> dict[str, Any]:
    """A logarithmic axis over some values, with ticks that say their whole number."""
    low, high = reach([log10(value) for value in values])
    digits = (1, 2, 5) if high - low < _WIDE else (1,)
    ticks = [digit * 10.0**power for power in range(-6, 7) for digit in digits]
    labels = [f"{tick:.10f}".rstrip("0").rstrip(".") for tick in ticks]
    return {"type": "log", "range": [low, high], "tickvals": ticks, "ticktext": labels}


def scaled(row: Row, name: str) -> float:
    """A figure of a row as its axis counts."""
    value = float(row[name])
    return log10(value) if name in LOGARITHMIC else value


def reach(values: Sequence[float]) -> list[float]:
    """From the least to the largest of some values, and a little further."""
    low, high = min(values), max(values)
    room = 0.08 * (high - low) or 0.1
    return [low - room, high + room]


def _axis(name: str) -> str:
    """The title of an axis: a figure's name, and which way is better."""
    shown = _NAMES.get(name, name.replace("_", " "))
    if name in BESIDE:
        return f"{shown}<br><sup>dotted: {BESIDE[name].replace('_', ' ')}</sup>"
    better = FIGURES[name].better if name in FIGURES else ""
    return f"{shown}, {better} is better" if better in ("higher", "lower") else shown
