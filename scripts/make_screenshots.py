"""Take the pictures of the README: start, watch_austen, shidoku and race, from the running app.

    python scripts/make_screenshots.py

Needs a chromium on the PATH, the shipped checkpoints and the shipped traces.
"""

import shutil
import sys
from io import BytesIO
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright

from app.look import launch_settings
from app.page import build

OUT = Path(__file__).parent.parent / "assets" / "screenshots"
MOST = 400_000
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
AUSTEN = "?tab=watch&m=austen/pgm&seed=1&steps=64&prompt=it+is+a+truth+"
SHIDOKU = "?tab=watch&m=shidoku/pgm&seed=1&schedule=one-by-one&prompt=1___+__2_+_3__+____"
FOG = "?tab=watch&m=faces/prime&seed=2&steps=64"
DRAFTS = "?tab=watch&m=austen/self_spec&sampler=speculate&seed=1&window=cosine&delta=0.05&loops=2"
RACE = "?tab=race&m=faces/mdlm&vs=faces/pgm&seed=3&steps=24&order=halton&clock=flops"
PICTURES = {
    "start": ("", "start", 0.55),
    "watch_austen": (AUSTEN, "watch", 0.6),
    "shidoku": (SHIDOKU, "watch", 0.7),
    "fog": (FOG, "watch", 0.6),
    "drafts": (DRAFTS, "watch", None),
    "race": (RACE, "race", 0.5),
}
"""For each picture: the address, the tab, and how far along the clock stands.

None leaves it where the player itself does: halfway, at a refused draft.
"""


def main() -> None:
    """Start the app, take every picture, stop."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        sys.exit("a chromium is needed on the PATH")
    OUT.mkdir(parents=True, exist_ok=True)
    page = build()
    page.queue()
    _, address, _ = page.launch(prevent_thread_lock=True, quiet=True, **launch_settings())
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        for name, (query, tab, share) in PICTURES.items():
            # With motion reduced a player does not start by itself.
            view = browser.new_page(
                viewport={"width": 1280, "height": 860},
                color_scheme="light",
                reduced_motion="reduce",
            )
            view.goto(address + query)
            keep(name, stand(view, tab, share))
            view.close()
        browser.close()
    page.close()


def stand(view: Page, tab: str, share: float | None) -> bytes:
    """Move the player of a tab to a share of its clock and take the picture."""
    line = view.locator(f"#{tab}-player .transport").get_by_role("slider")
    expect(line).to_be_visible(timeout=60_000)
    if share is not None:
        line.evaluate(
            """(line, share) => {
                line.value = Math.round(share * Number(line.max));
                line.dispatchEvent(new Event("input", { bubbles: true }));
            }""",
            share,
        )
    view.mouse.move(0, 0)
    view.wait_for_timeout(1500)
    return view.screenshot()


def keep(name: str, picture: bytes) -> None:
    """Write a picture with at most 256 colours, which keeps it small and sharp."""
    path = OUT / f"{name}.png"
    small = Image.open(BytesIO(picture)).convert("RGB")
    small.quantize(colors=256, dither=Image.Dither.NONE).save(path, optimize=True)
    size = path.stat().st_size
    if size > MOST:
        sys.exit(f"{path.name} has {size:,} bytes; the limit is {MOST:,}")
    print(f"{path.name}: {size:,} bytes")


if __name__ == "__main__":
    main()
