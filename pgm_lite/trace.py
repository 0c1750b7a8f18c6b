"""The record of a generation: every step with its cost, the same through its file."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from uuid import uuid4

import torch
from jaxtyping import Int
from torch import Tensor
from torch.nn.functional import pad

from pgm_lite.core import NOBODY, Canvas, Cost, Layout, Step, listed
from pgm_lite.digits import Digits
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
from pgm_lite.trace_parts import (
    Shown,
    appearance,
    code_from_file,
    code_of,
    code_to_file,
    regrouped,
    row_of,
    timed,
)
from pgm_lite.trace_replay import Replay
from pgm_lite.trace_steps import check_probabilities, listed_ints, step_to_file

__all__ = ["Header", "ModelInfo", "Shown", "Trace", "record"]


@dataclass(frozen=True, slots=True)
class Header:
    """Everything about a trace that is not a step; ``digits`` spells the tokens of half-known ones.

    ``groups`` is a partition of the positions to be shown, a number each, -1 for none. Where
    ``probabilities`` is false nobody knows how likely the tokens were: nan stands for that in steps,
    null in a file. Neither this nor a code counts when headers are compared.
    """

    model: ModelInfo
    dataset: str | None
    sampler: str
    knobs: Mapping[str, Value]
    seed: int | None
    label: str | None
    symbols: tuple[str, ...]
    layout: Layout
    id: str = field(default_factory=lambda: uuid4().hex)
    digits: Digits | None = field(default=None, compare=False)
    groups: tuple[int, ...] | None = None
    probabilities: bool = field(default=True, compare=False)


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """A header, the canvas at the start, and the steps with the seconds each took.

    The seconds are those of the whole batch, also in a trace of one of its rows. ``regrouped`` are
    changes of the groups as [step from 1, position, group]; samplers of this library make none.
    """

    header: Header
    init: Canvas
    steps: tuple[Step, ...]
    seconds: tuple[float, ...]
    regrouped: tuple[tuple[int, int, int], ...] = ()

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

    def digits_at(self, k: int) -> Canvas | None:
        """The canvas of digits [b, n * l] after ``k`` steps; None if tokens are not spelled."""
        tokens, code = self.state(k), self.header.digits
        after = self.steps[k - 1].digits if k else None
        return after.canvas if after else None if code is None else code.spell(tokens)

    def order_at(self, k: int) -> Int[Tensor, "b n"]:
        """The known positions after ``k`` steps as they are read, padded with ``NOBODY``.

        They are read as they stand, unless tokens were inserted: then positions are names.
        """
        canvas, inserted = self.state(k), self.steps[k - 1].insert if k else None
        if inserted is not None:
            return inserted.order
        found = listed(canvas.known)
        return pad(found, (0, canvas.seq_len - found.shape[1]), value=NOBODY)

    def read(self, k: int | None = None) -> Int[Tensor, "b n"]:
        """The known tokens after ``k`` steps (all, if left out) as they are read, then ``NOBODY``."""
        k = len(self.steps) if k is None else k
        order = self.order_at(k)
        return self.state(k).tokens.gather(1, order.clamp(min=0)).masked_fill(order < 0, NOBODY)

    def groups_at(self, k: int) -> tuple[int, ...]:
        """The group of each position after ``k`` steps, -1 for none."""
        groups = [*(self.header.groups or (NOBODY,) * self.state(k).seq_len)]
        for step, position, group in self.regrouped:
            if step <= k:
                groups[position] = group
        return tuple(groups)

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
        steps: tuple[Step, ...] = tuple(row_of(step, index) for step in self.steps)
        return Trace(header, self.init.row(index), steps, self.seconds, self.regrouped)

    def to_json(self, row: int = 0) -> str:
        """One sequence of the batch as the text of a ``pgm_lite.trace/1`` file."""
        one, nfe = self.row(row), 0.0
        header, layout = one.header, one.header.layout
        check_probabilities(one.steps, known=header.probabilities)
        parts: list[StepPart] = []
        for step, seconds in zip(one.steps, one.seconds, strict=True):
            nfe += float(step.cost.calls)
            parts.append(step_to_file(step, 0, nfe=nfe, seconds=seconds))
        for number, position, group in one.regrouped:
            parts[number - 1].events.append([position, "group", group])
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
            groups=None if header.groups is None else list(header.groups),
            digits=code_to_file(header.digits),
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
            digits=code_from_file(file.digits, len(file.vocab)),
            groups=None if file.groups is None else tuple(file.groups),
            probabilities=not any(
                None in event for part in file.steps for event in (*part.events, *part.entropy)
            ),
        )
        init = Canvas(
            torch.tensor([file.init.tokens]), torch.tensor([file.init.known], dtype=torch.bool)
        )
        kinds = {str(event[1]) for part in file.steps for event in part.events}
        replay = Replay(init, header.digits, kinds)
        steps = tuple(replay.step(part, f"steps[{k}]") for k, part in enumerate(file.steps))
        return cls(header, init, steps, tuple(part.seconds for part in file.steps), regrouped(file))


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
    digits: Digits | None = None,
    groups: Sequence[int] | None = None,
    probabilities: bool = True,
) -> Trace:
    """Run a sampler to its end and keep everything, timing each step.

    A sampler of this library brings along what ``model``, ``sampler``, ``knobs`` and ``init``
    (the canvas it started on) would say; for steps from elsewhere, ``init`` is needed and, where
    they hold digits, the code ``digits``. Without a data set the tokens are shown as numbers in a
    line, ``vocab_size`` of them or, without that, as many as occur. ``groups`` is a partition of the
    positions for the player to show. A ``log_prob`` or an ``entropy`` that is nan is refused, unless
    ``probabilities`` is false: then nan says that nobody knows it.
    """
    run = steps if isinstance(steps, Run) else None
    if init is None:
        if run is None:
            raise ValueError(
                "these steps do not come straight from a sampler of this library, so the "
                "canvas they started on is not known; pass it as init=..."
            )
        init = run.canvas
    taken, seconds = timed(steps)
    check_probabilities(taken, known=probabilities)
    if groups is not None and len(groups) != init.seq_len:
        raise ValueError(
            f"{len(groups)} groups for {init.seq_len} positions; give each a number, -1 for no group"
        )
    code = code_of(digits, run, taken)
    symbols, layout = appearance(dataset, vocab_size, code, init, taken)
    header = Header(
        model=model or ModelInfo.of(run.model if run else None),
        dataset=dataset.name if dataset else None,
        sampler=sampler or (run.sampler if run else "unknown"),
        knobs=dict(knobs if knobs is not None else knobs_of(run)),
        seed=seed,
        label=label,
        symbols=symbols,
        layout=layout,
        digits=code,
        groups=None if groups is None else tuple(groups),
        probabilities=probabilities,
    )
    return Trace(header, init, taken, seconds)
