"""Policies: ways of sampling by a name of one line, such as "random:2" or "remask:6,variant=conf".

Every policy is a sampler of the menu with its knobs, and runs as it is. Where it follows a ``Rule``
its law is walked exactly (``policy_law``); all others are counted (``simulation``). The menu's
``insert`` is left out: its sequences vary in length, so its law is one over other things.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import repeat
from typing import cast

from pgm_lite import catalog
from pgm_lite.core import Canvas, Conditional, Layout, Step
from pgm_lite.datasets import Dataset
from pgm_lite.draw import rng
from pgm_lite.knobs import Value
from pgm_lite.lab.oracles import COMPANIONS, MODELS
from pgm_lite.lab.rules import Rule, rule_of
from pgm_lite.menu import SAMPLERS, Request
from pgm_lite.menu.orders import make_order
from pgm_lite.menu.sampler import reshaped
from pgm_lite.samplers import unmask

Sampler = Callable[[Conditional, Canvas, int], Iterator[Step]]
"""A model that answers exactly, a canvas and a seed -> the steps of the library's own sampler."""


@dataclass(frozen=True, slots=True)
class Policy:
    """A way of sampling with a name; ``rule`` is None where its law can only be counted."""

    name: str
    sampler: Sampler
    rule: Rule | None = None


@dataclass(frozen=True, slots=True)
class Family:
    """A sampler of the menu and the knob that the number after the colon sets.

    "k" is how many positions each step of ``unmask`` writes, the last one the rest.
    """

    sampler: str
    number: str = ""
    settings: Mapping[str, Value] = field(default_factory=dict[str, Value])


def _ordered(order: str, **settings: Value) -> Family:
    return Family("unmask", "k", {"order": order, **settings})


FAMILIES: dict[str, Family] = {
    "random": _ordered("random"),
    "left-to-right": _ordered("left-to-right"),
    "halton": _ordered("halton"),
    "rolled-halton": _ordered("rolled-halton"),
    "blocks": _ordered("blocks", inner="confidence", block_size=4),
    "confidence": _ordered("confidence"),
    "entropy": _ordered("entropy"),
    "margin": _ordered("margin"),
    "scouted": _ordered("confidence", scouted=0.5),
    "sample-then-rank": _ordered("confidence", fill="sample-then-rank"),
    "maskgit": _ordered("confidence", fill="sample-then-rank", choice_temperature=4.5),
    "eb": Family("entropy_bounded", "gamma"),
    "threshold": Family("threshold", "tau"),
    "factor": Family("threshold", "factor", {"criterion": "factor"}),
    "stable": Family("stable", "tau"),
    "ancestral": Family("ancestral", "steps"),
    "first_hitting": Family("first_hitting"),
    "remask": Family("remask", "steps"),
    "path_planning": Family("path_planning", "steps", {"schedule": "uniform"}),
    "recap": Family("recap", "steps", {"schedule": "uniform"}),
    "unmask_digits": Family("unmask_digits", "steps"),
    "autoregress": Family("autoregress"),
    "speculate": Family("speculate", "size", {"window": "constant"}),
    "speculative_decode": Family("speculative_decode", "drafts"),
    "adaptive_parallel": Family("adaptive_parallel", "mixture"),
    "one-shot": Family("unmask", "", {"order": "random"}),
}
"""Policies by name; other knobs of the sampler may follow the number, as "blocks:2,inner=random"."""

DEFAULT = (
    *("random:1", "left-to-right:1", "confidence:1", "entropy:1", "margin:1"),
    *("sample-then-rank:1", "random:2", "left-to-right:2", "confidence:2", "entropy:2"),
    *("sample-then-rank:2", "random:3", "entropy:3", "eb:0.2", "eb:0.5", "eb:1"),
    *("threshold:0.9", "threshold:0.7", "factor:1", "ancestral:6", "one-shot"),
    *("first_hitting", "blocks:2", "rolled-halton:2", "scouted:2", "maskgit:2", "stable:0.7"),
    *("remask:6", "path_planning:3", "recap:4", "speculate:3", "speculative_decode:2"),
    *("adaptive_parallel:0", "adaptive_parallel:0.5"),
)
"""What the lab compares unless told otherwise: every kind of sampler that writes fixed lengths."""


