"""A model that a sampler cannot ask, a canvas it was not made for, a window that holds nothing.

They are refused when the sampler is called, in a sentence whose way out is tried here.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import pytest
import torch
from networks import LINE, SPELLED, stirred

from pgm_lite import samplers
from pgm_lite.core import Canvas, Conditional, Cost
from pgm_lite.digits import Digits
from pgm_lite.draw import Tempered, rng
from pgm_lite.insertion_oracle import InsertionOracle
from pgm_lite.marginals import Marginals
from pgm_lite.models import AR, MDLM, PGM, Insertion, Prime, SelfSpec
from pgm_lite.models.guidance import Guided, Labelled
from pgm_lite.oracle import HalfKnown, Refreshed, Sequential, Support
from pgm_lite.orders import confidence, random_order
from pgm_lite.path_law import speculative_log_prob
from pgm_lite.policies import threshold
from pgm_lite.protocols import KINDS, check_model
from pgm_lite.samplers import (
    adaptive_parallel,
    ancestral,
    autoregress,
    first_hitting,
    insert,
    path_planning,
    recap,
    remask,
    speculate,
    speculative_decode,
    unmask,
    unmask_adaptive,
    unmask_digits,
)
from pgm_lite.schedules import uniform
from pgm_lite.two_models import TwoModels
from pgm_lite.windows import constant_window

N = LINE.seq_len
BLANK = Canvas.blank(2, N)
LISTED = torch.randint(5, (6, N), generator=torch.Generator().manual_seed(0))
LAW = Support(LISTED, 5)

MODELS = {
    "AR": stirred(AR, LINE),
    "MDLM": stirred(MDLM, LINE),
    "PGM": stirred(PGM, LINE),
    "Prime": stirred(Prime, SPELLED),
    "SelfSpec": stirred(SelfSpec, replace(LINE, causal=1)),
    "Insertion": stirred(Insertion, LINE),
    "Support": LAW,
    "Sequential": Sequential(LAW),
    "HalfKnown": HalfKnown(LAW, Digits(5, 3)),
    "Refreshed": Refreshed(LAW),
    "TwoModels": TwoModels(LAW, LAW),
    "InsertionOracle": InsertionOracle(LISTED[:2], 5),
}
MASKED = {"MDLM", "PGM", "SelfSpec", "Support", "Refreshed"}
NEXT = {"AR", "Sequential"}

Call = Callable[[object, Canvas], object]


def given(canvas: Canvas) -> tuple[int, ...]:
    return uniform(canvas.seq_len, 3)


CALLS: dict[str, tuple[Call, set[str]]] = {
    "unmask": (
        lambda m, c: unmask(m, c, schedule=given(c), order=random_order(), rng=rng(0)),
        MASKED,
    ),
    "unmask, sighted": (
        lambda m, c: unmask(m, c, schedule=given(c), order=confidence(), rng=rng(0)),
        MASKED,
    ),
    "ancestral": (lambda m, c: ancestral(m, c, steps=3, rng=rng(0)), MASKED),
    "ancestral, cached": (
        lambda m, c: ancestral(m, c, steps=3, rng=rng(0), asks="cached"),
        MASKED,
    ),
    "first_hitting": (lambda m, c: first_hitting(m, c, rng=rng(0)), MASKED),
    "unmask_adaptive": (
        lambda m, c: unmask_adaptive(m, c, policy=threshold(0.5), rng=rng(0)),
        MASKED,
    ),
    "remask": (lambda m, c: remask(m, c, steps=3, rng=rng(0)), MASKED),
    "path_planning": (lambda m, c: path_planning(m, c, schedule=given(c), rng=rng(0)), MASKED),
    "recap": (
        lambda m, c: recap(m, c, schedule=given(c), order=random_order(), rng=rng(0)),
        {"MDLM", "SelfSpec", "Refreshed"},
    ),
    "autoregress": (lambda m, c: autoregress(m, c, rng=rng(0)), NEXT),
    "insert": (lambda m, c: insert(m, c, rng=rng(0)), {"Insertion", "InsertionOracle"}),
    "unmask_digits": (
        lambda m, c: unmask_digits(m, c, steps=3, rng=rng(0)),
        {"Prime", "HalfKnown"},
    ),
    "speculate": (
        lambda m, c: speculate(m, c, window=constant_window(4), loops=2, rng=rng(0)),
        {"SelfSpec", "TwoModels"},
    ),
    "speculative_log_prob": (
        lambda m, c: speculative_log_prob(
            m, c.tokens[0], torch.arange(c.seq_len), window=constant_window(6), loops=1
        ),
        {"SelfSpec", "TwoModels"},
    ),
    "speculative_decode": (
        lambda m, c: speculative_decode(m, MODELS["AR"], c, drafts=2, rng=rng(0)),
        NEXT,
    ),
    "speculative_decode, drafter": (
        lambda m, c: speculative_decode(MODELS["AR"], m, c, drafts=2, rng=rng(0)),
        NEXT,
    ),
    "adaptive_parallel": (
        lambda m, c: adaptive_parallel(m, MODELS["AR"], c, mixture=0.5, look_ahead=4, rng=rng(0)),
        MASKED,
    ),
    "adaptive_parallel, judge": (
        lambda m, c: adaptive_parallel(MODELS["MDLM"], m, c, mixture=0.5, look_ahead=4, rng=rng(0)),
        NEXT,
    ),
}
"""How each sampler is called with a model in each of its places, and the models that fit there."""

FIT = [(call, name) for call, (_, fits) in CALLS.items() for name in MODELS if name in fits]
UNFIT = [(call, name) for call, (_, fits) in CALLS.items() for name in MODELS if name not in fits]
NETWORKS = {"AR", "MDLM", "PGM", "Prime", "SelfSpec", "Support"}
"""Models that say how many positions they have, whatever the canvas."""


def sampled(call: str, model: object, canvas: Canvas = BLANK) -> None:
    """The whole of a run."""
    run = CALLS[call][0](model, canvas)
    if not isinstance(run, float):
        assert list(run)


@cache
def ran(call: str, name: str) -> None:
    """Once is enough: the seed is always the same."""
    sampled(call, MODELS[name])


def test_every_public_sampler_is_called() -> None:
    public = {name for name in samplers.__all__ if name.islower()}
    assert public == {call.split(",")[0] for call in CALLS} - {"speculative_log_prob"}
    assert {kind.sampler for kind in KINDS} <= public


@pytest.mark.parametrize(("call", "name"), FIT)
def test_a_model_that_fits_is_sampled_and_so_it_is_in_a_wrapper(call: str, name: str) -> None:
    ran(call, name)
    CALLS[call][0](Tempered(MODELS[name], 0.5), BLANK)


@pytest.mark.parametrize(("call", "name"), UNFIT)
def test_an_unfit_model_is_refused_at_the_call_with_a_way_out(call: str, name: str) -> None:
    model, label = MODELS[name], torch.tensor([0])
    # What wraps it changes nothing.
    for asked in (
        Tempered(model, 0.5),
        Labelled(model, label),
        Tempered(Guided(model, label, 1.0), 0.5),
        model,
    ):
        with pytest.raises(ValueError, match=f"given is {name}, which can be asked for") as caught:
            CALLS[call][0](asked, BLANK)
    said = re.search(r"; sample it with (\w+), or take (.*)$", str(caught.value))
    assert said is not None
    ran(said[1], name)
    offered = [word for word in re.findall(r"\w+", said[2]) if word in MODELS]
    assert offered
    for each in offered:
        ran(call, each)


def test_the_place_of_the_model_is_named() -> None:
    for call, role in (
        ("speculative_decode", "the model"),
        ("speculative_decode, drafter", "the drafter"),
        ("adaptive_parallel", "the drafting model"),
        ("adaptive_parallel, judge", "the judge"),
    ):
        with pytest.raises(ValueError, match=f"^{role} given is Prime"):
            CALLS[call][0](MODELS["Prime"], BLANK)


def test_a_wrapper_that_hands_nothing_on_is_told_from_its_model() -> None:
    says = "AR inside Labelled, which hands on no next_log_probs; give AR without it"
    with pytest.raises(ValueError, match=says):
        autoregress(Labelled(MODELS["AR"], torch.tensor([0])), BLANK, rng=rng(0))
    # Only what reshapes from outside can be taken off and put back round a memory.
    with pytest.raises(ValueError, match="MDLM inside Tempered, which hands on no full and no loc"):
        CALLS["recap"][0](Labelled(Tempered(MODELS["MDLM"], 0.5), torch.tensor([0])), BLANK)


class Adapter:
    """Somebody's own network behind the two questions of a conditional, in their own words."""

    def __init__(self, model: torch.nn.Module) -> None:
        self.model = model

    def log_probs(self, canvas: Canvas, where: torch.Tensor) -> torch.Tensor:
        return self.model(torch.zeros(*where.shape, 1)).log_softmax(-1)

    def cost(self, canvas: Canvas, where: torch.Tensor) -> Cost:
        return Cost.zero(canvas.batch)


