"""The file of a trace, ``pgm_lite.trace/1``: what it may hold, and where it is wrong.

One sequence a file, as JSON. An event is [position, kind, ...]; what follows depends on the
kind and is listed in ``EVENTS``. ``entropy`` lists [position, nats] for every position asked
about.

A digit event tells which digit (0 is the most significant) has which value; with the last digit
of a token comes its write. A draft that is accepted is thereby written; one that is rejected is
followed by the write of what took its place. A step that drafts does away with older drafts.

In a file with insert events positions are names: a token keeps its own for good, and is read right
after the token at the position given last, or first of all where that is -1. Tokens known at the
start are read in the order of their positions.

The probability of a write, a digit or an insertion is null where nobody knows it, as in a history
from elsewhere; so is the entropy of a position asked about. ``groups`` and group events show a
partition of the positions (-1 is no group); nothing is computed from it.
"""

import math
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

SCHEMA = "pgm_lite.trace/1"
LIBRARY = "0.1.0"
MAX_BYTES = 32 * 2**20

EVENTS: dict[str, tuple[str, ...]] = {
    "write": ("token", "probability"),
    "reopen": (),
    "group": ("group",),
    "digit": ("digit", "value", "probability"),
    "draft": ("token", "probability"),
    "accept": ("token", "draft probability", "target probability"),
    "reject": ("token", "draft probability", "target probability"),
    "insert": ("token", "probability", "after"),
}
"""What stands after the position and the kind of each event; a plain probability may be null."""

Count = Annotated[int, Field(ge=0)]
Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Flag = Literal[0, 1]
Event = list[int | float | str | None]


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class ModelPart(_Part):
    """Which model was sampled, and what goes through it at a step, if that is known."""

    family: str
    name: str
    checkpoint: str | None
    reads: Literal["everything", "known", "cache", "unknown"]


class SamplerPart(_Part):
    """The sampler and what its knobs were set to."""

    name: str
    knobs: dict[str, str | int | float | bool | None]


class LayoutPart(_Part):
    """A line or a grid, with colours where tokens are colours."""

    kind: Literal["line", "grid"]
    rows: Annotated[int, Field(ge=1)]
    columns: Annotated[int, Field(ge=1)]
    palette: list[Annotated[str, Field(pattern="^#[0-9a-fA-F]{6}$")]] | None


class InitPart(_Part):
    """The canvas before the first step; the token of an unknown position is 0."""

    tokens: list[Count]
    known: list[Flag]


class CostPart(_Part):
    """What one step cost."""

    calls: Amount
    encoder_positions: Count
    decoder_positions: Count
    flops: Amount


class ErrorsPart(_Part):
    """What a step lost against a law that is known, in nats; null where the law is undefined.

    ``model`` lists [position, nats] for every position written.
    """

    model: list[tuple[Count, Amount | None]]
    parallel: Amount | None


class StepPart(_Part):
    """One step; ``nfe`` counts all calls up to and including it.

    ``scores`` are what the positions of ``entropy`` were ranked by, in the same order, null where
    that is no finite number. They and ``errors`` are left out where nothing was ranked or measured.
    """

    nfe: Amount
    cost: CostPart
    seconds: Amount
    note: str
    events: list[Event]
    entropy: list[tuple[Count, Annotated[float, Field(allow_inf_nan=False)] | None]]
    errors: ErrorsPart | None = None
    scores: list[Annotated[float, Field(allow_inf_nan=False)] | None] | None = None


class DigitsPart(_Part):
    """How a token is spelled: ``count`` digits of its number, which is the token without codes."""

    count: Annotated[int, Field(ge=1, le=64)]
    base: Annotated[int, Field(ge=1)]
    codes: list[Count] | None


class TraceFile(_Part):
    """The whole file."""

    schema_: Literal["pgm_lite.trace/1"] = Field(alias="schema")
    library: str
    id: str
    model: ModelPart
    dataset: str | None
    sampler: SamplerPart
    seed: int | None
    label: str | None
    seq_len: Annotated[int, Field(ge=1)]
    vocab: Annotated[list[str], Field(min_length=1)]
    layout: LayoutPart
    init: InitPart
    groups: list[Annotated[int, Field(ge=-1)]] | None
    digits: DigitsPart | None
    steps: list[StepPart]

    def text(self) -> str:
        """The file's text."""
        return self.model_dump_json(by_alias=True, exclude_defaults=True)


