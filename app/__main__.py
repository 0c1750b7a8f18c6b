"""``python -m app``: serve the page, open it, and load the models while the visitor looks."""

import argparse
import sys
from threading import Thread

from app.look import launch_settings
from app.page import build
from pgm_lite import catalog


def main() -> None:
    """Serve until stopped."""
    parser = argparse.ArgumentParser(prog="python -m app", description="The app of pgm_lite.")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen at")
    parser.add_argument("--port", type=int, default=7860, help="the port to listen at")
    parser.add_argument("--no-browser", action="store_true", help="open no browser tab")
    given = parser.parse_args()
    page = build()
    page.queue(max_size=64, default_concurrency_limit=1)
    try:
        page.launch(
            server_name=given.host,
            server_port=given.port,
            inbrowser=not given.no_browser,
            prevent_thread_lock=True,
            quiet=True,
            max_file_size="16mb",
            **launch_settings(),
        )
    except OSError:
        sys.exit(f"Port {given.port} is taken; choose another one with --port.")
    print(f"pgm_lite is open at {page.local_url} (Ctrl-C stops it)", flush=True)
    Thread(target=warm_up, daemon=True).start()
    page.block_thread()


def warm_up() -> None:
    """Load every model, so that the first run does not wait for it."""
    for name in catalog.checkpoint_names():
        try:
            catalog.load(name)
        except ValueError as error:
            print(f"{name} cannot be used: {error}", file=sys.stderr)


if __name__ == "__main__":
    main()
