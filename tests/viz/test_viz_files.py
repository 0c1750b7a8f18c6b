"""What leaves the package: pages, widgets, pictures, figures; and what it refuses."""

import json
import re
from pathlib import Path

import pytest
from PIL import Image, ImageDraw
from player_traces import demo, every_kind, large, replay

import pgm_lite.viz as viz
from pgm_lite.trace import Trace
from pgm_lite.viz.module import PARTS, player_module
from pgm_lite.viz.record import records, state, ticks

PGM, MDLM = json.dumps(demo("face")), json.dumps(demo("face", "MDLM"))


def test_the_module_is_one_file_with_every_source_and_no_import():
    module = player_module()
    assert not re.search(r"^\s*import\s", module, re.MULTILINE)
    assert module.count("export default") == 1
    sources = Path(viz.__file__).parent / "player"
    assert {path.stem for path in sources.glob("*.js")} == set(PARTS)


def test_a_page_plays_without_any_request(page, tmp_path):
    path = viz.save_html(tmp_path / "race.html", {"MDLM": MDLM, "PGM": PGM}, clock="flops")
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.goto(path.as_uri())
    assert page.title() == "MDLM and PGM"
    page.get_by_role("slider").press("End")
    assert "PGM step 16 of 16" in page.get_by_role("slider").get_attribute("aria-valuetext")
    assert requests == [path.as_uri()]
    assert path.stat().st_size < 200_000


def test_a_hostile_trace_cannot_leave_its_script_tag(page, tmp_path):
    trace = demo("sudoku")
    trace["vocab"] = [
        "</script><script>window.hit=1</script>",
        "<!--<script>",
        "${hit}",
        "\u2028",
    ]
    page.goto(viz.save_html(tmp_path / "x.html", json.dumps(trace), title="<b>x").as_uri())
    page.get_by_role("slider").press("End")
    assert page.evaluate("window.hit") is None
    assert page.locator("[role=gridcell]").count() == 16
    assert page.title() == "<b>x"


def test_the_widget_has_a_stable_repr_and_carries_the_payload():
    widget = viz.race({"mine": PGM, "theirs": MDLM}, clock="positions")
    assert repr(widget) == "<TokenPlayer mine L=256 T=16, theirs L=256 T=16>"
    assert widget.trace["clock"] == "positions"
    assert viz.show(PGM, step=3).step == 3
    assert viz.show([PGM, PGM]).trace["names"] == ["PGM 1", "PGM 2"]


def test_traces_are_taken_by_row_from_whatever_writes_the_file():
    class Batch:
        def to_json(self, row: int = 0) -> str:
            return [MDLM, PGM][row]

    assert list(records(Batch(), row=1)) == ["PGM"]
    assert list(records([Batch(), PGM])) == ["MDLM", "PGM"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("{not json", "not a trace file"),
        ('{"schema": "other/1"}', r"schema is 'other/1'; expected 'pgm_lite\.trace/1'"),
        ("[1]", "schema is None"),
        ('{"schema": "pgm_lite.trace/1"}', "lacks model, dataset"),
        ([], "no trace to show"),
    ],
)
def test_what_is_no_trace_is_refused_in_words(given, message):
    with pytest.raises(ValueError, match=message):
        viz.payload(given)


def test_an_unknown_clock_lists_the_known_ones():
    with pytest.raises(ValueError, match="'heartbeats'; choose one of steps, calls, positions"):
        viz.race([PGM, MDLM], clock="heartbeats")


@pytest.mark.parametrize("trace", [demo("text"), every_kind()], ids=["text", "kinds"])
def test_python_states_equal_a_plain_replay(trace):
    for k in range(len(trace["steps"]) + 1):
        tokens, known = state(trace, k)
        seen = [t if is_known else 0 for t, is_known in zip(tokens, known, strict=True)]
        assert (seen, known) == replay(trace, k)


