"""Laws 5 to 7: what a sampler draws from, exactly, when its model is exact."""

from collections.abc import Iterator
from itertools import pairwise, permutations, product

import pytest
import torch
from exact import distance, exact_law, index_of, observed, outcomes, table, written_in
from networks import stirred
from subjects import BLIND, LINE, ORDERS, RANKING, dirichlet, every_sequence, markov

from pgm_lite.core import Canvas, Step
from pgm_lite.draw import entropy_of, rng
from pgm_lite.models import AR, PGM
from pgm_lite.oracle import Sequential, Support
from pgm_lite.orders import BlindOrder, blocks, confidence, left_to_right, random_order
from pgm_lite.samplers import ancestral, autoregress, unmask
from pgm_lite.schedules import one_by_one, uniform

TOYS = {"dirichlet": (dirichlet(4, 2, seed=1), 4, 2), "markov": (markov(4, 2), 4, 2)}
ROUNDING = 1e-12


def as_given(places: tuple[int, ...]) -> BlindOrder:
    """The order in which position ``places[k]`` is written as number k."""
    rank = torch.tensor(places).argsort().double()
    return BlindOrder("given", lambda canvas, rng: rank.expand(canvas.batch, -1))


def law_of(oracle: Support, n: int, v: int, **choices: object) -> torch.Tensor:
    def run() -> Iterator[Step]:
        return unmask(oracle, Canvas.blank(1, n), rng=rng(0), **choices)

    return exact_law(run, n, v)


def in_random_order(oracle: Support, n: int, v: int, schedule: tuple[int, ...]) -> torch.Tensor:
    """The exact law of unmask in random order: the mean over all orders."""
    orders = list(permutations(range(n)))
    laws = [law_of(oracle, n, v, schedule=schedule, order=as_given(order)) for order in orders]
    return torch.stack(laws).mean(0)


