"""What a recording is put together from: steps with their seconds, symbols, the code of digits."""

import time
from collections.abc import Callable, Iterator
from dataclasses import fields
from typing import Protocol, cast, runtime_checkable

import torch
from torch import Tensor

from pgm_lite.core import (
    Canvas,
    Cost,
    DigitStep,
    DraftStep,
    ErrorStep,
    InsertStep,
    Layout,
    Step,
)
from pgm_lite.digits import Digits
from pgm_lite.run import Run
from pgm_lite.trace_file import DigitsPart, TraceFile
from pgm_lite.trace_steps import listed_ints


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


def timed(steps: Iterator[Step]) -> tuple[tuple[Step, ...], tuple[float, ...]]:
    """All steps, and the seconds each took."""
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


def appearance(
    dataset: Shown | None,
    vocab_size: int | None,
    code: Digits | None,
    init: Canvas,
    steps: tuple[Step, ...],
) -> tuple[tuple[str, ...], Layout]:
    """Symbols and layout, checked against the tokens that occur."""
    last = steps[-1].canvas if steps else init
    known = torch.cat([init.tokens[init.known], last.tokens[last.known]])
    used = 1 + int(known.max()) if len(known) else 1
    if dataset is None:
        count = vocab_size or (used if code is None else code.vocab_size)
        symbols = tuple(str(token) for token in range(count))
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
    if code is not None and len(symbols) != code.vocab_size:
        raise ValueError(
            f"the digits spell {code.vocab_size} tokens, but there are {len(symbols)} symbols; "
            "pass the data set the model was trained on"
        )
    return symbols, layout


def code_of(given: Digits | None, run: Run | None, steps: tuple[Step, ...]) -> Digits | None:
    """How the digits of these steps spell tokens, if they hold digits."""
    spelled = sum(step.digits is not None for step in steps)
    if not spelled:
        return None
    if spelled < len(steps):
        raise ValueError(
            f"{spelled} of {len(steps)} steps hold digits; either all must, or none of them"
        )
    model, code = run and run.model, given
    while code is None and model is not None:
        found = getattr(model, "digits", None)
        code, model = found if isinstance(found, Digits) else None, getattr(model, "model", None)
    if code is None:
        raise ValueError(
            "these steps hold digits, but nothing says how tokens are spelled; pass digits="
            "Digits(vocab_size, count)"
        )
    return code


def code_to_file(code: Digits | None) -> DigitsPart | None:
    """The code as the file has it."""
    if code is None:
        return None
    codes = listed_ints(code.codes)
    plain = codes == list(range(code.vocab_size))
    return DigitsPart(count=code.count, base=code.base, codes=None if plain else codes)


def code_from_file(part: DigitsPart | None, vocab_size: int) -> Digits | None:
    """The code a file describes."""
    if part is None:
        return None
    codes = None if part.codes is None else torch.tensor(part.codes)
    return Digits(vocab_size, part.count, base=part.base, codes=codes)


def regrouped(file: TraceFile) -> tuple[tuple[int, int, int], ...]:
    """The group events of a file as [step from 1, position, group]."""
    return tuple(
        cast("tuple[int, int, int]", (number, event[0], event[2]))
        for number, part in enumerate(file.steps, start=1)
        for event in part.events
        if event[1] == "group"
    )


def row_of(step: Step, index: int) -> Step:
    """One row of a step, as a batch of one."""
    return cast("Step", _row(step, index))


def _row(part: object, index: int) -> object:
    if isinstance(part, Canvas | Cost):
        return part.row(index)
    if isinstance(part, Tensor):
        return part[index : index + 1]
    if isinstance(part, Step | DigitStep | DraftStep | ErrorStep | InsertStep):
        rows = {each.name: _row(getattr(part, each.name), index) for each in fields(part)}
        return cast("Callable[..., object]", type(part))(**rows)
    return part
