"""The table of the lab: what each policy does to a law that is known, and what it costs."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from pgm_lite.draw import entropy_of, rng
from pgm_lite.lab.policies import DEFAULT, Policy, policy
from pgm_lite.lab.policy_law import PartialStates, policy_law, walkable
from pgm_lite.lab.simulation import simulate
from pgm_lite.laws import every_sequence
from pgm_lite.oracle import Support

SAMPLES = 8192
"""Samples of each policy where its law is too large to be walked exactly."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One policy on one law; nats. ``samples`` is None where every figure is exact.

    ``total_variation`` and ``kl`` = KL(truth, policy) set the policy's law against the truth, the
    second infinite where it never writes a sequence that occurs; ``entropy_change`` is the policy's
    entropy less the true one: above 0 too varied, below 0 too uniform. ``valid`` is the share of
    what is generated that can occur. ``calls`` and ``asked`` (positions asked about) are of one
    sequence. Simulated figures come with ``noise_floor`` (``Counted`` says of what) and standard
    errors; what counting cannot estimate is None.
    """

    policy: str
    total_variation: float
    kl: float | None
    entropy_change: float | None
    valid: float
    calls: float
    asked: float
    samples: int | None = None
    noise_floor: float = 0.0
    total_variation_error: float = 0.0
    valid_error: float = 0.0
    calls_error: float = 0.0

    def row(self) -> dict[str, str]:
        """The finding as cells of a table."""
        cells = {"policy": self.policy}
        if self.samples is None:
            cells |= {"TV": f"{self.total_variation:.4f}", "KL": f"{_positive(self.kl):.4f}"}
            cells["Δ entropy"] = f"{_positive(self.entropy_change):+.4f}"
            return cells | {
                "valid": f"{self.valid:.4f}",
                "calls": f"{self.calls:.2f}",
                "asked": f"{self.asked:.2f}",
            }
        return cells | {
            "TV": f"{self.total_variation:.3f}",
            "valid": f"{self.valid:.4f}",
            "± valid": f"{self.valid_error:.4f}",
            "calls": f"{self.calls:.2f}",
            "± calls": f"{self.calls_error:.2f}",
            "asked": f"{self.asked:.2f}",
        }


def compare(
    law: Support,
    policies: Sequence[str] = DEFAULT,
    *,
    columns: int | None = None,
    samples: int = SAMPLES,
    seed: int = 0,
) -> Iterator[Finding]:
    """Each policy on the law: exactly where its partial states can be walked, else by counting.

    ``columns`` is the width of the grid the sequences are laid out on; one line if left out.
    """
    n = law.seq_len
    width = columns or n
    if n % width:
        raise ValueError(f"{n} positions make no grid of {width} columns; give a divisor of {n}")
    chosen = [policy(name, rows=n // width, columns=width) for name in policies]
    if not walkable(n, law.vocab_size):
        for each in chosen:
            yield counted(each, law, samples=samples, seed=seed)
        return
    states = PartialStates(law, n, law.vocab_size)
    for each in chosen:
        yield exact(each, law, states)


def exact(policy: Policy, law: Support, states: PartialStates) -> Finding:
    """A policy's law, walked, against the truth."""
    truth = law.log_prob(every_sequence(states.n, states.v)).exp()
    found = policy_law(policy, states)
    made = found.probabilities
    occurs = truth > 0
    return Finding(
        policy.name,
        total_variation=float((truth - made).abs().sum()) / 2,
        kl=float((truth * (truth.log() - made.log()))[occurs].sum()),
        entropy_change=float(entropy_of(made.log())) - law.entropy(),
        valid=min(1.0, float(made[occurs].sum())),
        calls=found.calls,
        asked=found.asked,
    )


def counted(policy: Policy, law: Support, *, samples: int, seed: int) -> Finding:
    """A policy's samples against the truth."""
    with torch.no_grad():
        found = simulate(policy, law, samples=samples, rng=rng(seed))
    return Finding(
        policy.name,
        total_variation=found.total_variation,
        kl=None,
        entropy_change=None,
        valid=found.validity,
        calls=found.calls,
        asked=found.asked,
        samples=samples,
        noise_floor=found.noise_floor,
        total_variation_error=found.total_variation_error,
        valid_error=found.validity_error,
        calls_error=found.calls_error,
    )


def _positive(value: float | None) -> float:
    """No minus sign before a zero of rounding."""
    number = math.nan if value is None else value
    return 0.0 if abs(number) < 5e-13 else number
