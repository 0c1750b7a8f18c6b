"""Small exact laws."""

import torch

from pgm_lite.oracle import Support


def one_token(weights: torch.Tensor) -> Support:
    """A law of a single token; tokens of weight zero are left out."""
    tokens = torch.arange(len(weights))[weights > 0]
    return Support(tokens[:, None], len(weights), (weights / weights.sum())[weights > 0])
