"""Learned features of a portrait, and the Fréchet distance between two sets of them."""

from functools import cache

import numpy as np
import torch
from jaxtyping import Float, Float64, Int
from numpy.typing import NDArray
from safetensors.torch import load
from torch import Tensor, nn

from pgm_lite.datasets.assets import asset

WEIGHTS = "face_features.safetensors"
FEATURES = 32


class FaceFeatures(nn.Module):
    """A small convolutional network from 16x16 tokens to features of about unit variance.

    ``scripts/make_face_features.py`` trains it to name the parts and colours the generator drew
    and to tell how many cells were replaced, so its features see both what a portrait is made
    of and whether it is intact.
    """

    def __init__(self, vocab_size: int = 32) -> None:
        super().__init__()
        self.colours = nn.Embedding(vocab_size, 12)
        self.near = nn.Conv2d(12, 32, 3, padding=1)
        self.wider = nn.Conv2d(32, 48, 3, padding=1, stride=2)
        self.widest = nn.Conv2d(48, 64, 3, padding=1, stride=2)
        self.summary = nn.Linear(64 * 16, FEATURES)
        self.register_buffer("mean", torch.zeros(FEATURES))
        self.register_buffer("spread", torch.ones(FEATURES))

    def forward(self, tokens: Int[Tensor, "b 256"]) -> Float[Tensor, "b features"]:
        """The features before standardisation, as the classifier's heads read them."""
        picture = self.colours(tokens).unflatten(1, (16, 16)).permute(0, 3, 1, 2)
        seen = torch.relu(self.near(picture))
        seen = torch.relu(self.wider(seen))
        seen = torch.relu(self.widest(seen))
        return self.summary(seen.flatten(1))

    @torch.no_grad()
    def standard(self, tokens: Int[Tensor, "b 256"]) -> Float[Tensor, "b features"]:
        """The features in units of their spread over the training portraits."""
        parts = [self(part) for part in torch.split(tokens, 512)]
        return (torch.cat(parts) - self.get_buffer("mean")) / self.get_buffer("spread")


@cache
def face_features() -> FaceFeatures:
    """The trained network that ships with the data."""
    network = FaceFeatures()
    network.load_state_dict({k: v.float() for k, v in load(asset(WEIGHTS).read_bytes()).items()})
    return network.requires_grad_(requires_grad=False).eval()


def frechet_distance(
    ours: Float[Tensor, "ours features"], theirs: Float[Tensor, "theirs features"]
) -> float:
    """The Fréchet (Wasserstein-2) distance, squared, of the Gaussians fitted to two sets.

    |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)), Dowson and Landau 1982, as used by Heusel et
    al. 2017. The trace of the root is taken from the eigenvalues of the symmetric S1^(1/2) S2
    S1^(1/2), which needs no root of a matrix that is not symmetric. Few samples bias the
    distance upwards.
    """
    if len(ours) < 2 or len(theirs) < 2:
        raise ValueError(
            f"a Fréchet distance needs at least 2 samples on each side to fit a covariance; "
            f"got {len(ours)} and {len(theirs)}"
        )
    mean_1, cov_1 = _moments(ours)
    mean_2, cov_2 = _moments(theirs)
    values, vectors = np.linalg.eigh(cov_1)
    root = (vectors * np.sqrt(values.clip(0))) @ vectors.T
    overlap = np.sqrt(np.linalg.eigvalsh(root @ cov_2 @ root).clip(0)).sum()
    gap = float(((mean_1 - mean_2) ** 2).sum())
    return gap + float(np.trace(cov_1) + np.trace(cov_2) - 2 * overlap)


def _moments(
    features: Float[Tensor, "b features"],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    table: Float64[Tensor, "b features"] = features.double()
    return table.mean(0).numpy(), torch.cov(table.T).numpy()
