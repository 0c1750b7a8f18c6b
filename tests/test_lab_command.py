"""``python -m pgm_lite lab``: figures, what goes together, tables of one's own that hold no law."""

import json
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from pgm_lite import lab
from pgm_lite.cli import app

TABLE = "[[0.5, 0.0], [0.0, 0.5]]"


def output(*words: str) -> str:
    found = CliRunner().invoke(app, ["lab", *words])
    assert found.exception is None, found.exception
    return found.output


def joined(text: str) -> str:
    """On one line, however narrow the terminal."""
    return " ".join(text.split())


def refused(*words: str) -> str:
    found = CliRunner().invoke(app, ["lab", *words])
    assert isinstance(found.exception, ValueError | typer.Exit), found.exception
    return str(found.exception)


@pytest.fixture
def table(tmp_path: Path) -> str:
    path = tmp_path / "table.json"
    path.write_text(TABLE)
    return str(path)


def test_walked_and_counted_rows_stand_in_one_table(table: str, tmp_path: Path) -> None:
    path = tmp_path / "lab.json"
    policies = ("--policy", "one-shot", "--policy", "remask:3")
    text = output("--world", table, *policies, "--samples", "100", "--json", str(path))
    assert "0.6931 nats; exact, or 100 samples" in joined(text)
    (shot,) = (line for line in text.splitlines() if "one-shot" in line)
    (again,) = (line for line in text.splitlines() if "remask:3" in line)
    assert "exact" in shot
    assert "not countable" in again
    assert "Counted rows: 100 exact draws have an expected TV of 0.040" in joined(text)
    one, other = json.loads(path.read_text(), parse_constant=pytest.fail)[table]
    assert (one["samples"], one["reverse_kl"]) == (None, "inf")  # it writes what never occurs
    assert (other["samples"], other["kl"]) == (100, None)


def test_the_figure_is_written(table: str, tmp_path: Path) -> None:
    path = tmp_path / "lab.html"
    worlds = ("--world", table, "--world", "markov")
    output(*worlds, "--policy", "random:1", "--policy", "random:2", "--html", str(path))
    page = path.read_text()
    assert page.count("Plotly.newPlot(") == 2
    assert "expected calls" in page
    assert '"random:2"' in page


def test_the_split_of_a_network_is_drawn(tmp_path: Path) -> None:
    path = tmp_path / "split.html"
    output("--network", "shidoku/mdlm", "--samples", "2", "--html", str(path))
    page = path.read_text()
    assert page.count("Plotly.newPlot(") == 2
    assert "parallel error" in page


def test_what_would_be_ignored_is_refused(table: str) -> None:
    network = ("--network", "shidoku/mdlm")
    assert "so --world would be ignored" in refused(*network, "--world", table)
    assert "so --policy would be ignored" in refused(*network, "--policy", "random:1")
    both = refused(*network, "--world", table, "--policy", "random:1")
    assert "--network splits" in both
    assert "so --world and --policy would be ignored; leave out" in both


@pytest.mark.parametrize("samples", ["0", "1"])
def test_too_few_samples_are_refused_not_replaced(table: str, samples: str) -> None:
    said = f"at least 2 samples; got {samples}"
    assert said in refused("--world", table, "--samples", samples)
    assert said in refused("--network", "shidoku/mdlm", "--samples", samples)


# Tables of one's own

FAULTS: list[tuple[object, str]] = [
    (
        [[0.5, 0.5], [0.0]],
        r"\[1\] is a list of 1, but \[0\] is a list of 2: the lists are not of one",
    ),
    ([[0.5, 0.5], 0.0], r"\[1\] is a number, but \[0\] is a list of 2"),
    ([[[0.5], [0.5]], [[0.0], 0.0]], r"\[1\]\[1\] is a number, but \[1\]\[0\] is a list of 1"),
    ([], "the file is an empty list; a table is nested lists of probabilities"),
    ([[], []], r"\[0\] is an empty list"),
    ([[0.5, float("nan")], [0.0, 0.5]], r"entry \[0\]\[1\] is nan; write a finite number"),
    ([[0.5, float("inf")], [0.0, 0.5]], r"entry \[0\]\[1\] is inf"),
    ([[0.5, "x"], [0.0, 0.5]], r"\[0\]\[1\] is 'x', not a number"),
    ([[0.5, None], [0.0, 0.5]], r"\[0\]\[1\] is None, not a number"),
    (7, "one axis a position"),
    ({"vocab_size": 2, "sequences": [[0, 1], [0]]}, r"sequences\[1\] is a list of 1, but"),
    ({"vocab_size": 2, "sequences": []}, "sequences is an empty list; sequences are rows"),
    ({"vocab_size": 2, "sequences": [0, 1]}, "sequences is no list of lists"),
    (
        {"vocab_size": 2, "sequences": [[0], [1]], "weights": [[1], [0]]},
        "weights is no plain list; weights are one probability for each sequence",
    ),
    ({"vocab_size": 2, "sequences": [[0], [1]], "weights": ["a", 1]}, r"weights\[0\] is 'a', not"),
    ({"sequences": [[0]]}, "it has no 'vocab_size'"),
]


@pytest.mark.parametrize(("content", "message"), FAULTS)
def test_a_table_that_is_none_is_explained(tmp_path: Path, content: object, message: str) -> None:
    path = tmp_path / "table.json"
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=message) as caught:
        lab.world(str(path))
    assert str(path) in str(caught.value)
    assert "inhomogeneous" not in str(caught.value)


def test_an_array_that_is_none_is_explained(tmp_path: Path) -> None:
    path = tmp_path / "table.npy"
    for array, message in (
        (
            np.array([[0.5, np.nan], [0.0, 0.5]]),
            r"entry \[0\]\[1\] is nan; probabilities are finite",
        ),
        (np.zeros((0, 0)), r"the table is empty, of shape \[0, 0\]"),
    ):
        np.save(path, array)
        with pytest.raises(ValueError, match=message):
            lab.world(str(path))
    np.save(path, np.array([{}, 1], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match=r"save one of numbers: numpy\.save"):
        lab.world(str(path))
    path.write_text("no array")
    with pytest.raises(ValueError, match="no array was found"):
        lab.world(str(path))
    bad = tmp_path / "table.json"
    bad.write_text("[0.5,")
    with pytest.raises(ValueError, match="it is no JSON"):
        lab.world(str(bad))


def test_a_sound_table_and_a_name_go_through(table: str) -> None:
    assert lab.world(table).entropy() == pytest.approx(np.log(2))
    assert lab.world("markov", seed=2).entropy() != lab.world("markov", seed=3).entropy()
