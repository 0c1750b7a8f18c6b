"""The entropy-bounded sampler: its bound bounds, its budget is kept, its ends are known samplers."""

import math
from collections.abc import Iterator
from functools import partial
from itertools import combinations

import pytest
import torch
from exact import distance, exact_law, index_of, outcomes, table, written_in
from subjects import dirichlet, markov

from pgm_lite.core import Canvas, Step
from pgm_lite.draw import Tempered, entropy_of, rng
from pgm_lite.oracle import Support
from pgm_lite.orders import SightedOrder, confidence, entropy, margin, random_order
from pgm_lite.policies import Ranked, entropy_bounded
from pgm_lite.samplers import unmask_adaptive

PROXIES = {"entropy": entropy(), "confidence": confidence(), "margin": margin()}
TOYS = {"dirichlet": (dirichlet(3, 3), 3, 3), "markov": (markov(4, 2), 4, 2)}


def copies() -> Support:
    """Two bits, each told twice: the second telling is certain once the first is known."""
    return Support(torch.tensor([[0, 0, 0, 0], [0, 0, 1, 1], [1, 1, 0, 0], [1, 1, 1, 1]]), 2)


def bounded(
    model: object, n: int, gamma: float, proxy: SightedOrder | None = None, seed: int = 0
) -> Iterator[Step]:
    policy = entropy_bounded(gamma, proxy)
    return unmask_adaptive(model, Canvas.blank(1, n), policy=policy, rng=rng(seed))


def entropies(oracle: Support, canvas: Canvas, places: list[int]) -> tuple[list[float], float]:
    """The entropy of each of these positions given what is known, and that of all together."""
    weights = oracle.agreeing(canvas)[0]
    weights = weights / weights.sum()
    v, told = oracle.vocab_size, oracle.sequences[:, places]
    single = [
        torch.zeros(v).double().scatter_add(0, told[:, i], weights) for i in range(len(places))
    ]
    joint = torch.zeros(v ** len(places)).double().scatter_add(0, index_of(told, v), weights)
    return [float(entropy_of(law.log())) for law in single], float(entropy_of(joint.log()))


def test_the_bound_is_never_below_the_total_correlation() -> None:
    """Over random laws, random states and every set of unknown positions."""
    generator, checked, tightest = rng(0), 0, math.inf
    for seed in range(12):
        oracle = dirichlet(4, 3, seed) if seed % 2 else markov(4, 3, 0.4 + seed / 25)
        known = torch.rand(1, 4, generator=generator) < seed / 24
        canvas = Canvas(oracle.sample(1, rng=generator), known)
        unknown = [i for i in range(4) if not known[0, i]]
        for size in range(1, len(unknown) + 1):
            for places in combinations(unknown, size):
                alone, together = entropies(oracle, canvas, list(places))
                correlation, bound = sum(alone) - together, sum(alone) - max(alone)
                assert -1e-12 < correlation <= bound + 1e-12
                tightest = min(tightest, bound - correlation) if size > 1 else tightest
                checked += 1
    assert checked > 100
    assert tightest < 0.5  # it is a bound that can come close, not one that is met by a mile


def spent(nats: dict[int, float], places: list[int]) -> float:
    return sum(nats[at] for at in places) - max(nats[at] for at in places)


@pytest.mark.parametrize("gamma", [0.1, 0.5, 1.0, 1.6])
@pytest.mark.parametrize("proxy", PROXIES)
def test_a_step_writes_the_longest_prefix_within_the_budget(proxy: str, gamma: float) -> None:
    """Against a plain reading of the rule in every state the sampler reaches; nothing is exceeded."""
    for oracle, n, _ in TOYS.values():
        for steps, _ in outcomes(partial(bounded, oracle, n, gamma, PROXIES[proxy])):
            canvas = Canvas.blank(1, n)
            for step in steps:
                where = canvas.unknown[0].nonzero().T
                laws = oracle.log_probs(canvas, where)
                places = where[0].tolist()
                score = dict(zip(places, PROXIES[proxy].score(laws)[0].tolist(), strict=True))
                nats = dict(zip(places, entropy_of(laws)[0].tolist(), strict=True))
                written = step.written[0].nonzero()[:, 0].tolist()
                left = [at for at in score if at not in written]

                # A prefix: nobody left out ranks before anybody written (but for ties).
                assert all(score[a] >= score[b] - 1e-9 for a in written for b in left)
                assert spent(nats, written) <= gamma + 1e-9
                if left:  # and the longest: the next one, whichever of those tied, goes too far
                    best = max(score[at] for at in left)
                    tied = [at for at in left if score[at] > best - 1e-9]
                    assert max(spent(nats, [*written, at]) for at in tied) > gamma - 1e-9
                alone, together = entropies(oracle, canvas, written)
                assert sum(alone) - together <= gamma + 1e-9
                canvas = step.canvas


