"""Surrogate and bound of Prime at the exact optimum (P5, P10, law 8)."""

import math

import pytest
import torch
from networks import tokens_of
from torch import nn
from toys import one_token

from pgm_lite.bounds import held_out_bound
from pgm_lite.core import Canvas
from pgm_lite.digits import Digits
from pgm_lite.draw import rng
from pgm_lite.marginals import Marginals
from pgm_lite.models import Prime
from pgm_lite.net import Shape
from pgm_lite.objectives import joint, marginal, stratified
from pgm_lite.oracle import HalfKnown, Support


class Tabular(nn.Module):
    """The exact answers as a network, for the objectives."""

    def __init__(self, law: HalfKnown) -> None:
        super().__init__()
        self.law = law

    def forward(self, digits: torch.Tensor, known: torch.Tensor, label: None) -> torch.Tensor:
        n = self.law.law.seq_len
        return self.law.log_probs(Canvas(digits, known), torch.arange(n).expand(len(digits), -1))


def surrogate_and_bound(law: Support, code: Digits) -> tuple[float, float]:
    """The optimum of both losses for one token, summed over all subsets of known digits."""
    model, count = Tabular(HalfKnown(law, code)), code.count
    tokens = law.sequences
    digits = code.encode(tokens).flatten(1)
    totals = [0.0, 0.0]
    for subset in range(2**count):
        known = torch.tensor([bool(subset >> j & 1) for j in range(count)]).expand(len(tokens), -1)
        k = int(known[0].sum())
        if k == count:
            continue
        # The integral over t of (1/t) (1 - t)^k t^(l - k).
        weight = math.factorial(k) * math.factorial(count - k - 1) / math.factorial(count)
        laws = model(digits, known, None)[:, 0]
        joint_nats = -laws.gather(-1, tokens)[:, 0]
        single = Marginals(HalfKnown(law, code)).log_probs(
            Canvas(digits, known), torch.arange(count).expand(len(tokens), -1)
        )
        single_nats = -(single.gather(-1, digits[..., None])[..., 0] * ~known).sum(1)
        totals[0] += weight * float((law.weights * joint_nats).sum())
        totals[1] += weight * float((law.weights * single_nats).sum())
    return totals[0], totals[1]


def test_two_opposite_tokens() -> None:
    """{000, 111}: the surrogate's optimum is a third of the entropy, the bound's is all of it."""
    weights = torch.zeros(8, dtype=torch.float64)
    weights[[0, 7]] = 0.5
    surrogate, bound = surrogate_and_bound(one_token(weights), Digits(8, 3))
    assert surrogate == pytest.approx(math.log(2) / 3, abs=1e-12)
    assert bound == pytest.approx(math.log(2), abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_the_bounds_optimum_is_the_entropy_and_the_surrogates_is_below(seed: int) -> None:
    weights = torch.rand(27, generator=rng(seed), dtype=torch.float64) ** 4
    law = one_token(weights)
    surrogate, bound = surrogate_and_bound(law, Digits(27, 3))
    assert bound == pytest.approx(law.entropy(), abs=1e-10)
    assert surrogate < law.entropy() - 0.01
    # P10: another spelling leaves the bound where it is and moves the surrogate.
    shuffled = Digits(27, 3, codes=torch.randperm(27, generator=rng(seed)))
    other, same = surrogate_and_bound(law, shuffled)
    assert same == pytest.approx(bound, abs=1e-10)
    assert abs(other - surrogate) > 1e-3


def test_independent_digits_make_the_two_equal() -> None:
    digit = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
    law = one_token((digit[:, None, None] * digit[:, None] * digit).flatten())
    surrogate, bound = surrogate_and_bound(law, Digits(27, 3))
    assert surrogate == pytest.approx(law.entropy(), abs=1e-10)
    assert bound == pytest.approx(law.entropy(), abs=1e-10)


def test_the_losses_estimate_these_optima() -> None:
    weights = torch.rand(27, generator=rng(11), dtype=torch.float64) ** 4
    law, code = one_token(weights), Digits(27, 3)
    model, tokens = Tabular(HalfKnown(law, code)), law.sample(200_000, rng=rng(0))
    expected = surrogate_and_bound(law, code)
    for objective, value in zip((joint(code), marginal(code)), expected, strict=True):
        t = stratified(len(tokens), rng=rng(1))
        nats = objective.loss(model, tokens, None, t=t, rng=rng(2))
        error = float(nats.std()) / math.sqrt(len(tokens))
        # Four standard errors, once in 16,000 runs, and what the cut of t at 0.001 leaves out.
        assert float(nats.mean()) == pytest.approx(value, abs=4 * error + 0.004)


def test_the_held_out_bound_of_the_exact_model_is_the_entropy() -> None:
    law = Support(
        torch.cartesian_prod(*[torch.arange(3)] * 2),
        3,
        (w := torch.arange(1, 10).double()) / w.sum(),
    )
    code = Digits(3, 2)
    rows = law.sample(8192, rng=rng(0))
    bound = held_out_bound(
        Marginals(HalfKnown(law, code)), code.encode(rows).flatten(1), rng=rng(1)
    )
    # Per digit, two digits a token, two tokens; four standard errors are left once in 16,000 runs.
    assert bound.nats * 4 == pytest.approx(law.entropy(), abs=16 * bound.standard_error)


def test_a_uniform_model_costs_log_v_under_the_bound() -> None:
    """Law 15: an untrained head is uniform over the tokens; 27 = 3^3 leaves no gap."""
    shape = Shape(vocab_size=27, rows=1, columns=8, width=12, heads=2, depth=2, digits=3)
    model = Prime(shape)
    tokens = tokens_of(shape, 512)
    bound = held_out_bound(Marginals(model), model.digits.encode(tokens).flatten(1), rng=rng(0))
    assert bound.nats * 3 == pytest.approx(math.log(27), abs=1e-6)
