"""Attention: what rotation and sharpness do, and the sizes that cannot be."""

import math
from dataclasses import replace

import pytest
import torch
from networks import GRID, LINE

from pgm_lite.net import attend, attend_plainly, rotate, turns

LETTERS = replace(LINE, rotary=(math.pi, 0.1), sharpness=2.0)


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("sharpness", [1.0, 2.5])
def test_the_fast_attention_agrees_with_its_definition(sharpness: float) -> None:
    query, key, value = drawn(3, 2, 3, 7, 8).unbind()
    bias = torch.zeros(2, 1, 7, 7).masked_fill(torch.eye(7, dtype=torch.bool), -torch.inf)
    with torch.no_grad():
        quick = attend(query, key, value, bias, sharpness)
    torch.testing.assert_close(quick, attend_plainly(query, key, value, bias, sharpness))
    scores = sharpness * query @ key.transpose(-1, -2) / math.sqrt(8) + bias
    torch.testing.assert_close(quick, scores.softmax(-1) @ value)


@pytest.mark.parametrize("shape", [LINE, LETTERS])
def test_a_score_depends_on_the_distance_alone(shape) -> None:
    query, key = drawn(2, 1, 1, 1, 8).expand(-1, 1, 1, 12, 8)
    turning = turns(shape)[:-1]
    scores = (rotate(query, turning) @ rotate(key, turning).transpose(-1, -2))[0, 0]
    for distance in range(-11, 12):
        same = scores.diagonal(distance)
        torch.testing.assert_close(same, same[:1].expand_as(same), atol=1e-5, rtol=0)
    assert scores[0].unique().numel() == 12


def test_channels_turn_from_the_fastest_towards_the_slowest() -> None:
    cos, sin = turns(LETTERS)[1]
    falling = math.pi * (0.1 / math.pi) ** (torch.arange(4) / 4)
    torch.testing.assert_close(torch.atan2(sin, cos).abs(), falling)
    cos, sin = turns(LINE)[1]
    torch.testing.assert_close(torch.atan2(sin, cos), 10000.0 ** (-torch.arange(4) / 4))


def test_on_a_grid_half_of_the_channels_turn_with_the_row_and_half_with_the_column() -> None:
    cos, sin = turns(GRID)[GRID.columns + 1]
    angle = torch.atan2(sin, cos)
    torch.testing.assert_close(angle, torch.tensor([1.0, 0.1, 1.0, 0.1]))
    torch.testing.assert_close(turns(GRID)[-1], torch.tensor([[1.0] * 4, [0.0] * 4]))


@pytest.mark.parametrize(
    "impossible",
    [{"rotary": (0.1, 1.0)}, {"rotary": (4.0, 0.1)}, {"rotary": (1.0, 0.0)}, {"sharpness": 0.0}],
)
def test_attention_that_cannot_be_is_refused(impossible: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="a sharpness above 0 and rotary turns of 0 < slowest"):
        replace(LINE, **impossible)
