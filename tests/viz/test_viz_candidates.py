"""What else it could have been: the question of a pinned position, and the answer in the player."""

import json

import pytest
import torch
from growing_traces import growing
from player_traces import demo
from playwright.sync_api import expect

import pgm_lite as pgm
from pgm_lite.viz.curious import answers, questions

TRACE = demo("sudoku", "PGM", 5)
MODEL = TRACE["model"] | {"name": "mine"}


def cell(page, position: int):
    return page.locator(f".canvas [data-i='{position}']")


def asked(page) -> list[dict]:
    return page.evaluate("state.asked ?? null")


def told(page, **answer: object) -> None:
    page.evaluate("told => { state.told = [told]; tell('told'); }", asked(page)[0] | answer)


def written_at(trace: dict, k: int) -> int:
    return trace["steps"][k - 1]["events"][0][0]


def test_a_pinned_position_is_asked_about_before_the_step_that_wrote_it(host):
    page, position = host(TRACE, step=4, curious=True), written_at(TRACE, 3)
    token = TRACE["steps"][2]["events"][0][2]
    cell(page, position).hover()
    assert asked(page) is None
    cell(page, position).click()
    assert asked(page) == [{"id": TRACE["id"], "after": 2, "position": position}]
    likely = {"tokens": [token, (token + 1) % 4], "probabilities": [0.7, 0.2], "others": 0.1}
    told(page, **likely, said="what PGM would write here,")
    table = page.locator(".candidates table")
    expect(table.locator("caption")).to_have_text("what PGM would write here, after step 2")
    names = [f"“{TRACE['vocab'][each]}”" for each in likely["tokens"]]
    expect(table.locator("th")).to_have_text([*names, "all others"])
    expect(table.locator("td:not(.rail)")).to_have_text(["70 %", "20 %", "10 %"])
    expect(table.locator("tr.taken th")).to_have_text([names[0]])


def test_an_unknown_position_is_asked_about_as_things_stand(host):
    page, position = host(TRACE, step=2, curious=True), written_at(TRACE, 5)
    cell(page, position).click()
    assert asked(page)[0]["after"] == 2
    told(page, tokens=[1], probabilities=[1.0], others=0.0, said="said")
    expect(page.locator(".candidates table")).to_be_visible()
    page.get_by_role("slider").press("ArrowRight")
    assert asked(page)[0]["after"] == 3
    expect(page.locator(".candidates table")).to_have_count(0)  # the answer was to another question
    told(page, problem="Nobody knows.")
    expect(page.locator(".candidates")).to_have_text("Nobody knows.")
    page.keyboard.press("Escape")
    expect(page.locator(".candidates")).to_be_empty()


@pytest.mark.parametrize("curious", [False, None])
def test_a_host_that_cannot_answer_is_not_asked(host, curious):
    page = host(TRACE, step=4, curious=curious)
    cell(page, written_at(TRACE, 3)).click()
    assert asked(page) is None


def test_an_answer_survives_the_same_trace_being_shown_anew(host):
    page, position = host(TRACE, step=4, curious=True), written_at(TRACE, 3)
    cell(page, position).click()
    told(page, tokens=[1], probabilities=[1.0], others=0.0, said="said")
    page.evaluate("tell('trace')")
    cell(page, position).click()
    expect(page.locator(".candidates table")).to_be_visible()


def test_given_and_inserted_tokens_raise_no_question(host):
    page = host(TRACE, step=4, curious=True)
    cell(page, TRACE["init"]["known"].index(1)).click()
    assert asked(page) is None
    trace = growing()
    page = host(trace, step=len(trace["steps"]), curious=True)
    cell(page, trace["steps"][0]["events"][0][0]).click()
    assert asked(page) is None


def oracle() -> tuple[pgm.Support, pgm.Trace]:
    model = pgm.Support(torch.tensor([[0, 1, 2], [0, 2, 1], [1, 1, 1]]), 3)
    steps = pgm.unmask(
        model,
        pgm.Canvas.blank(1, 3),
        schedule=pgm.one_by_one(3),
        order=pgm.left_to_right(),
        rng=pgm.rng(0),
    )
    return model, pgm.record(steps)


def test_in_jupyter_the_model_handed_over_answers():
    model, trace = oracle()
    player = pgm.show(trace, model=model)
    player.asked = [{"id": trace.header.id, "after": 0, "position": 1}]
    (answer,) = player.told
    assert answer["tokens"] == (1, 2)
    assert answer["probabilities"] == pytest.approx((2 / 3, 1 / 3))
    assert answer["others"] == pytest.approx(0, abs=1e-12)


def test_questions_that_cannot_be_answered_say_why():
    model, trace = oracle()
    known = {"id": trace.header.id, "after": 3, "position": 1}
    (answer,) = answers([known], lambda _: trace, model)
    assert answer["problem"].startswith("Position 1 is known after 3 steps")
    (answer,) = answers([known], lambda _: trace)
    assert "not one of the checkpoints here" in answer["problem"]
    (answer,) = answers([known], lambda _: None)
    assert "no longer remembered" in answer["problem"]


@pytest.mark.parametrize(
    "nonsense",
    [None, "x", [3], [{"id": 1, "after": 0, "position": 0}], [{"id": "a", "after": True}], {}],
)
def test_what_is_no_question_is_not_answered(nonsense):
    assert questions(nonsense) == []


def test_the_app_remembers_what_it_showed_and_what_it_ships():
    from app import asking, shipped

    trace = json.dumps(TRACE | {"id": "shown of late", "model": MODEL})
    asking.remember([trace])
    (answer,) = asking.answer([{"id": "shown of late", "after": 0, "position": 1}])
    assert "not one of the checkpoints here" in answer["problem"]
    identity, text = next(iter(asking.recorded(shipped.TRACES).items()))
    assert json.loads(text)["id"] == identity
    assert asking.find(identity).to_json() == text.strip()
    assert asking.find("never shown") is None


def test_what_is_shown_again_is_remembered_longest(monkeypatch):
    from app import asking

    monkeypatch.setattr(asking, "KEPT", 2)
    monkeypatch.setattr(asking, "_shown", type(asking._shown)())
    for identity in "abac":
        asking.remember([json.dumps({"id": identity})])
    assert list(asking._shown) == ["a", "c"]
