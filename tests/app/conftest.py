"""A running app on throw-away checkpoints: real data sets, small random networks."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page
from shelf import put

from app import runs, shipped
from app.look import launch_settings
from app.page import build
from pgm_lite import catalog

MODELS = {
    "shidoku": ("ar", "mdlm", "pgm", "prime", "self_spec"),
    "faces": ("mdlm", "pgm", "prime", "self_spec"),
    "austen": ("ar", "mdlm", "pgm", "self_spec"),
    "sentences": ("insertion",),
}


@pytest.fixture(scope="package", autouse=True)
def loops() -> Iterator[None]:
    """Closes the event loops that Gradio makes for its locks and then forgets."""
    made: list[asyncio.AbstractEventLoop] = []
    make = asyncio.new_event_loop

    def kept() -> asyncio.AbstractEventLoop:
        made.append(make())
        return made[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asyncio, "new_event_loop", kept)
        yield
    for loop in made:
        if not loop.is_running():
            loop.close()


@pytest.fixture(scope="package")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The app's checkpoints and shipped traces, for the time of these tests."""
    home = tmp_path_factory.mktemp("app")
    for name, families in MODELS.items():
        for family in families:
            put(home, f"{name}/{family}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(catalog, "CHECKPOINTS", home)
        patch.setattr(shipped, "TRACES", home)
        catalog.load_with_card.cache_clear()
        runs.trace_of.cache_clear()
        for example in shipped.EXAMPLES:
            for path, text in zip(example.files, runs.grant(example.wish), strict=True):
                path.write_text(text)
        yield home
        catalog.load_with_card.cache_clear()
        runs.trace_of.cache_clear()


@pytest.fixture(scope="package")
def address(folder: Path) -> Iterator[str]:
    app = build()
    app.queue()
    _, url, _ = app.launch(
        prevent_thread_lock=True, quiet=True, max_file_size="16mb", **launch_settings()
    )
    yield url
    app.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page on which an error, or a request to anywhere but this machine, fails the test."""
    page = browser.new_page(viewport={"width": 1280, "height": 860})
    page.set_default_timeout(60_000)
    wrong: list[str] = []

    def requested(url: str) -> None:
        if not url.startswith(("http://127.0.0.1:", "ws://127.0.0.1:", "blob:", "data:")):
            wrong.append(f"request to {url}")

    page.on("request", lambda request: requested(request.url))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    yield page
    page.close()
    assert wrong == []
