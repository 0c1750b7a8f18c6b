"""The model families: each answers what its protocol asks and never samples itself."""

from pgm_lite.models.ar import AR
from pgm_lite.models.guidance import Guided, Labelled, Steerable
from pgm_lite.models.insertion import Insertion
from pgm_lite.models.mdlm import MDLM
from pgm_lite.models.pgm import PGM
from pgm_lite.models.prime import Prime
from pgm_lite.models.self_spec import SelfSpec

__all__ = ["AR", "MDLM", "PGM", "Guided", "Insertion", "Labelled", "Prime", "SelfSpec", "Steerable"]
