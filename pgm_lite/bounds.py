"""What a model is worth on held-out data: the bound every ``Conditional`` has, with its error."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from pgm_lite.core import Canvas, Conditional, listed
from pgm_lite.marginals import Marginals
from pgm_lite.protocols import DigitConditional


@dataclass(frozen=True, slots=True)
class Bound:
    """An estimate in nats per token: its mean, its standard error, and the rows behind it.

    ``exact`` tells a likelihood (AR) from an upper bound on the negative log-likelihood.
    """

    nats: float
    standard_error: float
    rows: int
    exact: bool = False

    @property
    def bits(self) -> float:
        """The same in bits per token."""
        return self.nats / math.log(2)


@torch.no_grad()
def held_out_bound(
    model: Conditional, rows: Int[Tensor, "m n"], *, rng: torch.Generator, batch: int = 64
) -> Bound:
    """The masked bound (MDLM, PGM, oracles): uniform number of unknown positions, random places.

    With u ~ U{1..n} positions unknown, the mean cross entropy over them has the expectation
    E_t[(1/t) sum CE] / n of the continuous bound over t ~ U(0, 1) without a cut at eps (any-order
    view: arXiv 2110.02037, eq. 5), and less variance. u is stratified over the rows, so the standard
    error comes from the differences of rows with neighbouring u, not from the spread over all.
    """
    count, n = rows.shape
    device = rows.device
    # One stratum of u a row; rows of a batch have neighbouring u, so little padding is asked about.
    u = (
        torch.arange(count, device=device) + torch.rand(count, generator=rng, device=device)
    ) / count
    unknown = (1 + (u * n).long()).clamp(max=n)
    shuffled = rows[torch.randperm(count, generator=rng, device=device)]
    nats: list[Tensor] = []
    for start in range(0, count, batch):
        tokens, counts = shuffled[start : start + batch], unknown[start : start + batch]
        place = torch.rand(tokens.shape, generator=rng, device=device).argsort(1).argsort(1)
        known = place >= counts[:, None]
        where = listed(~known)
        answers = model.log_probs(Canvas(tokens, known), where)
        truth = tokens.gather(1, where.clamp(min=0))
        cost = -answers.gather(-1, truth[..., None])[..., 0].double()
        nats.append(cost.masked_fill(where < 0, 0.0).sum(1) / counts)
    return over_strata(torch.cat(nats))


def digit_bound(
    model: DigitConditional, rows: Int[Tensor, "m n"], *, rng: torch.Generator
) -> Bound:
    """The same for digits, in nats per token: each unknown digit under its filtered marginal."""
    code = model.digits
    each = held_out_bound(Marginals(model), code.encode(rows).flatten(1), rng=rng)
    return Bound(each.nats * code.count, each.standard_error * code.count, each.rows)


def over_strata(nats: Float[Tensor, " m"]) -> Bound:
    """The mean over rows that stand in the order of their strata; neighbours tell its error."""
    count = len(nats)
    error = (
        float(nats.diff().square().sum().sqrt() / math.sqrt(2) / count) if count > 1 else math.nan
    )
    return Bound(float(nats.mean()), error, count)


@torch.no_grad()
def exact_likelihood(
    forward: Callable[[Int[Tensor, "b n"]], Float[Tensor, "b n v"]],
    rows: Int[Tensor, "m n"],
    *,
    batch: int = 64,
) -> Bound:
    """The negative log-likelihood of an autoregressive model; ``forward`` gives its logits."""
    nats: list[Tensor] = []
    for start in range(0, len(rows), batch):
        tokens = rows[start : start + batch]
        log_probs = forward(tokens).double().log_softmax(-1)
        nats.append(-log_probs.gather(-1, tokens[..., None])[..., 0].mean(1))
    return summary(torch.cat(nats), exact=True)


def summary(nats: Float[Tensor, " m"], *, exact: bool = False) -> Bound:
    """Mean and standard error over independent rows."""
    error = float(nats.std() / math.sqrt(len(nats))) if len(nats) > 1 else math.nan
    return Bound(float(nats.mean()), error, len(nats), exact)
