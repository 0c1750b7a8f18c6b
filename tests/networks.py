"""Tiny random networks, with every weight stirred so that nothing hides behind a zero."""

from collections.abc import Callable

import torch
from torch import nn

from pgm_lite.net import Shape

LINE = Shape(vocab_size=5, rows=1, columns=12, width=16, heads=2, depth=3)
GRID = Shape(vocab_size=4, rows=3, columns=4, width=16, heads=2, depth=4, labels=(3, 2))

SPELLED = Shape(vocab_size=5, rows=1, columns=12, width=12, heads=2, depth=2, digits=3)
PORTRAIT = Shape(
    vocab_size=4, rows=3, columns=4, width=16, heads=2, depth=2, labels=(3, 2), digits=2
)


def stirred(family: Callable[[Shape], nn.Module], shape: Shape, seed: int = 0):
    """A network with normal weights everywhere, in evaluation mode."""
    network = family(shape)
    rng = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=rng) * 0.4)
    return network.eval()


def tokens_of(shape: Shape, batch: int, seed: int = 1) -> torch.Tensor:
    """Random tokens."""
    rng = torch.Generator().manual_seed(seed)
    return torch.randint(shape.vocab_size, (batch, shape.seq_len), generator=rng)
