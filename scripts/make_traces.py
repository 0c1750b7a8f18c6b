"""Make the traces of the app's first page anew, from the shipped checkpoints.

    python scripts/make_traces.py

What is recorded is listed in ``app/shipped.py``. A file may have 150 KB, all of them 1 MB.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from app import runs
from app.shipped import EXAMPLES, TRACES

MOST_EACH, MOST_TOGETHER = 150_000, 1_000_000


def main() -> None:
    """Record every example whose models are there, and say what was written."""
    TRACES.mkdir(parents=True, exist_ok=True)
    together, missing = 0, 0
    for example in EXAMPLES:
        try:
            texts = runs.grant(example.wish)
        except runs.RefusedError as refused:
            print(f"{example.button}: {refused}", file=sys.stderr)
            missing += 1
            continue
        for path, text in zip(example.files, texts, strict=True):
            if len(text) > MOST_EACH:
                sys.exit(f"{path.name} would have {len(text):,} bytes; the limit is {MOST_EACH:,}")
            path.write_text(text + "\n", encoding="utf-8")
            together += len(text)
            print(f"{path.name}: {len(text):,} bytes")
    if missing:
        sys.exit(f"{missing} of {len(EXAMPLES)} examples could not be recorded")
    if together > MOST_TOGETHER:
        sys.exit(f"the traces have {together:,} bytes together; the limit is {MOST_TOGETHER:,}")


if __name__ == "__main__":
    main()
