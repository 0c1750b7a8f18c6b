"""Ramps of guidance: the guided law at every state of an exact pair, and the ends of every ramp."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from shelf import put
from subjects import dirichlet, every_sequence

from pgm_lite import catalog
from pgm_lite.core import Canvas, Cost
from pgm_lite.models import Guided, Labelled
from pgm_lite.models.ramps import RAMPS, falling, linear, square

LABEL = torch.tensor([1])


class Pair:
    """An exact law of sequences, and another one given any label."""

    def __init__(self, n: int) -> None:
        self.free, self.given = dirichlet(n, 2, seed=1), dirichlet(n, 2, seed=2)

    def log_probs(
        self, canvas: Canvas, where: torch.Tensor, label: torch.Tensor | None = None
    ) -> torch.Tensor:
        return (self.free if label is None else self.given).log_probs(canvas, where)

    def cost(self, canvas: Canvas, where: torch.Tensor) -> Cost:
        return self.free.cost(canvas, where)


def every_state(n: int) -> Canvas:
    """Each sequence with each set of its positions known."""
    tokens, known = every_sequence(n, 2), every_sequence(n, 2).bool()
    return Canvas(tokens.repeat_interleave(len(known), 0), known.repeat(len(tokens), 1))


@pytest.mark.parametrize("name", RAMPS)
def test_the_guided_law_at_every_state(name: str) -> None:
    """p_c^(1 + w) / p^w, normalised, with w the scale times the ramp of the share known there."""
    pair, states, ramp = Pair(3), every_state(3), RAMPS[name]
    where = torch.arange(3).expand(states.batch, -1)
    found = Guided(pair, LABEL, 1.7, ramp).log_probs(states, where).exp()
    free, given = (law.log_probs(states, where).exp() for law in (pair.free, pair.given))
    for row in range(states.batch):
        share = torch.tensor([int(states.known[row].sum()) / 3], dtype=torch.float64)
        w = 1.7 * float(ramp(share))
        for position in range(3):
            if not states.known[row, position]:
                target = given[row, position] ** (1 + w) / free[row, position] ** w
                torch.testing.assert_close(
                    found[row, position], target / target.sum(), rtol=0, atol=1e-12
                )


@pytest.mark.parametrize("name", ["linear", "cosine", "square"])
def test_a_rising_ramp_starts_unguided_and_ends_whole(name: str) -> None:
    pair, blank = Pair(4), Canvas.blank(2, 4)
    where = torch.arange(4).expand(2, -1)
    guided = Guided(pair, LABEL, 3.0, RAMPS[name]).log_probs(blank, where)
    plain = Labelled(pair, LABEL).log_probs(blank, where)
    torch.testing.assert_close(guided, plain, rtol=0, atol=1e-12)
    shares = torch.linspace(0, 1, 11, dtype=torch.float64)
    factors = RAMPS[name](shares)
    assert float(factors[0]) == 0
    assert float(factors[-1]) == pytest.approx(1)
    assert (factors.diff() > 0).all()


def test_each_row_has_its_own_share() -> None:
    known = torch.tensor([[False] * 4, [True, True, False, False], [True] * 4])
    canvas = Canvas(torch.zeros(3, 4, dtype=torch.long), known)
    model = Pair(4)
    assert Guided(model, LABEL, 2.0).scale_at(canvas).tolist() == [2, 2, 2]
    assert Guided(model, LABEL, 2.0, linear).scale_at(canvas).tolist() == [0, 1, 2]
    assert Guided(model, LABEL, 2.0, square).scale_at(canvas).tolist() == [0, 0.5, 2]
    # MAGNeT's guidance falls from 10 to 1.
    ten_to_one = Guided(model, LABEL, 10.0, falling).scale_at(canvas)
    torch.testing.assert_close(ten_to_one, torch.tensor([10, 5.5, 1]).double())


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("faces/mdlm", "faces/pgm", "faces/self_spec", "faces/prime"):
        put(tmp_path, name)
    monkeypatch.setattr(catalog, "CHECKPOINTS", tmp_path)
    catalog.load_with_card.cache_clear()
    yield
    catalog.load_with_card.cache_clear()


@pytest.mark.usefixtures("shelf")
@pytest.mark.parametrize(
    ("name", "sampler", "settings"),
    [
        ("faces/pgm", "unmask", {"steps": 3}),
        ("faces/mdlm", "recap", {"steps": 3}),
        ("faces/self_spec", "speculate", {"delta": 0.5}),
        ("faces/prime", "unmask_digits", {"steps": 3}),
    ],
)
def test_the_ramp_of_a_run(name: str, sampler: str, settings: dict) -> None:
    wish = {"sampler": sampler, "settings": settings, "label": {"glasses": "yes"}, "guidance": 4.0}
    constant = catalog.watch(name, **wish)
    ramped = catalog.watch(name, **wish, ramp="linear")
    assert ramped.header.knobs["ramp"] == "linear"
    assert constant.header.knobs["ramp"] == "constant"
    assert ramped.final.known.all()
    # Random weights are far from certain about 256 pixels of 32 colours.
    assert not torch.equal(ramped.final.tokens, constant.final.tokens)
    said = catalog.complaints(name, **wish, ramp="steep")
    assert list(said) == ["label"]
    assert "one of constant, linear, cosine, square, falling; got 'steep'" in said["label"]
