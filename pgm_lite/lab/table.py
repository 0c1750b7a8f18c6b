"""The table of the lab: what each policy does to a law that is known, and what it costs."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

import torch

from pgm_lite.core import Conditional
from pgm_lite.draw import entropy_of
from pgm_lite.lab.oracles import Remembered
from pgm_lite.lab.policies import DEFAULT, Policy, policy
from pgm_lite.lab.policy_law import PartialStates, policy_law, walkable
from pgm_lite.lab.simulation import UNSEEN, check_samples, simulate
from pgm_lite.laws import every_sequence
from pgm_lite.oracle import Support

SAMPLES = 8192
"""Samples of each policy that is counted rather than walked."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One policy on one law; nats. ``samples`` is None where every figure is exact.

    ``total_variation`` and ``kl`` = KL(truth, policy) set the policy's law against the truth, the
    second infinite where it never writes a sequence that occurs; ``reverse_kl`` = KL(policy, truth) is
    infinite where it writes one that does not. ``entropy_change`` is the policy's entropy less the true
    one: above 0 too varied, below 0 too uniform. ``valid`` is the share of what is generated that can
    occur. ``calls`` and ``asked`` (positions asked about) are of one sequence.

    Counted figures come with standard errors. ``noise_floor`` is the total variation that as many exact
    draws are expected to have. ``kl`` is then None: it is infinite as soon as something that occurs
    was not seen. ``entropy_bias`` was added to ``entropy_change`` and taken from ``reverse_kl``; it is
    None where too much is unseen to know it: then these are at least and at most what they say
    (``Counted`` says why).
    """

    policy: str
    total_variation: float
    kl: float | None
    entropy_change: float
    valid: float
    calls: float
    asked: float
    reverse_kl: float
    samples: int | None = None
    noise_floor: float = 0.0
    total_variation_error: float = 0.0
    entropy_bias: float | None = 0.0
    entropy_change_error: float = 0.0
    reverse_kl_error: float = 0.0
    valid_error: float = 0.0
    calls_error: float = 0.0

    def row(self) -> dict[str, str]:
        """The finding as cells of a table; ``notes`` explains those of a counted one."""
        if self.samples is None:
            return {
                "policy": self.policy,
                "samples": "exact",
                "TV": f"{self.total_variation:.4f}",
                "KL": f"{_positive(self.kl):.4f}",
                "reverse KL": f"{_positive(self.reverse_kl):.4f}",
                "Δ entropy": f"{_positive(self.entropy_change):+.4f}",
                "valid": f"{self.valid:.4f}",
                "calls": f"{self.calls:.2f}",
                "asked": f"{self.asked:.2f}",
            }
        least, most = ("≥ ", "≤ ") if self.entropy_bias is None else ("", "")
        reverse = f"{most}{self.reverse_kl:.3f} ± {self.reverse_kl_error:.3f}"
        return {
            "policy": self.policy,
            "samples": f"{self.samples:,}",
            "TV": f"{self.total_variation:.3f} ± {self.total_variation_error:.3f}",
            "KL": "not countable",
            "reverse KL": reverse if math.isfinite(self.reverse_kl) else "inf",
            "Δ entropy": f"{least}{self.entropy_change:+.3f} ± {self.entropy_change_error:.3f}",
            "valid": f"{self.valid:.4f} ± {self.valid_error:.4f}",
            "calls": f"{self.calls:.2f} ± {self.calls_error:.2f}",
            "asked": f"{self.asked:.2f}",
        }

    def figures(self) -> dict[str, str | float | None]:
        """The finding as JSON can hold it: an infinite figure is the word "inf"."""
        return {name: "inf" if value == math.inf else value for name, value in asdict(self).items()}


def notes(findings: Sequence[Finding]) -> list[str]:
    """What has to be said about the counted rows of a table; nothing if there are none."""
    counted = [each for each in findings if each.samples is not None]
    if not counted:
        return []
    one = counted[0]
    told = [
        f"Counted rows: {one.samples:,} exact draws have an expected TV of {one.noise_floor:.3f}, so a "
        "TV near it may be none at all; its ± is the largest the standard error can be.",
        "KL = KL(truth, policy) cannot be counted: one sequence that occurs and was not seen makes it "
        "infinite. Reverse KL = KL(policy, truth).",
        "Δ entropy and reverse KL are read off frequencies and corrected by Miller and Madow's "
        f"(K - 1) / 2N, here at most {max(each.entropy_bias or 0 for each in counted):.4f} nats; K are the "
        "sequences seen, so what was not seen leaves a little bias (entropy low, reverse KL high).",
    ]
    if any(each.entropy_bias is None for each in counted):
        told.append(
            f"≥ and ≤ mark those where more than {UNSEEN:.0%} of the probability was not seen: not "
            "corrected, and in expectation at least (Δ entropy) or at most (reverse KL) this."
        )
    return told


def compare(
    law: Support,
    policies: Sequence[str] = DEFAULT,
    *,
    columns: int | None = None,
    samples: int = SAMPLES,
    seed: int = 0,
) -> Iterator[Finding]:
    """Each policy on the law: exactly where its rule and the law can be walked, else by counting.

    ``columns`` is the width of the grid the sequences are laid out on; one line if left out.
    ``samples`` are those of each policy that is counted.
    """
    n = law.seq_len
    width = columns or n
    if n % width:
        raise ValueError(f"{n} positions make no grid of {width} columns; give a divisor of {n}")
    check_samples(samples)
    chosen = [policy(name, rows=n // width, columns=width) for name in policies]
    small = Remembered(law) if walkable(n, law.vocab_size) else None
    for each in chosen:
        if small and each.rule:
            yield exact(each, law, small.states)
        else:
            yield counted(each, law, samples=samples, seed=seed, model=small)


def exact(policy: Policy, law: Support, states: PartialStates) -> Finding:
    """A policy's law, walked, against the truth."""
    truth = law.log_prob(every_sequence(states.n, states.v)).exp()
    found = policy_law(policy.rule, states)
    made = found.probabilities
    return Finding(
        policy.name,
        total_variation=float((truth - made).abs().sum()) / 2,
        kl=_divergence(truth, made),
        reverse_kl=_divergence(made, truth),
        entropy_change=float(entropy_of(made.log())) - law.entropy(),
        valid=min(1.0, float(made[truth > 0].sum())),
        calls=found.calls,
        asked=found.asked,
    )


def counted(
    policy: Policy, law: Support, *, samples: int, seed: int, model: Conditional | None = None
) -> Finding:
    """A policy's samples against the truth."""
    with torch.no_grad():
        found = simulate(policy, law, samples=samples, seed=seed, model=model)
    return Finding(
        policy.name,
        total_variation=found.total_variation,
        kl=None,
        reverse_kl=found.reverse_kl,
        entropy_change=found.entropy - law.entropy(),
        valid=found.validity,
        calls=found.calls,
        asked=found.asked,
        samples=samples,
        noise_floor=found.noise_floor,
        total_variation_error=found.total_variation_error,
        entropy_bias=found.entropy_bias,
        entropy_change_error=found.entropy_error,
        reverse_kl_error=found.reverse_kl_error,
        valid_error=found.validity_error,
        calls_error=found.calls_error,
    )


def _divergence(one: torch.Tensor, other: torch.Tensor) -> float:
    occurs = one > 0
    return float((one * (one.log() - other.log()))[occurs].sum())


def _positive(value: float | None) -> float:
    """No minus sign before a zero of rounding."""
    number = math.nan if value is None else value
    return 0.0 if abs(number) < 5e-13 else number
