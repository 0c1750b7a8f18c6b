"""The record of a generation: every step with its cost, the same through its file."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Protocol, runtime_checkable
from uuid import uuid4

import torch
from jaxtyping import Int
from torch import Tensor

from pgm_lite.core import Canvas, Cost, Layout, Step
from pgm_lite.model_info import ModelInfo, knobs_of
from pgm_lite.run import Run, Value
from pgm_lite.trace_file import (
    LIBRARY,
    InitPart,
    LayoutPart,
    ModelPart,
    SamplerPart,
    StepPart,
    TraceFile,
    parse,
)
from pgm_lite.trace_steps import listed_ints, step_from_file, step_to_file

__all__ = ["Header", "ModelInfo", "Shown", "Trace", "record"]


@runtime_checkable
class Shown(Protocol):
    """What a trace needs to know of a data set to be shown."""

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
        """A line or a grid."""
        ...


@dataclass(frozen=True, slots=True)
class Header:
    """Everything about a trace that is not a step."""

    model: ModelInfo
    dataset: str | None
    sampler: str
    knobs: Mapping[str, Value]
    seed: int | None
    label: str | None
    symbols: tuple[str, ...]
    layout: Layout
    id: str = field(default_factory=lambda: uuid4().hex)


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """A header, the canvas at the start, and the steps with the seconds each took.

    The seconds are those of the whole batch, also in a trace of one of its rows.
    """

    header: Header
    init: Canvas
    steps: tuple[Step, ...]
    seconds: tuple[float, ...]

    @property
    def final(self) -> Canvas:
        """The canvas after the last step."""
        return self.state(len(self.steps))

    @property
    def cost(self) -> Cost:
        """What all steps cost together."""
        return sum((step.cost for step in self.steps), Cost.zero(self.init.batch))

    def state(self, k: int) -> Canvas:
        """The canvas after ``k`` steps; 0 is the start."""
        if not 0 <= k <= len(self.steps):
            raise ValueError(f"the trace has states 0 to {len(self.steps)}; got {k}")
        return self.steps[k - 1].canvas if k else self.init

    def step_map(self) -> Int[Tensor, "b n"]:
        """The step, from 1, that wrote each position last; 0 is given, -1 still unknown."""
        steps = self.init.known.long() - 1
        for index, step in enumerate(self.steps, start=1):
            if step.reopened is not None:
                steps = steps.masked_fill(step.reopened, -1)
            steps = steps.masked_fill(step.written, index)
        return steps

    def row(self, index: int) -> "Trace":
        """The trace of one sequence of the batch, as a batch of one."""
        if not 0 <= index < self.init.batch:
            raise ValueError(f"the trace has rows 0 to {self.init.batch - 1}; got {index}")
        if self.init.batch == 1:
            return self
        header = replace(self.header, id=f"{self.header.id}-{index}")
        steps = tuple(_row(step, index) for step in self.steps)
        return Trace(header, self.init.row(index), steps, self.seconds)

    def to_json(self, row: int = 0) -> str:
        """One sequence of the batch as the text of a ``pgm_lite.trace/1`` file."""
        one, nfe = self.row(row), 0.0
        header, layout = one.header, one.header.layout
        parts: list[StepPart] = []
        for step, seconds in zip(one.steps, one.seconds, strict=True):
            nfe += float(step.cost.calls)
            parts.append(step_to_file(step, 0, nfe=nfe, seconds=seconds))
        return TraceFile(
            schema="pgm_lite.trace/1",
            library=LIBRARY,
            id=header.id,
            model=ModelPart.model_validate(asdict(header.model)),
            dataset=header.dataset,
            sampler=SamplerPart(name=header.sampler, knobs=dict(header.knobs)),
            seed=header.seed,
            label=header.label,
            seq_len=one.init.seq_len,
            vocab=list(header.symbols),
            layout=LayoutPart(
                kind=layout.kind,
                rows=layout.rows,
                columns=layout.columns,
                palette=None if layout.palette is None else list(layout.palette),
            ),
            init=InitPart(
                tokens=listed_ints(one.init.tokens.masked_fill(one.init.unknown, 0)[0]),
                known=[1 if known else 0 for known in listed_ints(one.init.known[0])],
            ),
            groups=None,
            digits=None,
            steps=parts,
        ).text()

    @classmethod
    def from_json(cls, text: str) -> "Trace":
        """The trace a file's text describes; a ``ValueError`` says where it is at fault."""
        file = parse(text)
        palette = None if file.layout.palette is None else tuple(file.layout.palette)
        header = Header(
            model=ModelInfo(**file.model.model_dump()),
            dataset=file.dataset,
            sampler=file.sampler.name,
            knobs=file.sampler.knobs,
            seed=file.seed,
            label=file.label,
            symbols=tuple(file.vocab),
            layout=Layout(file.layout.kind, file.layout.rows, file.layout.columns, palette),
            id=file.id,
        )
        canvas = init = Canvas(
            torch.tensor([file.init.tokens]), torch.tensor([file.init.known], dtype=torch.bool)
        )
        steps: list[Step] = []
        for index, part in enumerate(file.steps):
            steps.append(step_from_file(part, canvas, f"steps[{index}]"))
            canvas = steps[-1].canvas
        return cls(header, init, tuple(steps), tuple(part.seconds for part in file.steps))


