"""Laws 8 and 15: the bound of an exact model is the entropy, that of a uniform one is log V."""

import math

import pytest
import torch
from networks import LINE, tokens_of
from subjects import dirichlet, markov, shidoku

from pgm_lite.bounds import Bound, exact_likelihood, held_out_bound
from pgm_lite.core import Canvas, Cost
from pgm_lite.draw import Tempered, rng
from pgm_lite.oracle import Support

TOYS = {
    "dirichlet 3x3": (dirichlet(3, 3), 3),
    "markov 5x2": (markov(5, 2), 5),
    "shidoku": (shidoku(), 16),
}


def bound_of(oracle: Support, model: object, rows: int = 8192) -> Bound:
    return held_out_bound(model, oracle.sample(rows, rng=rng(0)), rng=rng(1))


@pytest.mark.parametrize("toy", TOYS)
def test_the_bound_of_the_exact_model_is_the_entropy(toy: str) -> None:
    oracle, n = TOYS[toy]
    bound = bound_of(oracle, oracle)
    # Four standard errors: exceeded by chance once in 16,000 runs.
    assert bound.nats == pytest.approx(oracle.entropy() / n, abs=4 * bound.standard_error)
    assert 0 < bound.standard_error < 0.01
    assert not bound.exact


def test_the_entropy_of_shidoku_is_ln_288() -> None:
    assert shidoku().entropy() == pytest.approx(math.log(288), abs=1e-12)


def test_a_wrong_model_has_a_bound_above_the_entropy() -> None:
    oracle, n = TOYS["dirichlet 3x3"]
    bound = bound_of(oracle, Tempered(oracle, 0.5))
    assert bound.nats > oracle.entropy() / n + 4 * bound.standard_error


class Uniform:
    """Knows nothing: log 1/5 everywhere."""

    def log_probs(self, canvas: Canvas, where: torch.Tensor) -> torch.Tensor:
        return torch.full((*where.shape, 5), -math.log(5), dtype=torch.float64)

    def cost(self, canvas: Canvas, where: torch.Tensor) -> Cost:
        return Cost.zero(canvas.batch)


@pytest.mark.parametrize(("rows", "batch"), [(200, 64), (1, 64), (7, 1)])
def test_a_uniform_predictor_costs_exactly_log_v(rows: int, batch: int) -> None:
    bound = held_out_bound(Uniform(), tokens_of(LINE, rows), rng=rng(2), batch=batch)
    assert bound.nats == pytest.approx(math.log(5), abs=1e-12)
    assert bound.bits == pytest.approx(math.log2(5), abs=1e-12)
    assert bound.rows == rows
    if rows == 1:
        assert math.isnan(bound.standard_error)  # one row tells nothing about its spread
    else:
        assert bound.standard_error == pytest.approx(0, abs=1e-12)


def test_a_uniform_ar_costs_exactly_log_v_and_says_that_it_is_a_likelihood() -> None:
    bound = exact_likelihood(lambda tokens: torch.zeros(*tokens.shape, 5), tokens_of(LINE, 70))
    assert bound.nats == pytest.approx(math.log(5), abs=1e-12)
    assert bound.exact
