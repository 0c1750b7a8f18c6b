"""A file's steps as ``Step``s again: what each changed, applied to the state before it."""

import math
from collections.abc import Collection

import torch
from jaxtyping import Float
from torch import Tensor

from pgm_lite.core import (
    NOBODY,
    Canvas,
    Cost,
    DigitStep,
    DraftStep,
    ErrorStep,
    InsertStep,
    Step,
)
from pgm_lite.digits import Digits
from pgm_lite.trace_file import ErrorsPart, Event, StepPart, fault
from pgm_lite.trace_steps import listed_ints, true_in


class Replay:
    """The steps of a file as ``Step``s, one after another, from the canvas they start on.

    With a ``code`` every step gets its part on digits; if the file has events of ``kinds`` "draft" or
    "insert", its part on those. ``digits`` is the canvas of digits so far, ``order`` how positions
    are read.
    """

    def __init__(self, canvas: Canvas, code: Digits | None, kinds: Collection[str]) -> None:
        self.canvas, self.code, self.drafting = canvas, code, "draft" in kinds
        self.order: list[int] | None = true_in(canvas.known[0]) if "insert" in kinds else None
        self.digits = None if code is None else code.spell(canvas)
        self._open: dict[int, tuple[int, float]] = {}

    def step(self, part: StepPart, place: str) -> Step:
        """The next step; a ``ValueError`` names what in it cannot have happened."""
        change = _Change(self.canvas, self.digits, self._open, self.order)
        for number, event in enumerate(part.events):
            change.apply(event, f"{place}.events[{number}]")
        for at, nats in part.entropy:
            change.queried[0, at] = True
            change.entropy[0, at] = math.nan if nats is None else nats
        self.canvas = Canvas(change.tokens, change.known)
        if self.code is not None and change.spelled is not None:
            self.digits = change.spelled
            _check_spelling(self.code, self.digits, self.canvas, place)
        self._open, self.order = change.open, change.order
        return Step(
            canvas=self.canvas,
            queried=change.queried,
            written=change.written,
            log_prob=change.log_prob,
            entropy=change.entropy,
            cost=Cost(
                torch.tensor([part.cost.calls], dtype=torch.float64),
                torch.tensor([part.cost.encoder_positions]),
                torch.tensor([part.cost.decoder_positions]),
                torch.tensor([part.cost.flops], dtype=torch.float64),
            ),
            note=part.note,
            reopened=change.reopened if bool(change.reopened.any()) else None,
            digits=None
            if self.digits is None
            else DigitStep(self.digits, change.digit_written, change.digit_log_prob),
            draft=change.draft_step() if self.drafting else None,
            insert=change.insert_step(),
            errors=None if part.errors is None else _errors_of(part.errors, self.canvas.seq_len),
            score=_score_of(part, self.canvas.seq_len),
        )


def _score_of(part: StepPart, seq_len: int) -> Float[Tensor, "1 n"] | None:
    if part.scores is None:
        return None
    score = torch.zeros(1, seq_len, dtype=torch.float64)
    for (at, _), value in zip(part.entropy, part.scores, strict=True):
        score[0, at] = math.nan if value is None else value
    return score


def _errors_of(part: ErrorsPart, seq_len: int) -> ErrorStep:
    model = torch.zeros(1, seq_len, dtype=torch.float64)
    for at, nats in part.model:
        model[0, at] = math.nan if nats is None else nats
    parallel = math.nan if part.parallel is None else part.parallel
    return ErrorStep(model, torch.tensor([parallel], dtype=torch.float64))


