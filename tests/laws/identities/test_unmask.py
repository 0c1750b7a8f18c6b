"""What unmask's choices turn into at their ends: noise on the ranking, scouts, blocks, fills."""

import math
from collections.abc import Iterator
from itertools import product
from unittest.mock import patch

import pytest
import torch
from exact import distance, exact_law, observed, table
from networks import LINE, stirred
from subjects import dirichlet, markov

from pgm_lite.core import Canvas, Step, positions_mask
from pgm_lite.draw import entropy_of, gumbel, rng
from pgm_lite.models import MDLM, PGM
from pgm_lite.oracle import Support
from pgm_lite.orders import (
    Order,
    blocks,
    confidence,
    entropy,
    halton,
    left_to_right,
    margin,
    random_order,
    scouted,
)
from pgm_lite.samplers import unmask
from pgm_lite.schedules import cosine, one_by_one, uniform
from pgm_lite.trace import record

SIGHTED = [confidence(), entropy(), margin()]
RANK = "sample-then-rank"


def same(one: Iterator[Step], other: Iterator[Step]) -> bool:
    return all(
        torch.equal(a.written, b.written)
        and torch.equal(a.queried, b.queried)
        and torch.equal(a.canvas.tokens, b.canvas.tokens)
        for a, b in zip(list(one), list(other), strict=True)
    )


# Fills


def two_apart(p: float, q: float) -> Support:
    """Two positions that know nothing of each other; token 1 has probability p at one, q at the other."""
    chances = [(p if a else 1 - p) * (q if b else 1 - q) for a, b in product((0, 1), repeat=2)]
    sequences = torch.tensor(list(product((0, 1), repeat=2)))
    return Support(sequences, 2, torch.tensor(chances, dtype=torch.float64))


@pytest.mark.parametrize("fill", ["choose-then-sample", RANK])
def test_the_bias_of_the_fills_by_hand(fill: str) -> None:
    """Draws of 0.9, 0.6, 0.4, 0.1: only the first position's improbable one is ever thrown away.

    It is then drawn again, so it comes out with 0.1 * 0.1 instead of 0.1: total variation 0.09.
    """
    oracle = two_apart(0.9, 0.6)

    def run() -> Iterator[Step]:
        return unmask(
            oracle,
            Canvas.blank(1, 2),
            schedule=(1, 1),
            order=confidence(),
            rng=rng(0),
            fill=fill,
        )

    law, joint = exact_law(run, 2, 2), table(oracle, 2, 2)
    if fill == RANK:
        by_hand = torch.tensor([0.01 * 0.4, 0.01 * 0.6, 0.99 * 0.4, 0.99 * 0.6]).double()
        torch.testing.assert_close(law, by_hand, rtol=0, atol=1e-7)
        assert distance(law, joint) == pytest.approx(0.09, abs=1e-7)
        assert float(entropy_of(law.log())) < float(entropy_of(joint.log())) - 0.2
    else:
        assert distance(law, joint) < 1e-12


# Choice temperature


def ranking(
    model: object, canvas: Canvas, schedule: tuple[int, ...], tau: float, seed: int = 0
) -> Iterator[Step]:
    return unmask(
        model,
        canvas,
        schedule=schedule,
        order=confidence(),
        rng=rng(seed),
        fill=RANK,
        choice_temperature=tau,
    )


def test_no_choice_temperature_is_the_plain_ranking() -> None:
    model, canvas = stirred(MDLM, LINE), Canvas.blank(8, 12)
    plain = unmask(model, canvas, schedule=cosine(12, 5), order=confidence(), rng=rng(0), fill=RANK)
    assert "choice_temperature" not in plain.knobs
    assert same(plain, ranking(model, canvas, cosine(12, 5), 0.0))


def test_a_high_choice_temperature_is_random_order() -> None:
    """Then it is exact at one position a step: whatever was drawn, the noise decides."""
    oracle, n, v = dirichlet(3, 3), 3, 3
    for seed in range(2):

        def run(seed: int = seed) -> Iterator[Step]:
            return ranking(oracle, Canvas.blank(1, n), one_by_one(n), 1e9, seed)

        assert distance(exact_law(run, n, v), table(oracle, n, v)) < 1e-12
    rows = 3_000
    steps = list(ranking(oracle, Canvas.blank(rows, n), one_by_one(n), 1e9))
    places = torch.stack([step.written.long().argmax(1) for step in steps], 1)
    counts = (places * torch.tensor([9, 3, 1])).sum(1).bincount()
    counts = counts[counts > 0].double()
    assert len(counts) == 6
    # Chi-square with 5 degrees of freedom exceeds 31 with a chance of 1e-5.
    assert float(((counts - rows / 6) ** 2 / (rows / 6)).sum()) < 31


