"""Laws 8 and 15 for objectives: uniform predictors cost log V, and each term is what the paper says."""

import math

import pytest
import torch
from networks import LINE, stirred, tokens_of

from pgm_lite import objectives as obj
from pgm_lite.models import AR, MDLM, PGM
from pgm_lite.objectives import masking, objective

BATCH = 512


def uniform_predictor(tokens: torch.Tensor, *_: object) -> torch.Tensor:
    return torch.zeros(*tokens.shape, 5)


@pytest.mark.parametrize(
    "objective", [obj.LIKELIHOOD, obj.MASKED, obj.COMPLEMENTARY, obj.PARTITION]
)
def test_a_uniform_predictor_costs_log_v(objective: obj.Objective) -> None:
    rng = torch.Generator().manual_seed(0)
    tokens = tokens_of(LINE, BATCH)
    nats = torch.cat(
        [
            objective.loss(
                uniform_predictor, tokens, None, t=obj.stratified(BATCH, rng=rng), rng=rng
            )
            for _ in range(8)
        ]
    )
    # Five standard errors: fails by chance once in two million runs.
    error = float(nats.double().std()) / math.sqrt(len(nats))
    assert float(nats.mean()) == pytest.approx(math.log(5), abs=max(5 * error, 1e-5))
    assert objective.kind == "bound"
    assert objective.perplexity(math.log(5)) == pytest.approx(5)


def test_probability_times_weight_is_one_for_both_groups() -> None:
    t = torch.tensor([obj.EPS, 0.1, 0.5, 0.9, 1 - obj.EPS], dtype=torch.float64)
    tokens = torch.zeros(5, 1, dtype=torch.long)
    # The expectation over the coin of paired(...) when every position costs one nat.
    for group_1, share in (
        (torch.ones(5, 1, dtype=torch.bool), t),
        (torch.zeros(5, 1, dtype=torch.bool), 1 - t),
    ):
        ones = torch.ones_like(tokens, dtype=torch.float64)
        torch.testing.assert_close(
            masking.paired(ones, ones, group_1, t) * share,
            torch.full((5,), 0.5, dtype=torch.float64),
        )


def test_times_are_stratified_inside_the_cut() -> None:
    t = obj.stratified(64, rng=torch.Generator().manual_seed(3)).sort().values
    assert float(t[0]) >= obj.EPS
    assert float(t[-1]) <= 1 - obj.EPS
    strata = ((t - obj.EPS) / (1 - 2 * obj.EPS) * 64).floor().long()
    assert strata.tolist() == list(range(64))


def test_a_surrogate_has_no_perplexity() -> None:
    surrogate = obj.Objective("joint", "surrogate", obj.MASKED.loss)
    with pytest.raises(ValueError, match="surrogate: its value bounds no likelihood"):
        surrogate.perplexity(1.0)


def test_only_unknown_positions_are_charged_and_weighted_by_one_over_t() -> None:
    tokens, t = tokens_of(LINE, 4), torch.tensor([0.2, 0.4, 0.6, 0.8])
    model = stirred(MDLM, LINE)
    with torch.no_grad():
        loss = obj.MASKED.loss(model, tokens, None, t=t, rng=torch.Generator().manual_seed(5))
        unknown = objective.coin(t, tokens, torch.Generator().manual_seed(5))
        log_probs = model(tokens, ~unknown).log_softmax(-1)
    by_hand = [
        sum(-float(log_probs[row, i, tokens[row, i]]) for i in range(12) if unknown[row, i])
        / 12
        / float(t[row])
        for row in range(4)
    ]
    torch.testing.assert_close(loss, torch.tensor(by_hand))


def test_the_partition_bound_is_two_masked_bounds_in_one_pass() -> None:
    """Group 1 given group 0 at t, and group 0 given group 1 at 1 - t, as separate questions."""
    tokens, t = tokens_of(LINE, 4), torch.tensor([0.2, 0.4, 0.6, 0.8])
    model = stirred(PGM, LINE)
    with torch.no_grad():
        loss = obj.PARTITION.loss(model, tokens, None, t=t, rng=torch.Generator().manual_seed(5))
        group_1 = objective.coin(t, tokens, torch.Generator().manual_seed(5))
        one_way = objective.cross_entropy(model(tokens, group_1.long()), tokens)
        swapped = objective.cross_entropy(model(tokens, (~group_1).long()), tokens)
    torch.testing.assert_close(one_way, swapped)  # the groups have no names
    first = (one_way * group_1).mean(1) / t
    second = (one_way * ~group_1).mean(1) / (1 - t)
    torch.testing.assert_close(loss, (first + second) / 2)


def test_complementary_masking_charges_every_position_once() -> None:
    tokens, t = tokens_of(LINE, 4), torch.full((4,), 0.5)
    with torch.no_grad():
        loss = obj.COMPLEMENTARY.loss(
            uniform_predictor, tokens, None, t=t, rng=torch.Generator().manual_seed(5)
        )
    torch.testing.assert_close(loss, torch.full((4,), math.log(5)))


def test_the_likelihood_is_the_sum_of_next_token_log_probs() -> None:
    tokens, model = tokens_of(LINE, 3), stirred(AR, LINE)
    with torch.no_grad():
        rng = torch.Generator()
        loss = obj.LIKELIHOOD.loss(model, tokens, None, t=torch.zeros(3), rng=rng)
        log_probs = model(tokens).log_softmax(-1).gather(-1, tokens[..., None])[..., 0]
    torch.testing.assert_close(loss, -log_probs.mean(1))
