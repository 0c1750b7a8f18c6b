"""Losses in nats per token, each labelled ``bound`` or ``surrogate``.

Notation (paper symbol -> our name): alpha_t = 1 - t, so t is the probability of being unknown
(MDLM) or of joining group 1 (PGM); w(t) = -alpha'_t / (1 - alpha_t) = 1/t; L -> n.

MDLM, arXiv 2406.07524, eq. 10; PGM, arXiv 2505.18883, section 3.1. A loss never meets a model
class: it takes anything callable as ``model(tokens, known_or_groups, label) -> logits``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

EPS = 1e-3
"""Times stay in [EPS, 1 - EPS], where P(group) x weight = 1 holds exactly for both groups."""

Network = Callable[..., Float[Tensor, "b n v"]]


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
    ) -> Float[Tensor, " b"]:
        """The loss of each row."""
        ...


@dataclass(frozen=True, slots=True)
class Objective:
    """A loss with its name and what its value means.

    A ``bound`` is, in expectation over t, at least the negative log-likelihood; a ``surrogate`` is
    not, and ``perplexity`` refuses it.
    """

    name: str
    kind: Literal["bound", "surrogate"]
    loss: Loss

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


def likelihood(
    model: Network,
    tokens: Int[Tensor, "b n"],
    label: Int[Tensor, "b a"] | None,
    *,
    t: Float[Tensor, " b"],
    rng: torch.Generator,
) -> Float[Tensor, " b"]:
    """AR: the exact negative log-likelihood; ``t`` and ``rng`` play no part."""
    del t, rng
    return cross_entropy(model(tokens, label), tokens).mean(1)


def masked(
    model: Network,
    tokens: Int[Tensor, "b n"],
    label: Int[Tensor, "b a"] | None,
    *,
    t: Float[Tensor, " b"],
    rng: torch.Generator,
) -> Float[Tensor, " b"]:
    """MDLM: each position unknown with probability t, its cross entropy weighted 1/t."""
    unknown = coin(t, tokens, rng)
    nats = cross_entropy(model(tokens, ~unknown, label), tokens)
    return (nats * unknown).mean(1) / t


def complementary(
    model: Network,
    tokens: Int[Tensor, "b n"],
    label: Int[Tensor, "b a"] | None,
    *,
    t: Float[Tensor, " b"],
    rng: torch.Generator,
) -> Float[Tensor, " b"]:
    """Complementary-masking MDLM: both halves of one partition as two copies, averaged.

    The fair baseline of the PGM paper: the same objective without the partition network.
    """
    unknown = coin(t, tokens, rng)
    twice = None if label is None else torch.cat([label, label])
    logits = model(torch.cat([tokens, tokens]), torch.cat([~unknown, unknown]), twice)
    first, second = cross_entropy(logits, torch.cat([tokens, tokens])).chunk(2)
    return paired(first, second, unknown, t)


def partition(
    model: Network,
    tokens: Int[Tensor, "b n"],
    label: Int[Tensor, "b a"] | None,
    *,
    t: Float[Tensor, " b"],
    rng: torch.Generator,
) -> Float[Tensor, " b"]:
    """PGM: the mean of two masked bounds from one pass; group 1 weighs 1/t, group 0 1/(1 - t).

    Weights as in the prose of section 3.1 and the released code; the printed eq. 8 pairs them the
    other way round and would be no bound.
    """
    group_1 = coin(t, tokens, rng)
    nats = cross_entropy(model(tokens, group_1.long(), label), tokens)
    return paired(nats, nats, group_1, t)


LIKELIHOOD = Objective("likelihood", "bound", likelihood)
MASKED = Objective("masked", "bound", masked)
COMPLEMENTARY = Objective("complementary", "bound", complementary)
PARTITION = Objective("partition", "bound", partition)


def paired(
    inside: Float[Tensor, "b n"],
    outside: Float[Tensor, "b n"],
    group_1: Tensor,
    t: Float[Tensor, " b"],
) -> Float[Tensor, " b"]:
    """The mean of the bound on group 1 (weight 1/t) and the bound on group 0 (weight 1/(1 - t))."""
    at_t = (inside * group_1).mean(1) / t
    at_complement = (outside * ~group_1).mean(1) / (1 - t)
    return (at_t + at_complement) / 2


def coin(t: Float[Tensor, " b"], tokens: Int[Tensor, "b n"], rng: torch.Generator) -> Tensor:
    """True with probability t, independently at each position [b n]."""
    return torch.rand(tokens.shape, generator=rng, device=tokens.device) < t[:, None]


def cross_entropy(
    logits: Float[Tensor, "b n v"], tokens: Int[Tensor, "b n"]
) -> Float[Tensor, "b n"]:
    """Nats at each position, in float32 or better."""
    precise = logits if logits.dtype == torch.float64 else logits.float()
    return F.cross_entropy(precise.transpose(1, 2), tokens, reduction="none")
