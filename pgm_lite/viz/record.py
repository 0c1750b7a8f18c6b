"""Traces as their file has them: what every view of this package is drawn from.

Views read ``pgm_lite.trace/1`` and nothing else, so a recorded run, a file and a foreign
history look alike to them. ``roles`` is for pictures what ``rolesAt`` is for the player.
"""

import json
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any, Literal, NotRequired, Protocol, TypedDict, cast, get_args, runtime_checkable

SCHEMA = "pgm_lite.trace/1"
Clock = Literal["steps", "calls", "positions", "flops", "seconds"]
Role = Literal["absent", "read", "asked", "masked", "cached", "partly"]


class Bill(TypedDict):
    """The cost of one step."""

    calls: float
    encoder_positions: int
    decoder_positions: int
    flops: float


class Moment(TypedDict):
    """One step of the file; an event is [position, kind, ...], as ``trace_file.EVENTS`` lists."""

    nfe: int
    cost: Bill
    seconds: float
    note: str
    events: list[list[Any]]
    entropy: list[tuple[int, float | None]]


class Record(TypedDict):
    """The parts of a trace file that pictures are drawn from."""

    schema: str
    model: dict[str, Any]
    dataset: str | None
    seq_len: int
    vocab: list[str]
    layout: dict[str, Any]
    init: dict[str, list[int]]
    digits: NotRequired[dict[str, Any] | None]
    sampler: NotRequired[dict[str, Any]]
    steps: list[Moment]


@runtime_checkable
class Recorded(Protocol):
    """A trace: whatever can write one of its rows in the file's format."""

    def to_json(self, row: int = 0) -> str:
        """One sequence of the batch as ``pgm_lite.trace/1``."""
        ...


Traces = Recorded | str | Sequence[Recorded | str] | Mapping[str, Recorded | str]
"""One trace, several, or several by name; a string is the text of a trace file."""


def records(traces: Traces, row: int = 0) -> dict[str, Record]:
    """The traces by name; those without a name are called after their family."""
    if isinstance(traces, Mapping):
        named = {name: _parsed(trace, row) for name, trace in traces.items()}
    elif isinstance(traces, str) or not isinstance(traces, Sequence):
        one = _parsed(traces, row)
        named = {one["model"]["family"]: one}
    else:
        several = [_parsed(trace, row) for trace in traces]
        names = [record["model"]["family"] for record in several]
        stems = [str(record["model"]["name"]).split("/")[-1] for record in several]
        if len(set(names)) < len(set(stems)):  # two of one family, which checkpoints tell apart
            names = stems
        named = {
            name if names.count(name) == 1 else f"{name} {i + 1}": record
            for i, (name, record) in enumerate(zip(names, several, strict=True))
        }
    if not named:
        raise ValueError("there is no trace to show: give one trace, a list or a dict of traces")
    return named


def payload(traces: Traces, clock: str | None = None, row: int = 0) -> dict[str, Any]:
    """What the player is handed: the traces, their names and the clock they share."""
    named = records(traces, row)
    chosen = check_clock(clock or "steps")
    return {"traces": list(named.values()), "names": list(named), "clock": chosen}


