"""Laws 5 and 6 for sequences that grow: what inserting draws from, exactly, with an exact model."""

import math
from collections import Counter
from collections.abc import Callable, Iterator

import pytest
import torch
from exact import outcomes
from growing import (
    Law,
    distance,
    every_row,
    filled,
    mean_length,
    normalised,
    on_the_way,
    oracle_of,
    ragged,
    read,
    ways,
)
from subjects import dirichlet

from pgm_lite.core import NOBODY, Canvas, Step
from pgm_lite.draw import Tempered, rng
from pgm_lite.insertion_oracle import InsertionOracle
from pgm_lite.samplers import insert

ROUNDING = 1e-12
TOYS: dict[str, tuple[Law, int]] = {
    "three letters, up to 2": (ragged(2, 3), 3),
    "two letters, up to 3": (ragged(3, 2, seed=1), 2),
    "one letter, up to 4": (ragged(4, 1, seed=2), 1),
    "repeats": ({(0, 0, 0, 1): 0.4, (0, 0): 0.3, (1, 0, 1): 0.2, (): 0.1}, 2),
    "never empty": ({(0,): 0.5, (0, 1): 0.25, (1, 1, 0): 0.25}, 2),
}


def running(model: object, n: int, **choices: object):
    def run() -> Iterator[Step]:
        return insert(model, Canvas.blank(1, n), rng=rng(0), **choices)

    return run


def law_of(run: Callable[[], Iterator[Step]]) -> Law:
    """The law of what is read at the end, by walking every outcome."""
    found: Law = {}
    for steps, probability in outcomes(run):
        row = read(steps[-1])
        found[row] = found.get(row, 0.0) + probability
    return found


def longest(law: Law) -> int:
    return max(len(row) for row in law)


@pytest.mark.parametrize("toy", TOYS)
@pytest.mark.parametrize("room", [0, 2])
def test_ending_by_chance_draws_from_the_law(toy: str, room: int) -> None:
    """With room to spare on the canvas and without: a full canvas cuts nothing that could go on."""
    law, v = TOYS[toy]
    found = law_of(running(oracle_of(law, v), longest(law) + room))
    assert distance(found, law) < ROUNDING


@pytest.mark.parametrize("toy", ["two letters, up to 3", "repeats"])
def test_every_order_of_coming_about_is_equally_likely(toy: str) -> None:
    """Law 6: m! ways of p(x) / m! each, and the log-probabilities of a way add up to it."""
    law, v = TOYS[toy]
    oracle, seen = oracle_of(law, v), Counter[tuple[int, ...]]()
    for steps, probability in outcomes(running(oracle, longest(law) + 1)):
        row, last = read(steps[-1]), steps[-1]
        told = sum(float(step.log_prob.sum()) for step in steps)
        kept = torch.tensor([[*row, *[0] * (longest(law) - len(row))]])
        _, done = oracle.insertion_log_probs(kept, torch.tensor([len(row)]))
        assert not last.written.any()
        assert math.exp(told + float(done)) == pytest.approx(probability, abs=1e-12)
        assert probability == pytest.approx(law[row] / math.factorial(len(row)), abs=1e-12)
        seen[row] += 1
    assert seen == {row: math.factorial(len(row)) for row, p in law.items() if p > 0}


@pytest.mark.parametrize("toy", TOYS)
def test_a_perfect_model_of_the_published_dropping_samples_p_over_m_plus_1(toy: str) -> None:
    law, v = TOYS[toy]
    short = normalised({row: p / (len(row) + 1) for row, p in law.items()})
    found = law_of(running(oracle_of(law, v, dropping="as published"), longest(law)))
    assert distance(found, short) < ROUNDING
    assert distance(found, law) > 0.05
    assert mean_length(found) < mean_length(law) - 0.05


