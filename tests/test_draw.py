"""The one place where probabilities become tokens: no bias, no impossible token, laws reshaped as told."""

import math

import pytest
import torch
from networks import LINE, stirred

from pgm_lite.core import Canvas, Conditional, NextToken
from pgm_lite.draw import Tempered, TopK, TopP, categorical, entropy_of, law, rng
from pgm_lite.models import AR, MDLM

INF = float("inf")


def logs(*probabilities: float) -> torch.Tensor:
    return torch.tensor(probabilities, dtype=torch.float64).log()


def drawn(log_probs: torch.Tensor, count: int, seed: int = 0) -> torch.Tensor:
    return categorical(log_probs.expand(count, -1), rng=rng(seed))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_frequencies_are_the_probabilities(dtype: torch.dtype) -> None:
    p = torch.tensor([0.4, 0.3, 0.2, 0.09, 0.009, 0.001], dtype=torch.float64)
    count = 1_000_000
    seen = torch.bincount(drawn(p.log().to(dtype), count), minlength=6)
    chi_square = float(((seen - count * p) ** 2 / (count * p)).sum())
    # With 5 degrees of freedom 31 is exceeded with a chance of 1e-5.
    assert chi_square < 31


def test_shape_of_the_answer_is_that_of_the_laws() -> None:
    laws = torch.randn(2, 3, 4, 5, generator=rng(0))
    assert categorical(laws, rng=rng(1)).shape == (2, 3, 4)
    assert categorical(laws[0, 0, 0], rng=rng(1)).shape == ()
    assert categorical(laws[:, :0], rng=rng(1)).shape == (2, 0, 4)


def test_tokens_of_probability_zero_are_never_drawn() -> None:
    """First, last and inner ones; nor by rounding, with probabilities that do not quite sum to one."""
    p = logs(0, 0.3, 0, 0, 0.7 - 1e-9, 0)
    seen = torch.bincount(drawn(p, 1_000_000), minlength=6)
    assert seen[[0, 2, 3, 5]].tolist() == [0, 0, 0, 0]
    assert int(seen.sum()) == 1_000_000
    many = torch.full((1000,), -INF)
    many[::7] = 0.0
    assert (drawn(many, 2_000, seed=1) % 7 == 0).all()


@pytest.mark.parametrize("u", [0.0, 0.25, 0.5, 1 - 2**-53])
def test_the_ends_of_the_uniform_number(u: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        torch, "rand", lambda *size, **how: torch.full(size[0], u, dtype=torch.float64)
    )
    weights = torch.tensor([0.0, 0.25, 0.25, 0.0, 0.5, 0.0]).log()
    expected = {0.0: 1, 0.25: 2, 0.5: 4, 1 - 2**-53: 4}[u]
    assert int(categorical(weights, rng=rng(0))) == expected
    thirds = torch.tensor([1 / 3] * 3 + [0.0] * 3, dtype=torch.float64).log()
    assert int(categorical(thirds, rng=rng(0))) in (0, 1, 2)


def test_rare_tokens_are_drawn_as_often_as_they_should() -> None:
    """1,000 tokens share one thousandth; low precision starves such tails."""
    p = torch.cat([torch.tensor([0.999]), torch.full((1_000,), 1e-6)]).double()
    source = rng(5)
    hits = sum(
        int((categorical(p.log().expand(2_000, -1), rng=source) > 0).sum()) for _ in range(40)
    )
    # Binomial with mean 80 and standard deviation 8.9: off by 45 once in two million runs.
    assert abs(hits - 80) < 45


def test_probabilities_below_single_precision_survive() -> None:
    laws = torch.tensor([0.0, -40.0, -80.0], dtype=torch.float64)
    assert law(laws).dtype == torch.float64
    assert float(law(laws)[2]) == pytest.approx(-80, abs=1e-9)
    assert float(law(laws).exp().sum()) == pytest.approx(1, abs=1e-15)


@pytest.mark.parametrize("bad", [[0.0, float("nan")], [-INF, -INF], [0.0, INF]])
def test_what_is_no_law_is_refused(bad: list[float]) -> None:
    with pytest.raises(ValueError, match="not a number; the model answered with nan"):
        categorical(torch.tensor(bad), rng=rng(0))


def test_seeds() -> None:
    laws = torch.zeros(50, 4)
    assert torch.equal(categorical(laws, rng=rng(3)), categorical(laws, rng=rng(3)))
    # Fifty draws from four letters agree with a chance of 4^-50.
    assert not torch.equal(categorical(laws, rng=rng(3)), categorical(laws, rng=rng(4)))


def test_entropy_in_nats() -> None:
    assert float(entropy_of(logs(0.5, 0.5, 0.0))) == pytest.approx(math.log(2))
    assert float(entropy_of(logs(1.0, 0.0))) == 0


class Fixture:
    """A conditional with one law for every question."""

    def __init__(self, *probabilities: float) -> None:
        self.laws = logs(*probabilities)

    def log_probs(self, canvas: Canvas, where: torch.Tensor) -> torch.Tensor:
        return self.laws.expand(*where.shape, -1)

    def cost(self, canvas: Canvas, where: torch.Tensor) -> object:
        raise AssertionError("not asked here")


def answer(model: Conditional) -> list[float]:
    return (
        model.log_probs(Canvas.blank(1, 1), torch.zeros(1, 1, dtype=torch.long))
        .exp()
        .tolist()[0][0]
    )


GIVEN = Fixture(0.4, 0.1, 0.2, 0.3, 0.0)