def test_the_bias_falls_as_the_choice_temperature_rises() -> None:
    oracle, n, v, rows = dirichlet(3, 3), 3, 3, 40_000
    joint = table(oracle, n, v)
    away = [
        distance(
            observed(
                list(ranking(oracle, Canvas.blank(rows, n), one_by_one(n), tau))[-1].canvas.tokens,
                v,
            ),
            joint,
        )
        for tau in (0.0, 1.0, 30.0)
    ]
    # Each is off by 0.4 sqrt(27 / 40,000) = 0.010 on average, by 0.02 with a chance below 0.0003.
    assert away[0] > away[1] + 0.02
    assert away[1] > away[2] + 0.02
    assert away[2] < 0.03


def test_the_noise_is_annealed_linearly_in_the_share_of_steps() -> None:
    """Rank by log p(x) + tau (1 - k / T) G in step k of T: no noise in the last one."""
    model, tau, n = stirred(PGM, LINE), 3.0, 12
    noises: list[torch.Tensor] = []

    def noted(shape: torch.Size, *, rng: torch.Generator) -> torch.Tensor:
        noises.append(gumbel(shape, rng=rng))
        return noises[-1]

    canvas, schedule, drawn = Canvas.blank(40, n), (3, 3, 3, 3), list[torch.Tensor]()

    def likeliest(log_probs: torch.Tensor, *, rng: torch.Generator) -> torch.Tensor:
        drawn.append(log_probs)
        return log_probs.argmax(-1)

    with (
        patch("pgm_lite.samplers.unmask.gumbel", noted),
        patch("pgm_lite.samplers.fill.categorical", likeliest),
    ):
        steps = list(ranking(model, canvas, schedule, tau))
    assert all(noise.dtype == torch.float64 for noise in noises)
    for k, step in enumerate(steps, start=1):
        score = drawn[k - 1].amax(-1) + tau * (1 - k / 4) * noises[k - 1]
        # All rows have equally many unknown positions, listed in rising order.
        where = canvas.unknown.nonzero()[:, 1].view(40, -1)
        best = where.gather(1, score.topk(3).indices)
        assert torch.equal(step.written, positions_mask(best, n))
        canvas = step.canvas


def test_gumbel_noise() -> None:
    noise = gumbel((200_000,), rng=rng(0))
    assert noise.dtype == torch.float64
    assert noise.isfinite().all()
    # Mean 0.5772 and variance pi^2 / 6; five standard errors are 0.0143 and, with a kurtosis of
    # 5.4, 0.0386.
    assert float(noise.mean()) == pytest.approx(0.577216, abs=0.0143)
    assert float(noise.var()) == pytest.approx(math.pi**2 / 6, abs=0.0386)


def test_bad_choice_temperatures() -> None:
    canvas = Canvas.blank(1, 3)
    for tau in (-1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match=f"0 .rank the draws as they are.*; got {tau}"):
            ranking(dirichlet(3, 3), canvas, (3,), tau)
    with pytest.raises(ValueError, match="choose-then-sample ranks none; use fill='sample-then-r"):
        unmask(
            dirichlet(3, 3),
            canvas,
            schedule=(3,),
            order=confidence(),
            rng=rng(0),
            choice_temperature=1.0,
        )


# Scouts


@pytest.mark.parametrize("order", SIGHTED, ids=lambda order: order.name)
def test_scouting_everything_is_the_order_itself(order: Order) -> None:
    model, canvas = stirred(PGM, LINE), Canvas.blank(6, 12)
    runs = (
        unmask(model, canvas, schedule=cosine(12, 5), order=each, rng=rng(0))
        for each in (order, scouted(order, 1.0))
    )
    assert same(*runs)


def test_scouting_nothing_is_random_order() -> None:
    rows, canvas = 4_000, Canvas.blank(4_000, 6)
    order = scouted(confidence(), 0.0)
    steps = list(unmask(dirichlet(6, 2), canvas, schedule=(2, 4), order=order, rng=rng(1)))
    assert all(torch.equal(step.queried, step.written) for step in steps)
    pairs = (steps[0].written.long() * 2 ** torch.arange(6)).sum(1).bincount()
    pairs = pairs[pairs > 0].double()
    assert len(pairs) == 15
    # Chi-square with 14 degrees of freedom exceeds 50 with a chance of 6e-6.
    assert float(((pairs - rows / 15) ** 2 / (rows / 15)).sum()) < 50


