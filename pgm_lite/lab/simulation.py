"""What a policy generates, by counting samples: for laws that are too large to walk exactly."""

import math
from dataclasses import dataclass

import torch

from pgm_lite.core import Canvas, Cost
from pgm_lite.lab.policies import Policy
from pgm_lite.lab.rows import unique_rows
from pgm_lite.oracle import Support


@dataclass(frozen=True, slots=True)
class Counted:
    """Figures of ``samples`` samples, each with its standard error where it has one.

    ``total_variation`` is that of the frequencies and never falls below the true one in
    expectation; it exceeds it by at most ``bias``: sqrt((K + 1) / N) / 2 for K listed sequences
    (Cauchy-Schwarz), about 0.4 sqrt(K / N) = ``noise_floor`` for a sampler without error. One
    sample moves it by 1 / N at most, so its standard error is at most 1 / (2 sqrt(N)).
    """

    samples: int
    total_variation: float
    noise_floor: float
    bias: float
    total_variation_error: float
    validity: float
    validity_error: float
    calls: float
    calls_error: float
    asked: float


def simulate(policy: Policy, law: Support, *, samples: int, rng: torch.Generator) -> Counted:
    """Sample with the library's sampler of this rule, and count how often each sequence came out."""
    if samples < 2:
        raise ValueError(f"a simulation needs at least 2 samples; got {samples}")
    canvas = Canvas.blank(samples, law.seq_len)
    cost, asked, last = Cost.zero(samples), torch.zeros(samples, dtype=torch.long), canvas
    for step in policy.sampler(law, canvas, rng):
        cost, last = cost + step.cost, step.canvas
        asked = asked + step.queried.sum(1)
    found, which = unique_rows(last.tokens)
    counts = which.bincount()
    truth, frequency = law.log_prob(found).exp(), counts.double() / samples
    missed = 1 - truth.sum()
    apart = float((frequency - truth).abs().sum() + missed) / 2
    valid = int(counts[truth > 0].sum()) / samples
    outcomes = int((law.weights > 0).sum())
    return Counted(
        samples=samples,
        total_variation=apart,
        noise_floor=0.4 * math.sqrt(outcomes / samples),
        bias=0.5 * math.sqrt((outcomes + 1) / samples),
        total_variation_error=0.5 / math.sqrt(samples),
        validity=valid,
        validity_error=math.sqrt(valid * (1 - valid) / samples),
        calls=float(cost.calls.mean()),
        calls_error=float(cost.calls.std()) / math.sqrt(samples),
        asked=float(asked.double().mean()),
    )
