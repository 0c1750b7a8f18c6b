"""The losses of insertion models: the published one, a surrogate, and one that is a bound.

Notation (arXiv 2505.05755 -> our name): x -> a row of ``tokens`` up to its first ``NOBODY``, m its
length; n -> ``missing``, how many of its tokens are dropped, uniform over 0..m; c_{g,v} -> how
often token v was dropped from gap g; s -> p(done | kept).

One decision costs  l = -log(1 - s) - sum c_{g,v}/n log p(g, v | kept)  with n > 0, and -log s with
n = 0. It is the mean over the tokens that could come in next if they come in in random order.

Bound. A row comes about by its m! orders of insertion, each with a probability of its own, and
then the end: p(x) = sum over orders. Jensen's inequality with the uniform law of orders gives

    -log p(x)  <=  sum_{n=0}^{m} E[l | n] - log m!  =  (m + 1) E_{n ~ U{0..m}}[l] - log m!

for the law p of a sampler that ends by chance with probability s. It is an equality for
``InsertionOracle``. A model that picks gap and token uniformly pays exactly log V a token and its ends.

Surrogate. The published loss is the mean of l without the weight m + 1 (official code: n uniform
over 0..m). Rows then count 1 / (m + 1) as often as the process visits them, and the best possible
model samples not p(x) but p(x) / (m + 1), normalised: too many short sequences.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional as F

from pgm_lite.core import listed
from pgm_lite.objectives.objective import EPS, Network, Objective


def insertion(row_length: float) -> Objective:
    """The bound; ``row_length`` is the mean number of tokens in a row, to give nats per token.

    It is one number for all rows: were each row divided by its own length, short ones would weigh
    more, and what is learned would lean towards them.
    """

    def loss(
        model: Network,
        tokens: Int[Tensor, "b n"],
        label: Int[Tensor, "b a"] | None,
        *,
        t: Float[Tensor, " b"],
        rng: torch.Generator,
    ) -> Float[Tensor, " b"]:
        del label
        m = (tokens >= 0).sum(1)
        return ((m + 1) * decision(model, tokens, t, rng) - torch.lgamma(m + 1.0)) / row_length

    return Objective("insertion", "bound", loss)


def published(
    model: Network,
    tokens: Int[Tensor, "b n"],
    label: Int[Tensor, "b a"] | None,
    *,
    t: Float[Tensor, " b"],
    rng: torch.Generator,
) -> Float[Tensor, " b"]:
    """Nats of one decision of each row; not per token, and no bound."""
    del label
    return decision(model, tokens, t, rng)


INSERTION_PUBLISHED = Objective("insertion, published", "surrogate", published)


def decision(
    model: Network, tokens: Int[Tensor, "b n"], t: Float[Tensor, " b"], rng: torch.Generator
) -> Float[Tensor, " b"]:
    """Nats of the decision at one random subset of each row; ``t`` in [EPS, 1 - EPS] sets its size."""
    m = (tokens >= 0).sum(1)
    missing = ((t - EPS) / (1 - 2 * EPS) * (m + 1)).long().clamp(max=m)
    dropped = drop(tokens, missing, rng)
    kept = listed((tokens >= 0) & ~dropped)
    logits, done = model(tokens.gather(1, kept.clamp(min=0)), m - missing)
    laws = precise(logits).flatten(1).log_softmax(-1)
    gap = ((tokens >= 0) & ~dropped).cumsum(1)  # of a dropped token: how many are kept before it
    there = laws.gather(1, (gap * logits.shape[-1] + tokens).where(dropped, 0))
    put = -there.masked_fill(~dropped, 0.0).sum(1) / missing.clamp(min=1)
    end = precise(done)
    return torch.where(missing > 0, put - F.logsigmoid(-end), -F.logsigmoid(end))


def drop(
    tokens: Int[Tensor, "b n"], missing: Int[Tensor, " b"], rng: torch.Generator
) -> Bool[Tensor, "b n"]:
    """A uniformly random choice of so many tokens of each row."""
    noise = torch.rand(tokens.shape, generator=rng, device=tokens.device)
    rank = noise.masked_fill(tokens < 0, 2.0).argsort(1).argsort(1)
    return rank < missing[:, None]


def precise(logits: Tensor) -> Tensor:
    """In float32 or better."""
    return logits if logits.dtype == torch.float64 else logits.float()
