"""What a policy generates, by counting samples: where no rule can be walked, or the law is too large.

Frequencies are not probabilities, and every figure says how far it may be off. Entropy read off
frequencies ("plug-in") is too low in expectation, by about (K - 1) / 2N for K sequences and N samples
(Miller and Madow): that much is added, K being the different ones seen, which leaves a little of it.
Its variance is that of the log-probability over N, plus (K - 1) / 2N^2 (Harris). KL(truth, policy)
cannot be estimated: it is infinite as soon as one sequence that occurs is not among the samples.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from pgm_lite.core import Canvas, Conditional, Cost
from pgm_lite.draw import rng
from pgm_lite.lab.policies import Policy
from pgm_lite.lab.rows import unique_rows
from pgm_lite.oracle import Support

UNSEEN = 0.05
"""The share of probability not seen from which on a correction of the entropy says nothing."""

_AT_ONCE = 2**23
"""Pairs of a sample and a listed sequence that are compared at once."""


@dataclass(frozen=True, slots=True)
class Counted:
    """Figures of ``samples`` samples, each with its standard error where it has one.

    ``total_variation`` is that of the frequencies and never falls below the true one in
    expectation; it exceeds it by at most ``bias``: sqrt((K + 1) / N) / 2 for K listed sequences
    (Cauchy-Schwarz). ``noise_floor`` is what a sampler without error is expected to show. One
    sample moves it by 1 / N at most, so its standard error is at most 1 / (2 sqrt(N)).

    ``entropy`` and ``reverse_kl`` = KL(policy, truth) are corrected: ``entropy_bias`` was added to
    the first and taken from the second. It is None where more than ``UNSEEN`` of the probability is
    ``unseen``, by Good and Turing's estimate, the share of samples that came once: then they are not
    corrected, and in expectation the entropy is at least, the divergence at most what they say.
    ``reverse_kl`` is infinite, without error, once a sample cannot occur.
    """

    samples: int
    total_variation: float
    noise_floor: float
    bias: float
    total_variation_error: float
    entropy: float
    entropy_bias: float | None
    entropy_error: float
    reverse_kl: float
    reverse_kl_error: float
    unseen: float
    validity: float
    validity_error: float
    calls: float
    calls_error: float
    asked: float


def simulate(
    policy: Policy, law: Support, *, samples: int, seed: int, model: Conditional | None = None
) -> Counted:
    """Sample with the library's own sampler, and count how often each sequence came out.

    ``model`` is what the sampler asks; the law itself if left out.
    """
    check_samples(samples)
    tokens, calls, asked = _drawn(policy, law, samples, seed, model or law)
    found, which = unique_rows(tokens)
    counts = which.bincount()
    truth, frequency = law.log_prob(found), counts.double() / samples
    missed = 1 - truth.exp().sum()
    apart = float((frequency - truth.exp()).abs().sum() + missed) / 2
    valid = int(counts[truth.isfinite()].sum()) / samples
    unseen = float((counts == 1).sum()) / samples
    added = None if unseen > UNSEEN else (len(found) - 1) / (2 * samples)
    minus_entropy, entropy_error = _mean(frequency, frequency.log(), samples)
    reverse, reverse_error = _mean(frequency, frequency.log() - truth, samples)
    outcomes = int((law.weights > 0).sum())
    return Counted(
        samples=samples,
        total_variation=apart,
        noise_floor=chance_distance(law.weights, samples),
        bias=min(1.0, 0.5 * math.sqrt((outcomes + 1) / samples)),
        total_variation_error=0.5 / math.sqrt(samples),
        entropy=(added or 0.0) - minus_entropy,
        entropy_bias=added,
        entropy_error=entropy_error,
        reverse_kl=reverse - (added or 0.0),
        reverse_kl_error=reverse_error,
        unseen=unseen,
        validity=valid,
        validity_error=math.sqrt(valid * (1 - valid) / samples),
        calls=float(calls.mean()),
        calls_error=float(calls.std()) / math.sqrt(samples),
        asked=float(asked.double().mean()),
    )


def chance_distance(weights: Float[Tensor, " m"], samples: int) -> float:
    """The expected total variation between a law and the frequencies of ``samples`` draws from it.

    Half the sum of the mean deviations of binomial counts, each in closed form (de Moivre):
    E|X - Np| = 2 (m + 1) C(N, m + 1) p^(m + 1) (1 - p)^(N - m) with m = floor(Np).
    """
    p = weights.double()
    p = p[(p > 0) & (p < 1)]
    n = torch.tensor(float(samples), dtype=torch.float64)
    m = (n * p).floor()
    ways = torch.lgamma(n + 1) - torch.lgamma(m + 1) - torch.lgamma(n - m)
    deviations = 2 * (ways + (m + 1) * p.log() + (n - m) * torch.log1p(-p)).exp()
    return float(deviations.sum()) / (2 * samples)


def check_samples(samples: int) -> None:
    """There are enough samples for a standard error."""
    if samples < 2:
        raise ValueError(f"a simulation needs at least 2 samples; got {samples}")


def _drawn(
    policy: Policy, law: Support, samples: int, seed: int, model: Conditional
) -> tuple[Int[Tensor, "b n"], Float[Tensor, " b"], Int[Tensor, " b"]]:
    """Samples, their calls and positions asked about; in parts that fit into memory."""
    tokens, calls, asked = list[Tensor](), list[Tensor](), list[Tensor]()
    each, seeds = max(1, _AT_ONCE // len(law.sequences)), rng(seed)
    for start in range(0, samples, each):
        last = Canvas.blank(min(each, samples - start), law.seq_len)
        cost, queried = Cost.zero(last.batch), torch.zeros(last.batch, dtype=torch.long)
        # Later parts have seeds of their own; a generator looks at 32 bits of them.
        own = int(torch.randint(2**32, (), generator=seeds)) if start else seed
        for step in policy.sampler(model, last, own):
            last, cost, queried = step.canvas, cost + step.cost, queried + step.queried.sum(1)
        tokens.append(last.tokens)
        calls.append(cost.calls)
        asked.append(queried)
    return torch.cat(tokens), torch.cat(calls), torch.cat(asked)


def _mean(
    frequency: Float[Tensor, " u"], nats: Float[Tensor, " u"], samples: int
) -> tuple[float, float]:
    """The mean of logarithms of frequencies (with or without other terms), and its standard error."""
    mean = (frequency * nats).sum()
    if not mean.isfinite():
        return math.inf, 0.0
    spread = (frequency * (nats - mean) ** 2).sum()
    second = (len(frequency) - 1) / (2 * samples)
    return float(mean), math.sqrt((float(spread) + second) / samples)
