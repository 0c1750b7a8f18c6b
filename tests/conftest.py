"""One thread and one browser for all tests; this folder is on the path of every test."""

import os
import shutil
from collections.abc import Iterator

import pytest
import torch
from playwright.sync_api import Browser, sync_playwright

torch.set_num_threads(1)

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A Chromium; where none is installed its tests are skipped, but for .ci/run, which fails."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        missing = pytest.fail if "PGM_LITE_NEEDS_BROWSER" in os.environ else pytest.skip
        missing("the browser tests need a chromium on the PATH")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()
