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
