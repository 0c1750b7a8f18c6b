"""The frontier: every sampler has a sweep, every point its figures, and the stars are right."""

import json
from pathlib import Path

import pytest
from shelf import put
from typer.testing import CliRunner

from pgm_lite import catalog, cli, frontier


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoints")
    for family in ("ar", "mdlm", "pgm", "self_spec"):
        put(folder, f"shidoku/{family}")
    return folder


@pytest.fixture(autouse=True)
def shipped(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog, "CHECKPOINTS", shelf)
    monkeypatch.setenv("COLUMNS", "250")
    catalog.load_with_card.cache_clear()


@pytest.mark.parametrize("sampler", catalog.SAMPLERS)
def test_every_sampler_in_the_catalogue_is_swept(sampler: str) -> None:
    sweeps = [sweep for sweep in frontier.SWEEPS if sweep.sampler == sampler]
    assert sweeps, "add a Sweep to pgm_lite/frontier.py"
    for sweep in sweeps:
        values = (sweep.values or (8,)) if sweep.knob else ()
        for value in values:
            settings = dict(sweep.fixed) | {sweep.knob: value}
            assert catalog.settled(catalog.SAMPLERS[sampler], settings)[sweep.knob] == value


def test_every_point_has_quality_and_costs() -> None:
    rows = list(frontier.frontier("shidoku", count=2))
    names = {row["model"] for row in rows}
    assert names == {"shidoku/ar", "shidoku/mdlm", "shidoku/pgm", "shidoku/self_spec"}
    for row in rows:
        assert 0 <= float(row["validity"]) <= 1
        assert float(row["calls"]) > 0
        assert float(row["GFLOP"]) > 0
    points = [(row["model"], row["sampling"], row["budget"]) for row in rows]
    assert len(set(points)) == len(points)


def test_points_that_are_there_are_not_sampled_again() -> None:
    wanted = {"models": ["shidoku/pgm"], "samplers": ["ancestral"], "count": 2}
    first = list(frontier.frontier("shidoku", **wanted))
    marked = [row | {"calls": "kept"} for row in first[:2]]
    again = list(frontier.frontier("shidoku", **wanted, done=marked))
    assert again[:2] == marked
    assert [row["calls"] for row in again[2:]] == [row["calls"] for row in first[2:]]
    other = list(frontier.frontier("shidoku", **wanted | {"count": 3}, done=marked))
    assert all(row["calls"] != "kept" for row in other)
    trained_on = [row | {"weights": "others"} for row in marked]
    fresh = list(frontier.frontier("shidoku", **wanted, done=trained_on))
    assert [row["calls"] for row in fresh] == [row["calls"] for row in first]
    assert frontier.joined(fresh, trained_on) == fresh, "points of older weights give way"


def test_stars_mark_what_nothing_beats() -> None:
    rows = [
        {"model": "a", "GFLOP": "1", "validity": "0.5"},
        {"model": "a", "GFLOP": "2", "validity": "0.4"},
        {"model": "a", "GFLOP": "2", "validity": "0.7"},
        {"model": "b", "GFLOP": "3", "validity": "0.7"},
        {"model": "b", "GFLOP": "1", "validity": "0.5"},
    ]
    stars = [row["frontier"] for row in frontier.marked(rows, "validity")]
    assert stars == ["**", "", "**", "*", "**"]
    distances = [row | {"calls": row["GFLOP"], "frechet": row["validity"]} for row in rows]
    stars = [row["frontier"] for row in frontier.marked(distances, "frechet", "calls")]
    assert stars == ["**", "**", "", "", "**"]


def test_the_command_writes_rows_and_figure(tmp_path: Path) -> None:
    rows, figure = tmp_path / "rows.json", tmp_path / "figure.html"
    words = ["frontier", "--dataset", "shidoku", "--samples", "2", "--model", "shidoku/pgm"]
    words += ["--sampler", "unmask", "--json", str(rows), "--html", str(figure)]
    result = CliRunner().invoke(cli.app, words)
    assert result.exit_code == 0, result.output
    assert "** nothing at all" in result.output
    result = CliRunner().invoke(cli.app, [*words, "--sampler", "ancestral"])
    assert result.exit_code == 0, result.output
    saved = json.loads(rows.read_text())
    assert {row["sampling"] for row in saved} >= {"random order", "ancestral"}
    result = CliRunner().invoke(cli.app, words)
    assert len(json.loads(rows.read_text())) == len(saved), "points of other runs are kept"
    assert {row["model"] for row in saved} == {"shidoku/pgm"}
    assert any(row["frontier"] == "**" for row in saved)
    assert "plotly" in figure.read_text()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"count": 1}, "at least 2 samples; got 1"),
        ({"models": ["shidoku/gan"]}, "no checkpoint 'shidoku/gan'; there are shidoku/ar"),
        ({"samplers": ["magic"]}, "no sampler 'magic'; there are speculate"),
    ],
)
def test_what_does_not_exist_is_named(options: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        list(frontier.frontier("shidoku", **options))
