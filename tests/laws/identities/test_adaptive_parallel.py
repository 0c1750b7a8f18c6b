"""Adaptive parallel decoding: shared noise, the two ends of the mixture, and what lies between."""

import math
from collections.abc import Iterator

import pytest
import torch
from exact import coupled, distance, exact_law, outcomes, table, written_in
from networks import LINE, stirred
from subjects import dirichlet, every_sequence, markov

from pgm_lite.core import Canvas, Conditional, Step
from pgm_lite.draw import Tempered, TopP, clocks, first_to_ring, rng
from pgm_lite.models import AR, MDLM, PGM
from pgm_lite.oracle import Sequential, Support
from pgm_lite.protocols import NextSpan
from pgm_lite.samplers import adaptive_parallel, autoregress
from pgm_lite.trace import Trace, record


def decoded(
    model: Conditional, judge: NextSpan, n: int, mixture: float, ahead: int
) -> Iterator[Step]:
    return adaptive_parallel(
        model, judge, Canvas.blank(1, n), mixture=mixture, look_ahead=ahead, rng=rng(0)
    )


def two_laws(v: int, seed: int, zeros: bool = False) -> tuple[torch.Tensor, torch.Tensor]:
    laws = torch.rand(2, v, generator=rng(seed), dtype=torch.float64).pow(2)
    if zeros:
        laws[0, 0] = laws[1, 1] = 0
    p, q = (laws / laws.sum(-1, keepdim=True)).unbind()
    return p, q


def agreement(p: torch.Tensor, q: torch.Tensor) -> float:
    """The chance that two laws which share their clocks choose the same token."""
    return sum(
        1 / float(torch.maximum(p / p[a], q / q[a]).sum())
        for a in range(len(p))
        if p[a] > 0 and q[a] > 0
    )


# The shared noise


