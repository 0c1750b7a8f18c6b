"""One browser for a module, and a page on which a host hands the player its trace."""

import json
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page

from pgm_lite.viz.module import player_module

HOST = """
async ([esm, given]) => {
  const url = URL.createObjectURL(new Blob([esm], { type: "text/javascript" }));
  window.player = await import(url);
  const listeners = {};
  window.state = { step: null, ...given };
  window.saved = [];
  window.tell = name => (listeners[`change:${name}`] || []).forEach(run => run());
  window.model = {
    get: name => state[name],
    set: (name, value) => { state[name] = value; },
    save_changes: () => { saved.push(state.step); },
    on: (event, run) => (listeners[event] ??= []).push(run),
    off: (event, run) => {
      listeners[event] = (listeners[event] || []).filter(other => other !== run);
    },
  };
  window.leave = player.default.render({ model, el: document.querySelector("main") });
}
"""


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page on which any message of the console and any error fails the test."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    page.close()
    assert complaints == []


@pytest.fixture
def host(page: Page) -> Callable[..., Page]:
    """Shows a trace on the page; further traits by keyword."""

    def show(trace: dict | None, **traits: object) -> Page:
        page.set_content("<!doctype html><html lang='en'><title>player</title><main></main></html>")
        given = json.loads(json.dumps({"trace": trace, **traits}))
        page.evaluate(HOST, [player_module(), given])
        return page

    return show
