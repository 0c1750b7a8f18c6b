"""Policies that no walk reaches: counted with the library's own samplers, errors stated."""

import math
from unittest.mock import patch

import pytest
import torch

from pgm_lite import laws
from pgm_lite.draw import rng
from pgm_lite.lab import (
    DEFAULT,
    FAMILIES,
    chance_distance,
    compare,
    notes,
    policy,
    policy_law,
    simulate,
    simulation,
)
from pgm_lite.lab.oracles import COMPANIONS, MODELS, Remembered, half_known
from pgm_lite.lab.rows import unique_rows
from pgm_lite.menu import SAMPLERS

N, COUNT = 4, 20_000
LAW = laws.dirichlet(N, 3, concentration=0.5, seed=3)
NUMBERS = {"": "", "k": ":2", "gamma": ":0.5", "mixture": ":0.5", "tau": ":0.7", "factor": ":1"}


def test_every_sampler_of_the_menu_has_a_policy_but_insertion() -> None:
    assert {each.sampler for each in FAMILIES.values()} == set(SAMPLERS) - {"insert"}
    chosen = [SAMPLERS[each.sampler] for each in FAMILIES.values()]
    assert {each.needs for each in chosen} <= set(MODELS)
    assert {each.companion for each in chosen} - {""} <= set(COMPANIONS)
    kinds = {FAMILIES[name.partition(":")[0]].sampler for name in DEFAULT}
    # Two more are said elsewhere: in "left-to-right:1", and only of half-known tokens.
    assert kinds == set(SAMPLERS) - {"insert", "autoregress", "unmask_digits"}


@pytest.mark.parametrize("family", FAMILIES)
def test_every_policy_is_counted_on_a_small_world(family: str) -> None:
    name = f"{family}{NUMBERS.get(FAMILIES[family].number, ':3')}"
    chosen = policy(name, rows=1, columns=N)
    assert chosen.name == name
    found = simulate(chosen, LAW, samples=400, seed=1, model=Remembered(LAW))
    assert found.validity == 1
    assert 0 < found.total_variation < 1
    assert 1 <= found.calls <= 2 * N + 1
    assert found.asked >= N - 1e-9  # every position is asked about, sooner or later


@pytest.mark.parametrize("name", ["remask:6", "maskgit:2,temperature=0.7", "rolled-halton:2"])
def test_a_policy_that_cannot_be_walked_is_counted_with_its_error(name: str) -> None:
    (found,) = compare(LAW, [name], samples=400)
    assert (found.samples, found.kl) == (400, None)
    assert found.total_variation_error == pytest.approx(1 / 40)
    assert found.entropy_change_error > 0
    assert found.row()["KL"] == "not countable"
    assert found.row()["TV"].endswith("± 0.025")
    with pytest.raises(ValueError, match="follows no rule that can be walked; count it"):
        policy_law(policy(name, rows=1, columns=N).rule, Remembered(LAW).states)


EXACT = [
    *("stable:1", "scouted:1", "rolled-halton:1", "recap:4,local=0", "speculate:1,loops=1"),
    *("speculative_decode:2", "adaptive_parallel:0", "remask:256,eta=0"),
]


@pytest.mark.parametrize("name", EXACT)
def test_samplers_that_are_exact_show_what_exact_draws_show(name: str) -> None:
    law = Remembered(LAW)
    chosen = policy(name, rows=1, columns=N)
    found = simulate(chosen, LAW, samples=COUNT, seed=5, model=law)
    # 0.02 above the mean has a chance below exp(-2 * 0.02^2 * 20,000) = 1e-7; ancestral sampling in
    # 256 steps writes two positions at once with a chance of (4 choose 2) / 256 = 0.023.
    slack = 0.02 + (0.023 if "remask" in name else 0)
    assert abs(found.total_variation - found.noise_floor) < slack
    assert abs(found.entropy - LAW.entropy()) < 5 * found.entropy_error + slack - 0.02


@pytest.mark.parametrize("name", ["maskgit:1", "path_planning:4", "adaptive_parallel:0.7"])
def test_samplers_that_bend_the_law_show_it(name: str) -> None:
    found = simulate(policy(name, rows=1, columns=N), LAW, samples=COUNT, seed=5)
    assert found.total_variation > found.noise_floor + 0.03
    assert found.reverse_kl > 5 * found.reverse_kl_error


def test_more_noise_in_the_choice_brings_maskgit_back_to_the_law() -> None:
    apart = [
        simulate(policy(f"maskgit:1,choice_temperature={t}", rows=1, columns=N), LAW, **SAME)
        for t in (0, 2, 20)
    ]
    falling = [each.total_variation for each in apart]
    assert falling == sorted(falling, reverse=True)
    assert falling[0] > 0.2 > 0.05 > falling[2]


SAME = {"samples": COUNT, "seed": 3}


