"""The exact lab: its table, its rules, the split error, laws from files, the cost cliff."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from networks import stirred

from pgm_lite import laws
from pgm_lite.core import Canvas
from pgm_lite.draw import TopK, entropy_of, rng
from pgm_lite.lab import (
    DEFAULT,
    PartialStates,
    along_truth,
    compare,
    listing,
    policy,
    split_error,
    total_correlation,
)
from pgm_lite.lab.cliff import cliff, formula
from pgm_lite.lab.error_split import asked_of, summed, truth_of
from pgm_lite.lab.policy_law import chances
from pgm_lite.lab.rules import ROUNDING as TIE
from pgm_lite.models import MDLM, PGM
from pgm_lite.net import Shape
from pgm_lite.oracle import Support
from pgm_lite.orders import BlindOrder, confidence, left_to_right, random_order
from pgm_lite.samplers import unmask
from pgm_lite.schedules import uniform
from pgm_lite.trace import Trace, record

ROUNDING = 1e-12
N, V = 4, 2
LAW = laws.dirichlet(N, V, seed=1)
LINE = Shape(vocab_size=V, rows=1, columns=N, width=8, heads=2, depth=2)


# The exact law of a policy

WALKED = [name for name in DEFAULT if policy(name, rows=1, columns=6).rule]


@pytest.mark.parametrize("world", ["markov", "dirichlet"])
def test_the_table_of_the_reference_in_spirit(world: str) -> None:
    """Zeros, signs and calls of samplers.md, section 5, on laws of the same two families."""
    found = {each.policy: each for each in compare(laws.law(world), WALKED)}
    assert set(found) == set(WALKED)
    for family in ("random", "left-to-right", "confidence", "entropy", "margin"):
        one = found[f"{family}:1"]
        assert abs(one.total_variation) < ROUNDING > abs(one.entropy_change)
        assert one.calls == pytest.approx(6)
    for k, calls in ((1, 6), (2, 3)):
        ranked = found[f"sample-then-rank:{k}"]
        assert ranked.total_variation > 0.4
        assert ranked.entropy_change < -0.6
        assert ranked.calls == pytest.approx(calls)
    for name in ("random:2", "left-to-right:2", "confidence:2", "entropy:2", "random:3"):
        several = found[name]
        assert several.total_variation > 0.1
        assert several.entropy_change > 0.1
        assert several.calls == pytest.approx(6 / int(name[-1]))
    bounds = [found[f"eb:{gamma}"] for gamma in (0.2, 0.5, 1)]
    assert [each.total_variation for each in bounds] == sorted(
        each.total_variation for each in bounds
    )
    assert bounds[0].total_variation < 0.002
    assert bounds[0].calls > 5.9 > bounds[2].calls
    assert found["threshold:0.9"].total_variation < 0.01 < found["random:2"].total_variation
    assert found["threshold:0.7"].calls < found["threshold:0.9"].calls
    # A walk asks at least about what it writes; a sighted one about all that is unknown.
    assert found["random:2"].asked == pytest.approx(6)
    assert found["confidence:1"].asked == pytest.approx(21)
    shot = found["one-shot"]
    assert shot.calls == pytest.approx(1)
    # All at once is the product of the marginals: its KL is the total correlation of the law.
    law, blank = laws.law(world), Canvas.blank(1, 6)
    whole = total_correlation(law, blank, blank.unknown)
    assert shot.kl == pytest.approx(float(whole), abs=1e-9)
    assert shot.entropy_change == pytest.approx(float(whole), abs=1e-9)


def test_ties_are_shared_and_a_hair_is_a_tie() -> None:
    known = torch.tensor([[False, False, False, True]])
    scores = torch.tensor([[0.5, 0.5 + TIE / 10, 0.2, 9.0]], dtype=torch.float64)
    counts, sets = chances(policy("confidence:1", rows=1, columns=4).rule, 0, known, scores)
    assert counts[0].tolist() == [0, 1, 0, 0, 0]
    # Sets in the order of their table: position 0 is the highest bit.
    assert {index: p for index, p in enumerate(sets[0].tolist()) if p} == {8: 0.5, 4: 0.5}
    _, sets = chances(policy("confidence:2", rows=1, columns=4).rule, 0, known, scores)
    assert {index: p for index, p in enumerate(sets[0].tolist()) if p} == {12: 1.0}
    alike = torch.zeros(1, 4, dtype=torch.float64)
    _, sets = chances(policy("random:2", rows=1, columns=4).rule, 0, known, alike)
    assert sorted(sets[0][sets[0] > 0].tolist()) == pytest.approx([1 / 3] * 3)


def test_rules_that_set_their_own_pace_count_as_their_papers_say() -> None:
    unknown = torch.tensor([3])

    def count(name: str, falling: list[float]) -> int:
        rule = policy(name, rows=1, columns=4).rule
        scores = torch.tensor([[*falling, -math.inf]], dtype=torch.float64)
        return int(rule.count(0, scores, unknown).argmax())

    entropies = [-0.0, -0.1, -0.2]
    # Prefixes sum to 0, 0.1, 0.3 nats; less the largest: 0, 0, 0.1.
    assert [count(f"eb:{gamma}", entropies) for gamma in (0, 0.05, 0.1)] == [2, 2, 3]
    assert count("eb:0", [-0.3, -0.4, -0.5]) == 1
    chances = [math.log(p) for p in (0.95, 0.9, 0.6)]
    assert [count(f"threshold:{tau}", chances) for tau in (0.99, 0.95, 0.9, 0.5)] == [1, 1, 2, 3]
    # (m + 1)(1 - c_m) = 0.1, 0.3, 1.6.
    assert [count(f"factor:{f}", chances) for f in (0.05, 0.2, 1, 2)] == [1, 1, 2, 3]


@pytest.mark.parametrize("seed", range(8))
def test_the_entropy_bound_is_above_the_total_correlation(seed: int) -> None:
    """For random laws, random states and every prefix of the positions sorted by entropy."""
    law = laws.dirichlet(5, 3, concentration=0.2, seed=seed)
    tokens = law.sample(16, rng=rng(seed))
    known = torch.rand(16, 5, generator=rng(seed)) < 0.4
    canvas = Canvas(tokens, known)
    everywhere = torch.arange(5).expand(16, -1)
    entropies = entropy_of(law.log_probs(canvas, everywhere)).masked_fill(known, torch.inf)
    seen = 0
    for count in range(2, 6):
        best = entropies.argsort(1)[:, :count]
        rows = (~known).sum(1) >= count
        group = torch.zeros_like(known).scatter(1, best, value=True)[rows]
        sub = Canvas(tokens[rows], known[rows])
        bound = entropies.gather(1, best)[rows].sum(1) - entropies.gather(1, best)[rows].amax(1)
        correlation = total_correlation(law, sub, group)
        assert bool((bound >= correlation - ROUNDING).all())
        seen += int((correlation > 0.01).sum())
    assert seen > 10


# Counting


def test_shidoku_is_counted() -> None:
    one, shot = compare(
        laws.shidoku_law(), ["random:1", "one-shot"], columns=4, samples=512, seed=1
    )
    assert (one.samples, one.kl) == (512, None)
    # One at a time is exact: every grid valid, and the distance is that of exact draws. It is
    # above sqrt(288 / 512) / 2 = 0.375 by 0.1 with a chance below exp(-2 * 0.1^2 * 512) = 4e-5.
    assert one.valid == 1
    assert one.total_variation < 0.475
    assert one.noise_floor == pytest.approx(0.4 * math.sqrt(288 / 512), rel=0.05)
    assert one.calls == 16
    # Independent uniform tokens are a grid 288 times in 4^16.
    assert shot.valid < 0.01
    assert shot.total_variation > 0.99
    assert one.row()["calls"] == "16.00 ± 0.00"


# The error of a network, split


def teacher(order: BlindOrder, steps: int, samples: int, seed: int) -> Trace:
    return along_truth(LAW, steps, order=order, samples=samples, rng=rng(seed))


def test_an_oracle_makes_no_model_error_and_one_by_one_no_parallel_error() -> None:
    trace = split_error(teacher(random_order(), 2, 50, 1), LAW, LAW)
    found = summed(trace, "truth", 2)
    assert found.model < ROUNDING < 0.01 < found.parallel
    assert found.left == 0
    alone = summed(split_error(teacher(random_order(), N, 50, 1), stirred(MDLM, LINE), LAW), "", N)
    assert alone.parallel < ROUNDING < 0.01 < alone.model
    assert found.row()["along"] == "truth"


def test_total_correlation_by_hand() -> None:
    law = Support(torch.tensor([[0, 0, 0], [1, 1, 0], [1, 0, 1], [0, 1, 1]]), 2)  # parity
    blank = Canvas.blank(1, 3)
    pair = torch.tensor([[True, True, False]])
    assert float(total_correlation(law, blank, pair)) == pytest.approx(0, abs=ROUNDING)
    assert float(total_correlation(law, blank, blank.unknown)) == pytest.approx(math.log(2))
    known = blank.reveal(torch.tensor([[2]]), torch.tensor([[1]]))
    assert float(total_correlation(law, known, pair)) == pytest.approx(math.log(2))


def test_both_errors_end_up_in_the_trace_and_its_file() -> None:
    run = unmask(
        LAW, Canvas.blank(3, N), schedule=(2, 2), order=confidence(), rng=rng(0), fill=FILL
    )
    plain = record(run, vocab_size=V)
    trace = split_error(plain, stirred(MDLM, LINE), LAW)
    text = trace.to_json(1)
    assert "errors" in text
    assert "errors" not in plain.to_json(1)
    again = Trace.from_json(text)
    for old, new in zip(trace.row(1).steps, again.steps, strict=True):
        torch.testing.assert_close(new.errors.model, old.errors.model, rtol=0, atol=1e-6)
        torch.testing.assert_close(new.errors.parallel, old.errors.parallel, rtol=0, atol=1e-6)
        assert bool((new.errors.model > 0).equal(new.written))
    assert again.to_json() == text
    assert all(step.errors is None for step in Trace.from_json(plain.to_json(1)).steps)
    bad = text.replace('"errors":{"model":[[', '"errors":{"model":[[7', 1)
    with pytest.raises(ValueError, match=r"steps\[0\].errors.model\[0\]: 7\d is not a position"):
        Trace.from_json(bad)


FILL = "choose-then-sample"


def test_where_the_truth_says_nothing_there_is_no_error() -> None:
    """One shot on a law of two sequences leaves the law; from there on its errors are nan."""
    law = Support(torch.tensor([[0, 0, 0], [1, 1, 1]]), 2)
    run = unmask(
        law, Canvas.blank(64, 3), schedule=(2, 1), order=left_to_right(), rng=rng(0), fill=FILL
    )
    trace = split_error(record(run, vocab_size=2), law, law)
    first = trace.steps[0].canvas.tokens
    left = first[:, 0] != first[:, 1]
    assert 0 < int(left.sum()) < 64
    errors = trace.steps[1].errors
    assert bool(errors.parallel.isnan().equal(left))
    assert bool(errors.model[:, 2].isnan().equal(left))
    assert trace.steps[0].errors.parallel.tolist() == pytest.approx([math.log(2)] * 64)
    found = summed(trace, "samples", 2)
    assert found.left == pytest.approx(float(left.double().mean()))
    assert found.parallel == pytest.approx(math.log(2))
    row = int(left.nonzero()[0, 0])
    text = trace.to_json(row)
    assert '"parallel":null' in text
    assert bool(Trace.from_json(text).steps[1].errors.parallel.isnan())


def test_errors_that_cannot_be_split_are_refused() -> None:
    trace = teacher(random_order(), 2, 4, 0)
    with pytest.raises(ValueError, match="probability zero to tokens that the law allows"):
        split_error(trace, TopK(stirred(MDLM, LINE), 1), LAW)
    with pytest.raises(ValueError, match="the law is over 3 positions of 2 tokens, the trace over"):
        split_error(trace, LAW, laws.dirichlet(3, 2))
    with pytest.raises(ValueError, match="pass it through split_error first"):
        summed(trace, "truth", 2)
    with pytest.raises(ValueError, match="the law of faces is not known; it is known of shidoku"):
        truth_of("faces")
    with pytest.raises(ValueError, match="cannot be asked about any unknown position"):
        asked_of("shidoku/ar")


# Laws by name and from files


def test_named_laws_have_their_parameters() -> None:
    chain = laws.markov(3, 2, stay=0.9)
    assert chain.log_prob(torch.tensor([[0, 0, 1]])).exp().item() == pytest.approx(0.5 * 0.9 * 0.1)
    assert laws.shidoku_law().entropy() == pytest.approx(math.log(288))
    sparse, even = (laws.dirichlet(5, 2, concentration=c, seed=0).entropy() for c in (0.05, 50.0))
    assert sparse < 2.5 < even
    assert laws.law("markov", seed=1).entropy() != laws.law("markov", seed=2).entropy()


def test_a_table_of_ones_own(tmp_path: Path) -> None:
    weights = np.array([[0.1, 0.2], [0.3, 0.4]])
    np.save(tmp_path / "table.npy", weights)
    (tmp_path / "table.json").write_text(json.dumps(weights.tolist()))
    listed_law = {"vocab_size": 2, "sequences": [[0, 0], [1, 1]], "weights": [0.25, 0.75]}
    (tmp_path / "list.json").write_text(json.dumps(listed_law))
    for name in ("table.npy", "table.json"):
        law = laws.law(str(tmp_path / name))
        assert law.log_prob(torch.tensor([[1, 0]])).exp().item() == pytest.approx(0.3)
    law = laws.from_file(tmp_path / "list.json")
    assert law.log_prob(torch.tensor([[1, 1]])).exp().item() == pytest.approx(0.75)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([[0.5, 0.5], [0.5, 0.5]], "probabilities sum to 1; those given sum to 2.0"),
        ([[0.5, 0.7], [0.1, -0.3]], "never negative"),
        ([[0.5, 0.5], [0.0]], "holds no law"),
        ([[0.5, 0.25, 0.25]], "one axis a position, all as long as the vocabulary"),
        ({"sequences": [[0]]}, "it has no 'vocab_size'"),
        ({"sequences": [[0], [0]], "vocab_size": 2}, "listed again"),
        ({"sequences": [[0.5]], "vocab_size": 2}, "rows of whole numbers"),
        ({"sequences": [[0]], "vocab_size": 2, "colour": 1}, "got colour as well"),
        ({"sequences": [[0]], "vocab_size": "2"}, "vocab_size is a whole number"),
        ("no table", "holds no law"),
    ],
)
def test_a_faulty_table_is_explained(tmp_path: Path, content: object, message: str) -> None:
    path = tmp_path / "table.json"
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=message):
        laws.from_file(path)


def test_a_table_too_large_says_its_size_and_the_limit(tmp_path: Path) -> None:
    np.save(tmp_path / "large.npy", np.full((2,) * 21, 2.0**-21, dtype=np.float32))
    with pytest.raises(ValueError, match=r"2,097,152 entries is too large .* limit is 1,048,576"):
        laws.from_file(tmp_path / "large.npy")
    with pytest.raises(ValueError, match=r"8 positions of 8 tokens .* 11,019,960,576 pairs"):
        PartialStates(laws.shidoku_law(), 8, 8)
    with pytest.raises(ValueError, match="1,099,511,627,776 sequences, too many"):
        laws.every_sequence(20, 4)


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="there is no policy 'luck:2'; the policies are random:k"):
        policy("luck:2", rows=1, columns=4)
    assert listing()[-1] == "one-shot"
    for name, message in (
        ("random", "is written random:k"),
        ("one-shot:2", "is written one-shot; got"),
        ("random:0", "whole number from 1"),
        ("random:x", "whole number from 1"),
        ("eb:-1", "gamma must lie between 0 and 10; got -1"),
        ("eb:nan", "gamma must be a number"),
        ("remask:many", "steps=many"),
        ("remask:6,colour=1", "it has no knob colour; its knobs are variant, eta"),
        ("random:2,steps=3", "it has no knob steps"),
        ("remask:6,eta", "knobs are written name=value, each once; got 'eta'"),
        ("eb:1,gamma=2", "each once; got 'gamma=2'"),
        ("remask:6,variant=conf,eta=0.2", "eta changes nothing as the other knobs stand"),
        ("random:2,fill=sample-then-rank", "fill changes nothing"),
        ("stable:2", "tau must lie between 0 and 1; got 2"),
    ):
        with pytest.raises(ValueError, match=message):
            policy(name, rows=1, columns=4)
    with pytest.raises(ValueError, match="no law 'sudoku'; the laws are markov, dirichlet"):
        laws.law("sudoku")
    with pytest.raises(ValueError, match="there is no file"):
        laws.law(str(tmp_path / "none.npy"))
    with pytest.raises(ValueError, match="no grid of 3 columns"):
        list(compare(LAW, columns=3))


# The cost cliff


@pytest.mark.parametrize(
    ("n", "steps", "blind", "whole"),
    [(64, 8, 288, 512), (256, 32, 4224, 8192), (1024, 128, 66_048, 131_072)],
)
def test_the_cliff_has_the_figures_of_the_reference(
    n: int, steps: int, blind: int, whole: int
) -> None:
    bills = {bill.way: bill for bill in cliff(n, steps, shares=(0.5,))}
    assert bills["MDM"].formula == bills["PGM sighted"].formula == whole
    assert bills["PGM blind"].formula == blind
    assert blind < bills["PGM hybrid 0.5"].formula < whole
    for bill in bills.values():
        assert bill.measured == bill.formula + bill.registers


def test_the_cliff_is_what_runs_are_billed() -> None:
    n, steps = 8, 4
    shape = Shape(vocab_size=2, rows=1, columns=n, width=8, heads=1, depth=2)
    for model, order, share in (
        (PGM, random_order(), 0.0),
        (PGM, confidence(), 1.0),
    ):
        canvas = Canvas.blank(1, n)
        run = unmask(
            stirred(model, shape), canvas, schedule=uniform(n, steps), order=order, rng=rng(0)
        )
        billed = sum(int(step.cost.positions) for step in run)
        assert billed == formula(n, steps, share) + steps
    with pytest.raises(ValueError, match="share between 0 and 1"):
        cliff(8, 4, shares=(1.5,))