@pytest.mark.parametrize("order", SIGHTED, ids=lambda order: order.name)
def test_the_best_of_the_scouted_are_written(order: Order) -> None:
    model, canvas = stirred(PGM, LINE), Canvas.blank(10, 12)
    for step in unmask(
        model, canvas, schedule=uniform(12, 4), order=scouted(order, 0.5), rng=rng(0)
    ):
        with torch.no_grad():
            laws = model.log_probs(canvas, torch.arange(12).expand(10, -1)).double().log_softmax(-1)
        score = order.score(laws)
        worst = score.masked_fill(~step.written, math.inf).amin(1)
        left = score.masked_fill(~step.queried | step.written, -math.inf).amax(1)
        assert (worst >= left - 1e-6).all()
        canvas = step.canvas


@pytest.mark.parametrize("share", [0.0, 0.1, 0.25, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("steps", [1, 3, 6, 12])
def test_what_scouting_costs_a_partition_model(steps: int, share: float) -> None:
    """The decoder sees max(k, share of the unknown, rounded up) positions: blind to sighted."""
    n = 12

    def bill(order: Order) -> tuple[int, int]:
        run = unmask(
            stirred(PGM, LINE),
            Canvas.blank(2, n),
            schedule=uniform(n, steps),
            order=order,
            rng=rng(0),
        )
        cost = record(run).cost
        return int(cost.encoder_positions[0]), int(cost.decoder_positions[0])

    k = n // steps
    encoder, decoder = bill(scouted(confidence(), share))
    assert decoder == sum(max(k, math.ceil(share * left - 1e-9)) for left in range(n, 0, -k))
    blind, sighted = bill(random_order()), bill(confidence())
    assert encoder == blind[0] == sighted[0]
    assert blind[1] <= decoder <= sighted[1]
    if share in (0.0, 1.0):
        assert decoder == (sighted if share else blind)[1]


def test_bad_scouts() -> None:
    with pytest.raises(ValueError, match=r"random looks at nothing.*such as confidence\(\)"):
        scouted(random_order(), 0.5)
    for share in (-0.1, 1.1, math.nan):
        with pytest.raises(ValueError, match=f"from 0 .* to 1 .all.; got {share}"):
            scouted(margin(), share)
    with pytest.raises(ValueError, match=r"scouted\(margin, 0.5\) is scouted already"):
        scouted(scouted(margin(), 0.5), 0.5)
    assert scouted(blocks(4, entropy()), 0.5).name == "scouted(blocks(4, entropy), 0.5)"
    assert blocks(4, scouted(entropy(), 0.5)).name == "blocks(4, scouted(entropy, 0.5))"


# Blocks

INNER = [*SIGHTED, random_order(), left_to_right(), halton(3, 4), scouted(margin(), 0.5)]


@pytest.mark.parametrize("order", INNER, ids=lambda order: order.name)
@pytest.mark.parametrize("schedule", [one_by_one(12), uniform(12, 5)], ids=len)
def test_a_block_is_complete_before_the_next_one_begins(
    schedule: tuple[int, ...], order: Order
) -> None:
    canvas, size = Canvas.blank(6, 12), 5
    run = unmask(
        stirred(PGM, LINE), canvas, schedule=schedule, order=blocks(size, order), rng=rng(0)
    )
    block = (torch.arange(12) // size).expand(6, -1)
    for step in run:
        first_left = block.where(step.canvas.unknown, 99).amin(1)
        last_written = block.where(step.written, -1).amax(1)
        assert (last_written <= first_left).all()
        canvas = step.canvas
    assert canvas.known.all()


@pytest.mark.parametrize("order", INNER[:3], ids=lambda order: order.name)
def test_blocks_of_one_position_are_left_to_right(order: Order) -> None:
    oracle, canvas = markov(5, 2), Canvas.blank(4, 5)
    run = unmask(oracle, canvas, schedule=one_by_one(5), order=blocks(1, order), rng=rng(0))
    assert [step.written.nonzero()[:, 1].tolist() for step in run] == [[k] * 4 for k in range(5)]
