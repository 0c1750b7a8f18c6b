"""Wishes become traces, or sentences about the control that is to blame."""

import json

import pytest

from app import runs
from app.wish import Wish
from pgm_lite import catalog
from pgm_lite.trace import Trace

pytestmark = pytest.mark.usefixtures("folder")


def test_a_wish_is_what_the_catalogue_makes_of_it():
    wish = Wish(("shidoku/pgm",), "unmask", (("steps", 4),), seed=5, prompt="1___")
    (text,) = runs.grant(wish)
    trace = Trace.from_json(text)
    same = catalog.watch("shidoku/pgm", settings={"steps": 4}, seed=5, prompt="1___")
    assert trace.final.tokens.equal(same.final.tokens)
    assert len(trace.steps) == 4
    assert trace.header.seed == 5


def test_the_same_wish_is_granted_once():
    wish = Wish(("shidoku/pgm",), seed=11)
    assert runs.grant(wish)[0] is runs.grant(wish)[0]
    assert runs.grant(wish)[0] != runs.grant(Wish(("shidoku/pgm",), seed=12))[0]


def test_a_race_shares_the_knobs_each_sampler_has():
    settings = (("order", "confidence"), ("steps", 4), ("temperature", 0.5))
    ar, pgm = map(json.loads, runs.grant(Wish(("shidoku/ar", "shidoku/pgm"), "unmask", settings)))
    assert ar["sampler"]["name"] == "autoregress"
    assert "order" not in ar["sampler"]["knobs"]
    assert ar["sampler"]["knobs"]["temperature"] == pgm["sampler"]["knobs"]["temperature"] == 0.5
    assert pgm["sampler"]["knobs"]["order"] == "confidence"
    assert ar["seed"] == pgm["seed"]


@pytest.mark.parametrize(
    ("control", "wish", "said"),
    [
        ("prompt", Wish(("austen/pgm",), prompt="a@b"), "'@' at 1"),
        ("prompt", Wish(("austen/ar",), prompt="a_b"), "cannot infill"),
        ("prompt", Wish(("shidoku/pgm",), prompt="1234341221434321"), "nothing is left"),
        ("prompt", Wish(("shidoku/pgm",), prompt="1" * 17), "only 16 positions"),
        ("label", Wish(("faces/pgm",), guidance=1.0), "choose a label"),
        ("label", Wish(("faces/pgm",), label=(("hair", "pink"),)), "its values are"),
        ("seed", Wish(("faces/pgm",), seed=-1), "the seed must be"),
        ("steps", Wish(("faces/pgm",), settings=(("steps", 999),)), "between 1 and 256"),
        ("stride", Wish(("faces/pgm",), settings=(("stride", 2),)), "no knob stride"),
        ("sampler", Wish(("faces/pgm",), "autoregress"), "unmask"),
        ("model", Wish(("faces/gan",)), "faces/mdlm, faces/pgm"),
        ("model", Wish(("faces/pgm", "austen/pgm")), "same data set"),
    ],
)  # fmt: skip
def test_each_problem_names_its_control(control, wish, said):
    with pytest.raises(runs.RefusedError) as caught:
        runs.grant(wish)
    assert said in caught.value.problems[control]
