"""Samplers: generators that yield one ``Step`` a model call."""

from pgm_lite.samplers.ancestral import ancestral
from pgm_lite.samplers.autoregress import autoregress
from pgm_lite.samplers.unmask import CHOOSE_THEN_SAMPLE, SAMPLE_THEN_RANK, unmask

__all__ = ["CHOOSE_THEN_SAMPLE", "SAMPLE_THEN_RANK", "ancestral", "autoregress", "unmask"]
