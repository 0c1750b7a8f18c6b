"""A knob takes numbers of its kind in its range, and nothing that only looks like one."""

import math

import pytest

from pgm_lite import catalog
from pgm_lite.knobs import STEPS, TEMPERATURE, Knob, Value


def test_a_knob_gives_the_value_back() -> None:
    assert STEPS.check(8) == 8
    assert isinstance(STEPS.check(8.0), int)
    assert TEMPERATURE.check(1) == 1.0


@pytest.mark.parametrize("knob", [STEPS, TEMPERATURE])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, True, False, "1"])
def test_a_knob_refuses_what_is_no_number(knob: Knob, value: Value) -> None:
    with pytest.raises(ValueError, match=f"{knob.name} must be a number"):
        knob.check(value)


@pytest.mark.parametrize(
    "knob",
    [knob for each in catalog.SAMPLERS.values() for knob in each.knobs if knob.kind == "float"],
    ids=lambda knob: knob.name,
)
def test_a_slider_finds_the_default_again(knob: Knob) -> None:
    places = (float(knob.default) - knob.low) / knob.step
    assert places == pytest.approx(round(places), abs=1e-6)
