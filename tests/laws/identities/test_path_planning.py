"""P2: sample-then-rank where nothing reopens, exact counts, what it scores, its exact law."""

import math
from collections.abc import Iterator

import pytest
import torch
from exact import distance, exact_law, outcomes, table
from networks import LINE, stirred
from subjects import dirichlet, markov, shidoku

from pgm_lite.core import Canvas, Conditional, Step
from pgm_lite.draw import Tempered, entropy_of, rng
from pgm_lite.models import MDLM, PGM
from pgm_lite.orders import confidence
from pgm_lite.samplers import path_planning, unmask
from pgm_lite.samplers.path_planning import foremost, opinions
from pgm_lite.schedules import cosine, one_by_one, uniform
from pgm_lite.trace import Trace, record


@pytest.mark.parametrize("schedule", [(1, 1, 1), (2, 1), (3,)])
def test_with_eta_0_it_is_sample_then_rank(schedule: tuple[int, ...]) -> None:
    """The same law over every outcome: the published MaskGIT rule without its noise."""
    oracle = dirichlet(3, 2, seed=2)

    def ours(eta: float) -> torch.Tensor:
        return exact_law(
            lambda: path_planning(
                oracle, Canvas.blank(1, 3), schedule=schedule, rng=rng(0), eta=eta
            ),
            3,
            2,
        )

    ranked = exact_law(
        lambda: unmask(
            oracle,
            Canvas.blank(1, 3),
            schedule=schedule,
            order=confidence(),
            fill="sample-then-rank",
            rng=rng(0),
        ),
        3,
        2,
    )
    assert distance(ours(0), ranked) < 1e-12
    if len(schedule) > 2:  # in two steps nothing can reopen: the second keeps everything
        assert distance(ours(1.5), ranked) > 1e-3


def test_eta_0_never_reopens_even_a_token_less_likely_than_certainty() -> None:
    """Conclusions of a sudoku have log-probability 0 or, by rounding, a trace above it."""
    run = path_planning(shidoku(), Canvas.blank(16, 16), schedule=one_by_one(16), rng=rng(0), eta=0)
    assert not any(step.reopened.any() for step in run)


@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0, 3.0])
@pytest.mark.parametrize("model", [stirred(MDLM, LINE), stirred(PGM, LINE), MDLM(LINE)])
def test_counts_are_those_of_the_schedule(model: Conditional, eta: float) -> None:
    """Also where every score ties: an untrained network has one law everywhere."""
    schedule, total = cosine(12, 5), 0
    steps = list(path_planning(model, Canvas.blank(32, 12), schedule=schedule, rng=rng(1), eta=eta))
    for step, count in zip(steps, schedule, strict=True):
        total += count
        assert (step.canvas.known.sum(1) == total).all()
        assert ((step.written.sum(1) - step.reopened.sum(1)) == count).all()
        assert not (step.written & step.reopened).any()
    assert steps[-1].canvas.known.all()
    assert not steps[-1].reopened.any()


def test_a_larger_eta_reopens_more() -> None:
    def reopened(eta: float) -> int:
        run = path_planning(
            markov(6, 2), Canvas.blank(400, 6), schedule=one_by_one(6), rng=rng(0), eta=eta
        )
        return sum(int(step.reopened.sum()) for step in run)

    # 400 rows each: the counts are hundreds apart, standard deviations are below 60.
    counts = [reopened(eta) for eta in (0, 0.5, 1, 2, 4)]
    assert counts[0] == 0
    assert counts == sorted(counts)
    assert counts[-1] > counts[1] + 200


def test_ties_go_to_written_tokens_then_by_chance() -> None:
    rows = 4000
    score = torch.zeros(rows, 6).double()
    open_ = torch.tensor([False, True, False, True, False, False]).expand(rows, -1)
    ours = torch.tensor([True, True, True, True, True, False]).expand(rows, -1)
    best = foremost(score.masked_fill(~ours, -torch.inf), open_, ours, 3, rng=rng(0))
    assert (best.sum(1) == 3).all()
    assert best[:, [1, 3]].all()
    assert not best[:, 5].any()
    # One of three with chance 1/3: five standard deviations of a binomial are 149.
    assert float((best[:, [0, 2, 4]].sum(0) - rows / 3).abs().max()) < 149
    given = foremost(score.fill_(-torch.inf), open_, ours, 5, rng=rng(0))
    assert torch.equal(given, ours)  # even impossible tokens come before what was given


def test_the_worst_written_token_is_reopened_by_its_log_probability() -> None:
    for steps, _ in outcomes(
        lambda: path_planning(
            dirichlet(3, 2, seed=2), Canvas.blank(1, 3), schedule=(2, 1), rng=rng(0), eta=9
        )
    ):
        first, last = steps
        assert (first.log_prob[first.written] < 0).all()
        # All are kept in the last step, so nothing can be reopened in it.
        assert not last.reopened.any()
    seen = 0
    for steps, _ in outcomes(
        lambda: path_planning(
            dirichlet(3, 2, seed=2), Canvas.blank(1, 3), schedule=(1, 1, 1), rng=rng(0), eta=9
        )
    ):
        told = torch.zeros(3).double()
        for step in steps:
            if step.reopened.any():
                seen += 1
                worse = step.written[0] | step.reopened[0]
                assert bool(worse.sum() >= 2)
                assert float(9 * told[step.reopened[0]].max()) <= float(
                    step.log_prob[0][step.written[0]].min()
                )
            told = torch.where(step.written[0], step.log_prob[0], told)
    assert seen > 0