@pytest.mark.parametrize("temperature", [0.1, 0.5, 1, 2])
def test_temperature(temperature: float) -> None:
    powers = [p ** (1 / temperature) for p in (0.4, 0.1, 0.2, 0.3, 0.0)]
    expected = [power / sum(powers) for power in powers]
    assert answer(Tempered(GIVEN, temperature)) == pytest.approx(expected)


def test_temperature_zero_takes_the_likeliest_and_shares_ties() -> None:
    assert answer(Tempered(GIVEN, 0)) == [1, 0, 0, 0, 0]
    assert answer(Tempered(Fixture(0.3, 0.3, 0.2, 0.2), 0)) == pytest.approx([0.5, 0.5, 0, 0])
    # So small a temperature that a power would underflow everywhere is no different.
    assert answer(Tempered(GIVEN, 1e-9)) == [1, 0, 0, 0, 0]


@pytest.mark.parametrize(
    ("p", "kept"),
    [
        (1e-9, [1, 0, 0, 0, 0]),
        (0.39, [1, 0, 0, 0, 0]),
        (0.41, [4 / 7, 0, 0, 3 / 7, 0]),
        (0.69, [4 / 7, 0, 0, 3 / 7, 0]),
        (0.71, [4 / 9, 0, 2 / 9, 3 / 9, 0]),
        (1, [0.4, 0.1, 0.2, 0.3, 0]),
    ],
)
def test_top_p_keeps_the_token_that_crosses(p: float, kept: list[float]) -> None:
    assert answer(TopP(GIVEN, p)) == pytest.approx(kept)


def test_top_p_keeps_ties() -> None:
    assert answer(TopP(Fixture(0.25, 0.25, 0.25, 0.25), 0.1)) == [0.25] * 4


@pytest.mark.parametrize(
    ("k", "kept"),
    [
        (1, [1, 0, 0, 0, 0]),
        (2, [4 / 7, 0, 0, 3 / 7, 0]),
        (4, [0.4, 0.1, 0.2, 0.3, 0]),
        (99, [0.4, 0.1, 0.2, 0.3, 0]),
    ],
)
def test_top_k(k: int, kept: list[float]) -> None:
    assert answer(TopK(GIVEN, k)) == pytest.approx(kept)
    assert answer(TopK(Fixture(0.3, 0.3, 0.3, 0.1), 2)) == pytest.approx([1 / 3] * 3 + [0])


def test_wrappers_nest_in_the_order_written() -> None:
    sharp_then_cut = answer(TopP(Tempered(GIVEN, 0.5), 0.6))
    assert sharp_then_cut == pytest.approx([16 / 25, 0, 0, 9 / 25, 0])
    cut_then_sharp = answer(Tempered(TopP(GIVEN, 0.85), 0.5))
    assert cut_then_sharp == pytest.approx([16 / 29, 0, 4 / 29, 9 / 29, 0])


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (
            lambda: Tempered(GIVEN, -0.1),
            "temperature must be 0 .* or more, and finite; got -0.1",
        ),
        (lambda: Tempered(GIVEN, INF), "finite; got inf"),
        (lambda: Tempered(GIVEN, float("nan")), "finite; got nan"),
        (lambda: TopP(GIVEN, 0), "more than 0 and at most 1; got 0"),
        (lambda: TopP(GIVEN, 1.5), "more than 0 and at most 1; got 1.5"),
        (lambda: TopK(GIVEN, 0), "at least 1 token; got 0"),
    ],
)
def test_bad_settings(make: object, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        make()


def test_wrappers_are_what_they_wrap() -> None:
    canvas, where = Canvas.blank(2, 12), torch.tensor([[1, 4], [0, 7]])
    mdlm, ar = stirred(MDLM, LINE), stirred(AR, LINE)
    for wrap in (lambda model: Tempered(model, 2.0), lambda model: TopP(model, 0.9)):
        assert isinstance(wrap(mdlm), Conditional)
        assert isinstance(wrap(ar), NextToken)
        assert wrap(mdlm).log_probs(canvas, where).shape == (2, 2, 5)
        assert torch.equal(wrap(mdlm).cost(canvas, where).flops, mdlm.cost(canvas, where).flops)
        answers, memory = wrap(ar).next_log_probs(canvas, 0, None)
        assert answers.shape == (2, 5)
        assert memory.length == 1
        with pytest.raises(ValueError, match=r"AR predicts only the next token.*autoregress"):
            wrap(ar).log_probs(canvas, where)
        with pytest.raises(ValueError, match=r"MDLM has no next token.*unmask or ancestral"):
            wrap(mdlm).next_log_probs(canvas, 0, None)


def test_orders_look_through_the_temperature_at_the_models_own_law() -> None:
    """At temperature 0 every draw is certain; the order must still be that of the model's confidence."""
    from pgm_lite.oracle import joint_table
    from pgm_lite.orders import confidence
    from pgm_lite.samplers import unmask

    # Independent positions whose likeliest tokens have probability .6, .9 and .7.
    table = torch.einsum(
        "a,b,c->abc", *(torch.tensor([p, 1 - p], dtype=torch.float64) for p in (0.6, 0.9, 0.7))
    )
    for seed in range(5):
        steps = unmask(
            Tempered(joint_table(table), 0.0),
            Canvas.blank(1, 3),
            schedule=(1, 1, 1),
            order=confidence(),
            rng=rng(seed),
        )
        assert [int(step.written[0].nonzero()) for step in steps] == [1, 2, 0]
