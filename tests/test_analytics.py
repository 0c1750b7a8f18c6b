"""Order analytics: each figure against one by hand, on traces recorded and read."""

import math

import pytest
import torch
from networks import LINE, SPELLED, stirred
from scipy.stats import kendalltau

from pgm_lite import datasets, laws
from pgm_lite.analytics import analyse, kendall_tau, regret
from pgm_lite.core import Canvas, Cost, Step
from pgm_lite.draw import rng
from pgm_lite.insertion_oracle import InsertionOracle
from pgm_lite.models import AR, Insertion, Prime
from pgm_lite.oracle import Support
from pgm_lite.orders import (
    SightedOrder,
    confidence,
    entropy,
    halton,
    left_to_right,
    margin,
    random_order,
)
from pgm_lite.policies import entropy_bounded
from pgm_lite.samplers import ancestral, insert, unmask, unmask_adaptive, unmask_digits
from pgm_lite.schedules import uniform
from pgm_lite.trace import Trace, record


def told(groups: list[list[int]], n: int, asked: list[list[float]] | None = None) -> Trace:
    """A trace that writes these positions, step by step; doubts of every position, if given."""
    canvas, steps = Canvas.blank(1, n), []
    for index, group in enumerate(groups):
        where = torch.tensor([group])
        written = torch.zeros(1, n, dtype=torch.bool)
        written[0, group] = True
        queried = written if asked is None else canvas.unknown
        doubt = torch.zeros(1, n, dtype=torch.float64)
        if asked is not None:
            doubt = torch.tensor([asked[index]], dtype=torch.float64).where(queried, 0.0)
        canvas = canvas.reveal(where, torch.zeros_like(where))
        log_prob = torch.full((1, n), -0.5, dtype=torch.float64).where(written, 0.0)
        steps.append(Step(canvas, queried, written, log_prob, doubt, Cost.zero(1), ""))
    return record(iter(steps), vocab_size=2, init=Canvas.blank(1, n))


def test_kendall_is_that_of_scipy_with_ties_taken_out() -> None:
    generator = rng(0)
    maps = torch.randint(1, 5, (20, 9), generator=generator)
    maps[:, 2] = 0  # given: does not count
    maps[5:, 7] = -1  # still unknown: does not count
    for steps, found in zip(maps, kendall_tau(maps).tolist(), strict=True):
        places = (steps > 0).nonzero()[:, 0]
        expected = kendalltau(steps[places].numpy(), places.numpy(), variant="b").statistic
        assert found == pytest.approx(expected, abs=1e-12)


def test_ar_ness_of_orders_that_are_what_they_are() -> None:
    assert analyse(told([[0], [1], [2], [3]], 4)).ar_ness.tolist() == [1.0]
    assert analyse(told([[3], [2], [1], [0]], 4)).ar_ness.tolist() == [-1.0]
    # Pairs of one step tie; the other four pairs are all concordant, of six: 4 / sqrt(6 x 4).
    pairs = analyse(told([[0, 1], [2, 3]], 4))
    assert pairs.ar_ness.tolist() == pytest.approx([4 / math.sqrt(24)])
    at_once = analyse(told([[0, 1, 2, 3]], 4))
    assert bool(at_once.ar_ness.isnan())
    assert at_once.summary()["AR-ness"] == "undefined"


def test_locality_by_hand() -> None:
    report = analyse(told([[0], [3], [1, 4], [2]], 5))
    # To the nearest known: 3 from 0 is 3; 1 and 4 are 1 away; 2 is 1 away.
    assert report.distance_to_known.tolist() == pytest.approx([(3 + 1 + 1 + 1) / 4])
    # To the step before: 3 from {0}: 3; 1 and 4 from {3}: 2, 1; 2 from {1, 4}: 1.
    assert report.distance_to_previous.tolist() == pytest.approx([(3 + 2 + 1 + 1) / 4])


def test_locality_on_a_grid_counts_rows_and_columns() -> None:
    shidoku = datasets.shidoku()
    law = laws.shidoku_law()
    lined = record(
        unmask(law, Canvas.blank(2, 16), schedule=(1,) * 16, order=left_to_right(), rng=rng(0)),
        dataset=shidoku,
    )
    report = analyse(lined)
    # Raster order: 12 steps to the right of 1 cell, 3 carriage returns of 1 + 3 cells.
    assert report.distance_to_previous.tolist() == pytest.approx([(12 + 3 * 4) / 15] * 2)
    assert report.distance_to_known.tolist() == pytest.approx([1.0] * 2)
    spread = record(
        unmask(law, Canvas.blank(2, 16), schedule=(1,) * 16, order=halton(4, 4), rng=rng(0)),
        dataset=shidoku,
    )
    assert float(analyse(spread).distance_to_known[0]) > 1.2
    assert float(analyse(spread).ar_ness[0]) < 0.5


