"""The player inside Gradio: traces arrive, the step comes back, tokens stay text."""

import json
import os
from collections.abc import Iterator

import pytest
from player_traces import demo
from playwright.sync_api import expect

from pgm_lite.viz import payload_json

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
HOSTILE = [
    "</script><script>window.hit=1</script>",
    "${window.hit=1}",
    "{{hit}}",
    "<img onerror=x>",
]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    gr = pytest.importorskip("gradio")
    from pgm_lite.viz.gradio_player import player as make

    hostile = demo("sudoku", "PGM", 5)
    hostile["vocab"] = HOSTILE

    def stepped(event: gr.EventData) -> str:
        return f"stands at {event.step}"

    def answer(asked: object) -> object:
        return [{**each, "problem": f"asked after {each['after']}"} for each in asked]

    with gr.Blocks() as demo_app:
        player = make(answer=answer)
        told = gr.Textbox(label="told")
        button = gr.Button("trace")
        button.click(lambda: payload_json(json.dumps(hostile)), None, player)
        player.step(stepped, None, told)
    _, url, _ = demo_app.launch(prevent_thread_lock=True, quiet=True, footer_links=[])
    yield url
    demo_app.close()


def test_a_trace_comes_in_and_the_step_goes_out(browser, address):
    page = browser.new_page()
    page.goto(address)
    expect(page.get_by_text("No trace yet.")).to_be_visible(timeout=15_000)
    page.get_by_role("button", name="trace").click()
    line = page.get_by_role("slider")
    expect(line).to_be_visible(timeout=15_000)
    line.press("End")
    expect(page.get_by_label("told")).to_have_value("stands at 5", timeout=15_000)
    page.locator(".canvas [data-i='1']").click()
    expect(page.locator(".candidates")).to_contain_text("asked after", timeout=15_000)
    page.get_by_role("button", name="As text").click()
    expect(page.locator("pre")).to_be_visible()
    assert page.evaluate("window.hit") is None
    page.close()