class Drafter(Adapter):
    """The same, which drafts and judges."""

    def draft(self, canvas: Canvas, where: torch.Tensor) -> tuple[torch.Tensor, None]:
        return self.log_probs(canvas, where), None

    def verify(self, memory: None, order: torch.Tensor, tokens: torch.Tensor, slots: torch.Tensor):
        return self.model(torch.ones(*slots.shape, 1)).log_softmax(-1)

    def draft_cost(self, canvas: Canvas, where: torch.Tensor) -> Cost:
        return Cost.zero(canvas.batch)

    def verify_cost(self, order: torch.Tensor, slots: torch.Tensor) -> Cost:
        return Cost.zero(len(order))


def test_an_own_model_is_a_model_at_any_length_whatever_its_parts_are_called() -> None:
    network = torch.nn.Linear(1, 5)
    for seq_len in (N, 7):
        canvas = Canvas.blank(2, seq_len)
        for wrapped in (Adapter(network), Tempered(Adapter(network), 0.5)):
            sampled("unmask", wrapped, canvas)
        sampled("speculate", Drafter(network), canvas)
        sampled("unmask", Drafter(network), canvas)
    check_model(Marginals(MODELS["Prime"]), Conditional, Canvas.blank(1, N * 3))


def test_an_own_model_is_told_what_it_lacks() -> None:
    class Free:
        log_probs = LAW.log_probs

    for model in (Free(), Tempered(Free(), 0.5)):
        says = r"given is Free, which has no cost; write .* \(pgm_lite.core.Conditional says"
        with pytest.raises(ValueError, match=says):
            CALLS["unmask"][0](model, BLANK)
    Free.cost = LAW.cost
    sampled("unmask", Free())
    with pytest.raises(ValueError, match="given is str, which has no next_log_probs and no cost"):
        CALLS["autoregress"][0]("shidoku/ar", BLANK)


