"""The bound on held-out rows: every row once, a uniform number unknown, a fair error."""

import math
from collections import Counter

import pytest
import torch
from networks import LINE, stirred, tokens_of

from pgm_lite.bounds import Bound, exact_likelihood, held_out_bound, summary
from pgm_lite.core import Canvas, Cost
from pgm_lite.draw import rng
from pgm_lite.models import AR, MDLM, PGM


class Priced:
    """Charges position i of a row exactly i nats, and remembers what it was shown."""

    def __init__(self) -> None:
        self.rows: list[list[int]] = []
        self.unknown: list[int] = []
        self.places = torch.zeros(12, dtype=torch.long)

    def log_probs(self, canvas: Canvas, where: torch.Tensor) -> torch.Tensor:
        self.rows += canvas.tokens.tolist()
        self.unknown += canvas.unknown.sum(1).tolist()
        self.places += canvas.unknown.sum(0)
        return -where.clamp(min=0).double()[..., None].expand(*where.shape, 5)

    def cost(self, canvas: Canvas, where: torch.Tensor) -> Cost:
        return Cost.zero(canvas.batch)


def test_every_row_is_used_once_with_a_uniform_number_unknown() -> None:
    model, rows = Priced(), tokens_of(LINE, 1200)
    bound = held_out_bound(model, rows, rng=rng(0))
    assert sorted(model.rows) == sorted(rows.tolist())
    counts = Counter(model.unknown)
    assert sorted(counts) == list(range(1, 13))
    # Stratified over 1,200 rows: 100 rows for each number, give or take one.
    assert all(abs(count - 100) <= 1 for count in counts.values())
    # Places are uniform: each is unknown in 650 rows, standard deviation below 17.4; of 12 places
    # one is off by more than 87 (five of them) once in 140,000 runs.
    assert int((model.places - 650).abs().max()) < 87
    # The mean of i over uniform places is 5.5, whatever the number unknown.
    assert bound.nats == pytest.approx(5.5, abs=5 * bound.standard_error)
    assert bound.standard_error > 0


@pytest.mark.parametrize("family", [MDLM, PGM])
def test_the_batch_is_not_part_of_the_answer(family: type) -> None:
    """Rows of one call differ in how much is unknown; padding must not leak into the mean."""
    model, rows = stirred(family, LINE), tokens_of(LINE, 300)
    bounds = [held_out_bound(model, rows, rng=rng(1), batch=batch) for batch in (7, 300)]
    error = math.hypot(*(bound.standard_error for bound in bounds))
    assert bounds[0].nats == pytest.approx(bounds[1].nats, abs=5 * error)
    assert {bound.rows for bound in bounds} == {300}


def test_the_same_generator_gives_the_same_bound() -> None:
    model, rows = stirred(MDLM, LINE), tokens_of(LINE, 20)
    one = held_out_bound(model, rows, rng=rng(2))
    assert one == held_out_bound(model, rows, rng=rng(2))
    assert one != held_out_bound(model, rows, rng=rng(3))


def test_a_likelihood_is_the_mean_over_rows() -> None:
    model, rows = stirred(AR, LINE), tokens_of(LINE, 9)
    whole = exact_likelihood(model, rows)
    parts = [exact_likelihood(model, rows[i : i + 1]).nats for i in range(9)]
    assert whole.nats == pytest.approx(sum(parts) / 9, abs=1e-6)
    assert whole.standard_error == pytest.approx(float(torch.tensor(parts).std()) / 3, rel=1e-5)
    assert exact_likelihood(model, rows, batch=2).nats == pytest.approx(whole.nats, abs=1e-6)


def test_nats_and_bits() -> None:
    assert Bound(math.log(2), 0.0, 1).bits == pytest.approx(1)
    assert summary(torch.tensor([1.0, 3.0])) == Bound(2.0, pytest.approx(1.0), 2)
