"""Writing what is sure: by a threshold, and by Fast-dLLM's factor, read from its inequality."""

import math
from collections.abc import Iterator
from functools import partial

import pytest
import torch
from exact import distance, exact_law, index_of, outcomes, table, written_in
from networks import LINE, stirred
from subjects import dirichlet, markov

from pgm_lite.core import Canvas, Step
from pgm_lite.draw import Tempered, rng
from pgm_lite.models import MDLM, PGM
from pgm_lite.oracle import Support
from pgm_lite.policies import Policy, Ranked, factor, threshold
from pgm_lite.samplers import unmask_adaptive

TOYS = {"dirichlet": (dirichlet(3, 3), 3, 3), "markov": (markov(4, 2), 4, 2)}


def sure(model: object, n: int, policy: Policy, seed: int = 0) -> Iterator[Step]:
    return unmask_adaptive(model, Canvas.blank(1, n), policy=policy, rng=rng(seed))


@pytest.mark.parametrize("policy", [threshold(1.0), factor(0.0)], ids=lambda policy: policy.name)
@pytest.mark.parametrize("toy", TOYS)
def test_the_strictest_rule_is_one_by_one(toy: str, policy: Policy) -> None:
    oracle, n, v = TOYS[toy]
    runs = list(outcomes(lambda: sure(oracle, n, policy)))
    assert {len(steps) for steps, _ in runs} == {n}
    law = exact_law(lambda: sure(oracle, n, policy), n, v)
    assert distance(law, table(oracle, n, v)) < 1e-12


def test_a_threshold_of_1_writes_what_is_certain_together_and_a_factor_of_0_does_not() -> None:
    thrice = Support(torch.tensor([[0, 0, 0], [1, 1, 1]]), 2)
    for policy, counts in ((threshold(1.0), [1, 2]), (factor(0.0), [1, 1, 1])):
        run = partial(sure, thrice, 3, policy)
        for steps, _ in outcomes(run):
            assert [int(step.written.sum()) for step in steps] == counts
        assert distance(exact_law(run, 3, 2), table(thrice, 3, 2)) < 1e-12


@pytest.mark.parametrize("policy", [threshold(0), factor(math.inf)], ids=lambda policy: policy.name)
@pytest.mark.parametrize("toy", TOYS)
def test_the_laxest_rule_is_one_shot(toy: str, policy: Policy) -> None:
    oracle, n, v = TOYS[toy]
    law = exact_law(lambda: sure(oracle, n, policy), n, v)
    assert distance(law, written_in(table(oracle, n, v), n, v, (0,) * n)) < 1e-12


@pytest.mark.parametrize("tau", [0.5, 0.7, 0.9])
def test_a_threshold_writes_the_sure_and_else_the_surest(tau: float) -> None:
    model, canvas = stirred(MDLM, LINE), Canvas.blank(16, 12)
    for step in unmask_adaptive(model, canvas, policy=threshold(tau), rng=rng(0)):
        everywhere = torch.arange(12).expand(16, -1)
        with torch.no_grad():
            laws = model.log_probs(canvas, everywhere).double().softmax(-1)
        top = laws.amax(-1).where(canvas.unknown, -1.0)
        expected = top >= tau
        nobody = ~expected.any(1) & canvas.unknown.any(1)
        expected[nobody, top.argmax(1)[nobody]] = True
        assert torch.equal(step.written, expected)
        canvas = step.canvas


def ranked(confidences: list[float]) -> Ranked:
    """Laws of two tokens with these confidences, as they are ranked: falling."""
    top = torch.tensor([confidences], dtype=torch.float64)
    laws = torch.stack([top, 1 - top], -1).log()
    return Ranked(laws, laws, laws[..., :0])


def largest_n(confidences: list[float], f: float) -> int:
    """The inequality, word by word, for every n; one is written in any case."""
    fitting = [n for n in range(1, len(confidences) + 1) if (n + 1) * (1 - confidences[n - 1]) < f]
    return max(fitting, default=1)


