"""A step as the file has it: a file stores what changed, a ``Step`` the state."""

import math
from collections.abc import Sequence

from jaxtyping import Bool, Float, Shaped
from torch import Tensor

from pgm_lite.core import (
    DraftStep,
    ErrorStep,
    Step,
)
from pgm_lite.trace_file import CostPart, ErrorsPart, Event, StepPart

ENTROPY_DIGITS = 6
"""Decimals of an entropy in the file."""

SCORE_DIGITS = 12
"""Significant digits of a score in the file; near certainty scores differ by little."""

PROBABILITY_DIGITS = 9
"""Significant digits of a probability in the file; its logarithm is back within 1e-8 nats."""


def step_to_file(step: Step, row: int, *, nfe: float, seconds: float) -> StepPart:
    """One row of a step; ``nfe`` counts its calls and those before it."""
    cost, entropy = step.cost.row(row), listed_floats(step.entropy[row])
    asked = true_in(step.queried[row])
    scores = [] if step.score is None else listed_floats(step.score[row])
    return StepPart(
        nfe=nfe,
        cost=CostPart(
            calls=float(cost.calls),
            encoder_positions=int(cost.encoder_positions),
            decoder_positions=int(cost.decoder_positions),
            flops=float(cost.flops),
        ),
        seconds=seconds,
        note=step.note,
        events=_events(step, row),
        entropy=[(position, _rounded(entropy[position])) for position in asked],
        errors=None if step.errors is None else _errors(step.errors, step.written, row),
        scores=[_finite(scores[position]) for position in asked] if scores else None,
    )


def _errors(errors: ErrorStep, written: Bool[Tensor, "b n"], row: int) -> ErrorsPart:
    model, (parallel,) = listed_floats(errors.model[row]), listed_floats(errors.parallel[row, None])
    places = true_in(written[row])
    return ErrorsPart(model=[(at, _lost(model[at])) for at in places], parallel=_lost(parallel))


def check_probabilities(steps: Sequence[Step], *, known: bool) -> None:
    """No probability and no entropy is nan, unless they are declared not to be ``known``.

    Those of drafts have to be known all the same: verdicts rest on them.
    """
    for index, step in enumerate(steps):
        digits, draft = step.digits, step.draft
        found = [("log_prob", step.log_prob, step.written), ("entropy", step.entropy, step.queried)]
        found += [("digits.log_prob", digits.log_prob, digits.written)] if digits else []
        found = found if known else []
        if draft is not None:
            judged = draft.accepted | draft.rejected
            found.append(("draft.draft_log_prob", draft.draft_log_prob, draft.drafted | judged))
            found.append(("draft.target_log_prob", draft.target_log_prob, judged))
        for name, values, meant in found:
            bad = (values.isnan() & meant).nonzero()
            if len(bad):
                row, place = listed_ints(bad[0])
                raise ValueError(
                    f"{name} of step {index + 1} is nan at [{row}, {place}]; mend the model or the "
                    "sampler it comes from or, where nobody knows how likely tokens were, say so: "
                    "record(..., probabilities=False)"
                )


def _rounded(entropy: float) -> float | None:
    return None if math.isnan(entropy) else round(entropy, ENTROPY_DIGITS)


def _finite(score: float) -> float | None:
    return float(f"{score:.{SCORE_DIGITS}g}") if math.isfinite(score) else None


def _lost(nats: float) -> float | None:
    return None if math.isnan(nats) else max(0.0, round(nats, ENTROPY_DIGITS))


def _events(step: Step, row: int) -> list[Event]:
    """Reopenings, digits, verdicts, writes, drafts: each kind after what it rests on."""
    reopened: list[int] = [] if step.reopened is None else true_in(step.reopened[row])
    events: list[Event] = [[position, "reopen"] for position in reopened]
    written = true_in(step.written[row])
    if step.digits is not None:
        each, count = step.digits, step.digits.written.shape[1] // step.written.shape[1]
        values, log_prob = listed_ints(each.canvas.tokens[row]), listed_floats(each.log_prob[row])
        for place in true_in(each.written[row]):
            position, digit = divmod(place, count)
            events.append([position, "digit", digit, values[place], _chance(log_prob[place])])
    drafted: list[Event] = []
    if step.draft is not None:
        judged, drafted = _drafts(step.draft, row)
        events += judged
        written = true_in(step.written[row] & ~step.draft.accepted[row])
    tokens, log_prob = listed_ints(step.canvas.tokens[row]), listed_floats(step.log_prob[row])
    if step.insert is not None:
        after = listed_ints(step.insert.after[row])
        return [[at, "insert", tokens[at], _chance(log_prob[at]), after[at]] for at in written]
    events += [[at, "write", tokens[at], _chance(log_prob[at])] for at in written]
    return events + drafted


def _drafts(draft: DraftStep, row: int) -> tuple[list[Event], list[Event]]:
    """Verdicts, and new drafts."""
    tokens = listed_ints(draft.tokens[row])
    p, q = listed_floats(draft.draft_log_prob[row]), listed_floats(draft.target_log_prob[row])
    judged: list[Event] = [
        [at, kind, tokens[at], _chance(p[at]), _chance(q[at])]
        for kind, mask in (("accept", draft.accepted), ("reject", draft.rejected))
        for at in true_in(mask[row])
    ]
    return judged, [[at, "draft", tokens[at], _chance(p[at])] for at in true_in(draft.drafted[row])]


def listed_ints(values: Shaped[Tensor, " n"]) -> list[int]:
    """Whole numbers or flags as a list."""
    numbers: list[int] = values.long().cpu().numpy().tolist()
    return numbers


def listed_floats(values: Float[Tensor, " n"]) -> list[float]:
    """Numbers as a list."""
    numbers: list[float] = values.cpu().numpy().tolist()
    return numbers


def _chance(nats: float) -> float | None:
    return None if math.isnan(nats) else min(1.0, float(f"{math.exp(nats):.{PROBABILITY_DIGITS}g}"))


def true_in(mask: Bool[Tensor, " n"]) -> list[int]:
    """The places that hold true."""
    return [index for index, flag in enumerate(listed_ints(mask)) if flag]
