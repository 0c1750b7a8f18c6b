"""A step as the file has it, and back: a file stores what changed, a ``Step`` the state."""

import math

import torch
from jaxtyping import Bool, Float, Shaped
from torch import Tensor

from pgm_lite.core import Canvas, Cost, Step
from pgm_lite.trace_file import CostPart, Event, StepPart

ENTROPY_DIGITS = 6
"""Decimals of an entropy in the file."""

PROBABILITY_DIGITS = 9
"""Significant digits of a probability in the file; its logarithm is back within 1e-8 nats."""


def step_to_file(step: Step, row: int, *, nfe: float, seconds: float) -> StepPart:
    """One row of a step; ``nfe`` counts its calls and those before it."""
    if step.draft is not None or step.digits is not None:
        raise ValueError(
            "the step holds drafts or digits, which this version does not write to files; "
            "keep the trace in memory, or write a trace of another sampler"
        )
    tokens, cost = listed_ints(step.canvas.tokens[row]), step.cost.row(row)
    log_prob, entropy = listed_floats(step.log_prob[row]), listed_floats(step.entropy[row])
    reopened: list[int] = [] if step.reopened is None else _true(step.reopened[row])
    events: list[Event] = [[position, "reopen"] for position in reopened]
    for position in _true(step.written[row]):
        probability = min(1.0, float(f"{math.exp(log_prob[position]):.{PROBABILITY_DIGITS}g}"))
        events.append([position, "write", tokens[position], probability])
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
        events=events,
        entropy=[
            (position, round(entropy[position], ENTROPY_DIGITS))
            for position in _true(step.queried[row])
        ],
    )


def step_from_file(part: StepPart, canvas: Canvas, place: str) -> Step:
    """The step that turns ``canvas`` (one row) into the next one."""
    blank = torch.zeros_like(canvas.known)
    queried, written, reopened = blank.clone(), blank.clone(), blank.clone()
    log_prob = torch.zeros(blank.shape, dtype=torch.float64)
    entropy = torch.zeros(blank.shape, dtype=torch.float64)
    tokens, known = canvas.tokens.clone(), canvas.known.clone()
    for number, (position, kind, *rest) in enumerate(part.events):
        at = int(position)
        if kind == "write":
            token, probability = int(rest[0]), float(rest[1])
            tokens[0, at], known[0, at], written[0, at] = token, True, True
            log_prob[0, at] = math.log(probability) if probability > 0 else -math.inf
        elif kind == "reopen":
            tokens[0, at], known[0, at], reopened[0, at] = 0, False, True
        else:
            raise ValueError(
                f"{place}.events[{number}] is a {kind!r}; a Trace holds writes and reopenings "
                "only (the player shows every kind of event: give it the text of the file)"
            )
    for at, nats in part.entropy:
        queried[0, at], entropy[0, at] = True, nats
    return Step(
        canvas=Canvas(tokens, known),
        queried=queried,
        written=written,
        log_prob=log_prob,
        entropy=entropy,
        cost=Cost(
            torch.tensor([part.cost.calls], dtype=torch.float64),
            torch.tensor([part.cost.encoder_positions]),
            torch.tensor([part.cost.decoder_positions]),
            torch.tensor([part.cost.flops], dtype=torch.float64),
        ),
        note=part.note,
        reopened=reopened if bool(reopened.any()) else None,
    )


def listed_ints(values: Shaped[Tensor, " n"]) -> list[int]:
    """Whole numbers or flags as a list."""
    numbers: list[int] = values.long().cpu().numpy().tolist()
    return numbers


def listed_floats(values: Float[Tensor, " n"]) -> list[float]:
    """Numbers as a list."""
    numbers: list[float] = values.cpu().numpy().tolist()
    return numbers


def _true(mask: Bool[Tensor, " n"]) -> list[int]:
    return [index for index, flag in enumerate(listed_ints(mask)) if flag]
