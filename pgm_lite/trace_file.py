"""The file ``pgm_lite.trace/1``: one recorded sequence as JSON, checked by pydantic, never pickled."""

import math
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from pgm_lite.core import Canvas, Cost, Step

SCHEMA = "pgm_lite.trace/1"
LIBRARY = "0.1.0"
MAX_BYTES = 32 * 2**20
"""Larger files are refused before they are read."""

Knob = str | int | float | bool | None
Count = Annotated[int, Field(ge=0)]
Kind = Literal["write", "reopen", "group", "digit", "draft", "accept", "reject"]
Event = tuple[Count, Kind] | tuple[Count, Kind, Count, float]


class Record(BaseModel):
    """Strict and closed: unknown fields are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ModelRecord(Record):
    family: str
    name: str
    checkpoint: str | None
    reads: Literal["everything", "known", "cache"]


class SamplerRecord(Record):
    name: str
    knobs: dict[str, Knob]


class LayoutRecord(Record):
    kind: Literal["line", "grid"]
    rows: Annotated[int, Field(ge=1)]
    columns: Annotated[int, Field(ge=1)]
    palette: tuple[Annotated[str, Field(pattern="^#[0-9a-fA-F]{6}$")], ...] | None


class CanvasRecord(Record):
    tokens: tuple[Count, ...]
    known: tuple[Literal[0, 1], ...]


class CostRecord(Record):
    calls: Count
    encoder_positions: Count
    decoder_positions: Count
    flops: Annotated[float, Field(ge=0)]


class StepRecord(Record):
    nfe: Count
    cost: CostRecord
    seconds: Annotated[float, Field(ge=0)]
    note: str
    events: tuple[Event, ...]
    entropy: tuple[tuple[Count, float], ...]


class TraceFile(Record):
    """The whole file; positions and tokens are checked against ``seq_len`` and ``vocab``."""

    schema_name: Literal["pgm_lite.trace/1"] = Field(default=SCHEMA, alias="schema")
    library: str = LIBRARY
    id: str
    model: ModelRecord
    dataset: str
    sampler: SamplerRecord
    seed: int | None
    label: str | None
    seq_len: Annotated[int, Field(ge=1)]
    vocab: tuple[str, ...]
    layout: LayoutRecord
    init: CanvasRecord
    groups: tuple[Count, ...] | None = None
    digits: dict[str, Any] | None = None
    steps: tuple[StepRecord, ...]

    @model_validator(mode="after")
    def check(self) -> "TraceFile":
        """Everything points inside the sequence and the vocabulary."""
        n, v = self.seq_len, len(self.vocab)
        if self.layout.rows * self.layout.columns != n:
            raise ValueError(
                f"the layout has {self.layout.rows} x {self.layout.columns} cells for {n} positions"
            )
        if self.layout.palette is not None and len(self.layout.palette) != v:
            raise ValueError(f"{len(self.layout.palette)} colours for {v} tokens")
        if len(self.init.tokens) != n or len(self.init.known) != n:
            raise ValueError(f"init must have {n} tokens and {n} known flags")
        if any(token >= v for token in self.init.tokens):
            raise ValueError(f"init has a token beyond the vocabulary of {v}")
        for k, step in enumerate(self.steps):
            for e, event in enumerate(step.events):
                if event[0] >= n or (len(event) == 4 and event[2] >= v):
                    raise ValueError(
                        f"steps[{k}].events[{e}] = {event} points outside {n} positions or {v} tokens"
                    )
                if event[1] == "write" and len(event) != 4:
                    raise ValueError(
                        f"steps[{k}].events[{e}] writes without a token and its probability"
                    )
            if any(position >= n for position, _ in step.entropy):
                raise ValueError(f"steps[{k}].entropy points outside {n} positions")
        return self

    def to_json(self) -> str:
        """Compact JSON."""
        return self.model_dump_json(by_alias=True)


def parse(text: str | bytes) -> TraceFile:
    """Check and read a trace file."""
    size = len(text if isinstance(text, bytes) else text.encode())
    if size > MAX_BYTES:
        raise ValueError(
            f"this trace has {size / 2**20:.1f} MiB, the limit is {MAX_BYTES // 2**20}; record "
            "fewer steps or a shorter sequence"
        )
    try:
        return TraceFile.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"])
        raise ValueError(
            f"this is no {SCHEMA} file: {first['msg']} at {place.lstrip('.') or 'the top'}; save one "
            "with Trace.to_json()"
        ) from error


def as_canvas(canvas: Canvas) -> CanvasRecord:
    """A canvas of one row."""
    tokens = canvas.tokens.where(canvas.known, 0)
    return CanvasRecord(tokens=tokens[0].tolist(), known=canvas.known[0].long().tolist())


def as_steps(steps: Sequence[Step], seconds: Sequence[float]) -> list[StepRecord]:
    """Steps of one row as events."""
    records: list[StepRecord] = []
    nfe = 0
    for step, elapsed in zip(steps, seconds, strict=True):
        nfe += int(step.cost.calls[0])
        records.append(
            StepRecord(
                nfe=nfe,
                cost=CostRecord(
                    calls=int(step.cost.calls[0]),
                    encoder_positions=int(step.cost.encoder_positions[0]),
                    decoder_positions=int(step.cost.decoder_positions[0]),
                    flops=float(step.cost.flops[0]),
                ),
                seconds=round(elapsed, 6),
                note=step.note,
                events=tuple(events_of(step)),
                entropy=tuple(
                    (position, significant(float(step.entropy[0, position])))
                    for position in positions(step.queried)
                ),
            )
        )
    return records


def events_of(step: Step) -> list[Event]:
    """Reopenings first, then writings, as the canvas of the step has them."""
    events: list[Event] = []
    if step.reopened is not None:
        events += [(position, "reopen") for position in positions(step.reopened)]
    for position in positions(step.written):
        token = int(step.canvas.tokens[0, position])
        probability = math.exp(float(step.log_prob[0, position]))
        events.append((position, "write", token, significant(probability)))
    return events


def from_steps(file: TraceFile) -> tuple[Canvas, tuple[Step, ...], tuple[float, ...]]:
    """The canvas at the start, the steps and their seconds, as one row."""
    n = file.seq_len
    init = Canvas(torch.tensor([file.init.tokens]), torch.tensor([file.init.known]).bool())
    canvas, steps = init, list[Step]()
    for record in file.steps:
        tokens, known = canvas.tokens.clone(), canvas.known.clone()
        written, reopened, queried = (torch.zeros(1, n, dtype=torch.bool) for _ in range(3))
        log_prob, entropy = torch.zeros(1, n), torch.zeros(1, n)
        for event in record.events:
            position = event[0]
            if event[1] == "reopen":
                reopened[0, position], known[0, position], tokens[0, position] = True, False, 0
            if event[1] == "write" and len(event) == 4:
                written[0, position], known[0, position] = True, True
                tokens[0, position] = event[2]
                log_prob[0, position] = math.log(event[3]) if event[3] > 0 else -math.inf
        for position, nats in record.entropy:
            queried[0, position], entropy[0, position] = True, nats
        canvas = Canvas(tokens, known)
        cost = Cost(
            torch.tensor([record.cost.calls]),
            torch.tensor([record.cost.encoder_positions]),
            torch.tensor([record.cost.decoder_positions]),
            torch.tensor([record.cost.flops], dtype=torch.float64),
        )
        steps.append(
            Step(
                canvas, queried, written, log_prob, entropy, cost, record.note,
                reopened=reopened if bool(reopened.any()) else None,
            )
        )
    return init, tuple(steps), tuple(record.seconds for record in file.steps)


def positions(mask: torch.Tensor) -> list[int]:
    """The true positions of the first row."""
    return mask[0].nonzero()[:, 0].tolist()


def significant(value: float) -> float:
    """Six significant digits."""
    return float(f"{value:.6g}")
