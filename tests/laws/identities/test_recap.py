"""ReCAP: no cache where it is always fresh, full and local passes counted apart, FLOPs by hand."""

import math
from dataclasses import replace

import pytest
import torch
from exact import distance, exact_law, table
from networks import GRID, LINE, SPELLED, stirred, tokens_of
from subjects import dirichlet
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from pgm_lite.core import NOBODY, Canvas
from pgm_lite.draw import Tempered, TopP, rng
from pgm_lite.models import MDLM, PGM, Guided, Labelled, Prime, SelfSpec
from pgm_lite.oracle import Refreshed
from pgm_lite.orders import Order, blocks, confidence, left_to_right, margin, random_order
from pgm_lite.protocols import Cached
from pgm_lite.samplers import recap, unmask
from pgm_lite.samplers.recap import passes
from pgm_lite.schedules import cosine, one_by_one, uniform
from pgm_lite.trace import Trace, record

L = 12
ORDERS = [random_order(), left_to_right(), confidence(), margin(), blocks(4, confidence())]


def half(shape: object = LINE, batch: int = 3, known: int = 5) -> Canvas:
    places = torch.rand(batch, L, generator=rng(0)).argsort(1)[:, :known]
    mask = torch.zeros(batch, L, dtype=torch.bool).scatter(1, places, value=True)
    return Canvas(tokens_of(shape, batch), mask)


def same(one: list, other: list) -> None:
    for a, b in zip(one, other, strict=True):
        assert torch.equal(a.canvas.tokens, b.canvas.tokens)
        assert torch.equal(a.written, b.written)
        torch.testing.assert_close(a.log_prob, b.log_prob, rtol=0, atol=1e-6)


@pytest.mark.parametrize("order", ORDERS, ids=lambda order: order.name)
def test_without_local_steps_it_is_unmask_draw_for_draw(order: Order) -> None:
    model, schedule = Tempered(TopP(stirred(MDLM, LINE), 0.95), 0.8), cosine(7, 4)
    plain = list(unmask(model, half(), schedule=schedule, order=order, rng=rng(1)))
    for wish in ({"local": 0}, {"local": 3, "full_first": 4}, {"full_first": 9}):
        ours = list(recap(model, half(), schedule=schedule, order=order, rng=rng(1), **wish))
        same(plain, ours)
        for a, b in zip(plain, ours, strict=True):
            assert torch.equal(a.cost.flops, b.cost.flops)
            assert torch.equal(a.entropy, b.entropy)


@pytest.mark.parametrize("order", [random_order(), left_to_right()], ids=lambda order: order.name)
@pytest.mark.parametrize("local", [1, 2, 5])
def test_a_memory_refreshed_at_every_pass_is_no_memory(order: Order, local: int) -> None:
    """The same seed gives the same tokens as ``unmask``, however many steps are local."""
    model, schedule = stirred(MDLM, LINE), uniform(L, 6)
    canvas = Canvas.blank(4, L)
    plain = list(unmask(model, canvas, schedule=schedule, order=order, rng=rng(2)))
    fresh = Refreshed(model)
    same(plain, list(recap(fresh, canvas, schedule=schedule, order=order, rng=rng(2), local=local)))


@pytest.mark.parametrize("order", [random_order(), confidence()], ids=lambda order: order.name)
def test_exact_passes_draw_from_the_joint(order: Order) -> None:
    """One position a step, local or not; the order of a group may be stale, the answers are not."""
    oracle = dirichlet(3, 2, seed=2)
    for full_first, local in ((0, 2), (1, 1), (0, 1)):
        law = exact_law(
            lambda f=full_first, k=local: recap(
                Refreshed(oracle),
                Canvas.blank(1, 3),
                schedule=one_by_one(3),
                order=order,
                rng=rng(0),
                full_first=f,
                local=k,
            ),
            3,
            2,
        )
        assert distance(law, table(oracle, 3, 2)) < 1e-12


