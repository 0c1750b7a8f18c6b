"""Histories from elsewhere in the player: what nobody knows is not told."""

import json

import pytest
from player_traces import demo, every_kind
from playwright.sync_api import expect

from pgm_lite.external import history
from pgm_lite.trace import Trace

STATES = ["_____", "h____", "hel__", "h_l_o", "hallo"]
ALPHABET = "aehlo_"


def foreign() -> dict:
    states = [[ALPHABET.index(letter) for letter in state] for state in STATES]
    return json.loads(history(states, mask_id=5, symbols=list(ALPHABET), name="theirs").to_json())


def silent_lane(page) -> str:
    text = page.locator(".lane").inner_text()
    for word in (
        "probability",
        "entropy",
        "NaN",
        "null",
        "exact law",
        "[MASK]",
        "went through the",
    ):
        assert word not in text, text
    return text


def test_a_history_is_played_and_nothing_is_said_that_nobody_knows(host):
    page = host(foreign(), step=0)
    for k in range(5):
        assert page.locator("[role=gridcell]").all_inner_texts() == list(
            STATES[k].replace("_", "░")
        )
        for cell in page.locator("[role=gridcell]").all():
            cell.hover()
            silent_lane(page)
        page.get_by_role("slider").press(".")
    page.locator("[role=gridcell]").nth(1).hover()
    expect(page.locator(".story")).to_have_text("Position 2: “a”, written at step 4.")
    expect(page.locator(".split")).to_have_text("Not recorded: nobody said what the model read.")
    assert page.locator(".led, .wall").count() == 0


def test_of_a_model_that_says_nothing_only_the_bill_is_told(host):
    trace = demo("sudoku", "MDLM", 5)
    trace["model"] |= {"family": "unknown", "reads": "unknown"}
    page = host(trace, step=3)
    expect(page.locator(".split")).to_have_text("16 encoder positions, 0 decoder positions")
    asked = len(trace["steps"][2]["entropy"])
    assert page.locator(".led .asked").count() == asked
    assert page.locator(".led .absent").count() == 16 - asked
    assert page.locator(".key li").all_inner_texts() == ["asked for"]


def test_steps_without_a_bill_are_no_exact_law(host):
    trace = demo("sudoku", "MDLM", 5)
    for step in trace["steps"]:
        step["nfe"] = 0
        step["cost"] = dict.fromkeys(step["cost"], 0)
    page = host(trace, step=3)
    expect(page.locator(".split")).to_have_text("What went through is not recorded.")


@pytest.mark.parametrize("kind", ["changed", "never"])
def test_groups_are_the_same_in_python(host, kind):
    trace = demo("sudoku", "PGM", 4)
    if kind == "changed":
        trace["groups"] = every_kind()["groups"]
        trace["steps"][1]["events"] += [[5, "group", 0], [6, "group", 1]]
        trace["steps"][3]["events"] += [[5, "group", 1]]
    page = host(trace)
    read = Trace.from_json(json.dumps(trace))
    for k in range(5):
        seen = page.evaluate("k => [...player.stateAt(state.trace, k).group]", k)
        assert tuple(seen) == read.groups_at(k)