@pytest.mark.parametrize("toy", TOYS)
def test_one_position_a_step_is_the_joint_in_every_fixed_order(toy: str) -> None:
    oracle, n, v = TOYS[toy]
    joint = table(oracle, n, v)
    for order in permutations(range(n)):
        law = law_of(oracle, n, v, schedule=one_by_one(n), order=as_given(order))
        assert distance(law, joint) < ROUNDING


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("toy", TOYS)
def test_one_position_a_step_is_the_joint_in_every_order_there_is(toy: str, order: str) -> None:
    oracle, n, v = TOYS[toy]
    rows = 2 if "halton" in order else 1
    law = law_of(oracle, n, v, schedule=one_by_one(n), order=ORDERS[order](rows, n // rows))
    assert distance(law, table(oracle, n, v)) < ROUNDING


def test_40_000_samples_look_like_the_joint() -> None:
    oracle = dirichlet(3, 3)
    steps = list(
        unmask(
            oracle,
            Canvas.blank(40_000, 3),
            schedule=one_by_one(3),
            order=random_order(),
            rng=rng(0),
        )
    )
    tokens = steps[-1].canvas.tokens
    # Exact draws are off by 0.4 sqrt(27 / 40,000) = 0.010 on average and the variation of one draw
    # moves this by 1 / 40,000 at most, so 0.02 is exceeded with a chance below
    # exp(-2 * 0.01^2 * 40,000) = 0.0003 (McDiarmid).
    assert distance(observed(tokens, 3), table(oracle, 3, 3)) < 0.02
    exact = torch.stack([step.log_prob for step in steps]).sum(0).sum(1)
    torch.testing.assert_close(exact, oracle.log_prob(tokens), rtol=0, atol=1e-9)


@pytest.mark.parametrize("order", RANKING)
def test_sample_then_rank_is_biased_towards_the_probable_even_so(order: str) -> None:
    oracle, n, v = dirichlet(3, 3), 3, 3
    joint = table(oracle, n, v)
    law = law_of(
        oracle,
        n,
        v,
        schedule=one_by_one(n),
        order=ORDERS[order](1, n),
        fill="sample-then-rank",
    )
    assert float(law.sum()) == pytest.approx(1, abs=ROUNDING)
    assert distance(law, joint) > 0.05
    assert float(entropy_of(law.log())) < float(entropy_of(joint.log())) - 0.05


@pytest.mark.parametrize("toy", TOYS)
def test_all_at_once_is_the_product_of_the_marginals(toy: str) -> None:
    oracle, n, v = TOYS[toy]
    joint = table(oracle, n, v)
    apart = written_in(joint, n, v, (0,) * n)
    law = law_of(oracle, n, v, schedule=(n,), order=random_order())
    assert distance(law, apart) < ROUNDING
    assert float(entropy_of(law.log())) > float(entropy_of(joint.log())) + 0.05


@pytest.mark.parametrize("toy", TOYS)
def test_total_variation_falls_as_the_schedule_gets_finer(toy: str) -> None:
    """Law 7, in random order; the last schedule is exact."""
    oracle, n, v = TOYS[toy]
    joint = table(oracle, n, v)
    away = [
        distance(in_random_order(oracle, n, v, uniform(n, steps)), joint)
        for steps in range(1, n + 1)
    ]
    assert all(coarse > fine + 0.01 for coarse, fine in pairwise(away))
    assert away[-1] < ROUNDING


def test_neighbours_written_together_lose_most() -> None:
    """On a chain the left-to-right order puts the most dependent positions into one step."""
    oracle, n, v = TOYS["markov"]
    joint = table(oracle, n, v)
    lined = law_of(oracle, n, v, schedule=(2, 2), order=left_to_right())
    assert distance(lined, joint) > 1.2 * distance(in_random_order(oracle, n, v, (2, 2)), joint)


def test_ancestral_writes_each_position_at_a_moment_of_its_own() -> None:
    """Its law: every position at an independent, uniform moment, those of one moment apart."""
    oracle, n, v, steps = dirichlet(3, 3), 3, 3, 3
    joint = table(oracle, n, v)
    moments = list(product(range(steps), repeat=n))
    law = torch.stack([written_in(joint, n, v, each) for each in moments]).mean(0)
    run = ancestral(oracle, Canvas.blank(40_000, n), steps=steps, rng=rng(1))
    found = observed(list(run)[-1].canvas.tokens, v)
    # As above: 0.02 is exceeded with a chance below 0.0003. The joint is further away than that.
    assert distance(found, law) < 0.02
    assert distance(joint, law) > 0.05


def test_ancestral_comes_near_the_joint_with_many_steps() -> None:
    oracle, n, v = markov(3, 2), 3, 2
    joint = table(oracle, n, v)

    def away(steps: int) -> float:
        run = ancestral(oracle, Canvas.blank(20_000, n), steps=steps, rng=rng(2))
        return distance(observed(list(run)[-1].canvas.tokens, v), joint)

    # The noise is 0.4 sqrt(8 / 20,000) = 0.008; that of one step is far above.
    assert away(1) > away(3) + 0.03 > away(60) + 0.06
    assert away(60) < 0.025


@pytest.mark.parametrize("toy", TOYS)
def test_autoregress_draws_from_the_joint(toy: str) -> None:
    oracle, n, v = TOYS[toy]

    def run() -> Iterator[Step]:
        return autoregress(Sequential(oracle), Canvas.blank(1, n), rng=rng(0))

    assert distance(exact_law(run, n, v), table(oracle, n, v)) < ROUNDING


@pytest.mark.parametrize("order", [*BLIND, "confidence", "entropy", "margin"])
def test_the_log_probabilities_of_a_run_add_up(order: str) -> None:
    """Law 6, for every outcome and every order: the sum over the steps is log p(x)."""
    oracle, n, v = TOYS["dirichlet"]
    joint = table(oracle, n, v).log()

    def run() -> Iterator[Step]:
        chosen = ORDERS[order](2, 2)
        return unmask(oracle, Canvas.blank(1, n), schedule=one_by_one(n), order=chosen, rng=rng(3))

    seen = 0
    for steps, probability in outcomes(run):
        total = sum(float(step.log_prob.sum()) for step in steps)
        place = index_of(steps[-1].canvas.tokens, v)
        assert total == pytest.approx(float(joint[place]), abs=1e-9)
        assert probability == pytest.approx(float(joint[place].exp()), abs=1e-9)
        seen += 1
    assert seen == v**n


def test_an_ar_network_reports_its_own_likelihood() -> None:
    network = stirred(AR, LINE)
    steps = list(autoregress(network, Canvas.blank(64, 5), rng=rng(4)))
    tokens = steps[-1].canvas.tokens
    with torch.no_grad():
        laws = network(tokens).double().log_softmax(-1)
    truth = laws.gather(-1, tokens[..., None])[..., 0].sum(1)
    total = torch.stack([step.log_prob for step in steps]).sum(0).sum(1)
    torch.testing.assert_close(total, truth, rtol=0, atol=1e-5)  # the network computes in float32


def test_an_ar_network_is_sampled_from_its_own_law() -> None:
    network, n, v = stirred(AR, LINE), 5, 3
    everything = every_sequence(n, v)
    with torch.no_grad():
        laws = network(everything).double().log_softmax(-1)
    own = laws.gather(-1, everything[..., None])[..., 0].sum(1).exp()
    assert float(own.sum()) == pytest.approx(1, abs=1e-5)
    run = autoregress(network, Canvas.blank(40_000, n), rng=rng(5))
    found = observed(list(run)[-1].canvas.tokens, v)
    # The noise is at most 0.4 sqrt(243 / 40,000) = 0.031; 0.04 is exceeded with a chance below
    # exp(-2 * 0.009^2 * 40,000) = 0.0016.
    assert distance(found, own) < 0.04


def test_a_network_given_in_some_order_is_sampled_from_its_conditionals() -> None:
    """Law 6 for a network, whose conditionals need not fit together: each step reports its own."""
    network = stirred(PGM, LINE)
    canvas = Canvas.blank(32, 5)
    run = unmask(network, canvas, schedule=(2, 2, 1), order=blocks(3, confidence()), rng=rng(6))
    for step in run:
        everywhere = torch.arange(5).expand(32, -1)
        laws = network.log_probs(canvas, everywhere).double().log_softmax(-1)
        told = laws.gather(-1, step.canvas.tokens[..., None])[..., 0]
        told = told.where(step.written, 0.0)
        torch.testing.assert_close(step.log_prob, told, rtol=0, atol=1e-5)
        entropy = entropy_of(laws).where(step.queried, 0.0)
        torch.testing.assert_close(step.entropy, entropy, rtol=0, atol=1e-5)
        canvas = step.canvas
