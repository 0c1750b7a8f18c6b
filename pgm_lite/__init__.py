"""pgm_lite: see how masked generation works, find where it goes wrong, measure what it costs."""

from pgm_lite import datasets
from pgm_lite.catalog import load, watch
from pgm_lite.core import NOBODY, Canvas, Conditional, Cost, Layout, NextToken, Step
from pgm_lite.draw import Tempered, TopK, TopP, rng
from pgm_lite.models import AR, MDLM, PGM, Guided, Labelled
from pgm_lite.oracle import Support, joint_table
from pgm_lite.orders import (
    blocks,
    confidence,
    entropy,
    halton,
    left_to_right,
    margin,
    random_order,
)
from pgm_lite.samplers import ancestral, autoregress, unmask
from pgm_lite.schedules import cosine, one_by_one, uniform
from pgm_lite.trace import Trace, record
from pgm_lite.viz import race, show

__version__ = "0.1.0"

__all__ = [
    "AR",
    "MDLM",
    "NOBODY",
    "PGM",
    "Canvas",
    "Conditional",
    "Cost",
    "Guided",
    "Labelled",
    "Layout",
    "NextToken",
    "Step",
    "Support",
    "Tempered",
    "TopK",
    "TopP",
    "Trace",
    "ancestral",
    "autoregress",
    "blocks",
    "confidence",
    "cosine",
    "datasets",
    "entropy",
    "halton",
    "joint_table",
    "left_to_right",
    "load",
    "margin",
    "one_by_one",
    "race",
    "random_order",
    "record",
    "rng",
    "show",
    "uniform",
    "unmask",
    "watch",
]