@pytest.mark.parametrize(("call", "name"), [(call, name) for call, name in FIT if name in NETWORKS])
def test_a_canvas_of_another_length_is_refused_at_the_call(call: str, name: str) -> None:
    for seq_len in (N - 1, N + 1):
        for model in (MODELS[name], Tempered(MODELS[name], 0.5)):
            # Of two models the one that drafts is looked at first.
            first = "MDLM" if call == "adaptive_parallel, judge" else name
            says = f"the canvas has {seq_len} positions, but {first} has {N}; give"
            with pytest.raises(ValueError, match=says) as caught:
                CALLS[call][0](model, Canvas.blank(2, seq_len))
    advised = re.search(r"Canvas.blank\(batch, (\d+)\)", str(caught.value))
    assert advised is not None
    assert int(advised[1]) == BLANK.seq_len
    ran(call, name)


def test_rows_are_not_inserted_beyond_the_positions_of_the_network() -> None:
    for model in (MODELS["Insertion"], Tempered(MODELS["Insertion"], 0.5)):
        longer = Canvas.blank(2, N + 4)
        with pytest.raises(ValueError, match=r"16 tokens here, but Insertion has 12.*longest=12"):
            insert(model, longer, rng=rng(0))
        with pytest.raises(ValueError, match="may grow to 13 tokens here"):
            insert(model, longer, rng=rng(0), longest=N + 1)
        assert list(insert(model, longer, rng=rng(0), longest=N))
        assert list(insert(model, Canvas.blank(2, N - 4), rng=rng(0)))


def test_a_window_that_holds_nothing_is_refused() -> None:
    model, order = MODELS["SelfSpec"], torch.arange(N)
    says = "the window given is 0 positions wide after 0 known ones.*less than 1"
    with pytest.raises(ValueError, match=says):
        next(speculate(model, BLANK, window=lambda k: 0 * k, loops=1, rng=rng(0)))
    with pytest.raises(ValueError, match=says):
        speculative_log_prob(model, LISTED[0], order, window=lambda k: 0 * k, loops=1)
    # One that starts well and fades: as many as there are loops are written of each.
    fading = {"window": lambda k: 2 - k // 2, "loops": 2}
    says = "0 positions wide after 4 known ones"
    with pytest.raises(ValueError, match=says):
        list(speculate(TwoModels(LAW, LAW), BLANK, rng=rng(0), **fading))
    with pytest.raises(ValueError, match=says):
        speculative_log_prob(TwoModels(LAW, LAW), LISTED[0], order, **fading)


def test_a_window_has_to_hold_something_only_where_drafts_begin() -> None:
    full = Canvas(LISTED[:2], torch.tensor([[True] * N, [True] * 3 + [False] * (N - 3)]))
    steps = list(
        speculate(
            MODELS["SelfSpec"], full, window=lambda k: 11 - k + (k == 11), loops=1, rng=rng(0)
        )
    )
    assert steps[-1].canvas.known.all()
    found = [
        speculative_log_prob(
            MODELS["SelfSpec"], LISTED[0], torch.arange(N), window=window, loops=1, known=1
        )
        for window in (lambda k: k, lambda k: k.clamp(min=1), lambda k: int(k))
    ]
    assert found[0] == found[1] == found[2] < 0
