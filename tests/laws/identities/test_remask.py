"""ReMDM: ancestral at sigma 0, the paper's share known at every time, and its exact law."""

import math
from collections.abc import Iterator
from functools import partial
from itertools import product

import pytest
import torch
from exact import distance, exact_law, index_of, outcomes, table
from networks import stirred
from subjects import LINE, dirichlet, markov

from pgm_lite.core import Canvas, Step
from pgm_lite.draw import rng
from pgm_lite.models import MDLM, PGM
from pgm_lite.oracle import Support
from pgm_lite.samplers import Loop, ancestral, remask
from pgm_lite.samplers.remask import VARIANTS, chances
from pgm_lite.trace import Trace, record

HELD = Loop(on=2 / 3, off=1 / 3, alpha=0.5)
STATES = tuple(product((None, 0, 1), repeat=2))


def by_the_paper(
    steps: int, variant: str, eta: float, loop: Loop
) -> list[tuple[float, float, float]]:
    """Chance to write, sigma and alpha_s of each step, from the equations in floats."""

    def alpha(t: float) -> float:
        if variant != "loop":
            return 1 - t
        if t > loop.on - 1e-12:
            return loop.alpha * (1 - t) / (1 - loop.on)
        return loop.alpha if t > loop.off - 1e-12 else 1 - t * (1 - loop.alpha) / loop.off

    found = []
    for k in range(steps):
        t, s = 1 - k / steps, 1 - (k + 1) / steps
        before, after = alpha(t), alpha(s)
        most = min(1.0, (1 - after) / before) if before else 1.0
        inside = t <= loop.on + 1e-12 and s >= loop.off - 1e-12
        sigma = {"cap": min(eta, most), "rescale": eta * most, "loop": eta * inside}[variant]
        found.append(((after - (1 - sigma) * before) / (1 - before), sigma, after))
    return found


def law_by_the_paper(
    oracle: Support, steps: int, variant: str, eta: float, loop: Loop = HELD
) -> torch.Tensor:
    """The law of two positions of two tokens, by the posterior of the paper on all nine canvases."""
    answers = {}
    for state in STATES:
        known = torch.tensor([[token is not None for token in state]])
        canvas = Canvas(torch.tensor([[token or 0 for token in state]]), known)
        answers[state] = oracle.log_probs(canvas, torch.tensor([[0, 1]])).exp()[0]
    now = {state: float(state == (None, None)) for state in STATES}
    for write, sigma, _ in by_the_paper(steps, variant, eta, loop):
        after = dict.fromkeys(STATES, 0.0)
        for state, mass in now.items():
            for other in STATES:
                chance = mass
                for i, (old, new) in enumerate(zip(state, other, strict=True)):
                    if old is None:
                        wrote = 0 if new is None else write * float(answers[state][i, new])
                        chance *= 1 - write if new is None else wrote
                    else:
                        chance *= sigma if new is None else (1 - sigma) * (old == new)
                after[other] += chance
        now = after
    return torch.tensor([now[state] for state in product((0, 1), repeat=2)], dtype=torch.float64)


@pytest.mark.parametrize("variant", ["cap", "rescale", "loop"])
@pytest.mark.parametrize("steps", [1, 2, 7, 20, 1024])
def test_the_chances_are_those_of_the_paper(variant: str, steps: int) -> None:
    for eta in (0.0, 0.02, 0.1):
        ours = list(chances(steps, variant, eta, Loop()))
        theirs = by_the_paper(steps, variant, eta, Loop())
        assert ours == [pytest.approx(each[:2], abs=1e-9) for each in theirs]
        # The last step writes everything and reopens nothing.
        assert ours[-1][0] == 1.0
        assert steps == 1 or ours[-1][1] == 0.0  # in one step nothing is there to reopen
        assert all(0 <= write <= 1 for write, _ in ours)


@pytest.mark.parametrize("variant", ["cap", "rescale", "loop"])
def test_with_sigma_0_it_is_ancestral_draw_for_draw(variant: str) -> None:
    if variant == "loop":  # another alpha: the same only where there is no loop to speak of
        one = by_the_paper(40, "loop", 0.0, Loop(on=0.5, off=0.4999, alpha=0.5))
        assert [write for write, _, _ in one] == pytest.approx(
            [1 / (40 - k) for k in range(40)], abs=1e-3
        )
        return
    for model, n in ((dirichlet(3, 3), 3), (stirred(PGM, LINE), 5), (stirred(MDLM, LINE), 5)):
        known = torch.zeros(64, n, dtype=torch.bool)
        known[:20, 1] = True
        canvas = Canvas(torch.ones(64, n, dtype=torch.long), known)
        plain = record(ancestral(model, canvas, steps=6, rng=rng(3)))
        ours = record(remask(model, canvas, steps=6, rng=rng(3), variant=variant, eta=0))
        for one, other in zip(plain.steps, ours.steps, strict=True):
            assert torch.equal(one.canvas.tokens, other.canvas.tokens)
            assert torch.equal(one.canvas.known, other.canvas.known)
            assert torch.equal(one.log_prob, other.log_prob)
            assert one.note == other.note
        assert torch.equal(plain.cost.calls, ours.cost.calls)
        assert torch.equal(plain.cost.flops, ours.cost.flops)


