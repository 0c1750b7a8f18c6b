"""Every colour of the project, in one place.

The states are Okabe-Ito colours and neighbours of theirs, chosen so that any two of one picture
stay at least 15 CIEDE2000 apart under normal vision and three simulated deficiencies; a test
holds them to it. Colour never stands alone: each state has a glyph or a border as well.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ink:
    """A fill and the colour of the text upon it."""

    fill: str
    text: str


LIGHT: dict[str, Ink] = {
    "surface": Ink("#FFFFFF", "#15181D"),
    "soft": Ink("#F4F5F7", "#15181D"),
    "muted": Ink("#FFFFFF", "#5A6270"),
    "unknown": Ink("#D9D9D9", "#000000"),
    "new": Ink("#E69F00", "#000000"),
    "known": Ink("#0072B2", "#FFFFFF"),
    "reopened": Ink("#882255", "#FFFFFF"),
    "draft": Ink("#F0E442", "#000000"),
    "accepted": Ink("#0072B2", "#FFFFFF"),
    "rejected": Ink("#882255", "#FFFFFF"),
}
"""The states of a position on a light page."""

DARK: dict[str, Ink] = {
    "surface": Ink("#16191E", "#ECEFF3"),
    "soft": Ink("#1E2228", "#ECEFF3"),
    "muted": Ink("#16191E", "#A6AFBC"),
    "unknown": Ink("#2A2F37", "#ECEFF3"),
    "new": Ink("#E69F00", "#000000"),
    "known": Ink("#1E88D2", "#000000"),
    "reopened": Ink("#C8507F", "#000000"),
    "draft": Ink("#F0E442", "#000000"),
    "accepted": Ink("#1E88D2", "#000000"),
    "rejected": Ink("#C8507F", "#000000"),
}
"""The states of a position on a dark page."""

NETWORK: dict[str, Ink] = {
    "panel": Ink("#0E1116", "#F2F4F7"),
    "read": Ink("#1E88D2", "#000000"),
    "asked": Ink("#E69F00", "#000000"),
    "masked": Ink("#E6E6E6", "#000000"),
    "quiet": Ink("#0E1116", "#A3ADBA"),
}
"""What goes through the network, drawn as lights on a dark panel in either theme."""

SEQUENTIAL = "Cividis"
"""The colour scale of ordered quantities, by its plotly name."""

QUALITATIVE = ("#0072B2", "#E69F00", "#882255", "#7A2E00", "#56B4E9", "#000000")
"""The colours of curves, in the order in which they are handed out."""

FAMILIES: dict[str, str] = dict(
    zip(("mdlm", "pgm", "prime", "insertion", "self_spec", "ar"), QUALITATIVE, strict=True)
)
"""The colour of each family of checkpoints, the same in every figure."""


def mix(colours: Sequence[str]) -> str:
    """The mean of colours "#rrggbb" in linear light: how a fine pattern of them looks from afar."""
    means = (
        sum(_light(int(colour[at : at + 2], 16)) for colour in colours) / len(colours)
        for at in (1, 3, 5)
    )
    return "#" + "".join(f"{_byte(mean):02x}" for mean in means)


def _light(byte: int) -> float:
    return byte / 3294.6 if byte <= 10 else ((byte / 255 + 0.055) / 1.055) ** 2.4


def _byte(light: float) -> int:
    srgb = 12.92 * light if light <= 0.0031308 else 1.055 * light ** (1 / 2.4) - 0.055
    return int(255 * srgb + 0.5)


def css_variables() -> str:
    """The rules that hand the player its colours: ``--new`` a fill, ``--on-new`` its text."""
    light = _declarations(LIGHT) + _declarations(NETWORK)
    return f".player{{{light}}}\n.player.dark{{{_declarations(DARK)}}}\n"


def _declarations(inks: dict[str, Ink]) -> str:
    return "".join(f"--{name}:{ink.fill};--on-{name}:{ink.text};" for name, ink in inks.items())
