"""The exact lab: what a way of sampling does to a law that is known in full.

``compare`` sets policies against each other, ``split_error`` divides a network's error, ``cliff``
counts what sighted orders cost a partition model.
"""

from pgm_lite.lab.cliff import Bill, cliff
from pgm_lite.lab.error_split import (
    SPLIT_SAMPLES,
    Split,
    along_truth,
    asked_of,
    model_error,
    sampled,
    split_error,
    split_network,
    total_correlation,
    truth_of,
)
from pgm_lite.lab.policies import DEFAULT, FAMILIES, Policy, listing, policy
from pgm_lite.lab.policy_law import PartialStates, PolicyLaw, policy_law
from pgm_lite.lab.rules import Rule
from pgm_lite.lab.simulation import Counted, chance_distance, simulate
from pgm_lite.lab.table import SAMPLES, Finding, compare, notes
from pgm_lite.lab.worlds import world

__all__ = [
    "DEFAULT",
    "FAMILIES",
    "SAMPLES",
    "SPLIT_SAMPLES",
    "Bill",
    "Counted",
    "Finding",
    "PartialStates",
    "Policy",
    "PolicyLaw",
    "Rule",
    "Split",
    "along_truth",
    "asked_of",
    "chance_distance",
    "cliff",
    "compare",
    "listing",
    "model_error",
    "notes",
    "policy",
    "policy_law",
    "sampled",
    "simulate",
    "split_error",
    "split_network",
    "total_correlation",
    "truth_of",
    "world",
]
