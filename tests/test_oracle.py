"""Exact models: their conditionals are those of the table, summed here one entry at a time."""

import math
from itertools import product

import pytest
import torch

from pgm_lite.core import NOBODY, Canvas, Conditional, NextToken
from pgm_lite.draw import rng
from pgm_lite.oracle import Sequential, Support

N, V = 3, 3
SEQUENCES = list(product(range(V), repeat=N))


def law() -> list[float]:
    weights = torch.rand(V**N, generator=rng(0), dtype=torch.float64)
    weights[[3, 11, 20]] = 0.0
    return (weights / weights.sum()).tolist()


def oracle(**choices: object) -> Support:
    return Support(
        torch.tensor(SEQUENCES),
        vocab_size=V,
        weights=torch.tensor(law(), dtype=torch.float64),
        **choices,
    )


def by_hand(known: dict[int, int], position: int, token: int) -> float:
    """p(x_position = token | known), by sums over the table."""
    agreeing = [
        (x, p)
        for x, p in zip(SEQUENCES, law(), strict=True)
        if all(x[at] == a for at, a in known.items())
    ]
    return sum(p for x, p in agreeing if x[position] == token) / sum(p for _, p in agreeing)


@pytest.mark.parametrize("where", [(), (0,), (1,), (2,), (0, 1), (0, 2), (1, 2)], ids=str)
def test_conditionals_are_those_of_the_table(where: tuple[int, ...]) -> None:
    """For every set of known positions and every value they can take, all in one batch."""
    values = [
        dict(zip(where, given, strict=True)) for given in product(range(V), repeat=len(where))
    ]
    tokens = torch.tensor([[known.get(at, 0) for at in range(N)] for known in values])
    mask = torch.zeros(len(values), N, dtype=torch.bool)
    mask[:, list(where)] = True
    asked = [at for at in range(N) if at not in where]
    answers = oracle().log_probs(Canvas(tokens, mask), torch.tensor([asked] * len(values)))
    assert answers.dtype == torch.float64
    expected = [[[by_hand(known, at, a) for a in range(V)] for at in asked] for known in values]
    torch.testing.assert_close(
        answers.exp(), torch.tensor(expected, dtype=torch.float64), rtol=0, atol=1e-12
    )


def test_known_positions_are_answered_with_certainty() -> None:
    canvas = Canvas(torch.tensor([[2, 0, 0]]), torch.tensor([[True, False, False]]))
    answers = oracle().log_probs(canvas, torch.tensor([[0]])).exp()[0, 0]
    assert answers.tolist() == pytest.approx([0, 0, 1], abs=1e-15)


def test_ragged_questions() -> None:
    canvas = Canvas.blank(2, N)
    ragged = oracle().log_probs(canvas, torch.tensor([[0, 2], [1, NOBODY]]))
    whole = oracle().log_probs(canvas, torch.tensor([[0, 1, 2]] * 2))
    torch.testing.assert_close(ragged[0], whole[0, [0, 2]], rtol=0, atol=1e-14)
    torch.testing.assert_close(ragged[1, 0], whole[1, 1], rtol=0, atol=1e-14)
    cost = oracle().cost(canvas, torch.tensor([[0, 2], [NOBODY, NOBODY]]))
    assert cost.calls.tolist() == [1, 0]


def test_whole_sequences() -> None:
    exact = oracle().log_prob(torch.tensor(SEQUENCES)).exp()
    torch.testing.assert_close(exact, torch.tensor(law(), dtype=torch.float64), rtol=0, atol=1e-14)
    assert float(exact.sum()) == pytest.approx(1, abs=1e-12)
    assert oracle().entropy() == pytest.approx(-sum(p * math.log(p) for p in law() if p), abs=1e-12)


def test_equal_weights_are_the_default_and_unlisted_sequences_have_none() -> None:
    pair = Support(torch.tensor([[0, 1], [1, 0]]), vocab_size=2)
    assert pair.log_prob(torch.tensor([[0, 1], [0, 0]])).tolist() == [
        pytest.approx(math.log(0.5)),
        -math.inf,
    ]
    assert pair.entropy() == pytest.approx(math.log(2))


def test_samples_follow_the_law() -> None:
    tokens = oracle().sample(100_000, rng=rng(1))
    seen = torch.bincount((tokens * torch.tensor([9, 3, 1])).sum(1), minlength=27)
    expected = 100_000 * torch.tensor(law(), dtype=torch.float64)
    possible = expected > 0
    assert int(seen[~possible].sum()) == 0
    chi_square = float(((seen - expected)[possible] ** 2 / expected[possible]).sum())
    # 23 degrees of freedom: 60 is exceeded with a chance of 4e-5.
    assert chi_square < 60


def impossible() -> Canvas:
    """Two tokens that no listed sequence has together, and a row that is in order."""
    return Canvas(torch.tensor([[0, 1], [0, 0]]), torch.tensor([[True, False], [True, True]]))


def test_an_impossible_canvas_has_the_uniform_law_or_is_refused() -> None:
    pair = torch.tensor([[0, 1], [1, 0]])
    where = torch.tensor([[1], [1]])
    kind = Support(pair, vocab_size=2)
    assert kind.log_probs(impossible(), where).exp().tolist() == [[[0, 1]], [[0.5, 0.5]]]
    strict = Support(pair, vocab_size=2, impossible="error")
    with pytest.raises(ValueError, match=r"known tokens of row 1 .*fewer positions"):
        strict.log_probs(impossible(), where)
    first = impossible().row(0)
    assert strict.log_probs(first, where[:1]).exp().tolist() == [[[0, 1]]]


@pytest.mark.parametrize(
    ("weights", "says"),
    [
        ([0.5, 0.6], "sum to 1"),
        ([1.5, -0.5], "-0.5"),
        ([1.0], "2 sequences need 2 weights"),
        ([float("nan"), 1.0], "nan"),
    ],
)
def test_weights_that_are_no_law(weights: list[float], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Support(torch.tensor([[0, 1], [1, 0]]), vocab_size=2, weights=torch.tensor(weights))


def test_tokens_outside_the_vocabulary() -> None:
    with pytest.raises(ValueError, match=r"0 to 2.*0 to 1"):
        Support(torch.tensor([[0, 2]]), vocab_size=2)
    with pytest.raises(ValueError, match="at least one sequence"):
        Support(torch.zeros(0, 3, dtype=torch.long), vocab_size=2)


def test_from_left_to_right() -> None:
    """The chain of next-token laws is the joint, and later tokens are not looked at."""
    model = Sequential(oracle())
    assert isinstance(model, NextToken)
    assert isinstance(oracle(), Conditional)
    tokens = torch.tensor(SEQUENCES)
    complete = Canvas(tokens, torch.ones_like(tokens, dtype=torch.bool))
    total = torch.zeros(len(tokens), dtype=torch.float64)
    memory = None
    for position in range(N):
        answers, memory = model.next_log_probs(complete, position, memory)
        total += answers.gather(1, tokens[:, position : position + 1])[:, 0]
    possible = torch.tensor(law()) > 0
    torch.testing.assert_close(
        total[possible], oracle().log_prob(tokens)[possible], rtol=0, atol=1e-12
    )
