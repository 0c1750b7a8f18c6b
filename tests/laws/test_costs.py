"""Law 13: the bill of a whole run equals a count by hand."""

import pytest
import torch
from networks import GRID, LINE, stirred
from subjects import dirichlet

from pgm_lite.core import Canvas, Conditional, Cost
from pgm_lite.draw import Tempered, TopP, rng
from pgm_lite.models import AR, MDLM, PGM, Guided
from pgm_lite.net import Shape
from pgm_lite.orders import (
    Order,
    blocks,
    confidence,
    halton,
    left_to_right,
    margin,
    random_order,
)
from pgm_lite.samplers import ancestral, autoregress, unmask
from pgm_lite.schedules import cosine, one_by_one, uniform
from pgm_lite.trace import record

L = 12
BLIND = [random_order(), left_to_right(), halton(3, 4), blocks(4, random_order())]


def bill(model: Conditional, schedule: tuple[int, ...], order: Order, batch: int = 2) -> Cost:
    canvas = Canvas.blank(batch, sum(schedule))
    return record(unmask(model, canvas, schedule=schedule, order=order, rng=rng(0))).cost


@pytest.mark.parametrize("steps", [1, 2, 3, 4, 6, 12])
@pytest.mark.parametrize("order", BLIND, ids=lambda order: order.name)
def test_pgm_under_a_blind_order(order: Order, steps: int) -> None:
    cost = bill(stirred(PGM, LINE), uniform(L, steps), order)
    assert cost.calls.tolist() == [steps] * 2
    # Known positions at steps 1, 2, ...: 0, k, 2k, ... with k = L / T; and one register a step.
    assert cost.encoder_positions.tolist() == [L * (steps - 1) // 2 + steps] * 2
    assert cost.decoder_positions.tolist() == [L] * 2
    assert cost.positions.tolist() == [L * (steps + 1) // 2 + steps] * 2


@pytest.mark.parametrize("steps", [1, 2, 3, 4, 6, 12])
@pytest.mark.parametrize("order", [confidence(), margin()], ids=lambda order: order.name)
def test_pgm_under_a_sighted_order_is_as_dear_as_mdlm(order: Order, steps: int) -> None:
    cost = bill(stirred(PGM, LINE), uniform(L, steps), order)
    assert cost.encoder_positions.tolist() == [L * (steps - 1) // 2 + steps] * 2
    assert cost.decoder_positions.tolist() == [L * (steps + 1) // 2] * 2
    assert cost.positions.tolist() == [steps * L + steps] * 2


@pytest.mark.parametrize("order", [*BLIND, confidence()], ids=lambda order: order.name)
@pytest.mark.parametrize("schedule", [uniform(L, 3), cosine(L, 5), one_by_one(L)], ids=str)
def test_mdlm_reads_everything_at_every_step(schedule: tuple[int, ...], order: Order) -> None:
    cost = bill(stirred(MDLM, LINE), schedule, order)
    assert cost.encoder_positions.tolist() == [len(schedule) * L] * 2
    assert cost.decoder_positions.tolist() == [0, 0]


def test_sighted_blocks_ask_about_their_own_block_only() -> None:
    cost = bill(stirred(PGM, LINE), one_by_one(L), blocks(4, confidence()))
    assert cost.decoder_positions.tolist() == [3 * (4 + 3 + 2 + 1)] * 2


def test_a_prompt_is_read_at_every_step_and_never_asked_about() -> None:
    canvas = Canvas.prompt([1, 2, 0, 3], batch=2, seq_len=L)
    run = unmask(stirred(PGM, LINE), canvas, schedule=(4, 4), order=random_order(), rng=rng(0))
    cost = record(run).cost
    assert cost.encoder_positions.tolist() == [(1 + 4) + (1 + 8)] * 2
    assert cost.decoder_positions.tolist() == [8] * 2


class Blank:
    """The bill of a network without running it; every answer is uniform."""

    def __init__(self, network: PGM) -> None:
        self.network = network

    def log_probs(self, canvas: Canvas, where: torch.Tensor) -> torch.Tensor:
        return torch.zeros(*where.shape, 2)

    def cost(self, canvas: Canvas, where: torch.Tensor) -> Cost:
        return self.network.cost(canvas, where)


def test_the_mean_encoder_length_the_pgm_paper_implies() -> None:
    """1,024 positions in 128 steps: 509 a step, the register standing for the paper's BOS."""
    network = PGM(Shape(vocab_size=2, rows=1, columns=1024, width=4, heads=1, depth=2))
    cost = bill(Blank(network), uniform(1024, 128), random_order(), batch=1)
    assert int(cost.encoder_positions) / 128 == 509
    assert int(cost.positions) - 128 == 66_048  # without the registers: L (T + 1) / 2


def test_ancestral_bills_each_row_for_what_it_asked() -> None:
    canvas = Canvas.blank(64, L)
    trace = record(ancestral(stirred(PGM, LINE), canvas, steps=5, rng=rng(1)))
    calls = torch.stack([step.written.any(1).double() for step in trace.steps]).sum(0)
    assert torch.equal(trace.cost.calls, calls)
    assert trace.cost.decoder_positions.tolist() == [L] * 64
    known, read = canvas.known.sum(1), torch.zeros(64, dtype=torch.long)
    for step in trace.steps:
        read += torch.where(step.written.any(1), known + 1, 0)
        known = step.canvas.known.sum(1)
    assert torch.equal(trace.cost.encoder_positions, read)


def test_caching_makes_the_expected_number_of_ancestral_calls() -> None:
    """T (1 - (1 - 1/T)^L) calls a row (samplers that skip idle steps)."""
    trace = record(ancestral(dirichlet(3, 2), Canvas.blank(20_000, 3), steps=4, rng=rng(2)))
    expected = 4 * (1 - (3 / 4) ** 3)
    # A row makes 1 to 3 calls, standard deviation 0.6: five standard errors are 0.021.
    assert float(trace.cost.calls.double().mean()) == pytest.approx(expected, abs=0.021)


@pytest.mark.parametrize("given", [0, 3, 11])
def test_ar_reads_each_position_once(given: int) -> None:
    canvas = Canvas.prompt([1] * given, batch=2, seq_len=L)
    trace = record(autoregress(stirred(AR, LINE), canvas, rng=rng(0)))
    assert trace.cost.calls.tolist() == [L - given] * 2
    assert trace.cost.encoder_positions.tolist() == [L] * 2  # the prompt is read in the first call
    assert trace.cost.decoder_positions.tolist() == [0, 0]
    # The first call compares each position it reads with all of them; the head runs once a call.
    prompt = given + 1
    looks = prompt**2 + sum(range(prompt + 1, L + 1))
    flops = 3 * (24 * L * 16**2 + 4 * looks * 16) + 2 * (L - given) * 16 * 5
    assert trace.cost.flops.tolist() == [flops] * 2


def test_reshaping_is_free_and_guidance_costs_twice() -> None:
    model = stirred(PGM, GRID)
    plain = bill(model, uniform(L, 3), random_order())
    shaped = bill(TopP(Tempered(model, 0.5), 0.9), uniform(L, 3), random_order())
    guided = bill(Guided(model, torch.tensor([1, 0]), 2.0), uniform(L, 3), random_order())
    assert torch.equal(shaped.flops, plain.flops)
    assert torch.equal(shaped.positions, plain.positions)
    assert torch.equal(guided.flops, 2 * plain.flops)
    assert torch.equal(guided.calls, 2 * plain.calls)


def test_an_oracle_costs_calls_and_nothing_else() -> None:
    cost = bill(dirichlet(4, 2), one_by_one(4), confidence())
    assert cost.calls.tolist() == [4, 4]
    assert cost.positions.tolist() == [0, 0]
    assert cost.flops.tolist() == [0, 0]
