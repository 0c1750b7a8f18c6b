"""Texts that grow: tokens keep their elements, slide apart, and are read in their new order."""

import json
from itertools import pairwise

import pytest
from axe_playwright_python.sync_playwright import Axe
from growing_traces import TEXT, growing, text_after
from PIL import Image
from player_traces import demo
from playwright.sync_api import expect

import pgm_lite.viz as viz
from pgm_lite.trace import Trace
from pgm_lite.viz.record import reading, records, roles, state, tokens_of

LAST = len(growing()["steps"])


def slider(page):
    return page.get_by_role("slider")


def lines(page) -> list[str]:
    """The text as the eye reads it: cells by line, then by column."""
    return page.locator(".canvas").evaluate(
        """canvas => {
          const seen = [...canvas.querySelectorAll(".cell:not(.unknown)")].map(cell => {
            const { x, y } = cell.getBoundingClientRect();
            return { x, y: Math.round(y), text: cell.textContent };
          });
          const rows = [...new Set(seen.map(each => each.y))].sort((a, b) => a - b);
          const line = y => seen.filter(each => each.y === y).sort((a, b) => a.x - b.x);
          return rows.map(y => line(y).map(each => each.text).join(""));
        }"""
    )


def test_the_trace_is_one_that_the_library_reads():
    trace = growing()
    read = Trace.from_json(json.dumps(trace))
    (record,) = records(read).values()
    for k in range(LAST + 1):
        order = reading(record, k)
        assert [at for at in read.order_at(k)[0].tolist() if at >= 0] == order
        tokens, known = state(record, k)
        assert "".join(trace["vocab"][tokens[at]] for at in order) == text_after(trace, k)
        assert sum(known) == len(order)
    assert text_after(trace, LAST) == TEXT
    assert tokens_of(record) == len(TEXT)
    assert reading(demo("text"), 3) is None


def test_what_is_on_the_page_is_what_is_read_at_every_step_in_both_directions(page, host):
    page.emulate_media(reduced_motion="reduce")  # so that nothing is measured on its way
    trace = growing()
    host(trace, step=0)
    for k in [*range(0, LAST + 1, 3), *range(LAST, -1, -5)]:
        slider(page).fill(str(k))
        assert "".join(lines(page)) == text_after(trace, k), k
    slider(page).press("End")
    assert lines(page) == ["elinor said no more, but she was ", "sorry."]
    expect(page.locator(".canvas .cell:not(.unknown)")).to_have_count(len(TEXT))


def test_states_and_roles_equal_those_of_python(host):
    trace = growing()
    page = host(trace)
    names = ["absent", "read", "asked", "masked", "cached"]
    for k in (0, 1, 9, LAST):
        seen = page.evaluate("k => player.stateAt(state.trace, k).order", k)
        assert seen == reading(trace, k)
        found = page.evaluate("k => [...player.rolesAt(state.trace, k)]", k)
        assert [names[role] for role in found] == roles(trace, k)


def test_a_token_keeps_its_element_and_slides(host):
    page = host(growing(), step=5)
    cell = page.locator(".canvas [data-i='0']")  # the first letter of what was given
    cell.evaluate("cell => { window.first = cell; }")
    slider(page).press("End")
    moving = page.evaluate("first.getAnimations().map(each => each.transitionProperty)")
    assert "transform" in moving
    page.wait_for_function("first.getAnimations().length === 0")
    place = page.evaluate("first.getBoundingClientRect().x")
    slider(page).fill("2")
    page.wait_for_function("first.getAnimations().length === 0")
    assert page.evaluate("first.isConnected && first.textContent") == "n"
    assert page.evaluate("first.getBoundingClientRect().x") < place


def test_a_new_token_appears_at_its_place_and_does_not_fly_in(host):
    page = host(growing(), step=0)
    for k in range(1, 6):
        slider(page).press(".")
        fresh = page.locator(".canvas .cell.new")
        expect(fresh).to_have_count(1)
        # Read from the style, for the motion itself is over in 100 ms; it is to be seen from the start.
        style = "cell => { const s = getComputedStyle(cell); return [s.animationName, s.opacity]; }"
        assert fresh.evaluate(style) == ["arrive", "1"], k
        moving = "cell => cell.getAnimations().map(each => each.transitionProperty).filter(Boolean)"
        assert fresh.evaluate(moving) == [], k