def test_ties_are_counted_and_the_leftmost_are_noticed() -> None:
    doubts = [[0.0, 0.0, 0.0, 0.4], [0.9, 0.1, 0.2, 0.3], [0.9, 0.9, 0.2, 0.2], [0.9] * 4]
    report = analyse(told([[0], [1], [2], [3]], 4, doubts))
    # Step 1: three positions without any doubt; step 2: clear; step 3: two alike; step 4: the rest.
    assert report.tied.tolist() == [[3, 0, 2, 0]]
    assert report.leftmost.tolist() == [[True, False, True, False]]
    (warning,) = report.warnings
    assert warning.startswith("2 of 4 steps chose among tied positions (up to 3 alike)")
    assert warning.endswith("2 of these 2 took the leftmost")
    elsewhere = analyse(told([[2], [1], [0], [3]], 4, [[0.0, 0.0, 0.0, 0.4], *[[0.1] * 4] * 3]))
    assert elsewhere.tied.tolist() == [[3, 3, 2, 0]]
    assert elsewhere.leftmost.tolist() == [[False, False, True, False]]
    assert "leftmost" not in elsewhere.warnings[0]
    assert analyse(told([[1], [0]], 2, [[0.5, 0.1], [0.5, 0.1]])).warnings == ()


class Fixed:
    """Three positions with laws of their own, whatever is known: equally sure of the best, not in all."""

    laws = torch.tensor(
        [[0.5, 0.5, 0, 0], [0.5, 0.3, 0.2, 0], [0.5, 0.25, 0.25, 0]], dtype=torch.float64
    ).log()

    def log_probs(self, canvas: Canvas, where: torch.Tensor) -> torch.Tensor:
        return self.laws[where.clamp(min=0)]

    def cost(self, canvas: Canvas, where: torch.Tensor) -> Cost:
        return Cost.zero(canvas.batch)


@pytest.mark.parametrize(("order", "tied"), [(confidence(), 3), (margin(), 0), (entropy(), 0)])
def test_ties_are_those_of_the_score_that_ranked(order: SightedOrder, tied: int) -> None:
    """Equal confidence is no equal entropy: only the order that saw a tie is told of one."""
    run = unmask(Fixed(), Canvas.blank(1, 3), schedule=(1, 1, 1), order=order, rng=rng(0))
    trace = record(run, vocab_size=4)
    for kept in (trace, Trace.from_json(trace.to_json())):
        assert analyse(kept).tied.tolist() == [[tied, max(0, tied - 1), 0]]


def test_nearly_tied_is_not_tied_and_coins_are_not_scores() -> None:
    class Sure(Fixed):
        laws = torch.tensor(
            [[1 - 2e-7, 2e-7], [1 - 1e-7, 1e-7], [1 - 3e-7, 3e-7]], dtype=torch.float64
        ).log()

    run = unmask(Sure(), Canvas.blank(1, 3), schedule=(1, 1, 1), order=confidence(), rng=rng(0))
    trace = record(run, vocab_size=2)
    for kept in (trace, Trace.from_json(trace.to_json())):
        assert analyse(kept).tied.tolist() == [[0, 0, 0]]
    chain = laws.markov(6, 2)  # all positions alike: one entropy for all
    run = ancestral(chain, Canvas.blank(8, 6), steps=3, rng=rng(0), asks="unknown")
    assert analyse(record(run, vocab_size=2)).warnings == ()


def test_inserted_tokens_stand_where_they_are_read() -> None:
    oracle = InsertionOracle(torch.tensor([[0, 1, 1, 0, 1], [1, 0, 0, 1, 0]]), 2)
    trace = record(insert(oracle, Canvas.blank(6, 5), rng=rng(0)), vocab_size=2)
    report, steps = analyse(trace), trace.step_map()
    for row, order in enumerate(trace.order_at(len(trace.steps)).tolist()):
        when = [int(steps[row, name]) for name in order]
        expected = kendalltau(when, range(5), variant="b").statistic
        assert float(report.ar_ness[row]) == pytest.approx(expected)
        jumps = [abs(when.index(k) - when.index(k + 1)) for k in range(1, 5)]
        assert float(report.distance_to_previous[row]) == pytest.approx(sum(jumps) / 4)
    assert float(report.ar_ness.min()) < 0.9  # names alone would say 1 in every row


def test_regret_of_half_known_tokens_and_of_models_that_look_one_way_only() -> None:
    prime = stirred(Prime, SPELLED)
    run = unmask_digits(prime, Canvas.blank(2, 12), steps=6, rng=rng(0))
    trace = record(run, vocab_size=5)
    found = regret(trace, prime)
    hidden = trace.final.reopen(torch.tensor([[3], [3]]))
    laws_there = prime.log_probs(prime.digits.spell(hidden), torch.tensor([[3], [3]]))[
        :, 0
    ].double()
    by_hand = -laws_there.log_softmax(-1).gather(1, trace.final.tokens[:, 3:4])[:, 0]
    torch.testing.assert_close(found[:, 3], by_hand, rtol=0, atol=1e-5)
    for family in (AR, Insertion):
        with pytest.raises(ValueError, match="given all others, on both sides of it, and"):
            analyse(trace, stirred(family, LINE))