@pytest.mark.parametrize(("family", "shape"), [(MDLM, LINE), (MDLM, GRID), (SelfSpec, LINE)])
def test_a_local_pass_over_what_is_fresh_is_a_full_pass(family: type, shape: object) -> None:
    model = stirred(family, replace(shape, causal=1) if family is SelfSpec else shape)
    canvas, everywhere = half(shape), torch.arange(L).expand(3, -1)
    with torch.no_grad():
        full, memory = model.full(canvas, everywhere)
        torch.testing.assert_close(full, model.log_probs(canvas, everywhere))
        # Just remembered, for groups of any size and shuffled, also ragged ones.
        for size in (1, 4, L):
            group = torch.rand(3, L, generator=rng(3)).argsort(1)[:, :size]
            where = group.flip(1)[:, : max(1, size - 1)]
            index = where[..., None].expand(-1, -1, full.shape[-1])
            local = model.local(memory, canvas, group, where)
            torch.testing.assert_close(local, full.gather(1, index), rtol=0, atol=1e-5)
        ragged = torch.tensor([[4, 7, NOBODY], [1, 2, 3], [9, NOBODY, NOBODY]])
        local = model.local(memory, canvas, ragged, ragged)
        told = full.gather(1, ragged.clamp(min=0)[..., None].expand(-1, -1, full.shape[-1]))
        kept = ragged >= 0
        torch.testing.assert_close(local[kept], told[kept], rtol=0, atol=1e-5)
        # A group of everything needs no memory: it may be as stale as it likes.
        later = canvas.reveal(torch.tensor([[0], [1], [2]]), torch.tensor([[3], [0], [1]]))
        local = model.local(memory, later, everywhere, everywhere)
        torch.testing.assert_close(local, model.log_probs(later, everywhere), rtol=0, atol=1e-5)


def test_a_local_pass_reads_the_group_anew_and_nothing_else() -> None:
    model, canvas = stirred(MDLM, LINE), Canvas.blank(1, L)
    group, where = torch.tensor([[2, 5, 8]]), torch.tensor([[8]])
    with torch.no_grad():
        before, memory = model.full(canvas, where)
        inside = canvas.reveal(torch.tensor([[2]]), torch.tensor([[3]]))
        outside = canvas.reveal(torch.tensor([[1]]), torch.tensor([[3]]))
        assert not torch.allclose(model.local(memory, inside, group, where), before, atol=1e-3)
        torch.testing.assert_close(
            model.local(memory, outside, group, where), before, rtol=0, atol=1e-5
        )
        # The others do not know of the new token: an approximation, and not a small one here.
        true = model.log_probs(inside, where)
        assert not torch.allclose(model.local(memory, inside, group, where), true, atol=1e-3)


def test_what_a_local_pass_refuses() -> None:
    model, canvas = stirred(MDLM, LINE), Canvas.blank(1, L)
    group, memory = torch.tensor([[2, 5]]), model.full(canvas, torch.tensor([[2]]))[1]
    with pytest.raises(ValueError, match="positions of its group only"):
        model.local(memory, canvas, group, torch.tensor([[3]]))
    with pytest.raises(ValueError, match=r"comes from full\(\); got a NoneType"):
        model.local(None, canvas, group, torch.tensor([[2]]))


@pytest.mark.parametrize("shape", [LINE, GRID])
@pytest.mark.parametrize("size", [1, 4, 12])
def test_flops_are_those_that_run(shape: object, size: int) -> None:
    model, canvas = stirred(MDLM, shape), half(shape, batch=1)
    group, where = torch.arange(size)[None], torch.arange(min(size, 2))[None]
    with (
        torch.no_grad(),
        sdpa_kernel(SDPBackend.MATH),
        FlopCounterMode(display=False) as counter,
    ):
        _, memory = model.full(canvas, where)
        whole = counter.get_total_flops()
        model.local(memory, canvas, group, where)
    assert int(model.cost(canvas, where).flops[0]) == whole
    bill = model.local_cost(group, where)
    assert int(bill.flops[0]) == counter.get_total_flops() - whole
    d, v = shape.width, shape.vocab_size
    by_hand = shape.depth * (24 * size * d**2 + 4 * size * L * d) + 2 * where.shape[1] * d * v
    assert bill.flops.tolist() == [by_hand]
    assert bill.encoder_positions.tolist() == [size]
    assert bill.decoder_positions.tolist() == [0]
    assert bill.calls.tolist() == [1]
    if size == L:
        assert bill.flops.tolist() == model.cost(canvas, where).flops.tolist()


def test_the_bill_of_a_run_equals_a_count_by_hand() -> None:
    model = stirred(MDLM, LINE)
    run = recap(
        model,
        Canvas.blank(2, L),
        schedule=uniform(L, 6),
        order=random_order(),
        rng=rng(0),
        full_first=2,
        local=1,
    )
    trace = record(run)
    assert trace.header.knobs["passes"] == "4 full, 2 local"
    kinds = [step.note.split(":")[0].split(", ")[1] for step in trace.steps]
    assert kinds == ["full", "full", "full", "local", "full", "local"]
    # A group is two steps of two positions.
    assert trace.cost.encoder_positions.tolist() == [4 * L + 2 * 4] * 2
    assert trace.cost.calls.tolist() == [6, 6]
    d, v = 16, 5
    one = 3 * (24 * d**2 + 4 * L * d)
    assert trace.cost.flops.tolist() == [one * (4 * L + 2 * 4) + 2 * L * d * v] * 2
    assert torch.equal(Trace.from_json(trace.to_json(1)).final.tokens, trace.final.tokens[1:])


