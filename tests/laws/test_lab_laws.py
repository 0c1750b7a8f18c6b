"""The lab against the samplers: walked laws are theirs, counts agree, both errors add up."""

from collections.abc import Iterator
from itertools import permutations, product

import pytest
import torch
from exact import distance, exact_law, table, written_in
from networks import stirred

from pgm_lite import laws
from pgm_lite.core import Canvas, Step
from pgm_lite.draw import Tempered, rng
from pgm_lite.lab import (
    PartialStates,
    along_truth,
    compare,
    policy,
    policy_law,
    simulate,
    split_error,
)
from pgm_lite.lab.rules import entropy_bounded
from pgm_lite.models import MDLM, PGM
from pgm_lite.net import Shape
from pgm_lite.orders import BlindOrder, left_to_right
from pgm_lite.samplers import unmask

ROUNDING = 1e-12
N, V = 4, 2
LAW = laws.dirichlet(N, V, seed=1)
LINE = Shape(vocab_size=V, rows=1, columns=N, width=8, heads=2, depth=2)


def walked(name: str, law: object = LAW, n: int = N, v: int = V) -> torch.Tensor:
    return policy_law(policy(name, rows=1, columns=n).rule, PartialStates(law, n, v)).probabilities


ADAPTIVE = ("eb:0", "eb:0.5", "eb:1", "threshold:0.5", "threshold:0.7", "factor:1", "factor:2")


@pytest.mark.parametrize("name", ADAPTIVE)
@pytest.mark.parametrize("model", ["oracle", "network"])
def test_a_walked_adaptive_policy_has_the_law_of_the_sampler(name: str, model: str) -> None:
    """Not through a temperature: there EB budgets the law drawn from, and the walk the model's own."""
    asked = {"oracle": LAW, "network": stirred(MDLM, LINE)}[model]
    chosen = policy(name, rows=1, columns=N)

    def run() -> Iterator[Step]:
        return chosen.sampler(asked, Canvas.blank(1, N), 0)

    assert distance(walked(name, asked), exact_law(run, N, V)) < (
        1e-6 if model == "network" else ROUNDING
    )


@pytest.mark.parametrize(
    "name",
    [
        *("left-to-right:2", "left-to-right:3", "halton:2", "confidence:2", "entropy:2"),
        *("autoregress", "first_hitting", "blocks:2,block_size=3", "blocks:1,block_size=2"),
        *("blocks:3,inner=entropy,block_size=2", "blocks:2,inner=halton,block_size=3"),
    ],
)
@pytest.mark.parametrize("model", ["oracle", "network", "tempered"])
def test_a_walked_policy_has_the_law_of_the_sampler(name: str, model: str) -> None:
    """Every outcome of every draw of the library's sampler, against the dynamic programme."""
    network = stirred(MDLM, LINE)
    asked = {"oracle": LAW, "network": network, "tempered": Tempered(LAW, 0.7)}[model]
    chosen = policy(name, rows=1, columns=N)

    def run() -> Iterator[Step]:
        return chosen.sampler(asked, Canvas.blank(1, N), 0)

    assert distance(walked(name, asked), exact_law(run, N, V)) < (
        1e-6 if model == "network" else ROUNDING
    )