@pytest.mark.parametrize("order", [confidence(), entropy(), margin()])
def test_what_is_written_outranks_what_is_not(order: SightedOrder) -> None:
    law = laws.dirichlet(6, 3, seed=1)
    runs = [unmask(law, Canvas.blank(9, 6), schedule=(2, 1, 3), order=order, rng=rng(0))]
    runs += [
        unmask_adaptive(law, Canvas.blank(9, 6), policy=entropy_bounded(0.5, order), rng=rng(0))
    ]
    for step in (step for run in runs for step in run):
        worst = step.score.masked_fill(~(step.queried & step.written), math.inf).amin(1)
        best = step.score.masked_fill(~step.queried | step.written, -math.inf).amax(1)
        assert bool((worst >= best).all())
        assert bool((step.score[~step.queried] == 0).all())


def test_entropy_left_and_positions_thrown_away() -> None:
    report = analyse(told([[1], [0, 2]], 3, [[0.5, 0.1, 0.7], [0.4, 0.0, 0.2]]))
    assert report.entropy_left[0].tolist() == pytest.approx([1.2, 0.0])
    assert report.asked.tolist() == [[3, 2]]
    assert report.thrown_away.tolist() == [[2, 0]]
    # A blind order asks about less than is unknown: what is left is not known.
    blind = analyse(told([[1], [0, 2]], 3))
    assert bool(blind.entropy_left[0, 0].isnan())
    assert blind.thrown_away.tolist() == [[0, 0]]
    assert report.surprise.tolist() == [pytest.approx([0.5] * 3)]


@pytest.mark.parametrize("order", [entropy(), confidence(), random_order()])
def test_asked_and_thrown_away_of_real_runs(order: object) -> None:
    law = laws.dirichlet(6, 2, seed=0)
    run = unmask(law, Canvas.blank(5, 6), schedule=uniform(6, 3), order=order, rng=rng(1))
    report = analyse(record(run, vocab_size=2))
    sighted = order.name != "random"
    assert report.asked.tolist() == [[6, 4, 2] if sighted else [2, 2, 2]] * 5
    assert report.thrown_away.tolist() == [[4, 2, 0] if sighted else [0, 0, 0]] * 5
    assert report.summary()["thrown away"] == ("6.0" if sighted else "0.0")


def test_regret_is_what_the_finished_sequence_says() -> None:
    law = laws.dirichlet(4, 3, seed=2)
    canvas = Canvas.blank(6, 4).reveal(torch.zeros(6, 1).long(), torch.ones(6, 1).long())
    run = unmask(law, canvas, schedule=(3,), order=random_order(), rng=rng(0))
    trace = record(run, vocab_size=3)
    found = regret(trace, law, batch=4)
    assert bool(found[:, 0].isnan().all())  # given, not written
    for row, tokens in enumerate(trace.final.tokens):
        for place in (1, 2, 3):
            others = tokens.repeat(3, 1)
            others[:, place] = torch.arange(3)
            joint = law.log_prob(others).exp()
            by_hand = -math.log(float(joint[tokens[place]] / joint.sum()))
            assert float(found[row, place]) == pytest.approx(by_hand, abs=1e-9)
    report = analyse(trace, law)
    torch.testing.assert_close(report.regret, found, equal_nan=True)
    assert "regret" in report.summary()
    assert "regret" not in analyse(trace).summary()


def test_a_commitment_that_cannot_be_true_is_regretted() -> None:
    """Two tokens that must agree, written at once: half of the rows know better afterwards."""
    law = Support(torch.tensor([[0, 0], [1, 1]]), 2, torch.tensor([0.5, 0.5]))
    run = unmask(law, Canvas.blank(32, 2), schedule=(2,), order=random_order(), rng=rng(0))
    trace = record(run, vocab_size=2)
    agree = trace.final.tokens[:, 0] == trace.final.tokens[:, 1]
    found = analyse(trace, law)
    assert 0 < int(agree.sum()) < 32
    assert bool((found.regret[agree] == 0).all())
    assert bool(found.regret[~agree].isinf().all())
    torch.testing.assert_close(found.surprise, torch.full((32, 2), math.log(2)).double())


def test_a_trace_from_a_file_is_analysed_alike() -> None:
    law = laws.markov(8, 2)
    run = unmask(law, Canvas.blank(2, 8), schedule=uniform(8, 4), order=entropy(), rng=rng(3))
    trace = record(run, vocab_size=2)
    kept, read = analyse(trace.row(1), law), analyse(Trace.from_json(trace.to_json(1)), law)
    # All tokens of this chain are alike, so its positions tie all the time.
    assert kept.warnings == read.warnings != ()
    assert kept.summary() == read.summary()
    assert torch.equal(kept.tied, read.tied)
    assert torch.equal(kept.step_map, trace.step_map()[1:])


def test_a_trace_without_steps_has_nothing_to_say() -> None:
    run = unmask(
        laws.markov(2, 2),
        Canvas.prompt([0, 1], batch=1, seq_len=2),
        schedule=(),
        order=random_order(),
        rng=rng(0),
    )
    report = analyse(record(run, vocab_size=2), laws.markov(2, 2))
    assert report.warnings == ()
    assert report.asked.shape == (1, 0)
    assert report.summary()["distance to known"] == "undefined"