def record(
    steps: Iterator[Step],
    *,
    dataset: Shown | None = None,
    model: ModelInfo | None = None,
    sampler: str | None = None,
    knobs: Mapping[str, Value] | None = None,
    seed: int | None = None,
    label: str | None = None,
    vocab_size: int | None = None,
    init: Canvas | None = None,
) -> Trace:
    """Run a sampler to its end and keep everything, timing each step.

    A sampler of this library brings along what ``model``, ``sampler``, ``knobs`` and ``init``
    (the canvas it started on) would say; for steps from elsewhere, ``init`` is needed. Without
    a data set the tokens are shown as numbers in a line, ``vocab_size`` of them or, without
    that, as many as occur.
    """
    run = steps if isinstance(steps, Run) else None
    if init is None:
        if run is None:
            raise ValueError(
                "these steps do not come straight from a sampler of this library, so the "
                "canvas they started on is not known; pass it as init=..."
            )
        init = run.canvas
    taken, seconds = _timed(steps)
    symbols, layout = _appearance(dataset, vocab_size, init, taken)
    header = Header(
        model=model or ModelInfo.of(run.model if run else None),
        dataset=dataset.name if dataset else None,
        sampler=sampler or (run.sampler if run else "unknown"),
        knobs=dict(knobs if knobs is not None else knobs_of(run)),
        seed=seed,
        label=label,
        symbols=symbols,
        layout=layout,
    )
    return Trace(header, init, taken, seconds)


def _timed(steps: Iterator[Step]) -> tuple[tuple[Step, ...], tuple[float, ...]]:
    taken: list[Step] = []
    seconds: list[float] = []
    before = time.perf_counter()
    for step in steps:
        if step.canvas.tokens.is_cuda:
            torch.cuda.synchronize(step.canvas.tokens.device)
        now = time.perf_counter()
        taken.append(step)
        seconds.append(now - before)
        before = now
    return tuple(taken), tuple(seconds)


def _appearance(
    dataset: Shown | None, vocab_size: int | None, init: Canvas, steps: tuple[Step, ...]
) -> tuple[tuple[str, ...], Layout]:
    """Symbols and layout, checked against the tokens that occur."""
    last = steps[-1].canvas if steps else init
    known = torch.cat([init.tokens[init.known], last.tokens[last.known]])
    used = 1 + int(known.max()) if len(known) else 1
    if dataset is None:
        symbols = tuple(str(token) for token in range(vocab_size or used))
        layout = Layout("line", 1, init.seq_len)
    else:
        symbols, layout = dataset.symbols, dataset.layout
    if layout.rows * layout.columns != init.seq_len:
        raise ValueError(
            f"the sequences have {init.seq_len} positions, those of the data set "
            f"{layout.rows * layout.columns}; pass the data set the model was trained on"
        )
    if used > len(symbols):
        raise ValueError(
            f"token {used - 1} occurs, but there are only {len(symbols)} symbols; pass the "
            "data set the model was trained on, or a larger vocab_size"
        )
    return symbols, layout


def _row(step: Step, index: int) -> Step:
    values = {each.name: getattr(step, each.name) for each in fields(step)}
    for name, value in values.items():
        if isinstance(value, Canvas | Cost):
            values[name] = value.row(index)
        elif isinstance(value, Tensor):
            values[name] = value[index : index + 1]
    return Step(**values)
