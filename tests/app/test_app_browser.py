"""The app in a real browser: what a visitor sees, presses and types."""

import json
import re

from playwright.sync_api import Page, expect

HOSTILE = "</p><img src=x onerror=window.hit=1>${window.hit=1}{{hit}}"
WAIT = 60_000


def open_tab(page: Page, address: str, name: str) -> None:
    page.goto(address)
    page.get_by_role("tab", name=name).click()
    expect(page.locator(f"#{name.lower()}-player .transport")).to_be_visible(timeout=WAIT)


def test_the_first_page_shows_a_race_and_plays_by_keyboard(page, address):
    page.goto(address)
    player = page.locator("#start-player")
    line = player.get_by_role("slider")
    expect(line).to_be_visible(timeout=WAIT)
    expect(player.locator(".lane")).to_have_count(2)
    expect(page.get_by_role("heading", level=1)).to_contain_text("Two models")
    play = page.locator(".big-play button")
    expect(play).to_have_text("Play")
    play.focus()
    page.keyboard.press("Enter")
    expect(play).to_have_text("Pause")
    page.keyboard.press("Enter")
    expect(play).to_have_text("Play")
    line.press("End")
    expect(player.locator(".verdict")).to_contain_text("All done")


def test_the_other_recorded_examples_are_one_press_away(page, address):
    page.goto(address)
    page.get_by_role("radio", name="Sudoku").check()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Sixteen cells", timeout=WAIT)
    expect(page.locator("#start-player .lane.board")).to_have_count(2)
    page.get_by_role("radio", name="Wish").check()
    expect(page.locator("#start-player .lane")).to_have_count(1, timeout=WAIT)


def test_watch_runs_at_once_and_again_when_asked(page, address):
    open_tab(page, address, "Watch")
    panel = page.get_by_role("tabpanel").filter(has=page.locator("#watch-player"))
    knobs = page.locator("#watch-player .knobs")
    expect(knobs).to_contain_text("seed 0")
    page.get_by_label("Seed").fill("4")
    panel.get_by_role("button", name="Run", exact=True).click()
    expect(knobs).to_contain_text("seed 4", timeout=WAIT)
    expect(page).to_have_url(re.compile(r"\?tab=watch&m=faces%2Fpgm&.*seed=4"))


def test_choosing_self_speculation_chooses_its_sampler(page, address):
    open_tab(page, address, "Watch")
    panel = page.get_by_role("tabpanel").filter(has=page.locator("#watch-player"))
    expect(panel.get_by_role("radio", name="Unmask on schedule")).to_be_checked()
    panel.get_by_role("radio", name="SSMD").check()
    expect(panel.get_by_role("radio", name="Draft and verify")).to_be_checked(timeout=WAIT)
    expect(panel.get_by_label("Checks a window").first).to_be_visible(timeout=WAIT)


def test_a_wrong_prompt_is_explained_beside_it_and_stays_text(page, address):
    open_tab(page, address, "Watch")
    panel = page.get_by_role("tabpanel").filter(has=page.locator("#watch-player"))
    panel.get_by_role("radio", name="Sudoku").check()
    prompt = panel.get_by_label("Start from a puzzle")
    expect(prompt).to_be_visible(timeout=WAIT)
    prompt.fill(HOSTILE)
    panel.get_by_role("button", name="Run", exact=True).click()
    said = panel.get_by_role("alert").filter(has_text="only 16 positions")
    expect(said).to_be_visible(timeout=WAIT)
    below = said.bounding_box()["y"] - prompt.bounding_box()["y"]
    assert 0 < below < 120
    prompt.fill("<b>")
    panel.get_by_role("button", name="Run", exact=True).click()
    expect(panel.get_by_role("alert").filter(has_text="'<' at 0, 'b' at 1")).to_be_visible(
        timeout=WAIT
    )
    assert page.evaluate("window.hit") is None
    prompt.fill("12")
    panel.get_by_role("button", name="Run", exact=True).click()
    expect(page.locator("#watch-player .lane.board")).to_be_visible(timeout=WAIT)
    expect(panel.get_by_role("alert").filter(has_text=re.compile("."))).to_have_count(0)


def test_a_link_opens_its_run(page, address):
    page.goto(address + "?tab=race&m=shidoku/ar&vs=shidoku/pgm&seed=6&steps=4&clock=calls")
    player = page.locator("#race-player")
    expect(player.locator(".lane")).to_have_count(2, timeout=WAIT)
    expect(player.locator(".knobs").last).to_contain_text("4 steps")
    expect(player.get_by_label("compare at")).to_have_value("calls")
    panel = page.get_by_role("tabpanel").filter(has=player)
    expect(panel.get_by_label("Seed")).to_have_value("6")


def test_a_link_that_makes_no_sense_says_so(page, address):
    page.goto(address + "?tab=watch&m=shidoku/gan")
    said = page.get_by_role("alert").filter(has_text="There is no checkpoint 'shidoku/gan'")
    expect(said).to_be_visible(timeout=WAIT)


def upload(page, address, path):
    """Open the Watch page afresh and hand it a file."""
    open_tab(page, address, "Watch")
    page.get_by_role("button", name="Open a trace file").click()
    page.locator("input[type=file]").set_input_files(path)


def test_trace_files_are_opened_or_refused_with_a_reason(page, address, folder, tmp_path):
    path = tmp_path / "trace.json"
    for content, said in (
        (b"\xff\xfe\x00", "not even text"),
        (b'{"schema": "other/1"}', "Not a pgm_lite.trace/1 file"),
        (b" " * 5_000_000, "at most 4 MiB"),
    ):
        path.write_bytes(content)
        upload(page, address, path)
        expect(page.get_by_role("alert").filter(has_text=said)).to_be_visible(timeout=WAIT)
    # A file in order is played, its symbols as text whatever they are.
    trace = json.loads((folder / "sudoku-pgm.json").read_text())
    trace["vocab"][0] = HOSTILE
    path.write_text(json.dumps(trace))
    upload(page, address, path)
    player = page.locator("#watch-player")
    expect(player.locator(".lane.board")).to_be_visible(timeout=WAIT)
    player.get_by_role("slider").press("End")
    player.get_by_role("button", name="As text").click()
    assert page.evaluate("window.hit") is None


def test_what_is_shown_can_be_taken_away(page, address):
    open_tab(page, address, "Watch")
    with page.expect_download() as caught:
        page.get_by_role("button", name="Save trace (JSON)").click()
    trace = json.loads(caught.value.path().read_text())
    assert trace["schema"] == "pgm_lite.trace/1"
    with page.expect_download() as caught:
        page.get_by_role("button", name="Save as web page").click()
    assert "<!doctype html>" in caught.value.path().read_text()


def test_curves_are_drawn_when_asked_for(page, address):
    open_tab(page, address, "Watch")
    assert page.locator(".js-plotly-plot").count() == 0
    panel = page.get_by_role("tabpanel").filter(has=page.locator("#watch-player"))
    panel.get_by_role("button", name="Curves and order of this run").click()
    expect(panel.locator(".js-plotly-plot")).to_have_count(3, timeout=WAIT)