def test_the_factor_is_the_inequality() -> None:
    generator, sizes = rng(0), set[tuple[int, int]]()
    for _ in range(400):
        size = int(torch.randint(1, 7, (), generator=generator))
        draws = torch.rand(size, generator=generator, dtype=torch.float64)
        falling = sorted((1 - 0.5 * draws**3).tolist(), reverse=True)
        f = float(4 * torch.rand((), generator=generator, dtype=torch.float64) ** 2)
        taken = factor(f).accept(ranked(falling))[0].tolist()
        n = largest_n(falling, f)
        assert taken == [True] * n + [False] * (size - n)
        sizes.add((size, n))
    assert sizes >= {(size, n) for size in range(1, 7) for n in (1, size)}


def test_the_factor_is_not_off_by_one_at_the_last_index() -> None:
    """All but the last position satisfy the inequality: the last one stays, as it failed."""
    assert factor(1.0).accept(ranked([0.99, 0.98, 0.7])).tolist() == [[True, True, False]]
    assert factor(1.0).accept(ranked([0.99, 0.98, 0.76])).tolist() == [[True, True, True]]


def test_taking_the_likeliest_tokens_together_is_taking_the_likeliest_sequence() -> None:
    """Fast-dLLM's theorem: with (n + 1)(1 - c_n) < 1, parallel and sequential greedy agree."""
    together = 0
    for seed in range(40):
        base = dirichlet(3, 3, seed)
        peak = torch.zeros(27, dtype=torch.float64)
        peak[seed % 27] = 1.0
        oracle = type(base)(base.sequences, 3, 0.3 * base.weights + 0.7 * peak)
        first = next(iter(sure(Tempered(oracle, 0), 3, factor(1.0))))
        places = first.written[0].nonzero()[:, 0]
        told = index_of(oracle.sequences[:, places], 3)
        weights = torch.zeros(3 ** len(places)).double().scatter_add(0, told, oracle.weights)
        best = int(index_of(first.canvas.tokens[:, places], 3))
        assert int(weights.argmax()) == best
        together += len(places) > 1
    assert together > 10


def test_where_all_are_equally_sure_chance_decides() -> None:
    rows = 3_000
    network = MDLM(LINE)  # untrained: all its laws are uniform
    first = next(
        iter(unmask_adaptive(network, Canvas.blank(rows, 12), policy=threshold(0.9), rng=rng(1)))
    )
    assert (first.written.sum(1) == 1).all()
    counts = first.written.sum(0).double()
    # Chi-square with 11 degrees of freedom exceeds 45 with a chance of 5e-6.
    assert float(((counts - rows / 12) ** 2 / (rows / 12)).sum()) < 45


@pytest.mark.parametrize("policy", [threshold(0.5), factor(2.0)], ids=lambda policy: policy.name)
def test_blocks_come_one_after_another(policy: Policy) -> None:
    model, canvas = stirred(PGM, LINE), Canvas.blank(8, 12)
    for step in unmask_adaptive(model, canvas, policy=policy, rng=rng(0), block_size=5):
        block = (torch.arange(12) // 5).expand(8, -1)
        current = block.where(canvas.unknown, 99).amin(1, keepdim=True)
        assert torch.equal(step.queried, canvas.unknown & (block == current))
        canvas = step.canvas
    assert canvas.known.all()


def test_bad_rules() -> None:
    for tau in (-0.1, 1.1, math.nan):
        with pytest.raises(ValueError, match=f"tau is a probability from 0 to 1; got {tau}"):
            threshold(tau)
    for f in (-1.0, math.nan):
        with pytest.raises(ValueError, match=f"0 .one position a step. or more; got {f}"):
            factor(f)
    canvas = Canvas.blank(1, 3)
    with pytest.raises(ValueError, match="a block needs at least 1 position; got 0"):
        unmask_adaptive(dirichlet(3, 3), canvas, policy=threshold(0.5), rng=rng(0), block_size=0)
