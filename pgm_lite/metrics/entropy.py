"""The entropy of the symbols inside a sample: what quality scores can be bought with."""

import torch
from jaxtyping import Int
from torch import Tensor


def symbol_entropy(samples: Int[Tensor, "b n"], vocab_size: int) -> float:
    """Entropy (nats) of each sample's own histogram of symbols, averaged over the samples.

    The usual companion of generative perplexity: samples that repeat themselves score well and
    have little of it.
    """
    ones = torch.ones(samples.shape, dtype=torch.float64)
    counts = torch.zeros(len(samples), vocab_size, dtype=torch.float64)
    shares = counts.scatter_add(1, samples, ones) / samples.shape[1]
    return -torch.xlogy(shares, shares).sum(1).mean().item()