def test_exact_laws_on_a_chain() -> None:
    """One position a step and perfect answers: biased towards the probable, and at large eta away."""
    oracle, n = markov(3, 2), 3
    joint = table(oracle, n, 2)

    def law(eta: float, scored: str = "when written") -> torch.Tensor:
        return exact_law(
            lambda: path_planning(
                oracle,
                Canvas.blank(1, n),
                schedule=one_by_one(n),
                rng=rng(0),
                eta=eta,
                scored=scored,
            ),
            n,
            2,
        )

    true = float(entropy_of(joint.log()))
    for eta, sign in ((0.0, -1), (1.0, -1), (4.0, 1)):
        found = law(eta)
        assert float(found.sum()) == pytest.approx(1, abs=1e-12)
        assert sign * (float(entropy_of(found.log())) - true) > 0.1
        assert distance(found, joint) > 0.1
    # Of one written token the others have said all they know when it was written.
    assert distance(law(1.0), law(1.0, "now")) < 1e-12


@pytest.mark.parametrize("family", [MDLM, PGM])
def test_asking_again_costs_a_call_for_each_written_token(family: type) -> None:
    model, canvas = stirred(family, LINE), Canvas.blank(3, 12)
    plain = list(path_planning(model, canvas, schedule=uniform(12, 4), rng=rng(0)))
    again = list(path_planning(model, canvas, schedule=uniform(12, 4), rng=rng(0), scored="now"))
    assert [step.cost.calls.tolist() for step in plain] == [[1] * 3] * 4
    assert [step.cost.calls.tolist() for step in again] == [[1 + 3 * k] * 3 for k in range(4)]
    if family is PGM:
        # Step k reads 3 k known positions and a register, then 3 k - 1 and one for each token.
        read = [1 + 3 * k + 3 * k * 3 * k for k in range(4)]
        assert [step.cost.encoder_positions.tolist() for step in again] == [[r] * 3 for r in read]


def test_asked_now_a_token_is_scored_by_what_all_others_say_of_it() -> None:
    oracle, n = dirichlet(3, 2, seed=2), 3
    log_joint = table(oracle, n, 2).log().view(2, 2, 2)
    canvas = Canvas(torch.tensor([[0, 1, 1], [1, 0, 0]]), torch.tensor([[True] * 3, [True] * 3]))
    open_ = torch.tensor([[True, False, True], [False, False, True]])
    found, cost = opinions(oracle, canvas, open_)
    for row, (a, b, c) in enumerate(canvas.tokens.tolist()):
        told = [
            log_joint[a, b, c] - log_joint[:, b, c].logsumexp(0),
            log_joint[a, b, c] - log_joint[a, :, c].logsumexp(0),
            log_joint[a, b, c] - log_joint[a, b, :].logsumexp(0),
        ]
        expected = [float(each) if o else 0.0 for each, o in zip(told, open_[row], strict=True)]
        assert found[row].tolist() == pytest.approx(expected, abs=1e-12)
    assert cost.calls.tolist() == [2, 1]


def test_asking_again_finds_tokens_that_do_not_go_together() -> None:
    """Two written at once and blind to each other: only "now" can tell, so the laws differ."""
    oracle = dirichlet(4, 2, seed=1)

    def law(scored: str) -> torch.Tensor:
        def run() -> Iterator[Step]:
            blank = Canvas.blank(1, 4)
            return path_planning(oracle, blank, schedule=(2, 1, 1), rng=rng(0), scored=scored)

        return exact_law(run, 4, 2)

    joint, before, now = table(oracle, 4, 2), law("when written"), law("now")
    assert distance(before, now) > 0.01
    assert distance(before, joint) > 0.05 < distance(now, joint)


def test_a_prompt_stays_and_temperature_shapes_draws_not_scores() -> None:
    known = torch.zeros(8, 12, dtype=torch.bool)
    known[:, 3:6] = True
    canvas = Canvas(torch.full((8, 12), 2), known)
    cold = Tempered(stirred(MDLM, LINE), 0.5)
    steps = list(path_planning(cold, canvas, schedule=uniform(9, 3), rng=rng(0), eta=3))
    assert all((step.canvas.tokens[known] == 2).all() for step in steps)
    assert not any((step.reopened & known).any() for step in steps)
    assert sum(int(step.reopened.sum()) for step in steps) > 0


def test_the_recording_keeps_reopenings() -> None:
    run = path_planning(markov(6, 2), Canvas.blank(3, 6), schedule=one_by_one(6), rng=rng(0), eta=3)
    trace = record(run)
    assert trace.header.knobs == {"steps": 6, "eta": 3, "scored": "when written"}
    for row in range(3):
        back = Trace.from_json(trace.to_json(row))
        assert torch.equal(back.step_map(), trace.step_map()[row : row + 1])
        assert torch.equal(back.final.tokens, trace.final.tokens[row : row + 1])


@pytest.mark.parametrize(
    ("choices", "says"),
    [
        ({"eta": -1}, r"0 \(never reopen\) or more; got -1"),
        ({"eta": math.inf}, "got inf"),
        ({"scored": "later"}, "one of when written, now; got 'later'"),
        ({"schedule": (1, 1)}, "writes 2 positions, but 3 are unknown"),
    ],
)
def test_bad_choices(choices: dict, says: str) -> None:
    given = {"schedule": (1, 1, 1)} | choices
    with pytest.raises(ValueError, match=says):
        path_planning(dirichlet(3, 2), Canvas.blank(1, 3), rng=rng(0), **given)