@pytest.mark.parametrize("k", [1, 2, 3])
def test_a_walked_policy_that_ranks_samples_has_the_law_of_the_sampler(k: int) -> None:
    three, n, v = laws.dirichlet(3, 2, seed=4), 3, 2
    chosen = policy(f"sample-then-rank:{k}", rows=1, columns=n)

    def run() -> Iterator[Step]:
        return chosen.sampler(three, Canvas.blank(1, n), 0)

    law = exact_law(run, n, v)
    assert distance(walked(chosen.name, three, n, v), law) < ROUNDING
    assert distance(law, table(three, n, v)) > 0.02


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_random_order_is_the_mean_over_all_orders(k: int) -> None:
    schedule = (*[k] * (N // k), *([N % k] if N % k else []))

    def in_order(places: tuple[int, ...]) -> torch.Tensor:
        rank = torch.tensor(places).argsort().double()
        order = BlindOrder("given", lambda canvas, rng: rank.expand(canvas.batch, -1))
        return exact_law(
            lambda: unmask(LAW, Canvas.blank(1, N), schedule=schedule, order=order, rng=rng(0)),
            N,
            V,
        )

    mean = torch.stack([in_order(each) for each in permutations(range(N))]).mean(0)
    assert distance(walked(f"random:{k}"), mean) < ROUNDING


def test_ancestral_is_the_mean_over_all_moments() -> None:
    steps, joint = 3, table(LAW, N, V)
    every = list(product(range(steps), repeat=N))
    mean = torch.stack([written_in(joint, N, V, moments) for moments in every]).mean(0)
    found = policy_law(policy("ancestral:3", rows=1, columns=N).rule, PartialStates(LAW, N, V))
    assert distance(found.probabilities, mean) < ROUNDING
    # A call is skipped when nothing flips: T (1 - (1 - 1/T)^L).
    assert found.calls == pytest.approx(3 * (1 - (2 / 3) ** N), abs=ROUNDING)
    assert found.asked == pytest.approx(N, abs=ROUNDING)


def test_exact_figures_are_printed() -> None:
    (one,) = compare(LAW, ["left-to-right:2"])
    truth = table(LAW, N, V)
    halves = written_in(truth, N, V, (0, 0, 1, 1))
    assert one.row()["TV"] == f"{distance(truth, halves):.4f}"
    assert one.row()["calls"] == "2.00"
    assert one.samples is None


def test_a_large_gamma_is_one_shot_and_a_small_one_is_one_by_one() -> None:
    states = PartialStates(LAW, N, V)
    assert policy_law(entropy_bounded(100), states).calls == pytest.approx(1)
    slow = policy_law(entropy_bounded(0), states)
    assert slow.calls == pytest.approx(N)
    assert distance(slow.probabilities, table(LAW, N, V)) < ROUNDING


@pytest.mark.parametrize(
    "name",
    [
        *("random:2", "confidence:2", "sample-then-rank:1", "eb:0.5", "factor:1", "ancestral:3"),
        *("first_hitting", "blocks:2,block_size=3", "blocks:2,inner=random,block_size=3"),
    ],
)
def test_counts_agree_with_the_walk_within_their_stated_error(name: str) -> None:
    law = laws.dirichlet(N, 3, concentration=0.5, seed=3)
    chosen = policy(name, rows=1, columns=N)
    exact = next(compare(law, [name]))
    found = simulate(chosen, law, samples=20_000, seed=7)
    # Five standard errors: one of these comparisons fails by chance less than once in a million.
    low = found.total_variation - found.bias - 5 * found.total_variation_error
    assert low < exact.total_variation < found.total_variation + 5 * found.total_variation_error
    assert abs(found.calls - exact.calls) <= 5 * found.calls_error + 1e-9
    assert found.asked == pytest.approx(exact.asked, rel=0.02)
    assert found.validity == 1
    # What Miller and Madow's correction leaves is of the order of (K / N)^2 = 1e-5 here.
    change = found.entropy - law.entropy()
    assert abs(change - exact.entropy_change) < 5 * found.entropy_error + 1e-3
    assert abs(found.reverse_kl - exact.reverse_kl) < 5 * found.reverse_kl_error + 1e-3
    assert 0 < found.entropy_bias <= 80 / 40_000


def test_samples_of_a_policy_follow_its_walk() -> None:
    """Also by chance and in batches: frequencies differ from the walk by noise only."""
    law = laws.dirichlet(3, 3, seed=2)
    for name in ("threshold:0.5", "confidence:2", "ancestral:2"):
        run = policy(name, rows=1, columns=3).sampler(law, Canvas.blank(40_000, 3), 1)
        tokens = list(run)[-1].canvas.tokens
        places = (tokens * torch.tensor([9, 3, 1])).sum(1)
        found = torch.bincount(places, minlength=27) / 40_000
        # The noise is 0.4 sqrt(27 / 40,000) = 0.010 on average; 0.02 is exceeded with a chance
        # below exp(-2 * 0.01^2 * 40,000) = 0.0003.
        assert distance(found, walked(name, law, 3, 3)) < 0.02


@pytest.mark.parametrize("steps", [1, 2, 4])
def test_both_errors_add_up_to_the_divergence(steps: int) -> None:
    """For every sequence of the truth, weighed exactly: KL(truth, sampler) of a blind order."""
    network, each = stirred(PGM, LINE), N // steps
    model, parallel = 0.0, 0.0
    for tokens, weight in zip(laws.every_sequence(N, V), LAW.weights.tolist(), strict=True):
        shown = laws.Support(tokens[None], V)  # a law that knows nothing but this sequence
        trace = along_truth(shown, steps, order=left_to_right(), samples=1, rng=rng(0))
        assert torch.equal(trace.final.tokens[0], tokens)
        for step in split_error(trace, network, LAW).steps:
            model += weight * float(step.errors.model.sum())
            parallel += weight * float(step.errors.parallel)
    truth = table(LAW, N, V)
    made, exact = walked(f"left-to-right:{each}", network), walked(f"left-to-right:{each}")
    divergence = float((truth * (truth / made).log()).sum())
    assert model + parallel == pytest.approx(divergence, abs=1e-5)
    assert parallel == pytest.approx(float((truth * (truth / exact).log()).sum()), abs=1e-9)
    assert model > 0.1
