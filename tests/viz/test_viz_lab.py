"""The figures of the exact lab: what they draw is what the lab found."""

from dataclasses import asdict

import pytest

from pgm_lite import laws
from pgm_lite.lab import Split, cliff, compare
from pgm_lite.viz.lab import cost_cliff, divided_error, error_against_calls, page


def found() -> list[dict[str, object]]:
    policies = ["random:1", "random:2", "confidence:2", "one-shot"]
    return [asdict(each) for each in compare(laws.dirichlet(4, 2, seed=1), policies)]


@pytest.mark.parametrize("measure", ["total_variation", "kl", "reverse_kl", "entropy_change"])
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


def test_counted_points_are_open_and_exact_ones_filled() -> None:
    names = ["random:1", "random:2", "remask:3", "remask:6"]
    rows = [asdict(each) for each in compare(laws.dirichlet(4, 2, seed=1), names, samples=99)]
    exact, counted = error_against_calls(rows).data
    assert list(exact.marker.symbol) == ["circle", "circle"]
    assert list(counted.marker.symbol) == ["square-open", "square-open"]
    assert list(counted.customdata) == ["from 99 samples"] * 2
    assert list(counted.error_y.array) == pytest.approx([0.5 / 99**0.5] * 2)
    assert not exact.error_y.visible


def test_the_level_of_exact_draws_is_drawn_beside_counted_distances() -> None:
    row = {"policy": "remask:3", "calls": 2.0, "total_variation": 0.2, "samples": 50}
    row |= {"noise_floor": 0.07, "entropy_change": 0.1, "entropy_bias": 0.01}
    (line,) = error_against_calls([row]).layout.shapes
    assert (line.y0, line.y1) == (0.07, 0.07)
    assert not error_against_calls([row | {"noise_floor": 0.0, "samples": None}]).layout.shapes


@pytest.mark.parametrize("measure", ["entropy_change", "reverse_kl"])
def test_what_is_only_a_bound_is_not_drawn_as_a_figure(measure: str) -> None:
    row = {"policy": "one-shot", "calls": 1.0, measure: 2.0, "samples": 50, "entropy_bias": None}
    assert len(error_against_calls([row], measure=measure).data) == 0
    assert len(error_against_calls([row | {"entropy_bias": 0.1}], measure=measure).data) == 1


def test_other_knobs_make_another_family() -> None:
    rows = [
        {"policy": name, "calls": 1, "total_variation": 0.1}
        for name in ("remask:3", "remask:6", "remask:3,variant=conf", "remask:6,variant=conf")
    ]
    names = [curve.name for curve in error_against_calls(rows).data]
    assert names == ["remask", "remask,variant=conf"]


def test_a_page_holds_its_figures_and_asks_for_nothing() -> None:
    figure = error_against_calls(found())
    text = page("a < b", [figure, figure])
    assert "<title>a &lt; b</title>" in text
    assert text.count("Plotly.newPlot(") == 2
    assert 'src="http' not in text


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
