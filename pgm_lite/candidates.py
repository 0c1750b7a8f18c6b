"""What else it could have been: the likeliest tokens at a position of a trace, asked for anew.

A trace keeps what was drawn, not the laws it was drawn from; they would be many times its size. As
it keeps every state, the model can be asked again about any position of any of them.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from pgm_lite.core import Canvas, Conditional, NextToken
from pgm_lite.draw import law
from pgm_lite.protocols import DigitConditional, DraftVerify, unwrapped
from pgm_lite.trace import Trace


@dataclass(frozen=True, slots=True)
class Candidates:
    """The likeliest ``tokens`` with their ``probabilities``, likeliest first, and all ``others``'."""

    tokens: tuple[int, ...]
    probabilities: tuple[float, ...]
    others: float


def candidates(
    trace: Trace, model: object, position: int, *, after: int, count: int = 5, row: int = 0
) -> Candidates:
    """What ``model`` says of an unknown position, given what the trace knew after ``after`` steps.

    Hand over the model with the wrappers it was sampled with (label, guidance, temperature) and the
    answer is the law that the sampler drew from; for a token written at step k, ask after k - 1.
    Self-speculative models answer with their draft law. Of the ``count`` likeliest tokens, those of
    probability 0 are left out.
    """
    n = trace.init.seq_len
    if not 0 <= position < n:
        raise ValueError(f"the trace has positions 0 to {n - 1}; got {position}")
    if not 0 <= row < trace.init.batch:
        raise ValueError(f"the trace has rows 0 to {trace.init.batch - 1}; got {row}")
    if count < 1:
        raise ValueError(f"at least one candidate has to be asked for; got {count}")
    canvas = trace.state(after).row(row)
    if bool(canvas.known[0, position]):
        raise ValueError(
            f"position {position} is known after {after} steps, so nothing is left to ask; ask after "
            "the step before the one that wrote it"
        )
    spelled = trace.digits_at(after)
    with torch.no_grad():
        found = law(_answer(model, canvas, spelled and spelled.row(row), position)).exp()
    best = found.topk(min(count, len(found)))
    kept = best.values > 0
    tokens: list[int] = best.indices[kept].numpy().tolist()
    probabilities: list[float] = best.values[kept].numpy().tolist()
    return Candidates(
        tuple(tokens), tuple(probabilities), float((1 - best.values.sum()).clamp(min=0))
    )


def _answer(
    model: object, canvas: Canvas, spelled: Canvas | None, position: int
) -> Float[Tensor, " v"]:
    where = torch.tensor([[position]])
    inner = unwrapped(model)
    if isinstance(inner, DigitConditional) and isinstance(model, DigitConditional):
        if spelled is None:
            raise ValueError(
                f"a {type(inner).__name__} reads digits, and this trace does not say how its tokens "
                "are spelled; ask a trace that a digit sampler recorded"
            )
        return model.log_probs(spelled, where)[0, 0]
    if isinstance(inner, NextToken) and isinstance(model, NextToken):
        first = int(canvas.unknown[0].long().argmax())
        if position != first:
            raise ValueError(
                f"{type(inner).__name__} predicts the next unknown token only, and position {position} is "
                f"{position - first} further on; ask again when those in between are known"
            )
        return model.next_log_probs(canvas, position, None)[0][0]
    if isinstance(inner, Conditional) and isinstance(model, Conditional):
        return model.log_probs(canvas, where)[0, 0]
    if isinstance(inner, DraftVerify) and isinstance(model, DraftVerify):
        return model.draft(canvas, where)[0][0, 0]
    raise ValueError(
        f"{type(inner).__name__} has no law for the token at a position; models that have are "
        "conditionals (MDLM, PGM, oracles), AR, Prime and self-speculative ones"
    )
