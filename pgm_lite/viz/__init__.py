"""The player and its hosts, figures and moving pictures; every colour of the project.

The Gradio host is ``pgm_lite.viz.gradio_player.player``; it alone imports Gradio.
"""

from pgm_lite.viz.figures import CONFIG, entropy_left, positions_per_step, step_map
from pgm_lite.viz.gif import alt_text, save_gif
from pgm_lite.viz.html import save_html, to_html
from pgm_lite.viz.record import payload, payload_json
from pgm_lite.viz.widget import TokenPlayer, race, show

__all__ = [
    "CONFIG",
    "TokenPlayer",
    "alt_text",
    "entropy_left",
    "payload",
    "payload_json",
    "positions_per_step",
    "race",
    "save_gif",
    "save_html",
    "show",
    "step_map",
    "to_html",
]
