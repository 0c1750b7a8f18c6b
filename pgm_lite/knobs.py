"""The choices samplers leave open: range, meaning, and when each one matters."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Value = str | int | float
Settings = Mapping[str, Value]

BLIND = ("random", "left-to-right", "halton", "rolled-halton")
SIGHTED = ("confidence", "entropy", "margin")
ORDER_NAMES = (*BLIND, "blocks", *SIGHTED)


def always(settings: Settings) -> bool:
    """Matters whatever else is chosen."""
    del settings
    return True


def scheduled(settings: Settings) -> bool:
    """Matters unless every step writes one position anyway."""
    return settings.get("schedule") != "one-by-one"


def in_blocks(settings: Settings) -> bool:
    """Matters where positions come block by block."""
    return "blocks" in (settings.get("order"), settings.get("scope"))


def sighted(settings: Settings) -> bool:
    """Matters where the order looks at predictions."""
    return settings.get("inner" if in_blocks(settings) else "order") in SIGHTED


@dataclass(frozen=True, slots=True)
class Knob:
    """One choice a sampler leaves open, with its range and what it does in one sentence.

    ``applies`` says whether it matters, given the other settings; ``step`` is how finely a slider
    turns it, from ``low`` on, so that the default can be found again.
    """

    name: str
    kind: Literal["int", "float", "choice"]
    default: Value
    help: str
    low: float = 0.0
    high: float = 0.0
    choices: tuple[str, ...] = ()
    applies: Callable[[Settings], bool] = always
    step: float = 0.05

    def check(self, value: Value) -> Value:
        """The value, if it is of the right kind and in range."""
        if self.kind == "choice":
            if value not in self.choices:
                raise ValueError(
                    f"{self.name} must be one of {', '.join(self.choices)}; got {value!r}"
                )
            return value
        if isinstance(value, str | bool) or not math.isfinite(value):
            raise ValueError(f"{self.name} must be a number; got {value!r}")
        if self.kind == "int" and value != int(value):
            raise ValueError(f"{self.name} must be a whole number; got {value!r}")
        if not self.low <= value <= self.high:
            raise ValueError(
                f"{self.name} must lie between {self.low:g} and {self.high:g}; got {value:g}"
            )
        return int(value) if self.kind == "int" else float(value)

    def read(self, text: str) -> Value:
        """The value as it was typed."""
        if self.kind == "choice":
            return self.check(text)
        try:
            return self.check(float(text))
        except ValueError as error:
            raise ValueError(f"{self.name}={text}: {error}") from None


def relevant(knobs: Sequence[Knob], settings: Settings) -> tuple[str, ...]:
    """The knobs that matter when ``settings`` are chosen and the others stand at defaults."""
    values = {knob.name: settings.get(knob.name, knob.default) for knob in knobs}
    return tuple(knob.name for knob in knobs if knob.applies(values))


TEMPERATURE = Knob(
    "temperature",
    "float",
    1.0,
    "1 draws from the model's law, 0 takes the likeliest token",
    0,
    2,
)
TOP_P = Knob(
    "top_p",
    "float",
    1.0,
    "draw only from the likeliest tokens of this total probability",
    0.05,
    1,
)
STEPS = Knob(
    "steps",
    "int",
    32,
    "fewer write more at once; unmask takes at most one for each unknown position",
    1,
    256,
    applies=scheduled,
)
REVEAL = Knob(
    "reveal",
    "choice",
    "joint",
    "draw whole tokens, or each digit by itself (which bends the law)",
    choices=("joint", "factorised"),
)
WINDOW = Knob(
    "window",
    "choice",
    "cosine",
    "how many positions are drafted at once, as more become known",
    choices=("cosine", "linear", "constant"),
)
DELTA = Knob(
    "delta",
    "float",
    0.04,
    "share of the cosine's time a window takes; about 1 / delta windows",
    0.002,
    1,
    applies=lambda settings: settings.get("window") == "cosine",
    step=0.002,
)
SHARE = Knob(
    "share",
    "float",
    0.1,
    "positions drafted for each one known",
    0.01,
    2,
    applies=lambda settings: settings.get("window") == "linear",
    step=0.01,
)
SIZE = Knob(
    "size",
    "int",
    8,
    "positions drafted at once",
    1,
    256,
    applies=lambda settings: settings.get("window") == "constant",
)
LOOPS = Knob("loops", "int", 2, "how often the drafts of one window are checked", 1, 16)
DRAFT_ORDER = Knob(
    "draft_order",
    "choice",
    "random",
    "the order in which drafts are judged",
    choices=BLIND,
)
STOP = Knob(
    "stop",
    "choice",
    "by chance",
    "end as likely as the model says, or as soon as it is sure enough (which bends the law)",
    choices=("by chance", "threshold"),
)
THRESHOLD = Knob(
    "threshold",
    "float",
    0.9,
    "end as soon as the chance of being done is this high",
    0.01,
    1,
    applies=lambda settings: settings.get("stop") == "threshold",
    step=0.01,
)
LONGEST = Knob("longest", "int", 64, "cut a sequence that has grown to this many tokens", 1, 256)
ORDER = Knob("order", "choice", "random", "which positions come next", choices=ORDER_NAMES)
SCHEDULE = Knob(
    "schedule",
    "choice",
    "cosine",
    "how many positions a step writes",
    choices=("cosine", "uniform", "one-by-one"),
)
FILL = Knob(
    "fill",
    "choice",
    "choose-then-sample",
    "choose positions, then draw there; or draw everywhere and keep the likeliest draws",
    choices=("choose-then-sample", "sample-then-rank"),
    applies=sighted,
)
BLOCK_SIZE = Knob("block_size", "int", 32, "positions in a block", 1, 256, applies=in_blocks)
INNER = Knob(
    "inner",
    "choice",
    "random",
    "the order inside a block",
    choices=(*BLIND, *SIGHTED),
    applies=in_blocks,
)