@pytest.mark.parametrize("zeros", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_the_coupling_has_both_laws_as_margins(seed: int, zeros: bool) -> None:
    """The conditional law that stands in for the noise is a law, and its mean is the second law."""
    p, q = two_laws(4, seed, zeros)
    rows = torch.stack(
        [coupled(p, q, a) if p[a] > 0 else torch.zeros(4).double() for a in range(4)]
    )
    torch.testing.assert_close(rows.sum(1), (p > 0).double(), rtol=0, atol=1e-12)
    torch.testing.assert_close(p @ rows, q, rtol=0, atol=1e-12)
    agree, tv = float(p @ rows.diag()), distance(p, q)
    assert agree == pytest.approx(agreement(p, q), abs=1e-12)
    assert (1 - tv) / (1 + tv) - 1e-12 <= agree <= 1 - tv + 1e-12


@pytest.mark.parametrize("zeros", [False, True])
def test_clocks_draw_as_the_coupling_says(zeros: bool) -> None:
    """All 16 pairs of tokens, by chance."""
    p, q = two_laws(4, 0, zeros)
    count = 100_000
    noise = clocks(p.log().expand(count, 4), rng=rng(1))
    first = first_to_ring(p.log().expand(count, 4), noise)
    second = first_to_ring(q.log().expand(count, 4), noise)
    found = torch.bincount(first * 4 + second, minlength=16).double().view(4, 4) / count
    for a in range(4):
        expected = p[a] * coupled(p, q, a) if p[a] > 0 else torch.zeros(4).double()
        # Five standard deviations of a share of 100,000 are at most 0.008; one of 32 goes beyond
        # once in 50,000 runs.
        torch.testing.assert_close(found[a], expected, rtol=0, atol=0.008)
        assert (found[a][expected == 0] == 0).all()


def test_equal_laws_that_share_their_clocks_always_agree() -> None:
    laws = torch.rand(500, 7, generator=rng(0)).log()
    noise = clocks(laws, rng=rng(1))
    assert torch.equal(first_to_ring(laws, noise), first_to_ring(laws, noise))


# The two ends


@pytest.mark.parametrize("ahead", [1, 2, 9])
@pytest.mark.parametrize("model", [dirichlet(3, 2, seed=1), Tempered(markov(3, 2, stay=0.02), 0.5)])
def test_mixture_0_is_the_judges_law(model: Conditional, ahead: int) -> None:
    """Even the first token of a round, and whatever was drafted."""
    law = markov(3, 2, stay=0.9)
    judge = Sequential(law)
    wrapped = isinstance(model, Tempered)
    expected = (
        exact_law(lambda: autoregress(Tempered(judge, 0.5), Canvas.blank(1, 3), rng=rng(0)), 3, 2)
        if wrapped
        else table(law, 3, 2)
    )
    found = exact_law(lambda: decoded(model, judge, 3, 0.0, ahead), 3, 2)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


def test_mixture_1_accepts_every_draft() -> None:
    law, judge = dirichlet(3, 3, seed=1), Sequential(dirichlet(3, 3, seed=2))
    found = exact_law(lambda: decoded(law, judge, 3, 1.0, 3), 3, 3)
    at_once = written_in(table(law, 3, 3), 3, 3, (0, 0, 0))
    torch.testing.assert_close(found, at_once, rtol=0, atol=1e-12)
    for model in (stirred(MDLM, LINE), TopP(Tempered(stirred(PGM, LINE), 0.7), 0.8)):
        steps = list(
            adaptive_parallel(
                model, stirred(AR, LINE), Canvas.blank(40, 12), mixture=1, look_ahead=5, rng=rng(0)
            )
        )
        assert len(steps) == 2 * math.ceil(12 / 5)
        assert not any(step.draft.rejected.any() for step in steps if step.draft)


# In between


@pytest.mark.parametrize("mixture", [0.3, 0.8])
def test_one_position_at_a_time_the_law_is_the_mixture_at_each(mixture: float) -> None:
    drafts, judge = dirichlet(2, 3, seed=1), dirichlet(2, 3, seed=2)
    found = exact_law(lambda: decoded(drafts, Sequential(judge), 2, mixture, 1), 2, 3)
    expected = torch.ones(9, dtype=torch.float64)
    for index, x in enumerate(every_sequence(2, 3)):
        for position in range(2):
            known = torch.arange(2)[None] < position
            here = torch.tensor([[position]])
            p, q = (
                each.log_probs(Canvas(x[None], known), here)[0, 0].exp() for each in (drafts, judge)
            )
            target = p**mixture * q ** (1 - mixture)
            expected[index] *= target[x[position]] / target.sum()
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


def test_the_temperature_works_once() -> None:
    """The tempered mixture is the mixture's power 1/T, whichever way the noise fell."""
    drafts, judge = dirichlet(3, 2, seed=1), dirichlet(3, 2, seed=2)
    once = exact_law(lambda: decoded(Tempered(drafts, 0.5), Sequential(judge), 3, 0.4, 1), 3, 2)
    both = exact_law(lambda: decoded(Tempered(drafts, 0.5), Sequential(judge), 3, 0.0, 1), 3, 2)
    plain = exact_law(lambda: decoded(drafts, Sequential(judge), 3, 0.4, 1), 3, 2)
    # A step from blank: the first position's law at temperature 1/2 is that at 1, squared.
    first = [law.view(2, 4).sum(1) for law in (once, plain)]
    squared = first[1].square() / first[1].square().sum()
    torch.testing.assert_close(first[0], squared, rtol=0, atol=1e-12)
    assert distance(once, both) > 0.01


def test_nuclei_that_share_no_token_are_no_trouble() -> None:
    """Top-p cuts the mixture, not its parts: here the parts' likeliest tokens differ."""
    drafts = Support(every_sequence(1, 2), 2, torch.tensor([0.9, 0.1]).double())
    judge = Support(every_sequence(1, 2), 2, torch.tensor([0.2, 0.8]).double())
    found = exact_law(lambda: decoded(TopP(drafts, 0.5), Sequential(judge), 1, 0.5, 1), 1, 2)
    assert found.tolist() == pytest.approx([1, 0])


def test_between_the_ends_it_is_not_lossless() -> None:
    """Both models perfect, the whole sequence ahead: the distance from the law they share."""
    law = markov(3, 2, stay=0.8)
    distances, rounds = [], []
    for mixture in (0, 0.25, 0.5, 0.75, 1):
        found, mean = torch.zeros(8, dtype=torch.float64), 0.0
        for steps, probability in outcomes(
            lambda mixture=mixture: decoded(law, Sequential(law), 3, mixture, 3)
        ):
            place = (steps[-1].canvas.tokens * torch.tensor([4, 2, 1])).sum()
            found[place] += probability
            mean += probability * len(steps) / 2
        distances.append(distance(found, table(law, 3, 2)))
        rounds.append(mean)
    assert distances[0] == pytest.approx(0, abs=1e-12)
    assert distances == sorted(distances)
    assert distances[1] > 0.01
    # One shot: what independent draws from uniform marginals miss of the chain.
    assert distances[-1] == pytest.approx(float((table(law, 3, 2) - 1 / 8).abs().sum()) / 2)
    assert rounds == sorted(rounds, reverse=True)
    assert rounds[-1] == pytest.approx(1)


@pytest.mark.parametrize("ahead", [1, 2, 4])
@pytest.mark.parametrize("mixture", [0, 0.5])
def test_the_tokens_a_round_writes(ahead: int, mixture: float) -> None:
    """(1 - m^M) / (1 - m) where draft and target agree with probability m by themselves."""
    p, q = torch.tensor([0.7, 0.3]).double(), torch.tensor([0.4, 0.6]).double()
    sequences = every_sequence(4, 2)
    drafts, judge = (Support(sequences, 2, law[sequences].prod(1)) for law in (p, q))
    target = p**mixture * q ** (1 - mixture)
    m = agreement(p, target / target.sum())

    def first() -> Iterator[Step]:
        steps = decoded(drafts, Sequential(judge), 4, mixture, ahead)
        yield from (next(steps), next(steps))

    mean = sum(chance * int(steps[-1].written.sum()) for steps, chance in outcomes(first))
    assert mean == pytest.approx((1 - m**ahead) / (1 - m), abs=1e-12)


# Networks


@pytest.mark.parametrize("family", [MDLM, PGM])
def test_rows_go_at_their_own_pace_and_pay_for_both_networks(family: type) -> None:
    """Law 13, row by row: each step bills the network it asked, and a row done pays nothing."""
    model, judge, ahead = stirred(family, LINE), stirred(AR, LINE), 4
    known = torch.arange(12) < torch.tensor([0, 5, 11, 12, 2])[:, None]
    canvas = Canvas(torch.ones(5, 12, dtype=torch.long), known)
    trace = record(
        adaptive_parallel(model, judge, canvas, mixture=0.5, look_ahead=ahead, rng=rng(2))
    )
    first, refused = torch.ones(5, dtype=torch.bool), 0
    for step in trace.steps:
        assert step.draft is not None
        k, left = canvas.known.sum(1), canvas.unknown.sum(1)
        asked = left.clamp(max=ahead)
        assert torch.equal(step.queried.sum(1), asked)
        busy = asked > 0
        if step.draft.drafted.any():
            read = torch.full_like(k, 12) if family is MDLM else k + 1
            assert torch.equal(step.cost.encoder_positions, read * busy)
            assert torch.equal(step.cost.decoder_positions, asked if family is PGM else 0 * k)
        else:
            # The judge reads what it was asked about, and the prompt the first time.
            read = torch.where(first, k, 0) + asked
            assert torch.equal(step.cost.encoder_positions, read * busy)
            network = 3 * (24 * read * 16**2 + 4 * read * (k + asked) * 16)
            assert torch.equal(step.cost.flops, (busy * (network + 2 * asked * 16 * 5)).double())
            first = first & ~busy
            refused += int(step.draft.rejected.sum())
        assert torch.equal(step.cost.calls, busy.double())
        canvas = step.canvas
    assert canvas.known.all()
    assert refused > 0
    again = Trace.from_json(trace.to_json(0))
    assert again.final.tokens.tolist() == trace.row(0).final.tokens.tolist()


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: decoded(dirichlet(3, 2), Sequential(dirichlet(3, 2)), 3, 1.5, 2), "got 1.5"),
        (lambda: decoded(dirichlet(3, 2), Sequential(dirichlet(3, 2)), 3, -0.1, 2), "from 0"),
        (lambda: decoded(dirichlet(3, 2), Sequential(dirichlet(3, 2)), 3, math.nan, 2), "got nan"),
        (lambda: decoded(dirichlet(3, 2), Sequential(dirichlet(3, 2)), 3, 0.5, 0), "got 0"),
        (
            lambda: decoded(dirichlet(3, 2), Sequential(dirichlet(4, 2)), 3, 0.5, 2),
            "has 3 positions, its companion 4",
        ),
        (
            lambda: decoded(dirichlet(3, 2), dirichlet(3, 2), 3, 0.5, 2),
            "the judge given is Support, which can be asked for any unknown position",
        ),
        (
            lambda: adaptive_parallel(
                dirichlet(3, 2),
                Sequential(dirichlet(3, 2)),
                Canvas.blank(1, 3).reveal(torch.tensor([[2]]), torch.tensor([[1]])),
                mixture=0.5,
                look_ahead=2,
                rng=rng(0),
            ),
            "position 2 of row 0 is known",
        ),
    ],
)
def test_bad_input(make, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        make()
