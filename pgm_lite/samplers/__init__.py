"""The samplers: iterators of steps; a sampler knows a model only by what it can be asked."""

from pgm_lite.samplers.adaptive import unmask_adaptive
from pgm_lite.samplers.ancestral import ancestral
from pgm_lite.samplers.autoregress import autoregress
from pgm_lite.samplers.first_hitting import first_hitting
from pgm_lite.samplers.speculate import speculate
from pgm_lite.samplers.unmask import unmask
from pgm_lite.samplers.unmask_digits import unmask_digits

__all__ = [
    "ancestral",
    "autoregress",
    "first_hitting",
    "speculate",
    "unmask",
    "unmask_adaptive",
    "unmask_digits",
]