def parse(text: str) -> TraceFile:
    """The file, if all of it is as it should be; else a ``ValueError`` that says where."""
    size = len(text.encode())
    if size > MAX_BYTES:
        raise ValueError(
            f"the trace file has {size:,} bytes; at most {MAX_BYTES:,} are read (record fewer "
            "steps or a shorter sequence)"
        )
    try:
        file = TraceFile.model_validate_json(text)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False, include_context=False)
        first = found[0]
        more = f" ({len(found) - 1} more faults follow)" if len(found) > 1 else ""
        raise fault(_place(first["loc"]), f"{first['msg']}{more}") from None
    _check_sizes(file)
    asked_calls = 0.0
    for index, step in enumerate(file.steps):
        place = f"steps[{index}]"
        asked_calls += step.cost.calls
        if not math.isclose(step.nfe, asked_calls, abs_tol=1e-6):
            raise fault(
                f"{place}.nfe", f"{step.nfe:g}, but the costs so far add up to {asked_calls:g}"
            )
        for number, event in enumerate(step.events):
            _check_event(event, file, f"{place}.events[{number}]")
        for number, (position, _) in enumerate(step.entropy):
            _check_position(position, file, f"{place}.entropy[{number}]")
        if step.scores is not None and len(step.scores) != len(step.entropy):
            raise fault(
                f"{place}.scores",
                f"{len(step.scores)} scores, but {len(step.entropy)} positions were asked about",
            )
        for number, (position, _) in enumerate(step.errors.model if step.errors else ()):
            _check_position(position, file, f"{place}.errors.model[{number}]")
    return file


def _check_sizes(file: TraceFile) -> None:
    n, layout = file.seq_len, file.layout
    lengths = {"init.tokens": file.init.tokens, "init.known": file.init.known}
    if file.groups is not None:
        lengths["groups"] = file.groups
    for place, values in lengths.items():
        if len(values) != n:
            raise fault(place, f"{len(values)} entries, but seq_len is {n}")
    if layout.rows * layout.columns != n:
        raise fault("layout", f"{layout.rows} x {layout.columns} cells, but seq_len is {n}")
    if layout.palette is not None and len(layout.palette) != len(file.vocab):
        raise fault("layout.palette", f"{len(layout.palette)} colours for {len(file.vocab)} tokens")
    for position, token in enumerate(file.init.tokens):
        _check_token(token, file, f"init.tokens[{position}]")
    if file.digits is not None:
        _check_code(file.digits, len(file.vocab))


def _check_code(code: DigitsPart, vocab_size: int) -> None:
    spellings = code.base**code.count
    if spellings < vocab_size:
        raise fault(
            "digits",
            f"{code.count} digits of base {code.base} spell {spellings} of {vocab_size} tokens",
        )
    if code.codes is not None and sorted(code.codes) != list(range(vocab_size)):
        raise fault(
            "digits.codes", f"not each number of 0 to {vocab_size - 1} once, token by token"
        )


def _check_event(event: Event, file: TraceFile, place: str) -> None:
    if len(event) < 2 or event[1] not in EVENTS:
        kinds = ", ".join(EVENTS)
        raise fault(place, f"{event!r} is not [position, kind, ...] with a kind of {kinds}")
    position, kind, *rest = event
    _check_position(position, file, place)
    expected = EVENTS[str(kind)]
    if len(rest) != len(expected):
        raise fault(place, f"{event!r} should be [position, {', '.join((repr(kind), *expected))}]")
    for name, value in zip(expected, rest, strict=True):
        if name == "token":
            _check_token(value, file, place)
        elif name.endswith("probability"):
            if value is None and name == "probability" and kind != "draft":
                continue
            # Drafts keep theirs: without both laws no verdict can be explained.
            if not isinstance(value, int | float) or not 0 <= value <= 1:
                raise fault(place, f"{value!r} is not a probability")
        elif name == "after":
            if value != -1:
                _check_position(value, file, f"{place}, after")
        elif not isinstance(value, int) or value < 0:
            raise fault(place, f"{value!r} is not a {name}: expected a whole number from 0")
    if kind == "insert" and file.layout.kind != "line":
        raise fault(place, "an insertion into a grid; tokens only make room for others in a line")
    if kind == "digit":
        _check_digit(rest, file.digits, place)


def _check_digit(rest: Event, code: DigitsPart | None, place: str) -> None:
    if code is None:
        raise fault(
            place, "a digit, but the file does not say how tokens are spelled: digits: null"
        )
    for name, value, end in (("digit", rest[0], code.count), ("value", rest[1], code.base)):
        if not isinstance(value, int) or value >= end:
            raise fault(place, f"{value} is not a {name} of 0 to {end - 1}")


def _check_position(position: float | str | None, file: TraceFile, place: str) -> None:
    if not isinstance(position, int) or not 0 <= position < file.seq_len:
        raise fault(place, f"{position!r} is not a position of 0 to {file.seq_len - 1}")


def _check_token(token: float | str | None, file: TraceFile, place: str) -> None:
    if not isinstance(token, int) or not 0 <= token < len(file.vocab):
        raise fault(place, f"{token!r} is not a token of 0 to {len(file.vocab) - 1}")


def fault(place: str, what: str) -> ValueError:
    """The error that says where a file is at fault."""
    return ValueError(
        f"not a {SCHEMA} file: {place}: {what}; Trace.to_json() writes files that can be read"
    )


def _place(location: tuple[int | str, ...]) -> str:
    """("steps", 3, "events") as steps[3].events, without the types an entry could have had."""
    named = [part for part in location if part not in ("int", "float", "str", "none")]
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in named)
    return text.removeprefix(".") or "the text"
