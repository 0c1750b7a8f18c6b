"""How a picture ends and is judged: outcome, rest, the rule of a sudoku; and whole symbols in their box."""

from player_traces import demo, replay
from playwright.sync_api import expect

RACE = {"traces": [demo("face", "MDLM"), demo("face", "PGM")], "clock": "flops"}


def slider(page):
    return page.get_by_role("slider")


def test_the_outcome_is_that_of_the_clock_and_names_all_who_are_level(host):
    first, cheap = demo("face", "MDLM"), demo("face", "PGM")
    page = host({"traces": [first, cheap, cheap], "names": ["A", "B", "C"], "clock": "steps"})
    slider(page).press("End")
    said = page.locator(".verdict")
    expect(said).to_contain_text("All done, with equally many steps; B and C sent 2.2\u00d7 fewer")
    page.get_by_label("compare at").select_option("calls")
    expect(said).to_contain_text("equally many calls; B and C sent")
    page.get_by_label("compare at").select_option("flops")
    expect(said).to_contain_text("All done. B and C took")
    expect(said).to_contain_text("fewer FLOPs than A.")
    quick = demo("face", "MDLM", 8)
    host({"traces": [first, quick], "names": ["A", "B"], "clock": "steps"})
    slider(page).press("End")
    expect(said).to_have_text("All done. B took 2.0\u00d7 fewer steps than A.")
    expect(page.locator(".done").nth(1)).to_have_text("Done: 2.0\u00d7 fewer steps")


def test_the_end_is_the_last_step_and_then_a_picture_at_rest(host):
    page = host(demo("face"), step=16)
    fresh, through = page.locator(".canvas .new"), page.locator(".split")
    count = fresh.count()
    assert count > 0
    slider(page).press("End")
    expect(fresh).to_have_count(0)
    expect(through).to_have_text("Finished: nothing goes through any more.")
    assert page.locator(".led .read, .led .asked").count() == 0
    assert "at this step" not in page.locator("[role=gridcell]").last.get_attribute("aria-label")
    for key, there in (("ArrowLeft", count), (".", 0), (",", count), ("End", 0)):
        slider(page).press(key)
        expect(fresh).to_have_count(there)
        assert slider(page).get_attribute("aria-valuetext").startswith("step 16 of 16"), key
    slider(page).fill("16")
    expect(fresh).to_have_count(count)
    page.get_by_role("button", name="Last").click()
    expect(fresh).to_have_count(0)


def test_a_play_through_ends_at_rest(host):
    page = host(RACE, interval_ms=20)
    page.get_by_role("button", name="Play").click()
    expect(page.get_by_role("button", name="Play")).to_be_visible(timeout=9000)
    assert page.locator(".canvas .new").count() == 0
    expect(page.locator(".split").first).to_contain_text("nothing goes through")


def test_symbols_of_several_characters_are_shown_whole_and_told_apart(host):
    trace = demo("text", "MDLM", 20)
    page = host(trace)
    width = page.locator("[role=gridcell]").first.bounding_box()["width"]
    trace["vocab"] = [f"{100 + token}" for token in range(len(trace["vocab"]))]
    host(trace, step=20)
    cells = page.locator("[role=gridcell]")
    assert cells.nth(3).text_content() == trace["vocab"][trace["init"]["tokens"][3]]
    boxes = [cells.nth(i).bounding_box() for i in (3, 4)]
    assert boxes[0]["width"] > 2.5 * width
    assert boxes[1]["x"] - boxes[0]["x"] - boxes[0]["width"] > 2
    before = page.locator(".canvas").bounding_box()
    slider(page).press("Home")
    assert page.locator(".canvas").bounding_box() == before
    slider(page).press("End")
    page.get_by_role("button", name="As text").click()
    tokens = [trace["vocab"][token] for token in replay(trace, 20)[0]]
    assert page.locator("pre").text_content() == " ".join(tokens)


def test_a_text_stays_in_its_box_when_words_are_wider(page, host):
    trace = demo("text", "Prime", 20)
    trace["vocab"], trace["digits"] = [*trace["vocab"], "?"], {"count": 5, "base": 2}
    trace["steps"][-1]["events"] = [
        [i, kind, 1, prob] for i, kind, _, prob in trace["steps"][-1]["events"]
    ]
    host({"traces": [trace, demo("text", "MDLM", 20)], "clock": "steps"})
    for width in (1280, 900, 620, 360):
        page.set_viewport_size({"width": width, "height": 900})
        inside = page.locator(".canvas").first.evaluate(
            """canvas => {
              const edge = canvas.getBoundingClientRect().right;
              const cells = [...canvas.querySelectorAll(".cell")];
              return cells.every(cell => cell.getBoundingClientRect().right <= edge);
            }"""
        )
        assert inside, width


def test_a_sudoku_says_whether_it_is_right(host):
    trace = demo("sudoku", "PGM", 5)
    page = host(trace, step=4)
    rule, wrong = page.locator(".rule"), page.locator(".canvas .clash")
    expect(rule).to_have_text("")
    slider(page).press("End")
    expect(rule).to_have_text("valid")
    expect(wrong).to_have_count(0)
    expect(page.locator(".legend")).not_to_contain_text("in conflict")
    trace["steps"][-1]["events"][-1][2] ^= 1  # the last cell is now what another one is
    at = trace["steps"][-1]["events"][-1][0]
    host(trace, step=5)
    found = wrong.count()
    assert found >= 2
    expect(rule).to_have_text(f"{found} cells in conflict")
    said = page.locator(f"[data-i='{at}'][role=gridcell]")
    assert said.get_attribute("aria-label").endswith(", in conflict")
    sign = "cell => getComputedStyle(cell, '::before').content"
    assert said.evaluate(sign) == '"!"'
    expect(page.locator(".legend")).to_contain_text("in conflict")
    assert host(demo("face")).locator(".rule:not([hidden])").count() == 0
