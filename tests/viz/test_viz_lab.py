"""The figures of the exact lab: what they draw is what the lab found."""

from dataclasses import asdict

import pytest

from pgm_lite import laws
from pgm_lite.lab import Split, cliff, compare
from pgm_lite.viz.lab import cost_cliff, divided_error, error_against_calls


def found() -> list[dict[str, object]]:
    policies = ["random:1", "random:2", "confidence:2", "one-shot"]
    return [asdict(each) for each in compare(laws.dirichlet(4, 2, seed=1), policies)]


@pytest.mark.parametrize("measure", ["total_variation", "kl", "entropy_change"])
def test_one_curve_a_family_of_policies_in_the_order_of_calls(measure: str) -> None:
    rows = found()
    figure = error_against_calls(rows, measure=measure)
    assert [curve.name for curve in figure.data] == ["random", "confidence", "one-shot"]
    first = figure.data[0]
    assert list(first.x) == pytest.approx([2, 4])
    assert list(first.y) == pytest.approx([rows[1][measure], rows[0][measure]])
    assert list(first.text) == ["random:2", "random:1"]
    assert len({(curve.line.color, curve.line.dash) for curve in figure.data}) == 3
    assert not first.error_y.visible


def test_counted_rows_have_bars_and_what_is_unknown_is_left_out() -> None:
    row = {"policy": "random:2", "calls": 2.0, "total_variation": 0.2, "kl": None}
    row["total_variation_error"] = 0.01
    (curve,) = error_against_calls([row]).data
    assert curve.error_y.visible
    assert list(curve.error_y.array) == [0.01]
    assert len(error_against_calls([row, row | {"kl": float("inf")}], measure="kl").data) == 0


def test_more_families_than_colours_stay_apart() -> None:
    rows = [{"policy": f"family{i}:1", "calls": 1, "total_variation": 0.1} for i in range(12)]
    figure = error_against_calls(rows)
    styles = {(curve.line.color, curve.line.dash) for curve in figure.data}
    assert len(styles) == 12


def test_the_cliff_runs_from_blind_to_the_masked_model() -> None:
    bills = [*cliff(64, 8), *cliff(256, 32)]
    figure = cost_cliff([asdict(bill) for bill in bills])
    line, marks, *others = figure.data
    assert len(others) == 2
    assert list(line.x) == pytest.approx([0, 5, 10, 25, 50, 75, 100])
    assert line.y[0] == pytest.approx(288 / 512)
    assert line.y[-1] == 1
    assert list(line.y) == sorted(line.y)
    assert list(marks.y) == pytest.approx(list(line.y))
    assert len(figure.layout.shapes) == 1


def test_errors_are_stacked_by_steps() -> None:
    rows = [
        asdict(Split("truth", steps, 0.1, 0.01, 4 / steps, 0.1, 0.0, 8)) for steps in (16, 2, 4)
    ]
    figure = divided_error(rows)
    model, parallel = figure.data
    assert figure.layout.barmode == "stack"
    assert list(model.x) == ["2", "4", "16"]
    assert list(parallel.y) == [2.0, 1.0, 0.25]
    assert list(parallel.error_y.array) == [0.1] * 3
    with pytest.raises(ValueError, match="along samples, truth; choose one"):
        divided_error([*rows, rows[0] | {"along": "samples"}])


def test_what_is_not_there_is_named() -> None:
    with pytest.raises(ValueError, match="no measure is called 'tears'; there are total_variation"):
        error_against_calls(found(), measure="tears")
    with pytest.raises(ValueError, match="the rows have no 'calls', only policy"):
        error_against_calls([{"policy": "a"}])
    with pytest.raises(ValueError, match="the rows have no 'share', only way"):
        cost_cliff([{"way": "MDM"}])
