"""The record of a run: every sampler of every model yields steps, and ``record`` makes them a trace."""

import time
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Literal, Protocol, runtime_checkable

import torch
from jaxtyping import Int
from torch import Tensor

from pgm_lite.core import Canvas, Cost, Layout, Step
from pgm_lite.trace_file import Knob, TraceFile, as_canvas, as_steps, from_steps, parse

Reads = Literal["everything", "known", "cache"]


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What a trace remembers of its model.

    ``reads`` says what goes through the network at a step: "everything" (all positions, unknown ones
    as [MASK]), "known" (known positions into the encoder, asked ones into the decoder) or "cache"
    (one position, the earlier ones kept as keys and values).
    """

    family: str = "unknown"
    name: str = "unknown"
    checkpoint: str | None = None
    reads: Reads = "everything"


@runtime_checkable
class Described(Protocol):
    """A data set, as far as a trace needs to know it."""

    @property
    def name(self) -> str:
        """Its name."""
        ...

    @property
    def symbols(self) -> tuple[str, ...]:
        """One printable string a token."""
        ...

    @property
    def layout(self) -> Layout:
        """How a sequence is laid out."""
        ...


@dataclass(frozen=True, slots=True)
class Header:
    """Where a trace comes from, and how to show it."""

    model: ModelInfo
    dataset: str
    symbols: tuple[str, ...]
    layout: Layout
    sampler: str = "unknown"
    knobs: tuple[tuple[str, Knob], ...] = ()
    seed: int | None = None
    label: str | None = None
    run: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """A batch of recorded runs: the canvas at the start, every step, and the seconds each took."""

    header: Header
    init: Canvas
    steps: tuple[Step, ...]
    seconds: tuple[float, ...]

    @property
    def batch(self) -> int:
        """Number of rows."""
        return self.init.batch

    @property
    def final(self) -> Canvas:
        """The canvas at the end."""
        return self.state(len(self.steps))

    @property
    def cost(self) -> Cost:
        """The bill of the whole run, row by row."""
        return sum((step.cost for step in self.steps), Cost.zero(self.batch))

    def state(self, k: int) -> Canvas:
        """The canvas after ``k`` steps; 0 is the start."""
        if not 0 <= k <= len(self.steps):
            raise ValueError(f"this trace has the states 0 to {len(self.steps)}; got {k}")
        return self.init if k == 0 else self.steps[k - 1].canvas

    def step_map(self) -> Int[Tensor, "b n"]:
        """The step (from 1) that last wrote each position; 0 where the token was given or is unknown."""
        writer = torch.zeros_like(self.init.tokens)
        for number, step in enumerate(self.steps, start=1):
            if step.reopened is not None:
                writer = writer.masked_fill(step.reopened, 0)
            writer = writer.masked_fill(step.written, number)
        return writer

    def row(self, index: int) -> "Trace":
        """One row, as a trace of batch 1."""
        self.check_row(index)
        steps = tuple(row_of(step, index) for step in self.steps)
        return Trace(self.header, self.init.row(index), steps, self.seconds)

    def to_json(self, row: int = 0) -> str:
        """One row as a ``pgm_lite.trace/1`` file."""
        self.check_row(row)
        header, one = self.header, self.row(row)
        return TraceFile(
            id=f"{header.run}-{row}",
            model={**as_dict(header.model)},
            dataset=header.dataset,
            sampler={"name": header.sampler, "knobs": dict(header.knobs)},
            seed=header.seed,
            label=header.label,
            seq_len=one.init.seq_len,
            vocab=header.symbols,
            layout=as_dict(header.layout),
            init=as_canvas(one.init),
            steps=as_steps(one.steps, one.seconds),
        ).to_json()

    @classmethod
    def from_json(cls, text: str | bytes) -> "Trace":
        """Read a ``pgm_lite.trace/1`` file; a ``ValueError`` says where it is malformed."""
        file = parse(text)
        header = Header(
            model=ModelInfo(**file.model.model_dump()),
            dataset=file.dataset,
            symbols=file.vocab,
            layout=Layout(**file.layout.model_dump()),
            sampler=file.sampler.name,
            knobs=tuple(file.sampler.knobs.items()),
            seed=file.seed,
            label=file.label,
            run=file.id.removesuffix("-0"),
        )
        init, steps, seconds = from_steps(file)
        return cls(header, init, steps, seconds)

    def check_row(self, index: int) -> None:
        """The row exists."""
        if not 0 <= index < self.batch:
            raise ValueError(f"this trace has the rows 0 to {self.batch - 1}; got {index}")


def record(
    steps: Iterable[Step],
    *,
    dataset: Described | None = None,
    model: ModelInfo | None = None,
    sampler: str = "unmask",
    knobs: Mapping[str, Knob] | None = None,
    seed: int | None = None,
    label: str | None = None,
) -> Trace:
    """Run a sampler to its end and keep every step, with the seconds each took.

    The canvas at the start is what the first step found: a run without any step (nothing was
    unknown) has nothing to record and is an error.
    """
    taken: list[Step] = []
    seconds: list[float] = []
    before = time.perf_counter()
    for step in steps:
        now = time.perf_counter()
        taken.append(step)
        seconds.append(now - before)
        before = now
    if not taken:
        raise ValueError(
            "the sampler made no step, because nothing was unknown: there is nothing to record"
        )
    init = start_of(taken[0])
    header = Header(
        model=model or ModelInfo(),
        dataset=dataset.name if dataset else "unknown",
        symbols=dataset.symbols if dataset else plain_symbols(taken[-1].canvas),
        layout=dataset.layout if dataset else Layout("line", 1, init.seq_len),
        sampler=sampler,
        knobs=tuple((knobs or {}).items()),
        seed=seed,
        label=label,
        run=uuid.uuid4().hex[:12],
    )
    return Trace(header, init, tuple(taken), tuple(seconds))


def start_of(step: Step) -> Canvas:
    """The canvas a step found, from the one it left."""
    if step.reopened is not None and bool(step.reopened.any()):
        raise ValueError("the first step of a run cannot reopen positions: their tokens are lost")
    known = step.canvas.known & ~step.written
    return Canvas(step.canvas.tokens.masked_fill(~known, 0), known)


def plain_symbols(canvas: Canvas) -> tuple[str, ...]:
    """Numbers as symbols, where no data set names the tokens."""
    return tuple(str(token) for token in range(int(canvas.tokens.max()) + 1))


def row_of(step: Step, index: int) -> Step:
    """One row of a step."""
    values: dict[str, object] = {}
    for field in fields(step):
        value = getattr(step, field.name)
        if isinstance(value, Canvas | Cost):
            value = value.row(index)
        elif isinstance(value, Tensor):
            value = value[index : index + 1]
        values[field.name] = value
    return Step(**values)  # pyright: ignore[reportArgumentType]


def as_dict(value: ModelInfo | Layout) -> dict[str, object]:
    """The fields of a small record."""
    return {field.name: getattr(value, field.name) for field in fields(value)}
