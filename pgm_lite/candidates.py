"""What else it could have been: the likeliest tokens at a position of a trace, asked for anew.

A trace keeps what was drawn, not the laws it was drawn from; they would be many times its size. As
it keeps every state, the model can be asked again about any position of any of them.
"""

from dataclasses import dataclass
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor

from pgm_lite.core import Canvas, Conditional, NextToken
from pgm_lite.draw import law
from pgm_lite.protocols import DigitConditional, DraftVerify, unwrapped
from pgm_lite.trace import Trace


@dataclass(frozen=True, slots=True)
class Candidates:
    """Some ``tokens`` with their ``probabilities``, likeliest first; ``others`` have the rest."""

    tokens: tuple[int, ...]
    probabilities: tuple[float, ...]
    others: float


def candidates(
    trace: Trace, model: object, position: int, *, after: int, count: int = 5, row: int = 0
) -> Candidates:
    """What ``model`` says of an unknown position, given what the trace knew after ``after`` steps.

    Hand over the model with the wrappers it was sampled with (label, guidance, temperature) and the
    answer is the law that the sampler drew from; for a token written at step k, ask after k - 1.
    Self-speculative models answer with their draft law. Listed are the ``count`` likeliest tokens,
    without those of probability 0, and, however unlikely, the one that the next step wrote there.
    """
    one = trace.row(row)
    if not 0 <= position < one.init.seq_len:
        raise ValueError(f"the trace has positions 0 to {one.init.seq_len - 1}; got {position}")
    if count < 1:
        raise ValueError(f"at least one candidate has to be asked for; got {count}")
    canvas = one.state(after)
    if bool(canvas.known[0, position]):
        raise ValueError(
            f"position {position} is known after {after} steps, so nothing is left to ask; ask after "
            "the step before the one that wrote it"
        )
    with torch.no_grad():
        found = law(_answer(model, canvas, one.digits_at(after), position)).exp()
    best = found.topk(min(count, len(found)))
    tokens: list[int] = best.indices[best.values > 0].numpy().tolist()
    following = one.state(min(after + 1, len(one.steps)))
    written = int(following.tokens[0, position])
    if bool(following.known[0, position]) and written not in tokens:
        tokens.append(written)
    probabilities: list[float] = found[tokens].numpy().tolist()
    return Candidates(tuple(tokens), tuple(probabilities), max(0.0, 1 - sum(probabilities)))


def _answer(
    model: object, canvas: Canvas, spelled: Canvas | None, position: int
) -> Float[Tensor, " v"]:
    where, inner = torch.tensor([[position]]), unwrapped(model)
    # Wrappers have every method; what can be asked is decided by the model inside.
    if isinstance(inner, DigitConditional):
        if spelled is None:
            raise ValueError(
                f"{type(inner).__name__} reads digits, and this trace does not say how its tokens "
                "are spelled; ask a trace that a digit sampler recorded"
            )
        return cast("DigitConditional", model).log_probs(spelled, where)[0, 0]
    if isinstance(inner, NextToken):
        first = int(canvas.unknown[0].long().argmax())
        if position != first:
            raise ValueError(
                f"{type(inner).__name__} predicts the next unknown token only, and position "
                f"{position} is {position - first} further on; ask again when those in between are "
                "known"
            )
        return cast("NextToken", model).next_log_probs(canvas, position, None)[0][0]
    if isinstance(inner, Conditional):
        return cast("Conditional", model).log_probs(canvas, where)[0, 0]
    if isinstance(inner, DraftVerify):
        return cast("DraftVerify", model).draft(canvas, where)[0][0, 0]
    raise ValueError(
        f"{type(inner).__name__} has no law for the token at a position; models that have are "
        "conditionals (MDLM, PGM, oracles), AR, Prime and self-speculative ones"
    )
