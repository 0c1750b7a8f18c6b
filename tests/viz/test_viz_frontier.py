"""The figure of the frontier."""

import pytest

from pgm_lite.frontier import marked
from pgm_lite.viz.frontier import frontier_figure


def row(model: str, sampling: str, gflop: float, validity: float) -> dict[str, str]:
    costs = {"GFLOP": str(gflop), "calls": str(gflop * 3)}
    return {"model": model, "sampling": sampling, "budget": "", "validity": str(validity)} | costs


ROWS = [
    row("w/a", "dear", 4, 0.9),
    row("w/a", "cheap", 1, 0.5),
    row("w/a", "beaten", 2, 0.4),
    row("w/b", "late", 5, 0.8),
]


def test_the_best_points_of_each_model_are_joined_and_the_best_of_all_named() -> None:
    each = {cost: marked(ROWS, "validity", cost) for cost in ("calls", "GFLOP")}
    figure = frontier_figure(each, quality="validity", title="t")
    lines = [trace for trace in figure.data if "lines" in trace.mode]
    assert [list(line.y) for line in lines] == [[0.5, 0.9], [0.8], [0.5, 0.9], [0.8]]
    assert [list(line.text) for line in lines[:2]] == [["cheap", "dear"], [""]]
    faint = [list(trace.y) for trace in figure.data if trace.mode == "markers"]
    assert faint[0] == [0.4]
    assert [line.name for line in lines if line.showlegend] == ["a", "b"]
    assert figure.layout.xaxis.title.text == "network evaluations"


def test_a_cost_that_is_none_is_named() -> None:
    with pytest.raises(ValueError, match="no cost is called 'tears'; the costs are calls"):
        frontier_figure({"tears": ROWS}, quality="validity", title="t")


def test_what_keeps_a_quality_honest_stands_below_it_beside_its_aim() -> None:
    rows = [{**each, "entropy": "2.7", "entropy_real": "2.9"} for each in ROWS]
    figure = frontier_figure(
        {"calls": marked(rows, "validity", "calls")}, quality="validity", title="t"
    )
    below = [trace for trace in figure.data if trace.yaxis == "y2"]
    assert {value for trace in below for value in trace.y} == {2.7}
    assert not any(trace.showlegend for trace in below)
    assert [line.y0 for line in figure.layout.shapes] == [2.9]
    assert figure.layout.yaxis2.range[0] < 2.7 < 2.9 < figure.layout.yaxis2.range[1]


def test_a_name_that_would_cover_another_is_left_out() -> None:
    near = [
        row("w/a", "first", 1, 0.5),
        row("w/a", "second", 1.05, 0.505),
        row("w/a", "far", 9, 0.9),
    ]
    figure = frontier_figure(
        {"GFLOP": marked(near, "validity", "GFLOP")}, quality="validity", title="t"
    )
    assert [list(trace.text) for trace in figure.data if trace.text] == [["first", "", "far"]]


def test_a_family_has_one_colour_and_its_variants_open_marks() -> None:
    rows = [row("x/pgm", "s", 1, 0.5), row("x/pgm_sdtt", "s", 2, 0.6), row("x/prime", "s", 3, 0.7)]
    figure = frontier_figure({"GFLOP": marked(rows, "validity")}, quality="validity", title="t")
    lines = {trace.name: trace for trace in figure.data if "lines" in trace.mode}
    assert lines["pgm"].line.color == lines["pgm_sdtt"].line.color != lines["prime"].line.color
    marks = {name: line.marker.symbol for name, line in lines.items()}
    assert marks == {"pgm": "circle", "pgm_sdtt": "circle-open", "prime": "circle"}
