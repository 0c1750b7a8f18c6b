"""What each sampler of the catalogue claims, and the exact worlds it has to prove it on.

A sampler that is added to the catalogue needs a line in ``CLAIMS`` and a file with identities of its
own; if it asks a model for something new, an oracle in ``ORACLES``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from subjects import dirichlet, markov

from pgm_lite import catalog
from pgm_lite.core import Canvas, Layout
from pgm_lite.datasets import Dataset
from pgm_lite.digits import Digits
from pgm_lite.insertion_oracle import InsertionOracle
from pgm_lite.knobs import Value
from pgm_lite.menu import SAMPLERS, Request, Sampler
from pgm_lite.oracle import HalfKnown, Refreshed, Sequential, Support
from pgm_lite.run import Run
from pgm_lite.two_models import TwoModels

Settings = Mapping[str, Value]


@dataclass(frozen=True)
class Claim:
    """What a sampler says about its law when its model is exact.

    ``exact``: settings under which every outcome has the probability the joint gives it; None, with
    the reason, if there are none. ``finer``: settings from coarse to fine along which the distance to
    the joint falls; empty, with the reason, if it does not. ``adds_up``: the log-probabilities of
    an exact run sum to log p(x). ``proved_in``: the file, below tests/, with identities of its own.
    ``fills``: it ends with every position known. ``infills``: it takes known tokens anywhere, not
    only at the start.
    """

    exact: Settings | None
    finer: tuple[Settings, ...] = ()
    adds_up: bool = True
    reason: str = ""
    proved_in: str = "laws/identities"
    infills: bool = True
    fills: bool = True


CLAIMS: dict[str, Claim] = {
    "unmask": Claim(
        {"schedule": "one-by-one"},
        tuple({"schedule": "uniform", "steps": steps} for steps in (1, 2, 3)),
        proved_in="laws/test_exact.py",
    ),
    "ancestral": Claim(
        None,
        tuple({"steps": steps} for steps in (1, 3, 24)),
        reason="two positions may flip in one step, however many steps there are",
        proved_in="laws/test_own_pace.py",
    ),
    "autoregress": Claim(
        {},
        reason="it has no coarse setting",
        proved_in="laws/test_exact.py",
        infills=False,
    ),
    "unmask_digits": Claim(
        None,
        tuple({"steps": steps} for steps in (1, 3, 24)),
        reason="exact within a token; digits of two tokens may be revealed in one step",
        proved_in="models/test_unmask_digits.py",
    ),
    "first_hitting": Claim({}, reason="one position a call: there is nothing coarser"),
    "entropy_bounded": Claim(
        None,
        tuple({"gamma": gamma} for gamma in (3, 0.9, 0)),
        reason="gamma 0 still writes certain positions together, which is exact",
    ),
    "threshold": Claim({"tau": 1}, tuple({"tau": tau} for tau in (0, 0.7, 1))),
    "stable": Claim({"tau": 1}, tuple({"tau": tau, "history": 0} for tau in (0, 0.7, 1))),
    "remask": Claim(
        None,
        tuple({"eta": 0, "steps": steps} for steps in (1, 3, 24)),
        reason="like ancestral sampling, two positions may flip in one step",
    ),
    "path_planning": Claim(
        None,
        reason="it ranks drawn tokens, which bends the law at any number of steps",
    ),
    "recap": Claim(
        {"schedule": "one-by-one", "local": 0},
        reason="a coarse schedule bends it as it bends unmask",
    ),
    "speculative_decode": Claim({}, reason="exact for any number of drafts", infills=False),
    "adaptive_parallel": Claim(
        {"mixture": 0},
        reason="the mixture is no approximation that a budget would refine",
        infills=False,
    ),
    "insert": Claim(
        None,
        reason="exact in what is read, not in what stands at a position, which is the order of coming",
        proved_in="laws/test_insertion.py",
        fills=False,
    ),
    "speculate": Claim(
        {"window": "constant", "size": 1, "loops": 1},
        reason="its law depends on windows and loops together",
        proved_in="laws/test_speculation.py",
    ),
}

ORACLES: dict[str, Callable[[Support], object]] = {
    "any unknown position given the known ones": lambda law: law,
    "the next token given all before it": Sequential,
    "tokens given any of their digits": lambda law: HalfKnown(
        law, Digits(law.vocab_size, 2 if law.vocab_size > 2 else 1)
    ),
    "the next token given all before it, at several positions in one call": Sequential,
    "a few positions from remembered keys and values of all others": Refreshed,
    "what comes in next and where, and whether it is done": lambda law: InsertionOracle(
        law.sequences, law.vocab_size, law.weights
    ),
    "a draft of many positions and a verdict on each draft": lambda law: TwoModels(
        scrambled(law), law
    ),
}
"""The exact model that answers what a sampler needs."""

COMPANIONS: dict[str, Callable[[Support], object]] = {
    "ar": lambda law: Sequential(law),
    "ar_small": lambda law: Sequential(scrambled(law)),
}
"""The exact second model, by the name of the checkpoint a sampler asks."""


def scrambled(law: Support) -> Support:
    """Another law on the same sequences: what a bad drafter thinks."""
    return Support(law.sequences, law.vocab_size, law.weights.flip(0))


def world(law: Support) -> Dataset:
    """A data set for the eye only: a line of letters."""
    layout = Layout("line", 1, law.seq_len)
    return Dataset("world", tuple("abcdefgh"[: law.vocab_size]), layout, {})


def requested(
    sampler: Sampler, law: Support, canvas: Canvas, settings: Settings, seed: int
) -> Request:
    """A request for this sampler with an exact model, all other knobs at their defaults."""
    return Request(
        model=ORACLES[sampler.needs](law),
        dataset=world(law),
        canvas=canvas,
        settings=catalog.settled(sampler, dict(settings)),
        seed=seed,
        companion=COMPANIONS[sampler.companion](law) if sampler.companion else None,
    )


def run(name: str, law: Support, canvas: Canvas, settings: Settings, seed: int = 0) -> Run:
    """This sampler at work on an exact world, as the catalogue would start it."""
    sampler = SAMPLERS[name]
    steps = sampler.run(requested(sampler, law, canvas, settings, seed))
    assert isinstance(steps, Run)
    return steps


def choices(name: str) -> list[Settings]:
    """The defaults, every choice of every knob, and both ends of every number, one at a time."""
    found: list[Settings] = [{}]
    for knob in SAMPLERS[name].knobs:
        if knob.name in ("temperature", "top_p"):
            continue  # they wrap the model, before the sampler sees it
        ends = (knob.low, knob.high)
        numbers = [int(end) if knob.kind == "int" else end for end in ends]
        values: list[Value] = list(knob.choices) if knob.kind == "choice" else list(numbers)
        found += [fitting(knob.name, value) for value in values]
    return found


def fitting(knob: str, value: Value) -> Settings:
    """A setting, with what else has to be chosen for it to be allowed."""
    ranked: Settings = {"order": "confidence", "fill": "sample-then-rank"}
    if value == "sample-then-rank" or (knob == "choice_temperature" and value):
        return {**ranked, knob: value}
    return {knob: value}


SMALL = dirichlet(3, 4)
WALKED = dirichlet(3, 2)
CHAIN = markov(3, 3)
SINGLE = dirichlet(1, 4)
PLANS = [(name, settings) for name in SAMPLERS for settings in choices(name)]


def named(plan: tuple[str, Settings]) -> str:
    """A plan in words, for the report."""
    name, settings = plan
    return f"{name}({', '.join(f'{key}={value}' for key, value in settings.items())})"


def tokens_of(law: Support, count: int, name: str, settings: Settings, seed: int) -> torch.Tensor:
    """Samples."""
    last = Canvas.blank(count, law.seq_len)
    for step in run(name, law, last, settings, seed):
        last = step.canvas
    return last.tokens
