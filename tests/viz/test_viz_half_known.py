"""Half-known tokens and drafts in the player, in pictures and in figures."""

import json

import pytest
from axe_playwright_python.sync_playwright import Axe
from half_known_traces import drafted, spelled
from networks import stirred
from PIL import Image
from player_traces import every_kind, replay
from playwright.sync_api import expect

import pgm_lite.viz as viz
from pgm_lite.core import Canvas
from pgm_lite.datasets import shidoku
from pgm_lite.draw import rng
from pgm_lite.models import Prime, SelfSpec
from pgm_lite.net import Shape
from pgm_lite.samplers import speculate, unmask_digits
from pgm_lite.trace import Trace, record
from pgm_lite.viz.colour import mix
from pgm_lite.viz.record import drafts, possible, refused, roles, state
from pgm_lite.windows import constant_window

SQUARE = {"vocab_size": 4, "rows": 4, "columns": 4, "width": 16, "heads": 2, "depth": 2}


def sampled(steps) -> dict:
    """The second row of what a sampler of the library did."""
    return json.loads(record(steps, dataset=shidoku()).to_json(1))


def by_drafts(*, redraw: bool) -> dict:
    model, start = stirred(SelfSpec, Shape(**SQUARE, causal=1)), Canvas.prompt([1, 2], 2, 16)
    window = constant_window(5)
    return sampled(speculate(model, start, window=window, loops=2, redraw=redraw, rng=rng(0)))


def by_digits() -> dict:
    model, start = stirred(Prime, Shape(**SQUARE, digits=2)), Canvas.prompt([1, 2], 2, 16)
    return sampled(unmask_digits(model, start, steps=40, rng=rng(0)))


CODES = [(7 * token + 3) % 12 for token in range(12)]
TRACES = {
    "face": spelled("face"),
    "shuffled": spelled("face", codes=CODES),
    "text": spelled("text"),
    "sudoku": spelled("sudoku", 8),
    "drafted text": drafted("text"),
    "drafted face": drafted("face", 40),
    "drafted sudoku": drafted("sudoku", 6, 1),
    "sampled digits": by_digits(),
    "sampled drafts": by_drafts(redraw=False),
    "sampled and redrawn": by_drafts(redraw=True),
}


@pytest.fixture(params=TRACES)
def trace(request):
    return TRACES[request.param]


def test_the_hand_made_traces_are_traces(trace):
    """They pass the strict reader, and its states are those of the pictures."""
    read = Trace.from_json(json.dumps(trace))
    for k in range(len(trace["steps"]) + 1):
        tokens, known = state(trace, k)
        assert read.state(k).known[0].tolist() == known
        assert read.state(k).tokens[0][read.state(k).known[0]].tolist() == [
            token for token, is_known in zip(tokens, known, strict=True) if is_known
        ]
    assert all(known)