def policy(name: str, *, rows: int, columns: int) -> Policy:
    """A policy by its name, for sequences of ``rows`` x ``columns`` positions."""
    stem, _, words = name.partition(",")
    title, colon, number = stem.partition(":")
    family = FAMILIES.get(title)
    if family is None:
        raise ValueError(f"there is no policy {name!r}; the policies are {', '.join(listing())}")
    if (family.number == "") != (colon == ""):
        form = listing()[list(FAMILIES).index(title)]
        raise ValueError(f"the policy {title} is written {form}; got {name!r}")
    n = rows * columns
    try:
        k = _whole(number) if family.number == "k" else n
        numbered = family.number in ("", "k")
        settings = _settled(
            family, _pairs(words if numbered else f"{family.number}={number},{words}")
        )
    except ValueError as error:
        raise ValueError(f"the policy {name!r}: {error}") from None
    shown = f"{settings[family.number]:g}" if family.number in settings else number
    return Policy(
        ",".join(part for part in (f"{title}{colon}{shown}", words) if part),
        _sampler(family, settings, k, Layout("grid", rows, columns)),
        rule_of(family.sampler, settings, k, rows=rows, columns=columns),
    )


def listing() -> list[str]:
    """How each policy is written."""
    return [f"{name}:{each.number}" if each.number else name for name, each in FAMILIES.items()]


def _settled(family: Family, given: Mapping[str, str]) -> dict[str, Value]:
    """All knobs of the family's sampler, those given read and checked; each has to matter."""
    sampler = SAMPLERS[family.sampler]
    left_out = ("schedule", "steps") if family.sampler == "unmask" else ()
    knobs = {each.name: each for each in sampler.knobs if each.name not in left_out}
    if unknown := sorted(set(given) - set(knobs)):
        raise ValueError(f"it has no knob {unknown[0]}; its knobs are {', '.join(knobs)}")
    read = {name: knobs[name].read(text) for name, text in given.items()}
    settings = catalog.settled(sampler, {**family.settings, **read})
    matter = catalog.relevant(sampler.knobs, settings)
    if idle := [name for name in given if name not in matter]:
        raise ValueError(f"{idle[0]} changes nothing as the other knobs stand; leave it out")
    return settings


def _sampler(family: Family, settings: dict[str, Value], k: int, layout: Layout) -> Sampler:
    chosen = SAMPLERS[family.sampler]

    def run(model: Conditional, canvas: Canvas, seed: int) -> Iterator[Step]:
        asked = reshaped(cast("Conditional", MODELS[chosen.needs](model)), settings)
        beside = COMPANIONS[chosen.companion](model) if chosen.companion else None
        world = Dataset("world", (), layout, {})
        request = Request(asked, world, canvas, settings, seed, beside)
        if family.sampler != "unmask":
            return chosen.run(request)
        full, rest = divmod(int(canvas.unknown[0].sum()), k)
        return unmask(
            cast("Conditional", asked),
            canvas,
            schedule=(*repeat(k, full), *([rest] if rest else [])),
            order=make_order(request),
            rng=rng(seed),
            fill=request.text("fill"),
            choice_temperature=request.amount("choice_temperature"),
        )

    return run


def _pairs(words: str) -> dict[str, str]:
    """Knobs as they were typed: "inner=random,block_size=3"."""
    found: dict[str, str] = {}
    for word in filter(None, words.split(",")):
        knob, equals, value = word.partition("=")
        if not (knob and equals and value) or knob in found:
            raise ValueError(f"knobs are written name=value, each once; got {word!r}")
        found[knob] = value
    return found


def _whole(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ValueError(f"it needs a whole number from 1 after the colon; got {text!r}")
    return int(text)
