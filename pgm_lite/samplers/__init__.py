"""The samplers: iterators of steps; a sampler knows a model only by what it can be asked."""

from pgm_lite.samplers.ancestral import ancestral
from pgm_lite.samplers.autoregress import autoregress
from pgm_lite.samplers.insert import insert
from pgm_lite.samplers.speculate import speculate
from pgm_lite.samplers.unmask import unmask
from pgm_lite.samplers.unmask_digits import unmask_digits

__all__ = ["ancestral", "autoregress", "insert", "speculate", "unmask", "unmask_digits"]
