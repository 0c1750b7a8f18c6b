"""The losses of AR, MDLM and PGM, all of them bounds.

Notation (paper symbol -> our name): alpha_t = 1 - t, so t is the probability of being unknown
(MDLM) or of joining group 1 (PGM); w(t) = -alpha'_t / (1 - alpha_t) = 1/t; L -> n.

MDLM, arXiv 2406.07524, eq. 10; PGM, arXiv 2505.18883, section 3.1. A loss never meets a model
class: it takes anything callable as ``model(tokens, known_or_groups, label) -> logits``.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from pgm_lite.objectives.objective import Network, Objective, coin, cross_entropy


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