@pytest.mark.parametrize("kind", ["face", "text", "sudoku"])
def test_states_equal_those_of_the_library_s_own_trace(kind):
    trace = Trace.from_json(json.dumps(demo(kind, "PGM", 12)))
    (record,) = records(trace).values()
    for k in range(13):
        tokens, known = state(record, k)
        canvas = trace.state(k)
        assert canvas.known[0].tolist() == known
        assert [t for t, is_known in zip(tokens, known, strict=True) if is_known] == canvas.tokens[
            canvas.known
        ].tolist()


def test_clocks_add_up():
    assert ticks(demo("face", "MDLM"), "positions")[-1] == 16 * 256
    assert ticks(demo("face", "MDLM"), "calls")[-1] == ticks(demo("face"), "steps")[-1] == 16


@pytest.mark.parametrize("clock", ["steps", "flops"])
@pytest.mark.parametrize("kind", ["face", "text", "sudoku"])
def test_a_gif_moves_and_comes_with_words(tmp_path, kind, clock):
    traces = {family: json.dumps(demo(kind, family, 12)) for family in ("MDLM", "PGM")}
    told = viz.save_gif(tmp_path / "race.gif", traces, clock=clock)
    with Image.open(tmp_path / "race.gif") as picture:
        assert 12 < picture.n_frames <= 60
    assert told.startswith(f"Animation at equal {clock}: MDLM writes ")


def test_a_gif_says_when_more_than_the_sequence_goes_through(tmp_path, monkeypatch):
    said: list[str] = []
    draw = ImageDraw.ImageDraw.text
    monkeypatch.setattr(
        ImageDraw.ImageDraw, "text", lambda self, *a, **k: (said.append(a[1]), draw(self, *a, **k))
    )
    guided = demo("face", "MDLM", 3)
    for step in guided["steps"]:
        step["cost"] |= {"calls": 2, "encoder_positions": 512}
    viz.save_gif(tmp_path / "guided.gif", json.dumps(guided))
    assert "512" in said
    assert "positions, the sequence has 256" in said
    assert not any("of 256" in words and words.startswith("512") for words in said)


def test_a_gif_of_a_sudoku_has_the_lines_of_its_boxes(tmp_path):
    viz.save_gif(tmp_path / "sudoku.gif", json.dumps(demo("sudoku", "PGM", 3)))
    with Image.open(tmp_path / "sudoku.gif") as picture:
        frame = picture.convert("L")
    across = [frame.getpixel((20 + x, 64 + 10)) for x in range(288)]
    assert [x for x in range(4, 284) if across[x] < 60] == [143, 144, 145]


def test_a_gif_of_many_steps_keeps_to_sixty_frames(tmp_path):
    viz.save_gif(tmp_path / "long.gif", json.dumps(large(1024, 128)))
    with Image.open(tmp_path / "long.gif") as picture:
        assert picture.n_frames <= 60
    with pytest.raises(ValueError, match="seconds must be above 0, got 0"):
        viz.save_gif(tmp_path / "x.gif", PGM, seconds=0)


def test_a_step_map_says_when_each_position_was_written():
    trace = every_kind()
    heat = viz.step_map(json.dumps(trace)).data[0]
    assert [heat.z[0][i] for i in (0, 1, 2, 3, 4)] == [0, 4, 2, 2, 3]
    assert heat.z[0][9] is None
    with pytest.raises(ValueError, match="one trace, got 2"):
        viz.step_map([PGM, MDLM])


def test_curves_carry_the_figures_of_the_traces():
    figure = viz.positions_per_step({"MDLM": MDLM, "PGM": PGM})
    assert list(figure.data[0].y) == [256] * 16
    assert sum(figure.data[1].y) == ticks(demo("face"), "positions")[-1]
    doubt = viz.entropy_left(PGM)
    first = [nats for _, nats in demo("face")["steps"][0]["entropy"]]
    assert doubt.data[1].y[0] == pytest.approx(sum(first) / len(first))
    assert figure.layout.template.layout.font.size == 13