def test_the_maximum_runs() -> None:
    """By margin a doubtful position may come before a surer one: the last entropy is not the largest."""
    laws = torch.tensor([[[0.5, 0.25, 0.25], [0.55, 0.45, 0.0]]]).double().log()
    assert (margin().score(laws).diff() < 0).all()
    first, second = entropy_of(laws)[0].tolist()
    assert second < 0.8 < first
    ranked = Ranked(laws, laws, laws[..., :0])
    # 0.69 nats are spent by both; "all but the last", 1.04, would stop after one.
    assert entropy_bounded(0.8, margin()).accept(ranked).tolist() == [[True, True]]
    assert entropy_bounded(0.6, margin()).accept(ranked).tolist() == [[True, False]]


@pytest.mark.parametrize("proxy", PROXIES)
@pytest.mark.parametrize("toy", TOYS)
def test_no_budget_is_one_by_one(toy: str, proxy: str) -> None:
    oracle, n, v = TOYS[toy]
    law = exact_law(lambda: bounded(oracle, n, 0.0, PROXIES[proxy]), n, v)
    assert distance(law, table(oracle, n, v)) < 1e-12
    assert {len(steps) for steps, _ in outcomes(lambda: bounded(oracle, n, 0.0))} == {n}


def test_no_budget_writes_what_is_certain_as_well() -> None:
    for seed in range(5):
        for steps, _ in outcomes(partial(bounded, copies(), 4, 0.0, seed=seed)):
            assert [int(step.written.sum()) for step in steps] == [1, 2, 1]
            assert all(int((step.entropy[step.written] > 0).sum()) <= 1 for step in steps)
    law = exact_law(lambda: bounded(copies(), 4, 0.0), 4, 2)
    assert distance(law, table(copies(), 4, 2)) < 1e-12


@pytest.mark.parametrize("toy", TOYS)
def test_any_budget_is_one_shot(toy: str) -> None:
    oracle, n, v = TOYS[toy]
    law = exact_law(lambda: bounded(oracle, n, math.inf), n, v)
    assert distance(law, written_in(table(oracle, n, v), n, v, (0,) * n)) < 1e-12


@pytest.mark.parametrize("gamma", [0.1, 0.5, 1.0])
@pytest.mark.parametrize("toy", TOYS)
def test_the_whole_law_is_within_the_budget_of_its_steps(toy: str, gamma: float) -> None:
    """KL(joint || sampled) = the total correlations along the way, at most gamma for each step."""
    oracle, n, v = TOYS[toy]
    joint, law = table(oracle, n, v), exact_law(lambda: bounded(oracle, n, gamma), n, v)
    most = max(len(steps) for steps, _ in outcomes(lambda: bounded(oracle, n, gamma)))
    lost = float((joint * (joint / law).log()).sum())
    assert -1e-12 < lost <= gamma * most


def test_the_entropy_is_that_of_the_law_drawn_from() -> None:
    oracle = dirichlet(3, 3)
    # At temperature 0 nothing is drawn by chance, so independence costs nothing.
    assert len(list(bounded(Tempered(oracle, 0), 3, 0.0))) == 1
    hot, cold = Tempered(oracle, 3.0), Tempered(oracle, 0.3)
    canvas = Canvas.blank(1, 3)
    where = torch.arange(3)[None]
    for model in (hot, cold):
        nats = entropy_of(model.log_probs(canvas, where))[0]
        spent = float(nats.sum() - nats.max())
        assert len(list(bounded(model, 3, spent + 1e-9))) == 1
        assert len(list(bounded(model, 3, spent - 1e-9))) > 1


def test_bad_budgets_and_proxies() -> None:
    for gamma in (-0.1, math.nan):
        with pytest.raises(ValueError, match=f"0 nats .one position a step. or more; got {gamma}"):
            entropy_bounded(gamma)
    with pytest.raises(ValueError, match=r"order random looks at none; use entropy\(\)"):
        entropy_bounded(0.1, random_order())