@pytest.mark.parametrize(("variant", "eta"), [("cap", 0.3), ("rescale", 0.7), ("loop", 0.6)])
def test_the_walk_over_all_outcomes_gives_the_law_of_the_paper(variant: str, eta: float) -> None:
    """Every coin and every token of three steps, against sums over the posterior's equations."""
    count = 3
    oracle = dirichlet(2, 2, seed=4)
    run = partial(
        remask, oracle, Canvas.blank(1, 2), steps=count, variant=variant, eta=eta, loop=HELD
    )
    walked, reopened = torch.zeros(4).double(), 0.0
    binomial = torch.zeros(count, 3).double()
    for steps, probability in outcomes(lambda: run(rng=rng(0))):
        walked[index_of(steps[-1].canvas.tokens, 2)] += probability
        for k, step in enumerate(steps):
            binomial[k, int(step.canvas.known.sum())] += probability
            reopened += probability * float(step.reopened.sum())
    assert distance(walked, law_by_the_paper(oracle, count, variant, eta)) < 1e-12
    # The number known at time s is binomial with alpha_s, whatever sigma is.
    for k, (_, _, alpha) in enumerate(by_the_paper(count, variant, eta, HELD)):
        expected = [(1 - alpha) ** 2, 2 * alpha * (1 - alpha), alpha**2]
        assert binomial[k].tolist() == pytest.approx(expected, abs=1e-12)
    shares = [alpha for _, _, alpha in by_the_paper(count, variant, eta, HELD)]
    sigmas = [sigma for _, sigma, _ in by_the_paper(count, variant, eta, HELD)]
    expected = sum(2 * a * sigma for a, sigma in zip(shares, sigmas[1:], strict=False))
    assert reopened == pytest.approx(expected, abs=1e-12)
    assert reopened > 0.1


def test_conf_reopens_the_improbable_and_shares_out_sigma_max() -> None:
    """sigma_max * softmax(-p), and as many reopened in expectation as it says."""
    oracle = dirichlet(2, 2, seed=4)
    canvas, expected, seen = Canvas.blank(1, 2), 0.0, 0.0
    for steps, probability in outcomes(
        lambda: remask(oracle, canvas, steps=3, rng=rng(0), variant="conf")
    ):
        told: dict[int, float] = {}
        for k, step in enumerate(steps):
            alpha_t, alpha_s = k / 3, (k + 1) / 3
            if told:
                most = min(1.0, (1 - alpha_s) / alpha_t)
                total = sum(math.exp(-p) for p in told.values())
                # A path of probability P takes this share of the coins at this step.
                expected += probability * sum(most * math.exp(-p) / total for p in told.values())
            for i in range(2):
                seen += probability * bool(step.reopened[0, i])
                if step.reopened[0, i]:
                    del told[i]
                if step.written[0, i]:
                    told[i] = float(step.log_prob[0, i].exp())
    assert seen == pytest.approx(expected, abs=1e-12)
    assert seen > 0.3


def test_what_more_steps_buy() -> None:
    """Exact total variations of two positions from the joint. Reopening keeps the shares known and not
    the law: what is written in one step is blind to itself, and reopening means more of it."""
    oracle = markov(2, 2)
    joint = table(oracle, 2, 2)

    def away(steps: int, variant: str, eta: float) -> float:
        return distance(law_by_the_paper(oracle, steps, variant, eta, Loop()), joint)

    plain = {steps: away(steps, "cap", 0.0) for steps in (1, 4, 16, 64, 256)}
    for steps, tv in plain.items():
        # Two positions fall into one step with chance 1 / steps and are then independent.
        assert tv == pytest.approx(plain[1] / steps, abs=1e-12)
    for variant in ("cap", "rescale"):
        # As many reopenings however many steps: 1 / steps, as without, and never below it.
        falling = {steps: away(steps, variant, 2 / steps) for steps in (16, 64, 256)}
        assert falling[16] > 3.5 * falling[64] > 12 * falling[256]
        assert all(tv > 1.1 * plain[steps] for steps, tv in falling.items())
        # A fixed chance a step: far slower.
        assert away(64, variant, 0.1) < 2.5 * away(256, variant, 0.1)
    # In the loop a fixed chance leaves a bias in proportion to it, however many steps.
    left = {eta: away(256, "loop", eta) for eta in (0.05, 0.1)}
    assert left[0.1] > 0.95 * away(64, "loop", 0.1)
    assert left[0.1] == pytest.approx(2 * left[0.05], rel=0.1)


