"""The two terms of self-speculation, reported apart: the draft's bound and the target's surrogate.

Notation (arXiv 2510.03929 -> our name): sigma -> order; i -> known; D -> n. With i ~ U{0..n-1} the
draft term, weighted D / (D - i), is the masked bound. The causal term has the same weight but charges
for all remaining tokens together, each given those before it: at its optimum it is the sum of
h_i / (D - i), h_i the entropy left after i tokens, which is at most the entropy. It is no bound.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from pgm_lite.objectives.objective import Objective, cross_entropy

Judging = Callable[..., tuple[Float[Tensor, "b n v"], Float[Tensor, "b n v"]]]


def speculation(
    model: Judging,
    tokens: Int[Tensor, "b n"],
    label: Int[Tensor, "b a"] | None,
    *,
    t: Float[Tensor, " b"],
    rng: torch.Generator,
) -> Float[Tensor, "b 2"]:
    """Nats per token of each row: draft term, causal term; the number known is floor(n (1 - t))."""
    n = tokens.shape[1]
    known = (n * (1 - t)).long().clamp(0, n - 1)
    order = torch.rand(tokens.shape, generator=rng, device=tokens.device).argsort(1)
    unknown = order.argsort(1) >= known[:, None]
    terms = [
        (cross_entropy(logits, tokens) * unknown).sum(1) / (n - known)
        for logits in model(tokens, order, known, label)
    ]
    return torch.stack(terms, 1)


SPECULATION = Objective(
    "speculation", "surrogate", speculation, parts=("draft bound", "causal surrogate")
)
