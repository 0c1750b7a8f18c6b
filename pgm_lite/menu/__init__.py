"""The samplers as users meet them: what each one does, which families it runs on, its knobs.

One file a group of samplers; a sampler listed here appears in the app, the command line, the
benchmarks and the conformance tests. The first that runs on a family is the family's own.
"""

from pgm_lite.menu.adaptive import ENTROPY_BOUNDED, FIRST_HITTING, STABLE, THRESHOLD
from pgm_lite.menu.digits import UNMASK_DIGITS
from pgm_lite.menu.drafts import SPECULATE
from pgm_lite.menu.inserting import INSERT
from pgm_lite.menu.masked import ANCESTRAL, UNMASK
from pgm_lite.menu.recap import RECAP
from pgm_lite.menu.revising import PATH_PLANNING, REMASK
from pgm_lite.menu.sampler import Request, Sampler
from pgm_lite.menu.sequential import AUTOREGRESS
from pgm_lite.menu.two_models import ADAPTIVE_PARALLEL, SPECULATIVE_DECODE

__all__ = ["SAMPLERS", "Request", "Sampler"]

LISTED = (
    SPECULATE,
    UNMASK_DIGITS,
    UNMASK,
    ANCESTRAL,
    FIRST_HITTING,
    ENTROPY_BOUNDED,
    THRESHOLD,
    STABLE,
    REMASK,
    PATH_PLANNING,
    RECAP,
    AUTOREGRESS,
    INSERT,
    SPECULATIVE_DECODE,
    ADAPTIVE_PARALLEL,
)

SAMPLERS: dict[str, Sampler] = {each.name: each for each in LISTED}
