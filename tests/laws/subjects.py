"""What the laws are tested on: models, and every way to run a sampler on them. Add a line here."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
from networks import stirred

from pgm_lite.core import Canvas, Conditional, NextToken, Step
from pgm_lite.digits import Digits
from pgm_lite.draw import Tempered, TopK, TopP
from pgm_lite.laws import dirichlet as drawn_law
from pgm_lite.laws import every_sequence, markov
from pgm_lite.laws import shidoku_law as shidoku
from pgm_lite.models import AR, MDLM, PGM, Prime, SelfSpec
from pgm_lite.net import Shape
from pgm_lite.oracle import HalfKnown, Refreshed, Sequential, Support
from pgm_lite.orders import (
    Order,
    blocks,
    confidence,
    entropy,
    halton,
    left_to_right,
    margin,
    random_order,
    scouted,
)
from pgm_lite.policies import Policy, entropy_bounded, factor, stable, threshold
from pgm_lite.protocols import DigitConditional, DraftVerify
from pgm_lite.samplers import (
    adaptive_parallel,
    ancestral,
    autoregress,
    first_hitting,
    path_planning,
    recap,
    remask,
    speculate,
    speculative_decode,
    unmask,
    unmask_adaptive,
    unmask_digits,
)
from pgm_lite.samplers.remask import VARIANTS
from pgm_lite.schedules import cosine, one_by_one, uniform
from pgm_lite.two_models import TwoModels
from pgm_lite.windows import Window, constant_window, cosine_window, linear_window

Model = Conditional | NextToken | DigitConditional | DraftVerify
Runner = Callable[[Model, Canvas, torch.Generator], Iterator[Step]]


__all__ = ["every_sequence", "markov", "shidoku"]


def dirichlet(n: int, v: int, seed: int = 0) -> Support:
    """A law drawn uniformly from all laws on v^n sequences: no structure, no ties."""
    return drawn_law(n, v, seed=seed)


LINE = Shape(vocab_size=3, rows=1, columns=5, width=8, heads=2, depth=2)
SQUARE = Shape(vocab_size=4, rows=4, columns=4, width=16, heads=2, depth=2)


@dataclass(frozen=True)
class Subject:
    """A model with what has to be known to run it."""

    name: str
    make: Callable[[], Model]
    rows: int
    columns: int
    vocab_size: int
    wrapped: bool = False

    @property
    def seq_len(self) -> int:
        return self.rows * self.columns


CONDITIONALS = (
    Subject("dirichlet 3x3", lambda: dirichlet(3, 3), 1, 3, 3),
    Subject("dirichlet 4x2", lambda: dirichlet(4, 2, seed=1), 2, 2, 2),
    Subject("markov 5x2", lambda: markov(5, 2), 1, 5, 2),
    Subject("shidoku", shidoku, 4, 4, 4),
    Subject("one position", lambda: dirichlet(1, 3), 1, 1, 3),
    Subject("one letter", lambda: dirichlet(3, 1), 1, 3, 1),
    Subject("tempered", lambda: Tempered(dirichlet(3, 3), 0.7), 1, 3, 3, wrapped=True),
    Subject("greedy", lambda: Tempered(dirichlet(3, 3), 0), 1, 3, 3, wrapped=True),
    Subject("top-p", lambda: TopP(dirichlet(3, 3), 0.8), 1, 3, 3, wrapped=True),
    Subject("top-k", lambda: TopK(dirichlet(3, 3), 2), 1, 3, 3, wrapped=True),
    Subject("MDLM line", lambda: stirred(MDLM, LINE), 1, 5, 3),
    Subject("PGM line", lambda: stirred(PGM, LINE), 1, 5, 3),
    Subject("MDLM grid", lambda: stirred(MDLM, SQUARE), 4, 4, 4),
    Subject("PGM grid", lambda: stirred(PGM, SQUARE), 4, 4, 4),
)
NEXT_TOKENS = (
    Subject("dirichlet in sequence", lambda: Sequential(dirichlet(3, 3)), 1, 3, 3),
    Subject("one position in sequence", lambda: Sequential(dirichlet(1, 3)), 1, 1, 3),
    Subject("shidoku in sequence", lambda: Sequential(shidoku()), 4, 4, 4),
    Subject("AR line", lambda: stirred(AR, LINE), 1, 5, 3),
    Subject("AR tempered", lambda: Tempered(stirred(AR, LINE), 0.7), 1, 5, 3),
)
DIGITS = (
    Subject("digits 3x4", lambda: HalfKnown(dirichlet(3, 4), Digits(4, 2)), 1, 3, 4),
    Subject("padded digits 3x3", lambda: HalfKnown(dirichlet(3, 3), Digits(3, 2)), 1, 3, 3),
    Subject("shidoku in digits", lambda: HalfKnown(shidoku(), Digits(4, 2)), 4, 4, 4),
    Subject("one digit", lambda: HalfKnown(dirichlet(3, 3), Digits(3, 1)), 1, 3, 3),
    Subject("Prime line", lambda: stirred(Prime, replace(LINE, digits=2)), 1, 5, 3),
    Subject("Prime grid", lambda: stirred(Prime, replace(SQUARE, digits=2)), 4, 4, 4),
    Subject(
        "Prime tempered",
        lambda: Tempered(stirred(Prime, replace(LINE, digits=2)), 0.7),
        1,
        5,
        3,
    ),
)
DRAFTS = (
    Subject("two laws", lambda: TwoModels(dirichlet(3, 3), dirichlet(3, 3, seed=7)), 1, 3, 3),
    Subject("the same law twice", lambda: TwoModels(markov(5, 2), markov(5, 2)), 1, 5, 2),
    Subject("shidoku twice", lambda: TwoModels(shidoku(), shidoku()), 4, 4, 4),
    Subject(
        "PGM judged by MDLM", lambda: TwoModels(stirred(PGM, LINE), stirred(MDLM, LINE)), 1, 5, 3
    ),
    Subject("SSMD line", lambda: stirred(SelfSpec, replace(LINE, causal=1)), 1, 5, 3),
    Subject("SSMD grid", lambda: stirred(SelfSpec, replace(SQUARE, causal=1)), 4, 4, 4),
    Subject(
        "SSMD tempered",
        lambda: Tempered(stirred(SelfSpec, replace(LINE, causal=1)), 0.7),
        1,
        5,
        3,
    ),
)
CACHED = (
    Subject("dirichlet refreshed", lambda: Refreshed(dirichlet(3, 3)), 1, 3, 3),
    Subject("one position refreshed", lambda: Refreshed(dirichlet(1, 3)), 1, 1, 3),
    Subject("shidoku refreshed", lambda: Refreshed(shidoku()), 4, 4, 4),
    Subject("MDLM line, cached", lambda: stirred(MDLM, LINE), 1, 5, 3),
    Subject("MDLM grid, cached", lambda: stirred(MDLM, SQUARE), 4, 4, 4),
    Subject("MDLM tempered, cached", lambda: Tempered(stirred(MDLM, LINE), 0.7), 1, 5, 3),
)
WINDOWS: dict[str, Callable[[int], Window]] = {
    "windows of 1": lambda n: constant_window(1),
    "windows of 3": lambda n: constant_window(3),
    "one window": lambda n: constant_window(n),
    "linear windows": lambda n: linear_window(0.5),
    "cosine windows": lambda n: cosine_window(n, 0.3),
}

SCHEDULES: dict[str, Callable[[int], tuple[int, ...]]] = {
    "in one step": lambda n: uniform(n, 1) if n else (),
    "cosine": lambda n: cosine(n, min(n, 4)) if n else (),
    "one by one": lambda n: one_by_one(n) if n else (),
}
BLIND: dict[str, Callable[[int, int], Order]] = {
    "random": lambda rows, columns: random_order(),
    "left-to-right": lambda rows, columns: left_to_right(),
    "halton": halton,
    "rolled halton": lambda rows, columns: halton(rows, columns, roll=True),
    "blocks of random": lambda rows, columns: blocks(2, random_order()),
}
SIGHTED: dict[str, Callable[[int, int], Order]] = {
    "confidence": lambda rows, columns: confidence(),
    "entropy": lambda rows, columns: entropy(),
    "margin": lambda rows, columns: margin(),
    "blocks of confidence": lambda rows, columns: blocks(2, confidence()),
    "scouted margin": lambda rows, columns: scouted(margin(), 0.5),
    "blocks of scouted entropy": lambda rows, columns: blocks(3, scouted(entropy(), 0.4)),
}
ORDERS = BLIND | SIGHTED
RANKING = ("confidence", "blocks of confidence")
"""The orders that can rank tokens already drawn."""
POLICIES: dict[str, Callable[[], Policy]] = {
    "entropy-bounded": lambda: entropy_bounded(0.5),
    "entropy-bounded by margin": lambda: entropy_bounded(1.0, margin()),
    "threshold": lambda: threshold(0.6),
    "factor": lambda: factor(1.0),
    "stable": lambda: stable(0.5, 0.05, 1),
}


@dataclass(frozen=True)
class Case:
    """One model under one sampler with all its choices made."""

    subject: Subject
    how: str
    run: Runner

    def __str__(self) -> str:
        return f"{self.subject.name}, {self.how}"


def first_hitting_of(model: Model, canvas: Canvas, rng: torch.Generator) -> Iterator[Step]:
    """A run of ``first_hitting``."""
    return first_hitting(model, canvas, rng=rng)


def unmasking(subject: Subject, order: str, schedule: str, fill: str) -> Case:
    """A case of ``unmask``."""

    def run(model: Model, canvas: Canvas, rng: torch.Generator) -> Iterator[Step]:
        return unmask(
            model,
            canvas,
            schedule=SCHEDULES[schedule](int(canvas.unknown[0].sum())),
            order=ORDERS[order](subject.rows, subject.columns),
            rng=rng,
            fill=fill,
        )

    return Case(subject, f"{order}, {schedule}, {fill}", run)


def ancestry(subject: Subject, steps: int) -> Case:
    """A case of ``ancestral``."""
    return Case(
        subject,
        f"ancestral in {steps}",
        lambda model, canvas, rng: ancestral(model, canvas, steps=steps, rng=rng),
    )


def adaptation(subject: Subject, policy: str, block_size: int | None) -> Case:
    """A case of ``unmask_adaptive``."""
    within = "" if block_size is None else f" in blocks of {block_size}"
    return Case(
        subject,
        f"{policy}{within}",
        lambda model, canvas, rng: unmask_adaptive(
            model, canvas, policy=POLICIES[policy](), rng=rng, block_size=block_size
        ),
    )


def remasking(subject: Subject, variant: str) -> Case:
    """A case of ``remask``."""
    return Case(
        subject,
        f"remask {variant}",
        lambda model, canvas, rng: remask(model, canvas, steps=20, rng=rng, variant=variant),
    )


def planning(subject: Subject, eta: float) -> Case:
    """A case of ``path_planning``."""

    def run(model: Model, canvas: Canvas, rng: torch.Generator) -> Iterator[Step]:
        schedule = SCHEDULES["cosine"](int(canvas.unknown[0].sum()))
        return path_planning(model, canvas, schedule=schedule, rng=rng, eta=eta)

    return Case(subject, f"path planning, eta {eta:g}", run)


def recapping(subject: Subject, order: str, local: int) -> Case:
    """A case of ``recap``."""

    def run(model: Model, canvas: Canvas, rng: torch.Generator) -> Iterator[Step]:
        return recap(
            model,
            canvas,
            schedule=SCHEDULES["cosine"](int(canvas.unknown[0].sum())),
            order=ORDERS[order](subject.rows, subject.columns),
            rng=rng,
            full_first=1,
            local=local,
            noise=2.0 if order in SIGHTED else 0.0,
        )

    return Case(subject, f"recap, {order}, {local} local", run)


def digitwise(subject: Subject, steps: int, reveal: str) -> Case:
    """A case of ``unmask_digits``."""
    return Case(
        subject,
        f"{reveal} digits in {steps}",
        lambda model, canvas, rng: unmask_digits(
            model, canvas, steps=steps, rng=rng, reveal=reveal
        ),
    )


def speculation(subject: Subject, window: str, loops: int, redraw: bool) -> Case:
    """A case of ``speculate``."""
    again = ", redrawn" if redraw else ""
    return Case(
        subject,
        f"{window} in {loops} loops{again}",
        lambda model, canvas, rng: speculate(
            model,
            canvas,
            window=WINDOWS[window](subject.seq_len),
            loops=loops,
            rng=rng,
            redraw=redraw,
        ),
    )


def small_drafts(subject: Subject, drafter: Callable[[], Model], drafts: int) -> Case:
    """A case of ``speculative_decode``."""
    return Case(
        subject,
        f"autoregress from {drafts} drafts of another model",
        lambda model, canvas, rng: speculative_decode(
            model, drafter(), canvas, drafts=drafts, rng=rng
        ),
    )


def mixing(subject: Subject, judge: Callable[[], Model], mixture: float, ahead: int) -> Case:
    """A case of ``adaptive_parallel``."""
    return Case(
        subject,
        f"autoregress from a mixture of {mixture:g}, {ahead} ahead",
        lambda model, canvas, rng: adaptive_parallel(
            model, judge(), canvas, mixture=mixture, look_ahead=ahead, rng=rng
        ),
    )


def cases() -> list[Case]:
    """Every sampler on every model it applies to, in every combination of its choices."""
    found: list[Case] = []
    for subject in CONDITIONALS:
        # A wrapper meets every kind of order once; it cannot tell more of them apart.
        for order in ("random", "confidence") if subject.wrapped else ORDERS:
            for schedule in ("cosine", "one by one") if subject.wrapped else SCHEDULES:
                found.append(unmasking(subject, order, schedule, "choose-then-sample"))
                if order in RANKING:
                    found.append(unmasking(subject, order, schedule, "sample-then-rank"))
        found.extend(ancestry(subject, steps) for steps in (1, 6))
        found.append(Case(subject, "first-hitting", first_hitting_of))
        found.extend(
            adaptation(subject, policy, block_size)
            for policy in POLICIES
            for block_size in ((None,) if subject.wrapped else (None, 2))
        )
        # Variants differ in chances alone; two kinds of model are enough to tell them apart.
        variants = VARIANTS if subject.name in ("dirichlet 3x3", "PGM line") else ("cap",)
        found.extend(remasking(subject, variant) for variant in variants)
        found.extend(planning(subject, eta) for eta in (0.0, 2.0))
    for subject in CACHED:
        found.extend(
            recapping(subject, order, local)
            for order in ("random", "confidence", "blocks of confidence")
            for local in (1, 3)
        )
    for subject in DIGITS:
        found.extend(digitwise(subject, steps, "joint") for steps in (1, 6, 40))
        if subject.vocab_size in (2, 4):
            found.extend(digitwise(subject, steps, "factorised") for steps in (1, 6))
    for subject in DRAFTS:
        found.extend(
            speculation(subject, window, loops, redraw=False)
            for window in WINDOWS
            for loops in (1, 20)
        )
        found.append(speculation(subject, "windows of 3", 3, redraw=True))
    found.extend(
        Case(
            subject,
            "autoregress",
            lambda model, canvas, rng: autoregress(model, canvas, rng=rng),
        )
        for subject in NEXT_TOKENS
    )
    judges = {each.name: each for each in NEXT_TOKENS}
    for subject in NEXT_TOKENS:
        # Rows of one letter or one position accept everything; a tempered AR drafts for a plain one.
        drafter = judges["AR line"] if "AR" in subject.name else subject
        found.extend(small_drafts(subject, drafter.make, drafts) for drafts in (1, 3))
    for name, judge in (
        ("dirichlet 3x3", "dirichlet in sequence"),
        ("tempered", "dirichlet in sequence"),
        ("top-p", "dirichlet in sequence"),
        ("one position", "one position in sequence"),
        ("shidoku", "shidoku in sequence"),
        ("MDLM line", "AR line"),
        ("PGM line", "AR line"),
    ):
        subject = next(each for each in CONDITIONALS if each.name == name)
        found.extend(
            mixing(subject, judges[judge].make, mixture, ahead)
            for mixture, ahead in ((0, 2), (0.5, 9), (1, 3))
        )
    return found
