"""The command line: it trains, samples and saves, and answers bad input with one line and exit 2."""

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.text import Text
from shelf import put
from typer.testing import CliRunner

from pgm_lite import bench, catalog, cli
from pgm_lite.core import Layout
from pgm_lite.printing import print_table
from pgm_lite.trace import Trace

NAMES = ("faces/pgm", "shidoku/ar", "shidoku/pgm", "shidoku/prime", "shidoku/self_spec")


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoints")
    for name in NAMES:
        put(folder, name)
    return folder


@pytest.fixture(autouse=True)
def shipped(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog, "CHECKPOINTS", shelf)
    monkeypatch.setenv("COLUMNS", "200")
    catalog.load_with_card.cache_clear()


def output(*words: str) -> str:
    """What a command prints if all goes well."""
    result = CliRunner().invoke(cli.app, list(words))
    if result.exception:
        raise result.exception
    assert result.exit_code == 0
    return result.output


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable:
    """What ``python -m pgm_lite`` complains about, after exit 2."""

    def run(*words: str) -> str:
        monkeypatch.setattr(sys, "argv", ["pgm_lite", *words])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        assert stopped.value.code == 2
        text = capsys.readouterr().err
        assert "Traceback" not in text
        return text

    return run


def test_help_lists_the_commands() -> None:
    text = output("--help")
    assert all(command in text for command in ("train", "sample", "evaluate", "bench", "lab"))


def test_a_sample_is_shown_with_its_bill() -> None:
    *rows, bill = output("sample", "shidoku/pgm", "--steps", "4", "--prompt", "12").splitlines()
    assert len(rows) == 4
    assert rows[0].startswith("1 2 ")
    assert all(set(row.split()) <= set("1234") and len(row.split()) == 4 for row in rows)
    # Blind: 16 - 2 asked, each once.
    assert bill.startswith("4 calls, ")
    assert "14 decoder positions" in bill


def test_the_same_seed_gives_the_same_samples() -> None:
    words = ("sample", "shidoku/ar", "--count", "3", "--temperature", "1.5")
    first, again, other = (output(*words, "--seed", seed).splitlines() for seed in "112")
    assert len(first) == 13
    assert first[:12] == again[:12]
    assert first[:12] != other[:12]
    assert first[12].startswith("16 calls, 16 encoder and 0 decoder positions")


def test_each_family_takes_its_own_knobs() -> None:
    words = ("sample", "shidoku/self_spec", "--knob", "window=constant", "--knob", "size=4")
    *_, bill = output(*words, "--knob", "loops=1").splitlines()
    # Two blocks, one of them drafts: every pass, of either kind, is half a call.
    assert float(bill.split()[0]) * 2 == int(float(bill.split()[0]) * 2) >= 8
    *_, bill = output("sample", "shidoku/prime", "--steps", "4").splitlines()
    assert bill.startswith("4 calls, 64 encoder")
    *_, bill = output(
        "sample", "shidoku/self_spec", "--sampler", "unmask", "--steps", "4"
    ).splitlines()
    assert bill.startswith("2 calls, 64 encoder")


def test_faces_are_painted() -> None:
    rows = output("sample", "faces/pgm", "--steps", "2").splitlines()
    assert len(rows) == 17
    assert rows[16].startswith("2 calls")


def test_trace_and_player_are_saved(tmp_path: Path) -> None:
    trace, page = tmp_path / "trace.json", tmp_path / "player.html"
    output(
        *("sample", "shidoku/pgm", "--steps", "2", "--order", "confidence"),
        *("--json", str(trace), "--html", str(page)),
    )
    read = Trace.from_json(trace.read_text(encoding="utf-8"))
    assert read.header.knobs["order"] == "confidence"
    assert len(read.steps) == 2
    assert "<html" in page.read_text(encoding="utf-8")


def test_a_trace_names_the_steps_that_ran(tmp_path: Path) -> None:
    """More steps than unknown positions are as many as there are unknown positions."""
    trace = tmp_path / "trace.json"
    output("sample", "shidoku/pgm", "--steps", "40", "--prompt", "123", "--json", str(trace))
    read = Trace.from_json(trace.read_text(encoding="utf-8"))
    assert read.header.knobs["steps"] == len(read.steps) == 16 - 3


PAGE = """
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

class Page(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"page")

HTTPServer(("127.0.0.1", int(sys.argv[2])), Page).serve_forever()
"""


def test_latencies_are_printed_and_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page is a stand-in's: starting the app takes too long here."""
    monkeypatch.setattr(bench, "APP", (sys.executable, "-c", PAGE))
    saved = tmp_path / "latency.json"
    text = output("bench", "--latency", "--runs", "2", "--json", str(saved))
    assert "a trace of faces/pgm" in text
    times = json.loads(saved.read_text(encoding="utf-8"))["seconds"].values()
    assert [len(each) for each in times] == [2, 2]
    assert all(0 < second < 60 for each in times for second in each)


