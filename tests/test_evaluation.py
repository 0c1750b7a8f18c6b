"""The honest table: what stands in which column, for every family."""

import json
import math
from pathlib import Path

import pytest
from shelf import put
from typer.testing import CliRunner

from pgm_lite import catalog, cli, evaluation

FAMILIES = ("ar", "mdlm", "pgm", "prime", "self_spec")


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoints")
    for family in FAMILIES:
        put(folder, f"shidoku/{family}")
    put(folder, "faces/self_spec")
    return folder


@pytest.fixture(autouse=True)
def shipped(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog, "CHECKPOINTS", shelf)
    monkeypatch.setenv("COLUMNS", "250")
    catalog.load_with_card.cache_clear()


def test_bounds_and_surrogates_have_columns_of_their_own() -> None:
    rows = {row["model"]: row for row in evaluation.likelihoods("shidoku", rows=128)}
    perfect = [rows.pop(f"a perfect Prime, {count}") for count in ("1 digit", "2 digits")]
    assert list(rows) == [f"shidoku/{family}" for family in FAMILIES]
    for name, row in rows.items():
        bound = float(row["bound"].removesuffix(" (exact)"))
        assert row["unit"] == "nats a sequence"
        assert bound > math.log(288)  # random weights
        assert float(row["bound - entropy"]) == pytest.approx(bound - math.log(288), abs=2e-4)
        assert row["bound"].endswith("(exact)") == (name == "shidoku/ar")
        assert ("surrogate" in row) == (name in ("shidoku/prime", "shidoku/self_spec"))
    for row in perfect:
        assert abs(float(row["bound - entropy"])) < 4 * float(row["± bound"])


def test_the_joint_loss_of_a_perfect_model_lies_below_the_entropy() -> None:
    """The exhibit: with one digit it is the entropy, with two it is clearly less."""
    one, two = list(evaluation.likelihoods("shidoku", rows=1024))[-2:]
    assert abs(float(one["surrogate - entropy"])) < 4 * float(one["± surrogate"])
    assert float(two["surrogate - entropy"]) < -3 * float(two["± surrogate"])
    assert abs(float(two["bound - entropy"])) < 4 * float(two["± bound"])


def test_every_family_is_judged_at_every_budget() -> None:
    rows = list(evaluation.samples("shidoku", count=3, budgets=(2, 5)))
    found = [(row["model"].split("/")[1], row["sampling"], row["budget"]) for row in rows]
    assert found == [
        ("ar", "left to right", ""),
        ("mdlm", "unmask", "2"),
        ("mdlm", "unmask", "5"),
        ("pgm", "unmask", "2"),
        ("pgm", "unmask", "5"),
        ("prime", "digits", "2"),
        ("prime", "digits", "5"),
        ("self_spec", "drafts only", "2"),
        ("self_spec", "verified", "2"),
        ("self_spec", "drafts only", "5"),
        ("self_spec", "verified", "5"),
    ]
    by_kind = {(row["model"].split("/")[1], row["sampling"], row["budget"]): row for row in rows}
    assert by_kind["mdlm", "unmask", "5"]["calls"] == "5.0"
    # One of two blocks drafts: half a network evaluation a step.
    assert by_kind["self_spec", "drafts only", "5"]["calls"] == "2.5"
    assert all(row["samples"] == "3" and "validity" in row for row in rows)


def test_the_command_prints_and_saves_both_tables(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    words = ["evaluate", "--dataset", "shidoku", "--samples", "2", "--rows", "64", "--budget", "3"]
    result = CliRunner().invoke(cli.app, [*words, "--json", str(file)])
    assert result.exit_code == 0, result.output
    assert "bound - entropy" in result.output
    assert "A surrogate bounds no likelihood" in result.output
    saved = json.loads(file.read_text())
    assert len(saved["likelihoods"]) == 7
    assert len(saved["samples"]) == 6


def test_a_grid_of_colours_is_judged_in_its_own_unit() -> None:
    (row,) = evaluation.likelihoods("faces", rows=8)
    assert row["unit"] == "nats a position"
    assert "bound - entropy" not in row


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"count": 0}, "at least 1 sample; got 0"),
        ({"count": 1, "budgets": (0,)}, "from 1 to 1024; got 0"),
    ],
)
def test_bad_budgets(options: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        list(evaluation.samples("shidoku", **options))