class _Change:
    """What the events of one step do, written down as they are read."""

    def __init__(
        self,
        canvas: Canvas,
        digits: Canvas | None,
        drafts: dict[int, tuple[int, float]],
        order: list[int] | None,
    ) -> None:
        self.tokens, self.known = canvas.tokens.clone(), canvas.known.clone()
        self.queried, self.written, self.reopened = (torch.zeros_like(self.known) for _ in "123")
        self.log_prob, self.entropy = (torch.zeros(self.known.shape).double() for _ in "12")
        self.spelled = digits and Canvas(digits.tokens.clone(), digits.known.clone())
        self.digit_written = torch.zeros_like(self.known if digits is None else digits.known)
        self.digit_log_prob = torch.zeros(self.digit_written.shape).double()
        self.count = self.digit_written.shape[1] // self.known.shape[1]
        self.before, self.open, self.drafted = drafts, dict(drafts), dict[int, tuple[int, float]]()
        self.judged: dict[str, dict[int, tuple[int, float, float]]] = {"accept": {}, "reject": {}}
        self.order, self.after = (
            None if order is None else [*order],
            torch.full_like(self.tokens, NOBODY),
        )

    def apply(self, event: Event, place: str) -> None:
        at, kind = int(_number(event[0])), str(event[1])
        rest = [_number(value) for value in event[2:]]
        if self.order is not None and kind != "insert":
            raise fault(
                place, f"a {kind!r} has no place among insertions, which say where to read it"
            )
        match kind:
            case "insert" if self.order is not None:
                self._insert(at, rest, self.order, place)
            case "write":
                self._write(at, int(rest[0]), rest[1])
            case "reopen":
                self.tokens[0, at], self.known[0, at], self.reopened[0, at] = 0, False, True
                if self.spelled is not None:
                    self.spelled.known[0, at * self.count : (at + 1) * self.count] = False
            case "digit" if self.spelled is not None:
                self._digit(at, int(rest[0]), int(rest[1]), rest[2], place)
            case "draft":
                if bool(self.known[0, at]):
                    raise fault(place, f"a draft at position {at}, whose token is known")
                if not self.drafted:
                    self.open.clear()
                self.drafted[at] = self.open[at] = (int(rest[0]), _nats(rest[1]))
            case "accept" | "reject":
                self._judge(at, kind, int(rest[0]), rest[1], rest[2], place)
            case _:  # a group, which is kept beside the steps: Trace.regrouped
                pass

    def _write(self, at: int, token: int, probability: float) -> None:
        self.tokens[0, at], self.known[0, at], self.written[0, at] = token, True, True
        self.log_prob[0, at] = _nats(probability)
        self.open.pop(at, None)

    def _insert(self, at: int, rest: list[float], order: list[int], place: str) -> None:
        token, probability, after = int(rest[0]), rest[1], int(rest[2])
        if bool(self.known[0, at]):
            raise fault(place, f"inserted at position {at}, whose token is there already")
        if after != NOBODY and after not in order:
            raise fault(place, f"inserted after position {after}, where no token is yet")
        order.insert(0 if after == NOBODY else order.index(after) + 1, at)
        self.after[0, at] = after
        self._write(at, token, probability)

    def _digit(self, at: int, digit: int, value: int, probability: float, place: str) -> None:
        if self.spelled is None or bool(self.spelled.known[0, at * self.count + digit]):
            raise fault(place, f"digit {digit} of position {at} is known already")
        where = at * self.count + digit
        self.spelled.tokens[0, where], self.spelled.known[0, where] = value, True
        self.digit_written[0, where], self.digit_log_prob[0, where] = True, _nats(probability)
        self.log_prob[0, at] += _nats(probability)

    def _judge(self, at: int, kind: str, token: int, p: float, q: float, place: str) -> None:
        draft = self.before.get(at)
        if draft is None or draft[0] != token:
            there = "there is none" if draft is None else f"it is token {draft[0]}"
            raise fault(place, f"{kind}s token {token} as the draft of position {at}; {there}")
        self.judged[kind][at] = (token, _nats(p), _nats(q))
        self.open.pop(at, None)
        if kind == "accept":
            self._write(at, token, q)

    def draft_step(self) -> DraftStep:
        """What was drafted and judged; drafts asked about but not judged keep their place."""
        tokens = torch.zeros_like(self.tokens)
        p, q = torch.zeros_like(self.log_prob), torch.zeros_like(self.log_prob)
        drafted, accepted, rejected = (torch.zeros_like(self.known) for _ in "123")
        for at, (token, nats) in self.open.items():
            if bool(self.queried[0, at]) or at in self.drafted:
                tokens[0, at], p[0, at], drafted[0, at] = token, nats, at in self.drafted
        for mask, verdicts in ((accepted, "accept"), (rejected, "reject")):
            for at, (token, draft, target) in self.judged[verdicts].items():
                tokens[0, at], p[0, at], q[0, at], mask[0, at] = token, draft, target, True
        return DraftStep(tokens, drafted, accepted, rejected, p, q)

    def insert_step(self) -> InsertStep | None:
        """How positions are read after the step, where tokens are inserted."""
        if self.order is None:
            return None
        read = [*self.order, *[NOBODY] * (self.tokens.shape[1] - len(self.order))]
        return InsertStep(torch.tensor([read]), self.after)


def _check_spelling(code: Digits, digits: Canvas, canvas: Canvas, place: str) -> None:
    """Every known digit belongs to some token, and tokens are known when their digits are."""
    values = digits.tokens.view(1, -1, code.count)
    known = digits.known.view(1, -1, code.count)
    lost = true_in(~code.consistent(values, known).any(-1)[0])
    if lost:
        shown = [
            str(value) if is_known else "_"
            for value, is_known in zip(
                listed_ints(values[0, lost[0]]), listed_ints(known[0, lost[0]]), strict=True
            )
        ]
        raise fault(place, f"the digits {' '.join(shown)} of position {lost[0]} spell no token")
    read = code.read(digits)
    other = canvas.known & (read.tokens != canvas.tokens)
    for at in true_in(((read.known != canvas.known) | other)[0]):
        of_digits = (
            f"token {int(read.tokens[0, at])}" if bool(read.known[0, at]) else "no token yet"
        )
        of_writes = f"token {int(canvas.tokens[0, at])}" if bool(canvas.known[0, at]) else "none"
        raise fault(place, f"position {at}: its digits spell {of_digits}, written was {of_writes}")


def _number(value: float | str | None) -> float:
    return math.nan if value is None else float(value)


def _nats(probability: float) -> float:
    if math.isnan(probability):
        return probability
    return math.log(probability) if probability > 0 else -math.inf