def test_an_app_that_ends_is_reported(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"showed no page within 120 s"):
        bench.first_page(sys.executable, "-c", "", folder=tmp_path)


def test_sequences_for_the_terminal() -> None:
    def plain(tokens: list[int], symbols: tuple[str, ...], layout: Layout) -> str:
        return Text.from_markup(cli.shown(tokens, symbols, layout)).plain

    bracketed = ("[", "b", "]", "/")
    assert plain([0, 1, 2, 1, 0, 3, 1, 2], bracketed, Layout("line", 1, 8)) == "[b]b[/b]"
    assert plain([0, 1, 2, 2, 1, 0], ("x", "y", "z"), Layout("grid", 2, 3)) == "x y z\nz y x"
    palette = ("#ff0000", "#0000ff")
    painted = cli.shown([0, 1, 1, 0], palette, Layout("grid", 2, 2, palette))
    assert Text.from_markup(painted).plain == "    \n    "
    assert [str(span.style) for span in Text.from_markup(painted).spans] == [
        "on #ff0000",
        "on #0000ff",
        "on #0000ff",
        "on #ff0000",
    ]


@pytest.mark.parametrize("family", ["ar", "mdlm", "pgm"])
def test_training_writes_a_checkpoint_that_samples(
    family: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = output(
        *("train", "--dataset", "shidoku", "--model", family, "--preset", "mini"),
        *("--steps", "6", "--batch", "4", "--threads", "1"),
        *("--out", str(tmp_path / "out"), "--state", str(tmp_path / "state")),
    )
    assert f"{family}.safetensors and its card" in text.replace("\n", "")
    card = json.loads((tmp_path / f"out/shidoku/{family}.json").read_text(encoding="utf-8"))
    assert (card["family"], card["steps"], card["batch"]) == (family, 6, 4)
    assert len(card["figures"]) == 2
    monkeypatch.setattr(catalog, "CHECKPOINTS", tmp_path / "out")
    catalog.load_with_card.cache_clear()
    assert "calls" in output("sample", f"shidoku/{family}")


@pytest.mark.parametrize(
    ("family", "says"),
    [
        ("mdlm", r"nats per token \(bound\)"),
        ("prime", r"nats per token \(surrogate\)"),
        ("self_spec", r"\(surrogate: \d\.\d+ draft bound \+ \d\.\d+ causal surrogate\)"),
    ],
)
def test_training_says_what_its_loss_is(family: str, says: str, tmp_path: Path) -> None:
    where = ("--out", str(tmp_path / "out"), "--state", str(tmp_path / "state"))
    how = ("--preset", "mini", "--steps", "100", "--batch", "2", "--threads", "1")
    assert re.search(says, output("train", "--dataset", "shidoku", "--model", family, *how, *where))


TRAIN = ("train", "--dataset", "shidoku", "--model", "pgm", "--preset", "mini")
BAD = [
    (
        ("sample", "shidoku/gpt"),
        "no checkpoint 'shidoku/gpt'; the checkpoints here are: faces/pgm, ",
    ),
    (("sample", "../secret"), "no checkpoint '../secret'; the checkpoints here are: faces/pgm, "),
    (
        ("sample", "shidoku/pgm", "--temperature", "-1"),
        "temperature must lie between 0 and 2; got -1",
    ),
    (("sample", "shidoku/pgm", "--steps", "0"), "steps must lie between 1 and 256; got 0"),
    (("sample", "shidoku/pgm", "--temperature", "nan"), "temperature must be a number"),
    (("sample", "shidoku/pgm", "--temperature", "inf"), "temperature must be a number"),
    (("sample", "shidoku/pgm", "--order", "spiral"), "order must be one of random, left-to-right"),
    (("sample", "shidoku/pgm", "--prompt", "15"), "no symbol '5' at 1; its alphabet is: '1' '2'"),
    (("sample", "shidoku/pgm", "--prompt", "1" * 17), "17 symbols but the sequence only 16"),
    (("sample", "shidoku/pgm", "--prompt", "[b]"), "no symbol '[' at 0, 'b' at 1, ']' at 2"),
    (("sample", "shidoku/pgm", "--knob", "size=4"), "unmask has no knob size; its knobs are"),
    (("sample", "shidoku/self_spec", "--knob", "loops=0"), "loops must lie between 1 and 16"),
    (("sample", "shidoku/self_spec", "--knob", "loops=x"), "loops=x: could not convert"),
    (
        ("sample", "shidoku/ar", "--sampler", "unmask"),
        "unmask asks a model for any unknown position given the known ones",
    ),
    (("sample", "shidoku/pgm", "--count", "0"), "at least 1 row; got a batch of 0"),
    (("sample", "shidoku/pgm", "--seed", "-1"), "the seed must be a whole number from 0"),
    (("sample", "shidoku/pgm", "--steps", "many"), "Invalid value for '--steps'"),
    ((*TRAIN, "--preset", "huge"), "unknown preset 'huge'; the presets are tiny, mini"),
    ((*TRAIN, "--model", "gpt"), "unknown model 'gpt'; the models are ar, mdlm, pgm"),
    ((*TRAIN, "--dataset", "mnist"), "'mnist', only for shidoku, faces, austen"),
    ((*TRAIN, "--dataset", "text8"), "take one of these, or hand a Recipe of your own to"),
    ((*TRAIN, "--steps", "0"), "needs steps >= 1, batch >= 1"),
    ((*TRAIN, "--rate", "0"), "learning rates lie between 0 and 1; got 0.0"),
    ((*TRAIN, "--model", "prime", "--digits", "0"), "every size of a network must be at least 1"),
    ((*TRAIN, "--freeze-trunk"), "only a self-speculative model has a trunk to freeze"),
    ((*TRAIN, "--batch", "0"), "needs steps >= 1, batch >= 1"),
    ((*TRAIN, "--threads", "0"), "number of threads must be at least 1; got 0"),
    (("evaluate", "--dataset", "mnist"), "no data set is called 'mnist'; there are: shidoku"),
    (("evaluate", "--dataset", "austen"), "there is no checkpoint of austen"),
    (("bench", "--runs", "0"), "at least one run; got 0"),
    (
        ("sample", "shidoku/ar", "--order", "random", "--steps", "3"),
        "autoregress has no knob order, steps; its knobs are",
    ),
    (("sample", "shidoku/self_spec", "--schedule", "uniform"), "speculate has no knob schedule"),
    (
        ("sample", "shidoku/pgm", "--steps", "1", "--json", "/nowhere/x"),
        "No such file or directory",
    ),
    (
        ("sample", "shidoku/pgm", "--steps", "1", "--html", "/nowhere/x"),
        "No such file or directory",
    ),
    (("paint",), "No such command 'paint'"),
]


@pytest.mark.parametrize(("words", "says"), BAD, ids=[" ".join(bad[0]) for bad in BAD])
def test_bad_input_is_one_readable_line(
    words: tuple[str, ...], says: str, refused: Callable, tmp_path: Path
) -> None:
    extra = ("--out", str(tmp_path), "--state", str(tmp_path)) if words[0] == "train" else ()
    assert says in refused(*words, *extra)
    assert not list(tmp_path.rglob("*.safetensors"))


def test_the_lab_prints_its_table_and_keeps_it(tmp_path: Path) -> None:
    path = tmp_path / "lab.json"
    table = tmp_path / "table.json"
    table.write_text("[[0.5, 0.0], [0.0, 0.5]]")
    policies = ("--policy", "one-shot", "--policy", "random:1")
    text = output("lab", "--world", str(table), *policies, "--json", str(path))
    assert "2 positions, 2 tokens, 0.6931 nats; exact" in text
    (found,) = json.loads(path.read_text()).values()
    assert [row["total_variation"] for row in found] == pytest.approx([0.5, 0.0])
    shot = next(line for line in text.splitlines() if "one-shot" in line)
    assert "0.5000" in shot
    assert "+0.6931" in shot


def test_the_lab_counts_where_it_cannot_walk() -> None:
    text = output("lab", "--world", "shidoku", "--policy", "halton:4", "--samples", "64")
    assert "16 positions, 4 tokens, 5.6630 nats; 64 samples each" in text


def test_the_lab_splits_the_error_of_a_network(tmp_path: Path) -> None:
    path, figures = tmp_path / "trace.json", tmp_path / "split.json"
    text = output(
        *("lab", "--network", "shidoku/pgm", "--samples", "4"),
        *("--trace", str(path), "--json", str(figures)),
    )
    assert "parallel error" in text
    rows = json.loads(figures.read_text())
    assert [(row["along"], row["steps"]) for row in rows] == [
        (along, steps) for steps in (2, 4, 8, 16) for along in ("samples", "truth")
    ]
    assert rows[-1]["parallel"] == pytest.approx(0, abs=1e-9)
    read = Trace.from_json(path.read_text())
    assert all(step.errors is not None for step in read.steps)


def test_the_lab_says_what_it_cannot_do(refused: Callable, tmp_path: Path) -> None:
    assert "the policies are random:k" in refused("lab", "--policy", "luck")
    assert "the laws are markov" in refused("lab", "--world", "mars")
    assert "name one with --network" in refused("lab", "--trace", "x.json")
    assert "unmask asks a model for any unknown position" in refused(
        "lab", "--network", "shidoku/ar"
    )
    assert "the law of faces is not known" in refused("lab", "--network", "faces/pgm")
    half = tmp_path / "half.json"
    half.write_text("[0.5, 0.25]")
    assert "those given sum to 0.75" in refused("lab", "--world", str(half))


def test_no_figure_is_cut_however_narrow_the_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    row = {f"a long name {column}": f"{column}.123456789" for column in range(9)}
    print_table("a title", [row])
    said = capsys.readouterr().out
    assert all(word in said for pair in row.items() for word in pair)
    assert "…" not in said