def test_reduced_motion_moves_nothing(page, host):
    page.emulate_media(reduced_motion="reduce")
    host(growing(), step=5)
    slider(page).press("End")
    moving = "all => all.flatMap(cell => cell.getAnimations()).length"
    assert page.locator(".canvas .cell").evaluate_all(moving) == 0


def test_arrows_walk_in_the_order_of_reading_and_the_story_says_where_it_came_in(page, host):
    page.emulate_media(reduced_motion="reduce")
    host(growing(), step=LAST)
    order = reading(growing(), LAST)
    active = "document.querySelector('main > div').shadowRoot.activeElement"
    page.locator(f".canvas [data-i='{order[0]}']").focus()
    walked = []
    for _ in range(4):
        walked.append(int(page.evaluate(f"{active}.dataset.i")))
        page.keyboard.press("ArrowRight")
    assert walked == order[:4]
    page.keyboard.press("ArrowDown")
    below = page.evaluate(f"{active}.textContent")
    assert below == "y"  # of "sorry." under the o of "elinor"
    expect(page.locator(".story")).to_contain_text("inserted at step")
    expect(page.locator(".story")).to_contain_text("together, entropy 2.50 nats")
    page.locator(".canvas [data-i='0']").focus()
    expect(page.locator(".story")).to_contain_text("“n”, given from the start")


def test_words_count_what_there_is(host):
    page = host(growing(), step=0)
    expect(page.locator(".caption")).to_have_text("7 tokens given; others come in anywhere.")
    slider(page).fill("3")
    assert "10 of 39 tokens" in slider(page).get_attribute("aria-valuetext")
    expect(page.locator(".count")).to_have_text("10 of 64 positions")
    expect(page.locator(".split")).to_have_text("9 tokens + 1 register in, 10 gaps answered")
    page.get_by_role("button", name="As text").click()
    expect(page.locator("pre")).to_have_text(text_after(growing(), 3))
    slider(page).press("End")
    expect(page.locator(".caption")).to_contain_text("done with 39 tokens")


def test_a_race_with_a_text_of_fixed_length_ends_for_both(host):
    page = host({"traces": [growing(), demo("text", "MDLM", 20)], "clock": "steps"})
    slider(page).press("End")
    expect(page.locator(".verdict")).to_contain_text("All done.")


def test_nothing_moves_but_the_letters(page, host):
    page.emulate_media(reduced_motion="reduce")
    host(growing(), step=0)
    box = "canvas => canvas.getBoundingClientRect().height"
    heights = set()
    for k in range(0, LAST + 1, 4):
        slider(page).fill(str(k))
        heights.add(page.locator(".canvas").evaluate(box))
    assert len(heights) == 1
    for width in (1280, 620, 360):
        page.set_viewport_size({"width": width, "height": 900})
        inside = page.locator(".canvas").evaluate(
            """canvas => {
              const edge = canvas.getBoundingClientRect().right;
              const cells = [...canvas.querySelectorAll(".cell:not(.unknown)")];
              return cells.every(cell => cell.getBoundingClientRect().right <= edge);
            }"""
        )
        assert inside, width


def test_lines_break_after_spaces(host):
    page = host(growing())
    wrap = "([text, columns]) => player.wrap([...text], columns).map(([line]) => line).join('')"
    assert page.evaluate(wrap, ["ab cd ef", 5]) == "00000011"
    assert page.evaluate(wrap, ["abcdefg", 3]) == "0001112"
    assert page.evaluate(wrap, ["a bcdefg", 4]) == "00111122"
    assert page.evaluate(wrap, ["", 4]) == ""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(page, host, scheme):
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    host(growing(), step=12)
    page.add_style_tag(content=f"body {{ background: {'#fff' if scheme == 'light' else '#000'} }}")
    report = Axe().run(page, context="main")
    assert report.violations_count == 0, report.generate_report()


def test_a_gif_and_a_step_map_follow_the_reading(tmp_path):
    text = json.dumps(growing())
    told = viz.save_gif(tmp_path / "growing.gif", text)
    assert told.startswith("Animation at equal steps: ILM writes 39 positions in 33 steps")
    with Image.open(tmp_path / "growing.gif") as picture:
        assert picture.n_frames == 34
    heat = viz.step_map(text).data[0]
    shown = [cell for row in heat.customdata for cell in row if cell]
    assert "".join(shown) == TEXT
    steps = [step for row in heat.z for step in row if step is not None]
    assert sorted(steps) == [0] * 7 + list(range(1, 33))
    assert not all(a < b for a, b in pairwise(steps))
