"""The colours hold for every kind of eye, and text upon them can be read."""

from itertools import combinations

import numpy as np
import pytest
from colour_measures import ciede2000, contrast, difference

from pgm_lite.viz.colour import DARK, LIGHT, NETWORK

DIFFUSION = ["unknown", "new", "known", "reopened"]
SPECULATION = ["unknown", "draft", "accepted", "rejected"]


def worst(inks, names) -> float:
    return min(difference(inks[a].fill, inks[b].fill) for a, b in combinations(names, 2))


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ((50.0, 2.6772, -79.7751), (50.0, 0.0, -82.7485), 2.0425),
        ((50.0, 2.5, 0.0), (61.0, -5.0, 29.0), 22.8977),
        ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
    ],
)
def test_ciede2000_gives_the_published_values(one, other, expected):
    assert ciede2000(np.array(one), np.array(other)) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(
    ("inks", "names", "least"),
    [
        (LIGHT, DIFFUSION, 21.5),
        (LIGHT, SPECULATION, 15.0),
        (DARK, DIFFUSION, 17.5),
        (DARK, SPECULATION, 15.0),
        (NETWORK, ["panel", "read", "asked", "masked"], 28.0),
    ],
)
def test_states_of_one_picture_stay_apart(inks, names, least):
    assert worst(inks, names) >= least


def test_the_measure_tells_a_bad_pair():
    assert difference("#3a923a", "#c03d3e") < 12  # the red and green that protanopes confuse


@pytest.mark.parametrize("inks", [LIGHT, DARK, NETWORK])
def test_text_can_be_read_on_every_fill(inks):
    for name, ink in inks.items():
        assert contrast(ink.fill, ink.text) >= 4.5, name