@pytest.mark.parametrize("threshold", [0.5, 0.9, 1.0])
@pytest.mark.parametrize("toy", ["two letters, up to 3", "repeats", "never empty"])
def test_a_threshold_draws_from_another_law_and_a_high_one_from_longer_sequences(
    toy: str, threshold: float
) -> None:
    """Unlike ending by chance, even with an exact model: rows that could end go on instead."""
    law, v = TOYS[toy]
    oracle = oracle_of(law, v)
    found = law_of(running(oracle, longest(law), threshold=threshold))
    assert sum(found.values()) == pytest.approx(1, abs=ROUNDING)
    assert set(found) <= set(law)
    assert distance(found, law) > 0.2
    if threshold >= 0.9:  # lower ones end some rows early that would go on
        assert mean_length(found) > mean_length(law) + 0.25
    # No row ends before its chance of being done has reached the threshold.
    for row in found:
        kept = torch.tensor([[*row, *[0] * (longest(law) - len(row))]])
        _, done = oracle.insertion_log_probs(kept, torch.tensor([len(row)]))
        assert float(done.exp()) >= threshold


def test_how_far_off_a_threshold_is() -> None:
    """The figures of the log: total variation of the published rule at 0.9, and mean lengths."""
    law, v = TOYS["two letters, up to 3"]
    found = law_of(running(oracle_of(law, v), 3, threshold=0.9))
    assert {len(row) for row in found} == {3}
    assert distance(found, law) == pytest.approx(1 - sum(p for x, p in law.items() if len(x) == 3))


@pytest.mark.parametrize("given", [(0,), (1, 0), (0, 0)])
@pytest.mark.parametrize("toy", ["two letters, up to 3", "repeats"])
def test_given_tokens_stay_and_the_rest_is_what_they_were_dropped_from(
    toy: str, given: tuple[int, ...]
) -> None:
    law, v = TOYS[toy]
    n = longest(law)
    # Given on the last positions, with free ones before: a position is a name, not a place.
    tokens, known = torch.zeros(1, n, dtype=torch.long), torch.zeros(1, n, dtype=torch.bool)
    tokens[0, n - len(given) :], known[0, n - len(given) :] = torch.tensor(given), True

    oracle = oracle_of(law, v)

    def run() -> Iterator[Step]:
        return insert(oracle, Canvas(tokens, known), rng=rng(0))

    for steps, _ in outcomes(run):
        assert steps[-1].canvas.tokens[0, n - len(given) :].tolist() == list(given)
    assert distance(law_of(run), on_the_way(law, given)) < ROUNDING


def test_a_limit_cuts_rows_and_asks_nothing_more() -> None:
    law, v = TOYS["two letters, up to 3"]
    steps = list(insert(oracle_of(law, v), Canvas.blank(200, 3), rng=rng(0), longest=2))
    lengths = steps[-1].canvas.known.sum(1)
    assert int(lengths.max()) == 2
    calls = torch.stack([step.cost.calls for step in steps]).sum(0)
    # A row that ended by itself paid one call more than its tokens, one that was cut did not.
    ended = torch.stack([step.queried.any(1) & ~step.written.any(1) for step in steps]).any(0)
    assert torch.equal(calls, lengths + ended.double())
    assert ended.any()
    assert not ended.all()
    assert list(insert(oracle_of(law, v), steps[-1].canvas.row(0), rng=rng(0), longest=1)) == []


def test_the_oracle_is_the_reversal_of_dropping_one_by_one() -> None:
    """From the visits q(y) alone: q(y) p(done | y) = p(y), q(y) p(g, v | y) = q(y + v at g) / (k + 1)."""
    law, v = TOYS["repeats"]
    oracle = oracle_of(law, v)

    def visits(kept: tuple[int, ...]) -> float:
        k = len(kept)
        chosen = [(p, row) for row, p in law.items() if len(row) >= k]
        return sum(p * ways(kept, row) / math.comb(len(row), k) for p, row in chosen)

    for kept in every_row(4, v):
        if not (q := visits(kept)):
            with pytest.raises(ValueError, match="are part of no listed sequence"):
                oracle.insertion_log_probs(filled([kept]), torch.tensor([len(kept)]))
            continue
        laws, done = oracle.insertion_log_probs(filled([kept]), torch.tensor([len(kept)]))
        assert float(done.exp()) == pytest.approx(law.get(kept, 0.0) / q, abs=1e-12)
        for gap in range(len(kept) + 1):
            for token in range(v):
                grown = (*kept[:gap], token, *kept[gap:])
                if float(done) < 0:
                    chance = float((1 - done.exp()) * laws[0, gap, token].exp())
                    assert chance == pytest.approx(visits(grown) / (len(kept) + 1) / q, abs=1e-12)


