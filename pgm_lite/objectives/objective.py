"""What an objective is: a loss in nats per token, with a label that says what its value means."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

EPS = 1e-3
"""Times stay in [EPS, 1 - EPS], where P(group) x weight = 1 holds exactly for both groups."""

Network = Callable[..., Any]
"""Logits [b n v], or for self-speculation those of draft and target."""


@runtime_checkable
class Loss(Protocol):
    """Nats per token of each row, for a batch of tokens at times ``t``."""

    def __call__(
        self,
        model: Network,
        tokens: Int[Tensor, "b n"],
        label: Int[Tensor, "b a"] | None,
        *,
        t: Float[Tensor, " b"],
        rng: torch.Generator,
    ) -> Float[Tensor, " b"] | Float[Tensor, "b p"]:
        """The loss of each row, or its terms."""
        ...


@dataclass(frozen=True, slots=True)
class Objective:
    """A loss with its name and what its value means.

    A ``bound`` is, in expectation over t, at least the negative log-likelihood; a ``surrogate`` is
    not, and ``perplexity`` refuses it. A loss of several terms has a name for each in ``parts``, and
    a column for each in its value; training minimises their sum.
    """

    name: str
    kind: Literal["bound", "surrogate"]
    loss: Loss
    parts: tuple[str, ...] = ()

    def perplexity(self, nats: float) -> float:
        """exp(nats per token), for bounds only."""
        if self.kind != "bound":
            raise ValueError(
                f"the objective {self.name!r} is a surrogate: its value bounds no likelihood and "
                "has no perplexity; evaluate the model under a bound instead"
            )
        return float(torch.tensor(nats, dtype=torch.float64).exp())


def stratified(batch: int, *, rng: torch.Generator, eps: float = EPS) -> Float[Tensor, " b"]:
    """One time per row in [eps, 1 - eps], one in each of ``batch`` equal strata, shuffled.

    Published code calls this antithetic sampling.
    """
    strata = torch.randperm(batch, generator=rng, device=rng.device)
    u = (strata + torch.rand(batch, generator=rng, device=rng.device)) / batch
    return eps + (1 - 2 * eps) * u


def coin(t: Float[Tensor, " b"], tokens: Int[Tensor, "b n"], rng: torch.Generator) -> Tensor:
    """True with probability t, independently at each position [b n]."""
    return torch.rand(tokens.shape, generator=rng, device=tokens.device) < t[:, None]


def cross_entropy(
    logits: Float[Tensor, "b n v"], tokens: Int[Tensor, "b n"]
) -> Float[Tensor, "b n"]:
    """Nats at each position, in float32 or better."""
    precise = logits if logits.dtype == torch.float64 else logits.float()
    return F.cross_entropy(precise.transpose(1, 2), tokens, reduction="none")
