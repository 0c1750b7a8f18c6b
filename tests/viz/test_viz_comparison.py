"""The figure that sets quality against cost."""

import pytest

from pgm_lite.viz.comparison import log_axis, quality_against_cost


def row(model: str, budget: int, calls: float) -> dict[str, str]:
    return {
        "model": model,
        "sampling": "unmask",
        "budget": str(budget),
        "spelling": str(1 - 1 / calls),
        "calls": str(calls),
        "GFLOP": str(calls / 3),
        "seconds": str(calls / 50),
    }


ROWS = [row("a", 8, 8.0), row("a", 4, 4.0), row("b", 4, 3.5)]


def test_one_curve_a_way_in_each_panel_in_the_order_of_cost() -> None:
    figure = quality_against_cost(ROWS, quality="spelling", title="t", real=0.9)
    assert len(figure.data) == 6
    names = [curve.name for curve in figure.data if curve.showlegend]
    assert names == ["a, unmask", "b, unmask"]
    first = figure.data[0]
    assert list(first.x) == [4.0, 8.0]
    assert list(first.y) == [0.75, 0.875]
    assert list(first.text) == ["budget 4", "budget 8"]
    assert len({curve.line.color for curve in figure.data}) == 2
    assert len(figure.layout.shapes) == 3


def test_what_is_not_there_is_named() -> None:
    with pytest.raises(ValueError, match="no cost is called 'tears'; the costs are calls"):
        quality_against_cost(ROWS, quality="spelling", title="t", costs=("tears",))
    with pytest.raises(ValueError, match="the rows have no 'beauty', only model"):
        quality_against_cost(ROWS, quality="beauty", title="t")


def test_ticks_are_whole_numbers_and_few_where_an_axis_is_wide() -> None:
    narrow, wide = log_axis([2, 30]), log_axis([0.001, 100])
    shown = dict(zip(narrow["tickvals"], narrow["ticktext"], strict=True))
    assert (shown[5], shown[20]) == ("5", "20")
    assert [wide["ticktext"][3:6], len(wide["tickvals"])] == [["0.001", "0.01", "0.1"], 13]
