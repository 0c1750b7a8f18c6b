"""The player as one ES module: what every host is handed."""

import json
import re
from functools import cache
from importlib.resources import files

from pgm_lite.viz.colour import css_variables

PARTS = (
    *("state", "digits", "growth", "dom", "tally", "story", "candidates"),
    *("canvas", "network", "lane", "transport", "words", "player", "host"),
)
"""The sources under ``player/``, each a module of its own, in the order of their imports."""

_IMPORT = re.compile(r"^import .* from \"\./\w+\.js\";\n", re.MULTILINE)


@cache
def player_module() -> str:
    """The sources of the player joined into one ES module without imports, styles included."""
    folder = files("pgm_lite.viz") / "player"
    style = css_variables() + (folder / "player.css").read_text(encoding="utf-8")
    sources = (
        _IMPORT.sub("", (folder / f"{part}.js").read_text(encoding="utf-8")) for part in PARTS
    )
    return f"const STYLE = {json.dumps(style)};\n" + "\n".join(sources)