def test_a_prompt_is_never_reopened_and_every_row_ends_known() -> None:
    known = torch.tensor([[True, True, False, False, False], [False] * 5, [True] * 5] * 40)
    canvas = Canvas(torch.ones_like(known).long(), known)
    for variant in VARIANTS:
        steps = list(
            remask(stirred(PGM, LINE), canvas, steps=12, rng=rng(1), variant=variant, eta=0.1)
        )
        reopened = torch.stack([step.reopened for step in steps])
        assert not (reopened & known).any()
        assert bool(reopened.any()) == (variant != "loop" or len(steps) > 3)
        assert steps[-1].canvas.known.all()
        assert (steps[-1].canvas.tokens[known] == 1).all()
        given = torch.stack([step.cost.calls for step in steps])[:, 2::3]
        assert not given.any()  # rows that are known from the start pay nothing


def test_a_step_says_what_it_reopened_and_pays_only_for_questions() -> None:
    steps = list(remask(stirred(PGM, LINE), Canvas.blank(1, 5), steps=60, rng=rng(0), eta=0.4))
    canvas = Canvas.blank(1, 5)
    kinds = set()
    for step in steps:
        assert not (step.written & step.reopened).any()
        assert torch.equal(step.canvas.known, (canvas.known | step.written) & ~step.reopened)
        kept = canvas.known & ~step.reopened
        assert torch.equal(step.canvas.tokens[kept], canvas.tokens[kept])
        assert float(step.cost.calls) == float(step.written.any())
        if step.written.any():
            assert int(step.cost.encoder_positions) == int(canvas.known.sum()) + 1
            assert int(step.cost.decoder_positions) == int(step.written.sum())
        kinds.add((bool(step.written.any()), bool(step.reopened.any())))
        assert ("reopened" in step.note) == bool(step.reopened.any())
        assert ("idle" in step.note) == (
            kinds is not None and not step.queried.any() and not step.reopened.any()
        )
        canvas = step.canvas
    assert kinds == {(a, b) for a in (False, True) for b in (False, True)}


def test_the_recording_keeps_reopenings() -> None:
    trace = record(remask(dirichlet(3, 3), Canvas.blank(4, 3), steps=30, rng=rng(2), eta=0.3))
    for row in range(4):
        back = Trace.from_json(trace.to_json(row))
        assert torch.equal(back.final.tokens, trace.row(row).final.tokens)
        assert torch.equal(back.step_map(), trace.step_map()[row : row + 1])
        for k in range(len(trace.steps) + 1):
            assert torch.equal(back.state(k).known, trace.state(k).known[row : row + 1])
    rewritten = torch.stack([step.written for step in trace.steps]).sum(0)
    assert int(rewritten.max()) > 1


def test_one_law_of_many_draws() -> None:
    """What patched coins walk is what real ones draw."""
    oracle = dirichlet(2, 2, seed=4)
    law = law_by_the_paper(oracle, 8, "cap", 0.3)
    *_, last = remask(oracle, Canvas.blank(40_000, 2), steps=8, rng=rng(5), eta=0.3)
    found = torch.bincount(index_of(last.canvas.tokens, 2), minlength=4) / 40_000
    # 0.4 sqrt(4 / 40,000) = 0.004 on average; 0.012 is exceeded with a chance below
    # exp(-2 * 0.008^2 * 40,000) = 0.006 (McDiarmid), and the seed is fixed.
    assert distance(found.double(), law) < 0.012


def run_of(**choices: object) -> Iterator[Step]:
    given = {"steps": 4} | choices
    return remask(dirichlet(2, 2), Canvas.blank(1, 2), rng=rng(0), **given)


@pytest.mark.parametrize(
    ("choices", "says"),
    [
        ({"steps": 0}, "at least 1 step; got 0"),
        ({"variant": "capped"}, "one of cap, rescale, conf, loop; got 'capped'"),
        ({"eta": -0.1}, "from 0 to 1; got -0.1"),
        ({"eta": 1.5}, "from 0 to 1; got 1.5"),
        ({"eta": math.nan}, "from 0 to 1; got nan"),
        ({"variant": "loop", "eta": 0.2}, "at most 0.1111 of them .* got eta=0.2"),
    ],
)
def test_bad_choices(choices: dict, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        run_of(**choices)


@pytest.mark.parametrize(
    ("times", "says"),
    [
        ({"on": 0.1, "off": 0.2}, "got on=0.1 and off=0.2"),
        ({"off": 0}, "0 < off < on < 1; got on=0.55 and off=0"),
        ({"on": 1}, "got on=1"),
        ({"alpha": 1}, "between 0 and 1; got alpha=1"),
    ],
)
def test_a_loop_has_to_fit_into_time(times: dict, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Loop(**times)


def test_nothing_to_write_is_no_step() -> None:
    full = Canvas(torch.zeros(2, 2, dtype=torch.long), torch.ones(2, 2, dtype=torch.bool))
    assert list(remask(dirichlet(2, 2), full, steps=5, rng=rng(0))) == []
    one = exact_law(lambda: run_of(steps=1), 2, 2)
    assert distance(one, law_by_the_paper(dirichlet(2, 2), 1, "cap", 0.1)) < 1e-12