def test_positions_are_names_that_never_change() -> None:
    law, v = ragged(4, 3, seed=5), 3
    canvas = Canvas.blank(64, 5)
    order = [[] for _ in range(64)]
    for step in insert(oracle_of(law, v), canvas, rng=rng(3)):
        assert torch.equal(step.canvas.tokens[canvas.known], canvas.tokens[canvas.known])
        assert torch.equal(step.canvas.known, canvas.known | step.written)
        assert (step.written.sum(1) <= 1).all()
        assert not (step.written & ~step.queried).any()
        assert torch.equal(step.cost.calls, step.queried.any(1).double())
        assert (step.entropy >= 0).all()
        assert (step.entropy[~step.queried] == 0).all()
        assert (step.log_prob[~step.written] == 0).all()
        for row, read_so_far in enumerate(order):
            for at in step.written[row].nonzero()[:, 0].tolist():
                assert at == len(read_so_far)  # the first that was free
                after = int(step.insert.after[row, at])
                read_so_far.insert(0 if after == NOBODY else read_so_far.index(after) + 1, at)
            full = [*read_so_far, *[NOBODY] * (5 - len(read_so_far))]
            assert step.insert.order[row].tolist() == full
        canvas = step.canvas


def test_the_seed_decides_and_temperature_reshapes_gap_and_token_together() -> None:
    law, v = TOYS["two letters, up to 3"]

    def rows(model: object, seed: int) -> list[tuple[int, ...]]:
        last = list(insert(model, Canvas.blank(32, 3), rng=rng(seed)))[-1]
        return [read(last, row) for row in range(32)]

    oracle = oracle_of(law, v)
    assert rows(oracle, 1) == rows(oracle, 1)
    # 32 rows of a law whose likeliest row has less than 0.3: equal by chance once in 10^16.
    assert rows(oracle, 1) != rows(oracle, 2)
    cold = Tempered(oracle, 0)
    first = next(insert(cold, Canvas.blank(32, 3), rng=rng(0), threshold=1.0))
    own, _ = oracle.insertion_log_probs(torch.zeros(1, 0, dtype=torch.long), torch.tensor([0]))
    assert first.canvas.tokens[:, 0].tolist() == [int(own[0, 0].argmax())] * 32
    assert float(first.log_prob.abs().max()) < 1e-12


@pytest.mark.parametrize(
    ("choices", "says"),
    [
        ({"threshold": 0.0}, "above 0 and is at most 1; got 0.0"),
        ({"threshold": 1.5}, "leave it out to end by chance"),
        ({"longest": 0}, "from 1 to the 3 positions of the canvas; got 0"),
        ({"longest": 4}, "got 4"),
    ],
)
def test_what_cannot_be_is_refused(choices: dict[str, float], says: str) -> None:
    law, v = TOYS["never empty"]
    with pytest.raises(ValueError, match=says):
        insert(oracle_of(law, v), Canvas.blank(1, 3), rng=rng(0), **choices)


def test_a_model_that_inserts_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match=r"given is Support.* not for what comes in next"):
        insert(dirichlet(3, 3), Canvas.blank(1, 3), rng=rng(0))


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([[0, 1], [0, 1]], "1 different sequences are listed in 2 rows"),
        ([[0, 2], [0, 1]], "vocab_size of 2 are 0 to 1"),
        ([[NOBODY, 1], [0, 1]], "only after the end"),
    ],
)
def test_a_list_that_is_no_law_is_refused(rows: list[list[int]], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        InsertionOracle(torch.tensor(rows), 2)
