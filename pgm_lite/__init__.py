"""pgm_lite: see how masked generation works, find where it goes wrong, measure what it costs."""

from pgm_lite import datasets, external, lab, laws
from pgm_lite.analytics import analyse
from pgm_lite.candidates import candidates
from pgm_lite.catalog import load, watch
from pgm_lite.core import NOBODY, Canvas, Conditional, Cost, Layout, NextToken, Step
from pgm_lite.digits import Digits
from pgm_lite.draw import Tempered, TopK, TopP, rng
from pgm_lite.insertion_oracle import InsertionOracle
from pgm_lite.models import AR, MDLM, PGM, Guided, Insertion, Labelled, Prime, SelfSpec
from pgm_lite.oracle import HalfKnown, Support, joint_table
from pgm_lite.orders import (
    blocks,
    confidence,
    entropy,
    halton,
    left_to_right,
    margin,
    random_order,
    scouted,
)
from pgm_lite.path_law import speculative_log_prob
from pgm_lite.policies import entropy_bounded, factor, stable, threshold
from pgm_lite.samplers import (
    Loop,
    adaptive_parallel,
    ancestral,
    autoregress,
    first_hitting,
    insert,
    path_planning,
    recap,
    remask,
    speculate,
    speculative_decode,
    unmask,
    unmask_adaptive,
    unmask_digits,
)
from pgm_lite.schedules import cosine, one_by_one, uniform
from pgm_lite.trace import Trace, record
from pgm_lite.two_models import TwoModels
from pgm_lite.viz import race, show
from pgm_lite.windows import constant_window, cosine_window, linear_window

__version__ = "0.1.0"

__all__ = [
    "AR",
    "MDLM",
    "NOBODY",
    "PGM",
    "Canvas",
    "Conditional",
    "Cost",
    "Digits",
    "Guided",
    "HalfKnown",
    "Insertion",
    "InsertionOracle",
    "Labelled",
    "Layout",
    "Loop",
    "NextToken",
    "Prime",
    "SelfSpec",
    "Step",
    "Support",
    "Tempered",
    "TopK",
    "TopP",
    "Trace",
    "TwoModels",
    "adaptive_parallel",
    "analyse",
    "ancestral",
    "autoregress",
    "blocks",
    "candidates",
    "confidence",
    "constant_window",
    "cosine",
    "cosine_window",
    "datasets",
    "entropy",
    "entropy_bounded",
    "external",
    "factor",
    "first_hitting",
    "halton",
    "insert",
    "joint_table",
    "lab",
    "laws",
    "left_to_right",
    "linear_window",
    "load",
    "margin",
    "one_by_one",
    "path_planning",
    "race",
    "random_order",
    "recap",
    "record",
    "remask",
    "rng",
    "scouted",
    "show",
    "speculate",
    "speculative_decode",
    "speculative_log_prob",
    "stable",
    "threshold",
    "uniform",
    "unmask",
    "unmask_adaptive",
    "unmask_digits",
    "watch",
]