def test_player_and_pictures_agree(host, trace):
    page = host(trace)
    names = ["absent", "read", "asked", "masked", "cached", "partly"]
    for k in (0, 1, len(trace["steps"]) // 2, len(trace["steps"])):
        seen = page.evaluate("k => [...player.rolesAt(state.trace, k)]", k)
        assert [names[role] for role in seen] == roles(trace, k)
        found = page.evaluate(
            """k => {
              const { tokens, known, mark, digits, verdicts } = player.stateAt(state.trace, k);
              const half = [...digits].map(([i, parts]) => [i, player.possibleOf(state.trace, parts)]);
              const drafted = [...mark].flatMap((kind, i) => (kind === 5 ? [[i, tokens[i]]] : []));
              const shown = [...tokens].map((token, i) => (known[i] ? token : 0));
              return [half, drafted, shown, [...known]];
            }""",
            k,
        )
        assert dict(map(tuple, found[0])) == possible(trace, k)
        assert dict(map(tuple, found[1])) == drafts(trace, k)
        assert tuple(found[2:]) == replay(trace, k)


def test_what_is_still_possible_agrees_with_the_code():
    trace = TRACES["shuffled"]
    code = Trace.from_json(json.dumps(trace)).header.digits
    digits = Trace.from_json(json.dumps(trace)).digits_at(4)
    spellings = digits.tokens.view(1, -1, 4), digits.known.view(1, -1, 4)
    allowed = code.consistent(*spellings)[0]
    found = possible(trace, 4)
    assert found
    for position, tokens in found.items():
        assert tokens == allowed[position].nonzero()[:, 0].tolist()


def test_a_mean_colour_is_the_same_in_python_and_in_the_player(host):
    page = host(TRACES["face"])
    assert mix(["#000000", "#ffffff"]) == "#bcbcbc"
    for colours in (["#123456"], ["#ff0000", "#00ff00", "#0a0b0c"], ["#0072b2"] * 3):
        assert page.evaluate("colours => player.mixOf(colours)", colours) == mix(colours)


def test_a_half_known_pixel_has_the_mean_colour(host):
    trace = TRACES["face"]
    page = host(trace, step=5)
    palette, half = trace["layout"]["palette"], possible(trace, 5)
    at = next(i for i, tokens in half.items() if len(tokens) > 1)
    cell = page.locator(f"[role=gridcell][data-i='{at}']")
    red, green, blue = (int(mix([palette[t] for t in half[at]])[i : i + 2], 16) for i in (1, 3, 5))
    expect(cell).to_have_css("background-color", f"rgb({red}, {green}, {blue})")
    expect(cell).to_have_class("cell half")
    cell.hover()
    expect(page.locator(".story")).to_contain_text(f"so {len(half[at])} of 12 are still possible")
    assert page.locator(".story .swatch").count() == len(half[at])
    page.get_by_role("slider").press("End")
    assert page.locator("[role=gridcell].half").count() == 0


def test_pencil_marks_stand_in_their_corners(host):
    trace = TRACES["sudoku"]
    page = host(trace, step=4)
    at, tokens = next((i, t) for i, t in possible(trace, 4).items() if len(t) == 2)
    marks = page.locator(f"[data-i='{at}'] .pencil i").all_text_contents()
    assert marks == [str(token + 1) if token in tokens else "" for token in range(4)]


def test_a_text_shows_the_letters_that_are_left(host):
    trace = TRACES["text"]
    page = host(trace, step=4)
    at, tokens = next(iter(possible(trace, 4).items()))
    cell = page.locator(f"[role=gridcell][data-i='{at}']")
    letters = [trace["vocab"][token].replace(" ", "␣") for token in tokens]
    assert cell.locator(".maybe i").all_text_contents() == letters
    assert f"1 of 2 digits known, {len(tokens)} tokens still possible" in cell.get_attribute(
        "aria-label"
    )


def test_a_sampled_trace_is_told_from_its_own_row(host):
    """Notes speak of the whole batch; the captions of drafts and digits do not."""
    trace = TRACES["sampled digits"]
    idle = [k for k, step in enumerate(trace["steps"], 1) if not step["events"]]
    page = host(trace, step=idle[0])
    expect(page.locator(".caption")).to_contain_text(f"Step {idle[0]}: idle.")
    page = host(TRACES["sampled drafts"], step=1)
    expect(page.locator(".caption")).to_have_text("Pass 1 drafts 5 cells at once, from 2 known.")


def test_an_idle_step_says_so_and_is_counted(host):
    trace = TRACES["face"]
    page = host(trace, step=7)
    expect(page.locator(".caption")).to_contain_text("Step 7: idle.")
    expect(page.locator(".split")).to_have_text("Idle: nothing goes through.")
    assert page.locator(".led .absent").count() == 256
    row = page.locator(".bill tr", has_text="idle steps")
    expect(row.locator("td").first).to_have_text("1")
    page.get_by_role("slider").press("End")
    expect(row.locator("td").first).to_have_text("2")
    assert host(every_kind()).locator(".bill tr", has_text="idle").count() == 0


def test_a_refused_draft_is_struck_and_explained(host):
    trace = TRACES["drafted text"]
    k = next(k for k in range(1, 99) if refused(trace, k))
    ((at, draft),) = refused(trace, k).items()
    drawn = state(trace, k)[0][at]
    page = host(trace, step=k)
    cell = page.locator(f"[role=gridcell][data-i='{at}']")
    expect(cell).to_have_class("cell redrawn")
    vocab = [symbol.replace(" ", "␣") for symbol in trace["vocab"]]
    expect(cell).to_have_text(vocab[drawn] + vocab[draft])
    why = page.locator(".why")
    expect(why).to_contain_text("draft law 0.62, target 0.11, so kept with chance 0.18.")
    expect(page.locator(".caption")).to_contain_text("1 refused and redrawn")
    cell.hover()
    expect(page.locator(".story")).to_contain_text("the target law gave it 0.4")
    shared = {**trace, "sampler": {"name": "adaptive_parallel", "knobs": {}}}
    expect(host(shared, step=k).locator(".why")).to_contain_text(
        "the same noise, kept if they draw"
    )
    host(trace, step=k)
    cell.hover()
    page.get_by_role("slider").press("ArrowRight")
    expect(cell).to_have_class("cell known")
    expect(page.locator(".story")).to_contain_text("was refused: draft law 0.62")


def test_drafts_are_provisional_and_turn_solid(host):
    trace = TRACES["drafted face"]
    page = host(trace, step=1)
    expect(page.locator(".caption")).to_have_text("Pass 1 drafts 40 pixels at once, from 0 known.")
    assert page.locator("[role=gridcell].draft").count() == 40
    expect(page.locator(".split")).to_have_text(
        "Drafting: 0 known + 256 unknown as [MASK], 0.75 of a call"
    )
    page.get_by_role("slider").press("ArrowRight")
    kept = len([e for e in trace["steps"][1]["events"] if e[1] == "accept"])
    assert page.locator("[role=gridcell].accepted").count() == kept > 0


def test_the_fates_of_drafts_add_up(host):
    trace = TRACES["drafted text"]
    kinds = [event[1] for step in trace["steps"] for event in step["events"]]
    page = host(trace, step=len(trace["steps"]))

    def figure(label: str) -> str:
        return (
            page.locator(".bill tr", has=page.get_by_text(label, exact=True))
            .locator("td")
            .first.inner_text()
        )

    proposed, kept, thrown = kinds.count("draft"), kinds.count("accept"), kinds.count("reject")
    assert [figure(x) for x in ("drafts", "kept", "refused", "thrown away")] == [
        str(x) for x in (proposed, kept, thrown, proposed - kept - thrown)
    ]
    assert figure("kept of checked") == f"{round(100 * kept / (kept + thrown))} %"
    calls = sum(step["cost"]["calls"] for step in trace["steps"])
    assert figure("calls") == f"{calls:g}"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["face", "text", "sudoku", "drafted text", "drafted sudoku"])
