"""The catalogue: one call watches a checkpoint, and says what is wrong with a wish."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from shelf import put

from pgm_lite import catalog
from pgm_lite.candidates import candidates
from pgm_lite.trace import Trace

NAMES = (
    "faces/pgm",
    "shidoku/ar",
    "shidoku/mdlm",
    "shidoku/pgm",
    "shidoku/prime",
    "shidoku/self_spec",
)


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoints")
    for name in NAMES:
        put(folder, name)
    return folder


@pytest.fixture(autouse=True)
def shipped(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The tiny checkpoints stand in for the shipped ones."""
    monkeypatch.setattr(catalog, "CHECKPOINTS", shelf)
    catalog.load_with_card.cache_clear()
    yield
    catalog.load_with_card.cache_clear()


def test_names() -> None:
    assert catalog.checkpoint_names() == list(NAMES)
    assert catalog.checkpoint_names("faces") == ["faces/pgm"]
    assert catalog.card("shidoku/ar").family == "ar"
    assert catalog.load("shidoku/ar") is catalog.load("shidoku/ar")
    assert [sampler.name for sampler in catalog.samplers_for("shidoku/ar")] == ["autoregress"]
    assert [sampler.name for sampler in catalog.samplers_for("faces/pgm")][:2] == [
        "unmask",
        "ancestral",
    ]


@pytest.mark.parametrize("name", [name for name in NAMES if "shidoku" in name])
def test_every_sampler_watches_with_every_choice(name: str) -> None:
    """Each choice of each knob once, the others at their defaults but for the number of steps."""
    for sampler in catalog.samplers_for(name):
        short = {"steps": 3} if "steps" in {knob.name for knob in sampler.knobs} else {}
        wishes = [short]
        wishes += [short | {knob.name: choice} for knob in sampler.knobs for choice in knob.choices]
        wishes += [short | {"temperature": t} for t in (0, 2)] + [short | {"top_p": 0.5}]
        for wish in wishes:
            if wish.get("fill") == "sample-then-rank":
                wish |= {"order": "confidence"}
            trace = catalog.watch(name, sampler=sampler.name, settings=wish, batch=2)
            assert trace.final.known.all()
            assert Trace.from_json(trace.to_json(1)).final.known.all()
            header = trace.header
            assert header.model.name == name
            assert header.model.checkpoint == catalog.card(name).weights_sha256
            assert (header.dataset, header.sampler, header.seed) == ("shidoku", sampler.name, 0)
            # The recording lists the knobs that mattered, as they were set.
            matters = catalog.relevant(sampler.knobs, wish)
            second = {"companion"} if sampler.companion else set[str]()
            assert set(header.knobs) == set(matters) | second
            assert all(header.knobs[knob] == wish[knob] for knob in matters if knob in wish)


def test_the_seed_decides() -> None:
    def tokens(seed: int) -> list[list[int]]:
        return catalog.watch("shidoku/pgm", settings={"steps": 4}, seed=seed).final.tokens.tolist()

    assert tokens(1) == tokens(1)
    # Random weights are far from certainty about 16 cells of 4 values.
    assert tokens(1) != tokens(2)


@pytest.mark.parametrize("name", ["shidoku/ar", "shidoku/pgm"])
def test_a_prompt_stays(name: str) -> None:
    trace = catalog.watch(name, prompt="1234 34", batch=2)
    assert trace.final.tokens[:, :6].tolist() == [[0, 1, 2, 3, 2, 3]] * 2
    assert trace.init.known.sum(1).tolist() == [6, 6]
    assert int(trace.step_map()[:, :6].sum()) == 0


def test_a_label_is_asked_for_and_guidance_costs_twice() -> None:
    attribute = catalog.dataset("faces").attributes[0]
    label = {attribute.name: attribute.values[0]}
    settings = {"steps": 2}
    plain = catalog.watch("faces/pgm", settings=settings)
    labelled = catalog.watch("faces/pgm", settings=settings, label=label)
    guided = catalog.watch("faces/pgm", settings=settings, label=label, guidance=2.0)
    assert not torch.equal(plain.final.tokens, labelled.final.tokens)
    assert not torch.equal(guided.final.tokens, labelled.final.tokens)
    assert int(guided.cost.calls) == 2 * int(labelled.cost.calls) == 4
    assert labelled.header.label == f"{attribute.name}: {attribute.values[0]}"
    assert guided.header.knobs["guidance"] == 2.0
    assert plain.header.label is None


