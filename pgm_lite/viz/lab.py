"""Figures of the exact lab: error against calls, the cost cliff, and a network's error divided.

They are drawn from plain rows, as ``pgm_lite.lab`` finds them or its ``--json`` files keep them.
"""
# pyright: reportMissingTypeStubs=false

from collections.abc import Mapping, Sequence
from html import escape
from itertools import cycle
from typing import Any

import plotly.graph_objects as go

from pgm_lite.viz.colour import LIGHT, QUALITATIVE
from pgm_lite.viz.figures import CONFIG, TEMPLATE

MEASURES = {
    "total_variation": "total variation from the truth",
    "kl": "KL(truth, policy) in nats",
    "reverse_kl": "KL(policy, truth) in nats",
    "entropy_change": "entropy less the true entropy, in nats",
}
"""What a figure can set against calls, and how its axis is called."""

_MARKS = ("circle", "square", "diamond", "cross", "triangle-up", "star", "x")
_DASHES = ("solid", "dash", "dot", "dashdot", "longdash")


def error_against_calls(
    rows: Sequence[Mapping[str, Any]], *, measure: str = "total_variation", title: str = ""
) -> go.Figure:
    """One curve a family of policies, in the order of their calls; rows as a ``Finding`` has them.

    A family is what stands before the colon of a policy's name. Filled marks are exact, open ones
    counted, with their standard errors; the dotted line is what as many exact draws show. Figures that
    are unknown or infinite are left out, and those that are only a bound, as nothing corrects them.
    """
    if measure not in MEASURES:
        raise ValueError(f"no measure is called {measure!r}; there are {', '.join(MEASURES)}")
    families: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        if missing := [name for name in ("policy", "calls", measure) if name not in row]:
            raise ValueError(f"the rows have no {missing[0]!r}, only {', '.join(row)}")
        if _known(row, measure):
            families.setdefault(_family(row), []).append(row)
    figure: Any = go.Figure()
    for index, (name, points) in enumerate(families.items()):
        placed = sorted(points, key=_calls)
        mark, colour = _MARKS[index % len(_MARKS)], QUALITATIVE[index % len(QUALITATIVE)]
        figure.add_scatter(
            x=[_calls(row) for row in placed],
            y=[float(row[measure]) for row in placed],
            error_y={
                "array": [float(row.get(f"{measure}_error", 0)) for row in placed],
                "visible": any(row.get(f"{measure}_error") for row in placed),
                "thickness": 1.2,
                "width": 3,
            },
            text=[str(row["policy"]) for row in placed],
            customdata=[_how(row) for row in placed],
            hovertemplate="%{text}<br>%{x:.2f} calls<br>%{y:.4f}, %{customdata}<extra></extra>",
            name=name,
            mode="lines+markers",
            cliponaxis=False,
            line={
                "color": colour,
                "dash": _DASHES[index // len(QUALITATIVE) % len(_DASHES)],
                "width": 1.5,
            },
            marker={
                "symbol": [mark if _exact(row) else f"{mark}-open" for row in placed],
                "size": 9,
                "line": {"width": 1.8, "color": colour},
            },
        )
    floors = {float(row["noise_floor"]) for row in rows if row.get("noise_floor")}
    if measure == "total_variation" and len(floors) == 1:
        figure.add_hline(
            y=floors.pop(),
            line={"dash": "dot", "width": 1.5, "color": LIGHT["muted"].text},
            annotation_text="exact draws, counted",
            annotation_position="top left",
        )
    below = measure == "entropy_change"
    if below:
        figure.add_hline(y=0, line={"dash": "dot", "width": 1})
    figure.update_xaxes(title_text="expected calls", rangemode="tozero")
    figure.update_yaxes(title_text=MEASURES[measure], rangemode="normal" if below else "tozero")
    figure.update_layout(
        template=TEMPLATE,
        title=title or "Error against calls",
        height=max(460, 150 + 21 * len(families)),
    )
    return figure


def page(title: str, figures: Sequence[go.Figure]) -> str:
    """One page that holds all figures and makes no request of any kind."""
    parts = [
        figure.to_html(full_html=False, include_plotlyjs=index == 0, config=CONFIG)
        for index, figure in enumerate(figures)
    ]
    head = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
    return f"{head}<body>{''.join(parts)}</body></html>"


def cost_cliff(rows: Sequence[Mapping[str, Any]], *, title: str = "") -> go.Figure:
    """Positions a model processes as an order asks about more of the unknown; rows as a ``Bill``.

    Lines are the formula, marks what the model bills, without the registers; the masked model,
    whose cost depends on no order, is the level line. Shares of all positions it processes.
    """
    sizes: dict[tuple[int, int], list[Mapping[str, Any]]] = {}
    for row in rows:
        needed = ("share", "seq_len", "steps", "formula", "measured", "registers")
        if missing := [name for name in needed if name not in row]:
            raise ValueError(f"the rows have no {missing[0]!r}, only {', '.join(row)}")
        sizes.setdefault((int(row["seq_len"]), int(row["steps"])), []).append(row)
    figure: Any = go.Figure()
    styles = zip(cycle(QUALITATIVE), cycle(_MARKS), strict=False)
    for ((seq_len, steps), bills), (colour, mark) in zip(sizes.items(), styles, strict=False):
        name, whole = f"{seq_len} positions, {steps} steps", seq_len * steps
        curve = sorted((row for row in bills if row["share"] is not None), key=_share)
        shares = [100 * _share(row) for row in curve]
        figure.add_scatter(
            x=shares,
            y=[int(row["formula"]) / whole for row in curve],
            name=name,
            legendgroup=name,
            mode="lines",
            line={"color": colour, "width": 2.5},
            hoverinfo="skip",
        )
        figure.add_scatter(
            x=shares,
            y=[(int(row["measured"]) - int(row["registers"])) / whole for row in curve],
            text=[f"{row['way']}: {int(row['measured']):,} billed" for row in curve],
            hovertemplate="%{text}<br>%{y:.3f} of the masked model's<extra></extra>",
            name=name,
            legendgroup=name,
            showlegend=False,
            mode="markers",
            marker={"symbol": mark, "size": 9, "color": colour},
        )
    figure.add_hline(
        y=1,
        line={"dash": "dash", "width": 1.5, "color": LIGHT["muted"].text},
        annotation_text="masked model, any order",
        annotation_position="bottom left",
    )
    figure.update_xaxes(title_text="share of the unknown that each step asks about (0: blind)")
    figure.update_xaxes(ticksuffix=" %")
    figure.update_yaxes(title_text="positions processed / masked model's", rangemode="tozero")
    figure.update_layout(
        template=TEMPLATE, title=title or "The cost cliff of a partition model", height=460
    )
    return figure


def divided_error(rows: Sequence[Mapping[str, Any]], *, title: str = "") -> go.Figure:
    """Model error and parallel error stacked, by number of steps; rows as a ``Split`` has them.

    The rows are of one way: all along the truth, or all along samples.
    """
    if len(ways := {str(row["along"]) for row in rows}) != 1:
        raise ValueError(f"the rows are along {', '.join(sorted(ways)) or 'nothing'}; choose one")
    figure: Any = go.Figure()
    placed = sorted(rows, key=lambda row: int(row["steps"]))
    for part, colour in (("model", "known"), ("parallel", "new")):
        figure.add_bar(
            x=[str(row["steps"]) for row in placed],
            y=[float(row[part]) for row in placed],
            error_y={"array": [float(row[f"{part}_error"]) for row in placed]},
            name=f"{part} error",
            marker={"color": LIGHT[colour].fill},
        )
    figure.update_xaxes(title_text="steps", type="category")
    figure.update_yaxes(title_text="nats a sequence")
    figure.update_layout(
        template=TEMPLATE,
        barmode="stack",
        title=title or f"Where the error comes from, along the {ways.pop()}",
        height=420,
    )
    return figure


def _share(row: Mapping[str, Any]) -> float:
    return float(row["share"])


def _calls(row: Mapping[str, Any]) -> float:
    return float(row["calls"])


def _family(row: Mapping[str, Any]) -> str:
    """A policy's name without its number; other knobs make it a family of its own."""
    stem, comma, knobs = str(row["policy"]).partition(",")
    return stem.partition(":")[0] + comma + knobs


def _exact(row: Mapping[str, Any]) -> bool:
    return row.get("samples") is None


def _how(row: Mapping[str, Any]) -> str:
    return "exact" if _exact(row) else f"from {row['samples']:,} samples"


def _known(row: Mapping[str, Any], measure: str) -> bool:
    """Whether the figure is a number, finite, and not merely a bound."""
    bound = measure in ("entropy_change", "reverse_kl") and row.get("entropy_bias", 0) is None
    return row[measure] is not None and abs(float(row[measure])) != float("inf") and not bound
