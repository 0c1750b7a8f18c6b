"""What each sampler does beyond the laws all share: when it writes, what it refuses, what it says."""

import pytest
import torch
from networks import LINE, stirred
from subjects import dirichlet, markov, shidoku

from pgm_lite.core import Canvas, Cost, Step
from pgm_lite.draw import Tempered, TopP, rng
from pgm_lite.models import AR, MDLM, PGM
from pgm_lite.orders import (
    BlindOrder,
    Order,
    blocks,
    confidence,
    entropy,
    left_to_right,
    margin,
    random_order,
)
from pgm_lite.samplers import ancestral, autoregress, unmask
from pgm_lite.schedules import cosine, one_by_one


class Watched:
    """An exact model that remembers what it was asked."""

    def __init__(self) -> None:
        self.oracle = markov(6, 2)
        self.asked: list[list[int]] = []

    def log_probs(self, canvas: Canvas, where: torch.Tensor) -> torch.Tensor:
        self.asked.append(sorted(where[0].tolist()))
        return self.oracle.log_probs(canvas, where)

    def cost(self, canvas: Canvas, where: torch.Tensor) -> Cost:
        return self.oracle.cost(canvas, where)


def asked(canvas: Canvas, **choices: object) -> list[list[int]]:
    model = Watched()
    list(unmask(model, canvas, rng=rng(0), **choices))
    return model.asked


def test_a_blind_order_asks_about_what_is_written_and_nothing_else() -> None:
    canvas = Canvas.prompt([1, 0], batch=1, seq_len=6)
    assert asked(canvas, schedule=(1, 3), order=left_to_right()) == [[2], [3, 4, 5]]
    mixed = asked(canvas, schedule=(2, 2), order=random_order())
    assert [len(step) for step in mixed] == [2, 2]
    assert sorted(mixed[0] + mixed[1]) == [2, 3, 4, 5]


def test_a_sighted_order_asks_about_everything_unknown() -> None:
    canvas = Canvas.prompt([1, 0], batch=1, seq_len=6)
    found = asked(canvas, schedule=(3, 1), order=confidence())
    assert found[0] == [2, 3, 4, 5]
    assert len(found[1]) == 1


def test_sighted_blocks_ask_only_about_the_leading_blocks_that_hold_enough() -> None:
    canvas = Canvas.blank(1, 6)
    found = asked(canvas, schedule=(1, 1, 2, 2), order=blocks(2, entropy()))
    assert found[0] == [0, 1]
    assert len(found[1]) == 1
    assert found[1][0] in (0, 1)
    assert found[2:] == [[2, 3], [4, 5]]
    # Three positions do not fit into one block: the step reaches into the second.
    wide = asked(canvas, schedule=(3, 3), order=blocks(2, margin()))
    assert wide[0] == [0, 1, 2, 3]
    assert wide[1][-2:] == [4, 5]
    assert len(wide[1]) == 3


@pytest.mark.parametrize("order", [confidence(), entropy(), margin()], ids=lambda order: order.name)
def test_what_can_be_concluded_is_written_before_what_has_to_be_guessed(order: Order) -> None:
    oracle = shidoku()
    known = torch.ones(1, 16, dtype=torch.bool)
    known[0, [0, 1, 2, 3, 4, 5, 6, 7, 15]] = False
    for grid in oracle.sample(5, rng=rng(0)):
        start = Canvas(grid[None], known)
        first, *_ = unmask(oracle, start, schedule=one_by_one(9), order=order, rng=rng(0))
        doubt = first.entropy[first.queried]
        assert float(doubt.max()) > 0.5
        assert float(first.entropy[first.written]) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("fill", ["choose-then-sample", "sample-then-rank"])
def test_an_order_looks_through_the_temperature_at_the_models_own_law(fill: str) -> None:
    """Cold laws are certain everywhere and would tie; what is drawn and reported is the cold law."""
    oracle, canvas = dirichlet(3, 3), Canvas.blank(1, 3)
    own = oracle.log_probs(canvas, torch.tensor([[0, 1, 2]])).amax(-1)[0]
    cold = Tempered(TopP(oracle, 0.99), 0)
    for seed in range(20):
        (first, *_) = unmask(
            cold, canvas, schedule=(1, 2), order=confidence(), rng=rng(seed), fill=fill
        )
        # By chance alone 20 runs would agree on one of 3 positions once in 3^19 times.
        assert first.written[0].tolist() == [position == int(own.argmax()) for position in range(3)]
        assert float(first.log_prob.abs().max()) < 1e-12
        assert float(first.entropy.abs().max()) < 1e-12