BAD = [
    ({"name": "shidoku/gpt"}, "model", "'shidoku/gpt'.*faces/pgm, shidoku/ar, shidoku/mdlm"),
    (
        {"sampler": "autoregress"},
        "sampler",
        "autoregress asks .* pgm models cannot; the samplers of shidoku/pgm are: unmask, ancestral",
    ),
    ({"settings": {"steps": 0}}, "steps", "steps must lie between 1 and 256; got 0"),
    ({"settings": {"steps": 2.5}}, "steps", r"steps must be a whole number; got 2.5"),
    ({"settings": {"steps": "many"}}, "steps", "steps must be a number"),
    ({"settings": {"temperature": -1}}, "temperature", "between 0 and 2; got -1"),
    (
        {"settings": {"temperature": float("nan")}},
        "temperature",
        r"must be a number; got nan",
    ),
    ({"settings": {"top_p": 0}}, "top_p", "between 0.05 and 1; got 0"),
    ({"settings": {"order": "spiral"}}, "order", "order must be one of random, .*; got 'spiral'"),
    ({"settings": {"schedule": "arccos"}}, "schedule", "one of cosine, uniform, one-by-one; got"),
    ({"seed": -1}, "seed", "0 to 4294967295; got -1"),
    ({"prompt": "12x"}, "prompt", "no symbol 'x' at 2; its alphabet is: '1' '2' '3' '4'"),
    ({"prompt": "1" * 17}, "prompt", "17 symbols but the sequence only 16"),
    ({"prompt": "1234341221434321"}, "prompt", "gives all 16 positions"),
    ({"name": "shidoku/ar", "prompt": "1_2"}, "prompt", "position 2 of row 0 is known"),
    ({"guidance": 1.0}, "label", "choose a label or set guidance to 0"),
    ({"label": {"hat": "red"}}, "label", "shidoku has no attribute 'hat'; it has no attributes"),
    ({"name": "shidoku/ar", "label": {"hat": "red"}}, "label", "trained without labels"),
    (
        {"name": "faces/pgm", "label": {"hat": "red"}},
        "label",
        "faces has no hat 'red'; its values are: no, yes",
    ),
    ({"name": "faces/pgm", "label": {"cape": "red"}}, "label", "'cape'; its attributes are: "),
    ({"settings": {"colour": 1}}, "colour", "unmask has no knob colour; its knobs are block_size"),
    (
        {"settings": {"order": "entropy", "fill": "sample-then-rank"}},
        "fill",
        "which the order entropy does not score; use confidence",
    ),
    (
        {"settings": {"order": "random", "fill": "sample-then-rank"}},
        "fill",
        "the order random looks at no probability",
    ),
    ({"name": "faces/pgm", "prompt": "a hat"}, "prompt", "portrait NUMBER SIDE"),
]


@pytest.mark.parametrize(("wish", "control", "says"), BAD, ids=[str(bad[0]) for bad in BAD])
def test_a_bad_wish_is_refused_and_its_control_named(wish: dict, control: str, says: str) -> None:
    wish = {"name": "shidoku/pgm"} | wish
    with pytest.raises(ValueError, match=says):
        catalog.watch(**wish)
    found = catalog.complaints(**wish)
    assert list(found) == [control]
    with pytest.raises(ValueError, match=says):
        raise ValueError(found[control])


def test_other_bad_input() -> None:
    for prompt in ("", "1_2"):
        with pytest.raises(ValueError, match="at least 1"):
            catalog.watch("shidoku/pgm", batch=0, prompt=prompt)
    with pytest.raises(ValueError, match="'shidoku/gpt'; the checkpoints here are: faces/pgm, "):
        catalog.card("shidoku/gpt")


def test_several_complaints_come_together() -> None:
    found = catalog.complaints(
        "shidoku/pgm", settings={"steps": -1, "order": "spiral"}, seed=-5, prompt="x"
    )
    assert list(found) == ["steps", "order", "seed", "prompt"]
    assert catalog.complaints("shidoku/pgm", settings={"steps": 4}, prompt="1_3") == {}


def test_a_damaged_checkpoint(shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, "shidoku/pgm")
    weights = tmp_path / "shidoku/pgm.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    monkeypatch.setattr(catalog, "CHECKPOINTS", tmp_path)
    assert "are not those of its card: sha256" in catalog.complaints("shidoku/pgm")["model"]
    with pytest.raises(ValueError, match="fetch the file again"):
        catalog.watch("shidoku/pgm")


def test_knobs_that_matter() -> None:
    knobs = catalog.SAMPLERS["unmask"].knobs
    always = ("order", "schedule", "temperature", "top_p")
    assert catalog.relevant(knobs, {}) == ("order", "schedule", "steps", "temperature", "top_p")
    assert catalog.relevant(knobs, {"schedule": "one-by-one"}) == always
    sighted = catalog.relevant(knobs, {"order": "margin"})
    assert "block_size" not in sighted
    assert "choice_temperature" not in sighted
    ranking = {"order": "blocks", "inner": "confidence", "fill": "sample-then-rank"}
    inside = catalog.relevant(knobs, ranking)
    assert set(inside) == {knob.name for knob in knobs}


def test_the_model_of_a_trace_is_sampled_as_it_was() -> None:
    trace = catalog.watch(
        "faces/pgm",
        settings={"steps": 3, "temperature": 0.7, "top_p": 0.9},
        label={"hair": "red"},
        guidance=1.5,
        ramp="linear",
    )
    again = Trace.from_json(trace.to_json())
    for after, step in enumerate(again.steps):
        position = int(step.written[0].nonzero()[0])
        found = candidates(again, catalog.model_of(again), position, after=after, count=32)
        at = found.tokens.index(int(step.canvas.tokens[0, position]))
        drawn = float(step.log_prob[0, position].exp())
        assert found.probabilities[at] == pytest.approx(drawn, abs=1e-5)


def test_a_trace_of_other_weights_or_of_no_checkpoint_has_no_model_here() -> None:
    trace = catalog.watch("shidoku/pgm", settings={"steps": 3})
    other = replace(trace.header, model=replace(trace.header.model, checkpoint="0" * 64))
    with pytest.raises(ValueError, match="made with other weights of shidoku/pgm than those here"):
        catalog.model_of(replace(trace, header=other))
    foreign = replace(trace.header, model=replace(trace.header.model, name="mine"))
    with pytest.raises(
        ValueError, match=r"'mine' \(PGM\), which is not one of the checkpoints here"
    ):
        catalog.model_of(replace(trace, header=foreign))


def test_a_trace_names_the_second_model_too() -> None:
    trace = catalog.watch("shidoku/mdlm", sampler="adaptive_parallel")
    assert Trace.from_json(trace.to_json()).header.knobs["companion"] == "shidoku/ar"
    assert "companion" not in catalog.watch("shidoku/mdlm").header.knobs
