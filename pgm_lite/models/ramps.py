"""How strong guidance is as more becomes known: a factor of the scale for each share known.

A ramp maps the share of positions known [b], from 0 to 1, to what the scale is multiplied by. In the
field: ReCAP (arXiv 2505.19089) lets a small scale double on the way, Halton-MaskGIT raises it
linearly, MAGNeT (arXiv 2401.04577) lets it fall from 10 to 1 with the share still masked. A rising
ramp leaves early choices to the model and sharpens late ones; a falling one does the opposite.
"""

import math
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

Ramp = Callable[[Float[Tensor, " b"]], Float[Tensor, " b"]]


def constant(known: Float[Tensor, " b"]) -> Float[Tensor, " b"]:
    """The whole scale at every step."""
    return torch.ones_like(known)


def linear(known: Float[Tensor, " b"]) -> Float[Tensor, " b"]:
    """From nothing to the whole scale, in proportion to the share known."""
    return known


def cosine(known: Float[Tensor, " b"]) -> Float[Tensor, " b"]:
    """From nothing to the whole scale, slowly at both ends: (1 - cos(pi known)) / 2."""
    return (1 - (math.pi * known).cos()) / 2


def square(known: Float[Tensor, " b"]) -> Float[Tensor, " b"]:
    """From nothing to the whole scale, late: the square of the share known."""
    return known.square()


def falling(known: Float[Tensor, " b"]) -> Float[Tensor, " b"]:
    """From the whole scale to a tenth of it, in proportion to the share unknown: MAGNeT's 10 to 1."""
    return 1 - 0.9 * known


RAMPS: dict[str, Ramp] = {
    "constant": constant,
    "linear": linear,
    "cosine": cosine,
    "square": square,
    "falling": falling,
}
"""The ramps by the names users choose them by."""
