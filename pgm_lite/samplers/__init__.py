"""The samplers: iterators of steps; a sampler knows a model only by what it can be asked."""

from pgm_lite.samplers.adaptive import unmask_adaptive
from pgm_lite.samplers.adaptive_parallel import adaptive_parallel
from pgm_lite.samplers.ancestral import ancestral
from pgm_lite.samplers.autoregress import autoregress
from pgm_lite.samplers.first_hitting import first_hitting
from pgm_lite.samplers.insert import insert
from pgm_lite.samplers.path_planning import path_planning
from pgm_lite.samplers.recap import recap
from pgm_lite.samplers.remask import Loop, remask
from pgm_lite.samplers.speculate import speculate
from pgm_lite.samplers.speculative_decode import speculative_decode
from pgm_lite.samplers.unmask import unmask
from pgm_lite.samplers.unmask_digits import unmask_digits

__all__ = [
    "Loop",
    "adaptive_parallel",
    "ancestral",
    "autoregress",
    "first_hitting",
    "insert",
    "path_planning",
    "recap",
    "remask",
    "speculate",
    "speculative_decode",
    "unmask",
    "unmask_adaptive",
    "unmask_digits",
]