def test_a_pass_is_one_call() -> None:
    """As a network of the kind bills it; the oracles of the floors below bill every question."""

    def calls(name: str) -> float:
        return simulate(policy(name, rows=1, columns=N), LAW, samples=50, seed=1).calls

    assert calls("autoregress") == N
    assert calls("adaptive_parallel:1") == 2  # all is drafted and accepted: a draft and a check
    assert calls("speculate:1,loops=1") == 2 * N
    # At most a round a position; a round is a draft or two and one check.
    assert 3 <= calls("speculative_decode:2") < 3 * N
    assert calls("speculate:4") < 2 * N


def test_a_remembered_law_answers_as_the_law_does() -> None:
    remembered = Remembered(LAW)
    tokens = LAW.sample(50, rng=rng(1))
    known = torch.rand(50, N, generator=rng(2)) < 0.5
    canvas = simulation.Canvas(tokens, known)
    where = torch.arange(N).expand(50, -1)
    torch.testing.assert_close(remembered.log_probs(canvas, where), LAW.log_probs(canvas, where))
    assert half_known(remembered).law is remembered
    with pytest.raises(ValueError, match="half-known tokens need the whole law, a Support; got"):
        half_known(object())


def test_samples_of_several_parts_are_not_the_same_again() -> None:
    whole = simulate(policy("random:1", rows=1, columns=N), LAW, samples=3000, seed=4)
    with patch.object(simulation, "_AT_ONCE", 100 * len(LAW.sequences)):
        parts = simulate(policy("random:1", rows=1, columns=N), LAW, samples=3000, seed=4)
    # Thirty times the same hundred would be as far from the law as a hundred: 0.3 rather than 0.05.
    assert whole.noise_floor < 0.07
    assert parts.total_variation < whole.noise_floor + 0.05  # by chance 3e-7 at most, as above
    assert parts.total_variation != whole.total_variation


# How far exact draws are from their law


@pytest.mark.parametrize("samples", [2, 7, 100])
def test_the_distance_of_exact_draws_is_the_sum_over_all_counts(samples: int) -> None:
    weights = torch.tensor([0.5, 0.3, 0.15, 0.04, 0.01, 0.0], dtype=torch.float64)

    def deviation(p: float) -> float:
        chances = (
            math.comb(samples, x) * p**x * (1 - p) ** (samples - x) for x in range(samples + 1)
        )
        return sum(chance * abs(x / samples - p) for x, chance in enumerate(chances))

    every = sum(deviation(p) for p in weights.tolist()) / 2
    assert chance_distance(weights, samples) == pytest.approx(every, abs=1e-12)


def test_the_distance_of_exact_draws_is_what_is_seen_and_never_above_one() -> None:
    even = torch.full((4096,), 1 / 4096, dtype=torch.float64)
    assert chance_distance(even, 500) == pytest.approx((1 - 1 / 4096) ** 500)
    assert chance_distance(torch.ones(1), 10) == 0
    seen = []
    for seed in range(40):
        found, which = unique_rows(LAW.sample(500, rng=rng(seed)))
        share = which.bincount() / 500
        truth = LAW.log_prob(found).exp()
        seen.append(float((share - truth).abs().sum() + 1 - truth.sum()) / 2)
    # One set differs from the mean by 0.5 / sqrt(500) = 0.022 at most, their mean by 0.0035.
    assert sum(seen) / 40 == pytest.approx(chance_distance(LAW.weights, 500), abs=5 * 0.0035)


# What cannot be told from so few


def test_entropy_of_what_is_mostly_unseen_is_a_bound_and_says_so() -> None:
    one, shot = compare(laws.shidoku_law(), ["random:1", "one-shot"], columns=4, samples=2048)
    assert one.entropy_bias == pytest.approx(287 / 4096, rel=0.02)
    assert abs(one.entropy_change) < 5 * one.entropy_change_error + 0.01
    assert abs(one.reverse_kl) < 5 * one.reverse_kl_error + 0.01
    # All samples differ: the plug-in entropy is log N, the true one 16 log 4.
    assert shot.entropy_bias is None
    assert shot.entropy_change == pytest.approx(math.log(2048) - math.log(288), abs=0.01)
    assert shot.row()["Δ entropy"].startswith("≥ +1.9")
    # An impossible sample is proof.
    assert shot.reverse_kl == math.inf
    assert (shot.row()["reverse KL"], shot.figures()["reverse_kl"]) == ("inf", "inf")
    said = " ".join(notes([one, shot]))
    for part in ("expected TV of 0.14", "cannot be counted", "(K - 1) / 2N", "≥ and ≤ mark"):
        assert part in said
    assert "≥" not in " ".join(notes([one]))
    assert notes(list(compare(LAW, ["random:1"]))) == []


def test_too_few_samples_are_refused() -> None:
    for samples in (0, 1, -3):
        with pytest.raises(ValueError, match=f"at least 2 samples; got {samples}"):
            list(compare(LAW, ["random:1"], samples=samples))
