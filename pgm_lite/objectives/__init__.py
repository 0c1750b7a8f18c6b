"""Losses in nats per token, each labelled ``bound`` or ``surrogate``."""

from pgm_lite.objectives.digits import joint, marginal
from pgm_lite.objectives.insertion import INSERTION_PUBLISHED, insertion
from pgm_lite.objectives.masking import COMPLEMENTARY, LIKELIHOOD, MASKED, PARTITION
from pgm_lite.objectives.objective import EPS, Loss, Network, Objective, stratified
from pgm_lite.objectives.speculation import SPECULATION

__all__ = [
    "COMPLEMENTARY",
    "EPS",
    "INSERTION_PUBLISHED",
    "LIKELIHOOD",
    "MASKED",
    "PARTITION",
    "SPECULATION",
    "Loss",
    "Network",
    "Objective",
    "insertion",
    "joint",
    "marginal",
    "stratified",
]