def payload_json(
    traces: Traces, clock: str | None = None, row: int = 0, mark: str | None = None
) -> str:
    """``payload`` as text that is safe inside HTML: every "<" is written as an escape.

    A host that is handed the same text twice does nothing; a ``mark`` makes it another text, and
    asks the host to play it.
    """
    shown = payload(traces, clock, row) | ({"mark": mark} if mark else {})
    text = json.dumps(shown, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def check_clock(clock: str) -> Clock:
    """The clock, if it is one."""
    if clock not in get_args(Clock):
        raise ValueError(f"unknown clock {clock!r}; choose one of {', '.join(get_args(Clock))}")
    return cast(Clock, clock)


def ticks(record: Record, clock: Clock) -> list[float]:
    """What the clock shows after 0, 1, ... steps."""
    return [0.0, *accumulate(_charge(step, clock) for step in record["steps"])]


def state(record: Record, k: int) -> tuple[list[int], list[bool]]:
    """Tokens and known flags after k steps; a token means nothing where it is not known."""
    tokens, known = list(record["init"]["tokens"]), [bool(x) for x in record["init"]["known"]]
    for step in record["steps"][:k]:
        for position, kind, *rest in step["events"]:
            if kind in ("write", "accept", "insert"):
                tokens[position], known[position] = rest[0], True
            elif kind in ("reopen", "draft", "reject"):
                known[position] = False
    return tokens, known


def reading(record: Record, k: int) -> list[int] | None:
    """The known positions after k steps as they are read; None where nothing is ever inserted."""
    if not any(_has(step, "insert") for step in record["steps"]):
        return None
    order = [position for position, known in enumerate(record["init"]["known"]) if known]
    for step in record["steps"][:k]:
        for position, kind, *rest in step["events"]:
            if kind == "insert":
                order.insert(0 if rest[2] < 0 else order.index(rest[2]) + 1, position)
    return order


def tokens_of(record: Record) -> int:
    """How many tokens there are in the end: all positions, or as many as were inserted."""
    order = reading(record, len(record["steps"]))
    return record["seq_len"] if order is None else len(order)


def possible(record: Record, k: int) -> dict[int, list[int]]:
    """The tokens that the digits known after k steps still allow, for each half-known position."""
    code = record.get("digits")
    found: dict[int, dict[int, int]] = {}
    for step in record["steps"][:k]:
        for position, kind, *rest in step["events"]:
            if kind == "digit":
                found.setdefault(position, {})[rest[0]] = rest[1]
            elif kind in ("write", "reopen"):
                found.pop(position, None)
    if code is None:
        return {}
    base, count = code["base"], code["count"]
    places = [base**power for power in range(count - 1, -1, -1)]
    numbers: list[int] = code["codes"] or list(range(len(record["vocab"])))
    return {
        position: [
            token
            for token, number in enumerate(numbers)
            if all(number // places[digit] % base == value for digit, value in digits.items())
        ]
        for position, digits in found.items()
    }


def drafts(record: Record, k: int) -> dict[int, int]:
    """The drafts that wait to be judged after k steps, by position."""
    waiting: dict[int, int] = {}
    for step in record["steps"][:k]:
        if _has(step, "draft"):
            waiting.clear()
        for position, kind, *rest in step["events"]:
            if kind == "draft":
                waiting[position] = rest[0]
            elif kind in ("accept", "reject", "write", "reopen"):
                waiting.pop(position, None)
    return waiting


def refused(record: Record, k: int) -> dict[int, int]:
    """The drafts that step k refused, by position."""
    events = record["steps"][k - 1]["events"] if k else []
    return {position: rest[0] for position, kind, *rest in events if kind == "reject"}


def roles(record: Record, k: int) -> list[Role]:
    """What each position was to the network during step k; nothing if no model was called.

    Passes that judge drafts read what is known and the drafts, and nothing else; local passes of
    ReCAP read their group and have the rest in a cache.
    """
    step = record["steps"][k - 1] if k else None
    # A step without a bill may come from elsewhere; one that only reopens asks nothing.
    if step is None or not (
        step["entropy"]
        or step["cost"]["calls"]
        or any(kind != "reopen" for _, kind, *_ in step["events"])
    ):
        return ["absent"] * record["seq_len"]
    _, known = state(record, k - 1)
    half = possible(record, k - 1)
    asked = {position for position, _ in step["entropy"]}
    of_known, of_unknown = _READS[record["model"]["reads"]]
    if _has(step, "accept", "reject"):
        of_unknown = "absent"
    through = _group(record, k)
    return [
        "asked"
        if i in asked
        else "cached"
        if through is not None and i not in through
        else of_known
        if is_known
        else "partly"
        if i in half
        else of_unknown
        for i, is_known in enumerate(known)
    ]


def _group(record: Record, k: int) -> set[int] | None:
    """What goes through the network in a local pass of ReCAP: what its group writes; else None."""
    steps = record["steps"]
    reads = [step["cost"]["encoder_positions"] for step in steps]
    if record.get("sampler", {}).get("name") != "recap" or reads[k - 1] >= reads[0]:
        return None
    start = max(at for at in range(k) if reads[at] >= reads[0])
    end = next((at for at in range(k, len(steps)) if reads[at] >= reads[0]), len(steps))
    return {event[0] for step in steps[start:end] for event in step["events"]}


def _has(step: Moment, *kinds: str) -> bool:
    return any(event[1] in kinds for event in step["events"])


_READS: dict[str, tuple[Role, Role]] = {
    "everything": ("read", "masked"),
    "known": ("read", "absent"),
    "cache": ("cached", "absent"),
    "unknown": ("absent", "absent"),
}


def _charge(step: Moment, clock: Clock) -> float:
    cost = step["cost"]
    match clock:
        case "steps":
            return 1.0
        case "calls":
            return float(cost["calls"])
        case "positions":
            return float(cost["encoder_positions"] + cost["decoder_positions"])
        case "flops":
            return float(cost["flops"])
        case "seconds":
            return float(step["seconds"])


def _parsed(trace: object, row: int) -> Record:
    if not isinstance(trace, str | Recorded):
        raise ValueError(
            f"expected a trace or the text of a trace file, got {type(trace).__name__}; "
            "pgm_lite.record(steps) makes a trace of what a sampler yields"
        )
    text = trace if isinstance(trace, str) else trace.to_json(row)
    try:
        parsed: Any = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(
            f"the text given is not a trace file: {error}; expected JSON of schema {SCHEMA}"
        ) from error
    schema: Any = cast(Any, parsed).get("schema") if isinstance(parsed, dict) else None
    if schema != SCHEMA:
        raise ValueError(f"the file's schema is {schema!r}; expected {SCHEMA!r}")
    # In the order of the class: __required_keys__ is a set, whose order differs from run to run.
    needed = [key for key in Record.__annotations__ if key in Record.__required_keys__]
    missing = [key for key in needed if key not in parsed]
    if missing:
        raise ValueError(f"the trace file lacks {', '.join(missing)}; record it anew")
    return cast(Record, parsed)