def test_axe_finds_nothing(page, host, scheme, name):
    page.emulate_media(color_scheme=scheme)
    host(TRACES[name])
    page.add_style_tag(content=f"body {{ background: {'#fff' if scheme == 'light' else '#000'} }}")
    report = Axe().run(page, context="main")
    assert report.violations_count == 0, report.generate_report()


def test_a_gif_shows_the_fog(tmp_path):
    trace = TRACES["face"]
    viz.save_gif(tmp_path / "fog.gif", json.dumps(trace))
    palette, half = trace["layout"]["palette"], possible(trace, 5)
    at = next(i for i, tokens in half.items() if len(tokens) > 2)
    wanted = tuple(int(mix([palette[t] for t in half[at]])[i : i + 2], 16) for i in (1, 3, 5))
    with Image.open(tmp_path / "fog.gif") as picture:
        picture.seek(5)
        seen = picture.convert("RGB").getpixel((20 + at % 16 * 18 + 9, 64 + at // 16 * 18 + 9))
    # The picture has 64 colours, so a mean colour is met within a few steps.
    assert all(abs(a - b) < 24 for a, b in zip(seen, wanted, strict=True)), (seen, wanted)


@pytest.mark.parametrize("name", TRACES)
def test_every_picture_can_be_drawn(tmp_path, name):
    given = json.dumps(TRACES[name])
    assert viz.save_gif(tmp_path / "x.gif", given).startswith("Animation")
    heat = viz.step_map(given).data[0]
    assert all(step is not None for row in heat.z for step in row)
    assert viz.positions_per_step(given).data
    assert viz.entropy_left(given).data
    assert len(viz.to_html(given)) > 10_000