@pytest.mark.parametrize(
    ("order", "fill"),
    [
        (confidence(), "choose-then-sample"),
        (confidence(), "sample-then-rank"),
        (entropy(), "choose-then-sample"),
        (margin(), "choose-then-sample"),
    ],
    ids=lambda value: getattr(value, "name", value),
)
def test_ties_are_broken_by_chance(order: Order, fill: str) -> None:
    """A model with the same law everywhere must not be read from left to right."""
    network = MDLM(LINE)  # untrained: its head is zero, so all its laws are uniform
    rows = 4_000
    run = unmask(
        network, Canvas.blank(rows, 12), schedule=(3, 9), order=order, rng=rng(1), fill=fill
    )
    first = next(run).written
    assert (first.sum(1) == 3).all()
    # Each position is among the first 3 of 12 with chance 1/4 in each row: five standard deviations
    # of a binomial are 137; that one of 12 exceeds them happens once in 140,000 runs.
    counts = first.sum(0).double()
    assert float((counts - rows / 4).abs().max()) < 137


def test_both_fills_are_named_and_nothing_else_is() -> None:
    canvas = Canvas.blank(1, 3)
    with pytest.raises(ValueError, match=r"choose-then-sample, sample-then-rank; got 'greedy'"):
        unmask(
            dirichlet(3, 3),
            canvas,
            schedule=(3,),
            order=confidence(),
            rng=rng(0),
            fill="greedy",
        )
    with pytest.raises(ValueError, match=r"random looks at no probability.*confidence\(\)"):
        unmask(
            dirichlet(3, 3),
            canvas,
            schedule=(3,),
            order=random_order(),
            rng=rng(0),
            fill="sample-then-rank",
        )
    with pytest.raises(ValueError, match=r"order entropy does not score; use confidence\(\)"):
        unmask(
            dirichlet(3, 3),
            canvas,
            schedule=(3,),
            order=entropy(),
            rng=rng(0),
            fill="sample-then-rank",
        )


@pytest.mark.parametrize(
    ("schedule", "says"),
    [
        ((2, 2), "writes 4 positions, but 3 are unknown"),
        ((2,), "writes 2 positions, but 3 are unknown"),
        ((), "writes 0 positions, but 3 are unknown"),
        ((3, 0), "at least 1 position"),
        ((4, -1), "at least 1 position"),
    ],
)
def test_a_schedule_has_to_fit(schedule: tuple[int, ...], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        unmask(
            dirichlet(3, 3),
            Canvas.blank(2, 3),
            schedule=schedule,
            order=random_order(),
            rng=rng(0),
        )


def test_rows_with_different_numbers_unknown_have_no_common_schedule() -> None:
    known = torch.tensor([[True, False, False], [False, False, False]])
    canvas = Canvas(torch.zeros(2, 3, dtype=torch.long), known)
    with pytest.raises(ValueError, match="writes 3 positions, but 2 to 3 are unknown"):
        unmask(dirichlet(3, 3), canvas, schedule=(3,), order=random_order(), rng=rng(0))


@pytest.mark.parametrize("sampler", ["unmask", "ancestral"])
def test_the_first_step_has_its_note(sampler: str) -> None:
    canvas = Canvas.prompt([1, 0], batch=2, seq_len=6)
    if sampler == "unmask":
        run = unmask(markov(6, 2), canvas, schedule=(1, 3), order=left_to_right(), rng=rng(0))
        notes = [step.note for step in run]
        assert notes == [
            "step 1: 1 of 4 unknown tokens written from 2 known ones",
            "step 2: 3 of 3 unknown tokens written from 3 known ones",
        ]
    else:
        notes = [step.note for step in ancestral(markov(6, 2), canvas, steps=2, rng=rng(0))]
        assert all(note.startswith("step") for note in notes)
        assert "4 unknown tokens written from 2 known ones" in notes[0]


@pytest.mark.parametrize("family", [MDLM, PGM, AR])
def test_samplers_build_no_gradients(family: type) -> None:
    model, canvas = stirred(family, LINE), Canvas.blank(1, 12)
    run = (
        autoregress(model, canvas, rng=rng(0))
        if family is AR
        else unmask(model, canvas, schedule=cosine(12, 3), order=random_order(), rng=rng(0))
    )
    assert not any(step.log_prob.requires_grad for step in run)


def test_a_run_stops_where_it_is_told_and_passes_on_errors() -> None:
    run = unmask(
        markov(6, 2),
        Canvas.blank(1, 6),
        schedule=one_by_one(6),
        order=random_order(),
        rng=rng(0),
    )
    assert isinstance(next(run), Step)
    run.close()
    assert list(run) == []

    def broken(canvas: Canvas, rng: torch.Generator) -> torch.Tensor:
        raise ValueError("no order today")

    later = unmask(
        markov(6, 2),
        Canvas.blank(1, 6),
        schedule=(6,),
        order=BlindOrder("broken", broken),
        rng=rng(0),
    )
    with pytest.raises(ValueError, match="no order today"):
        next(later)
