"""How the page looks: a theme and a style sheet in the colours of ``pgm_lite.viz``."""

from pathlib import Path
from typing import Any

from gradio.themes import Base, colors, sizes

from pgm_lite.viz.colour import DARK, LIGHT, NETWORK, Ink

SANS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Helvetica Neue", "sans-serif")
MONO = ("ui-monospace", "SF Mono", "Cascadia Code", "Menlo", "Consolas", "monospace")


def launch_settings() -> dict[str, Any]:
    """What ``launch`` is told about the look of the page."""
    return {
        "theme": theme(),
        "css": variables() + (Path(__file__).parent / "look.css").read_text(encoding="utf-8"),
        "footer_links": [],
    }


def variables() -> str:
    """The project's colours as variables for the style sheet, for a light and a dark page."""
    return (
        f":root{{{_declared(LIGHT, LIGHT['soft'].fill, LIGHT['unknown'].fill)}}}\n"
        f".dark{{{_declared(DARK, NETWORK['panel'].fill, DARK['unknown'].fill)}}}\n"
    )


def theme() -> Base:
    """System fonts, quiet surfaces, one dark button."""
    ink, paper = LIGHT["surface"].text, LIGHT["surface"].fill
    pale, night = DARK["surface"].text, DARK["surface"].fill
    return Base(
        primary_hue=colors.blue,
        neutral_hue=colors.slate,
        radius_size=sizes.radius_lg,
        font=list(SANS),
        font_mono=list(MONO),
    ).set(
        body_background_fill=LIGHT["soft"].fill,
        body_background_fill_dark=NETWORK["panel"].fill,
        body_text_color=ink,
        body_text_color_dark=pale,
        body_text_color_subdued=LIGHT["muted"].text,
        body_text_color_subdued_dark=DARK["muted"].text,
        block_background_fill="transparent",
        block_background_fill_dark="transparent",
        block_border_width="0px",
        block_shadow="none",
        block_label_text_color=ink,
        block_title_text_weight="600",
        block_info_text_color=LIGHT["muted"].text,
        block_info_text_color_dark=DARK["muted"].text,
        block_padding="0px",
        block_title_text_color=ink,
        block_title_text_color_dark=pale,
        input_border_width="1px",
        input_border_width_dark="1px",
        input_background_fill=paper,
        input_background_fill_dark=night,
        button_primary_background_fill=ink,
        button_primary_background_fill_dark=pale,
        button_primary_background_fill_hover=LIGHT["known"].fill,
        button_primary_background_fill_hover_dark=DARK["known"].fill,
        button_primary_text_color=paper,
        button_primary_text_color_dark=night,
        button_primary_text_color_hover=LIGHT["known"].text,
        button_primary_text_color_hover_dark=DARK["known"].text,
    )


def _declared(inks: dict[str, Ink], ground: str, line: str) -> str:
    return (
        f"--pgm-paper:{inks['surface'].fill};--pgm-ink:{inks['surface'].text};"
        f"--pgm-muted:{inks['muted'].text};--pgm-accent:{inks['known'].fill};"
        f"--pgm-on-accent:{inks['known'].text};--pgm-wrong:{inks['reopened'].fill};"
        f"--pgm-ground:{ground};--pgm-line:{line};"
    )
