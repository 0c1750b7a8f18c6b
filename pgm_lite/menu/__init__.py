"""The samplers as users meet them: what each one does, which families it runs on, its knobs.

One file a group of samplers; a sampler listed here appears in the app, the command line, the
benchmarks and the conformance tests. The first that runs on a family is the family's own.
"""

from pgm_lite.menu.digits import UNMASK_DIGITS
from pgm_lite.menu.drafts import SPECULATE
from pgm_lite.menu.inserting import INSERT
from pgm_lite.menu.masked import ANCESTRAL, UNMASK
from pgm_lite.menu.sampler import Request, Sampler
from pgm_lite.menu.sequential import AUTOREGRESS

__all__ = ["SAMPLERS", "Request", "Sampler"]

LISTED = (
    SPECULATE,
    UNMASK_DIGITS,
    UNMASK,
    ANCESTRAL,
    AUTOREGRESS,
    INSERT,
)

SAMPLERS: dict[str, Sampler] = {each.name: each for each in LISTED}