@pytest.mark.parametrize(
    ("steps", "full_first", "counts"),
    [(32, 12, (22, 10)), (20, 10, (15, 5)), (16, 8, (12, 4)), (24, 10, (17, 7))],
)
def test_full_and_local_passes_of_the_published_settings(
    steps: int, full_first: int, counts: tuple[int, int]
) -> None:
    """The pair quoted for 32 steps is 22 full and 10 local evaluations."""
    assert passes(steps, full_first, 1) == counts


def test_other_divisions_into_passes() -> None:
    assert passes(0, 3, 1) == (0, 0)
    assert passes(7, 0, 2) == (3, 4)
    assert passes(7, 7, 2) == passes(7, 9, 2) == (7, 0)
    assert passes(5, 0, 100) == (1, 4)


def test_noise_mixes_the_order_and_fades() -> None:
    model, canvas = stirred(MDLM, LINE), Canvas.blank(400, L)

    def first(noise: float) -> torch.Tensor:
        run = recap(
            model, canvas, schedule=one_by_one(L), order=confidence(), rng=rng(1), noise=noise
        )
        return next(run).written.double().mean(0)

    assert float(first(0.0).max()) == 1.0  # every row has the same laws on a blank canvas
    # Near uniform: 1/12 each, five standard deviations of 400 rows are 0.069.
    assert float((first(1e6) - 1 / L).abs().max()) < 0.069
    (only,) = recap(
        model, canvas, schedule=(L,), order=confidence(), rng=rng(1), noise=9.0, local=0
    )
    assert only.written.all()


@pytest.mark.parametrize("scale", [None, 1.5])
def test_labels_and_guidance_go_through(scale: float | None) -> None:
    model, label = stirred(MDLM, GRID), torch.tensor([1, 0])
    steered = Labelled(model, label) if scale is None else Guided(model, label, scale)
    assert isinstance(steered, Cached)
    times = 1 if scale is None else 2
    group, where = torch.tensor([[2, 5, 8]]), torch.tensor([[8]])
    canvas = half(GRID, batch=1)
    with torch.no_grad():
        full, memory = steered.full(canvas, where)
        torch.testing.assert_close(full, steered.log_probs(canvas, where))
        local = steered.local(memory, canvas, group, where)
        torch.testing.assert_close(local, steered.log_probs(canvas, where), rtol=0, atol=1e-4)
    bill = steered.local_cost(group, where)
    assert bill.calls.tolist() == [times]
    assert bill.encoder_positions.tolist() == [3 * times]
    trace = record(
        recap(
            Tempered(steered, 0.7),
            Canvas.blank(2, L),
            schedule=uniform(L, 4),
            order=confidence(),
            rng=rng(0),
        )
    )
    assert trace.cost.encoder_positions.tolist() == [times * (2 * L + 2 * 6)] * 2


@pytest.mark.parametrize(
    ("choices", "says"),
    [
        ({"local": -1}, "0 or more; got full_first=0 and local=-1"),
        ({"full_first": -2}, "got full_first=-2"),
        ({"noise": -1.0}, r"0 \(none\) or more, and finite; got -1"),
        ({"noise": math.nan}, "got nan"),
        ({"noise": 1.0}, "the order random looks at none; set noise to 0"),
        ({"schedule": (5,)}, "writes 5 positions, but 12 are unknown"),
    ],
)
def test_bad_choices(choices: dict, says: str) -> None:
    given = {"schedule": uniform(L, 3), "order": random_order()} | choices
    with pytest.raises(ValueError, match=says):
        recap(stirred(MDLM, LINE), Canvas.blank(1, L), rng=rng(0), **given)


@pytest.mark.parametrize("model", [stirred(PGM, LINE), stirred(Prime, SPELLED), dirichlet(3, 2)])
def test_models_without_a_memory_are_refused(model: object) -> None:
    n = 3 if not isinstance(model, PGM | Prime) else L
    for asked in (model, Tempered(model, 0.5)):
        with pytest.raises(ValueError, match="not for remembered keys and values of whole tokens"):
            recap(
                asked, Canvas.blank(1, n), schedule=one_by_one(n), order=random_order(), rng=rng(0)
            )
