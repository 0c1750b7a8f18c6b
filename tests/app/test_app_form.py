"""The controls shown are those that matter, in the ranges they have."""

import gradio as gr
import pytest

from app.controls import make_form
from app.form import Form
from app.runs import RefusedError, grant
from app.watch import answer, blame
from app.wish import Wish

pytestmark = pytest.mark.usefixtures("folder")


@pytest.fixture
def form() -> Form:
    with gr.Blocks():
        return make_form(1, "Run")


def values(form: Form, **changed: object) -> list[object]:
    """The values as they stand at first, some of them changed."""
    knobs = {id(knob): name for name, knob in form.knobs.items()}
    named = {id(form.models[0]): "model", id(form.sampler): "sampler"} | knobs
    named |= {id(form.seed): "seed", id(form.prompt): "prompt"}
    return [
        changed.get(named.get(id(control), ""), getattr(control, "value", None))
        for control in form.inputs
    ]


def shown(form: Form, **changed: object) -> dict[str, dict]:
    updates = form.shape(*values(form, **changed))
    return dict(zip(["sampler", *form.knobs, "labels", "guidance"], updates, strict=True))


@pytest.mark.parametrize(
    ("changed", "there", "gone"),
    [
        ({}, {"steps", "order", "temperature"}, {"fill", "block_size", "inner"}),
        ({"order": "entropy"}, {"fill"}, {"inner"}),
        ({"order": "blocks"}, {"block_size", "inner"}, {"fill"}),
        ({"order": "blocks", "inner": "margin"}, {"block_size", "fill"}, set()),
        ({"schedule": "one-by-one"}, {"order"}, {"steps"}),
        ({"model": "austen/ar"}, {"temperature", "top_p"}, {"steps", "order", "schedule"}),
    ],
)
def test_knobs_that_do_not_matter_are_hidden(form, changed, there, gone):
    updates = shown(form, **changed)
    assert all(updates[name]["visible"] for name in there)
    assert not any(updates[name]["visible"] for name in gone)


@pytest.mark.parametrize(
    ("model", "chosen", "then"),
    [
        ("faces/self_spec", "unmask", "speculate"),
        ("faces/self_spec", "ancestral", "ancestral"),
        ("faces/prime", "unmask", "unmask_digits"),
        ("faces/mdlm", "speculate", "unmask"),
        ("austen/ar", "ancestral", "autoregress"),
    ],
)
def test_another_model_brings_its_own_sampler_unless_a_special_one_was_chosen(
    form, model, chosen, then
):
    update = form.own_sampler(*values(form, model=model, sampler=chosen))
    assert update["value"] == then
    assert then in [name for _, name in update["choices"]]


def test_ranges_end_where_the_sequence_ends(form):
    steps = shown(form, model="shidoku/pgm")["steps"]
    assert (steps["maximum"], steps["value"]) == (16, 16)
    assert shown(form)["steps"]["maximum"] == 256


def test_labels_are_offered_only_where_there_are_labels(form):
    assert shown(form, model="faces/mdlm")["labels"]["visible"]
    assert not shown(form, model="austen/pgm")["labels"]["visible"]


def test_hidden_knobs_are_no_part_of_the_wish(form):
    wish = form.wish(*values(form, fill="sample-then-rank", prompt="portrait 1 top"))
    assert "fill" not in dict(wish.settings)
    assert wish.models == ("faces/pgm",)
    assert wish.prompt == "portrait 1 top"


@pytest.mark.parametrize("typed", [None, 1.5, "three"])
def test_a_seed_that_is_no_whole_number_is_refused_not_rounded(form, typed):
    with pytest.raises(
        RefusedError, match="whole number; nothing" if typed is None else f"got {typed}"
    ):
        form.wish(*values(form, seed=typed))


def test_an_emptied_number_is_told_at_the_button(form):
    said = answer("watch", form, *values(form, temperature=None))[-len(form.lines) :]
    assert (
        dict(zip(form.lines, said, strict=True))["run"] == "Temperature is empty; give it a value."
    )
    assert shown(form, steps=None)["steps"]["value"] == 32


def test_a_link_sets_every_control_and_makes_the_same_wish(form):
    wish = Wish(("shidoku/mdlm",), "unmask", (("order", "margin"), ("steps", 8)), seed=9)
    filled = [update.get("value") for update in form.fill(wish)]
    again = form.wish(*filled)
    assert again.models == wish.models
    assert dict(again.settings).items() >= dict(wish.settings).items()
    assert again.seed == 9


def test_a_link_brings_the_choices_its_sampler_is_one_of(form):
    updates = form.fill(Wish(("faces/self_spec",), "speculate", (), seed=0))
    sampler = updates[form.inputs.index(form.sampler)]
    assert "speculate" in [name for _, name in sampler["choices"]]


def test_a_problem_without_a_line_of_its_own_is_told_at_the_button(form):
    said = dict(zip(form.lines, blame(form, {"prompt": "too long", "steps": "no"}), strict=True))
    assert said == {"prompt": "Too long.", "run": "No.", "seed": "", "label": ""}


def test_passing_through_a_small_data_set_leaves_no_trace(form):
    updates = dict(zip([id(each) for each in form.switched], form.switch("shidoku"), strict=True))
    assert updates[id(form.knobs["steps"])]["value"] == 32
    small = shown(form, model="shidoku/pgm")
    assert small["steps"]["value"] == 16
    assert "value" not in small["longest"], "a knob that is hidden keeps what it has"


def test_a_link_with_a_sampler_that_is_none_keeps_to_those_there_are(form):
    updates = form.fill(Wish(("shidoku/pgm",), "foo", (), seed=0))
    assert updates[form.inputs.index(form.sampler)]["value"] == "unmask"


def test_a_race_of_a_model_with_itself_is_refused():
    with pytest.raises(RefusedError, match="the same, and so would be what they write"):
        grant(Wish(("shidoku/pgm", "shidoku/pgm"), None, (), seed=0))
