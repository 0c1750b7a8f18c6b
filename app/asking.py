"""What visitors ask about positions they pinned, in any trace that was shown of late."""

import json
from collections import OrderedDict
from functools import cache
from pathlib import Path
from threading import Lock

from app import shipped
from pgm_lite.trace import Trace
from pgm_lite.viz.curious import Answer, answers, parsed

KEPT = 128
"""How many traces are remembered."""

_shown: "OrderedDict[str, str]" = OrderedDict()
_lock = Lock()


def remember(traces: list[str]) -> None:
    """Keep these traces, so that they can be asked about; the oldest are forgotten."""
    with _lock:
        for text in traces:
            identity = json.loads(text)["id"]
            _shown[identity] = text
            _shown.move_to_end(identity)
        while len(_shown) > KEPT:
            _shown.popitem(last=False)


def answer(asked: object) -> list[Answer]:
    """What the player is told."""
    return answers(asked, find)


def find(identity: str) -> Trace | None:
    """A trace that was shown, or that ships with the app."""
    text = _shown.get(identity) or recorded(shipped.TRACES).get(identity)
    return parsed(text) if text else None


@cache
def recorded(folder: Path) -> dict[str, str]:
    """The texts of the recorded examples by id."""
    texts = [path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.json"))]
    return {str(json.loads(text)["id"]): text for text in texts}
