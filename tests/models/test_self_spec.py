"""Self-speculation's network: nothing leaks, the draft is the trunk's, untrained it agrees with itself."""

import math

import pytest
import torch
from networks import stirred, tokens_of
from test_cost import counted
from torch import nn

from pgm_lite.core import Canvas, listed
from pgm_lite.draw import Tempered, law, rng
from pgm_lite.models import MDLM, Guided, Labelled, SelfSpec
from pgm_lite.net import Shape
from pgm_lite.objectives import SPECULATION, stratified
from pgm_lite.oracle import Support
from pgm_lite.orders import random_order
from pgm_lite.samplers import ancestral, speculate, unmask
from pgm_lite.schedules import uniform
from pgm_lite.two_models import TwoModels
from pgm_lite.windows import constant_window

LINE = Shape(vocab_size=5, rows=1, columns=12, width=16, heads=2, depth=3, causal=1)
GRID = Shape(vocab_size=4, rows=3, columns=4, width=16, heads=2, depth=4, labels=(3, 2), causal=2)


def setting(shape: Shape, batch: int = 3, known: int = 5) -> tuple[torch.Tensor, ...]:
    """Tokens, an order, and the slots that are unknown."""
    tokens = tokens_of(shape, batch)
    order = torch.rand(batch, 12, generator=rng(4)).argsort(1)
    return tokens, order, torch.arange(known, 12).expand(batch, -1)


def canvas_of(tokens: torch.Tensor, order: torch.Tensor, known: int) -> Canvas:
    blank = Canvas(tokens, torch.zeros_like(tokens, dtype=torch.bool))
    return blank.reveal(order[:, :known], tokens.gather(1, order[:, :known]))


def targets(model: SelfSpec, tokens: torch.Tensor, order: torch.Tensor, known: int) -> torch.Tensor:
    """The target laws at all unknown slots, by slot."""
    canvas = canvas_of(tokens, order, known)
    slots = torch.arange(known, 12).expand(len(tokens), -1)
    _, memory = model.draft(canvas, order[:, known:])
    return model.verify(memory, order, tokens, slots)


@pytest.mark.parametrize("shape", [LINE, GRID])
def test_inference_is_the_training_forward(shape: Shape) -> None:
    model = stirred(SelfSpec, shape).double()
    tokens, order, slots = setting(shape)
    drafts, judged = model(tokens, order, torch.full((3,), 5))
    where = order.gather(1, slots)
    canvas = canvas_of(tokens, order, 5)
    found, memory = model.draft(canvas, where)
    there = where[..., None].expand(-1, -1, shape.vocab_size)
    torch.testing.assert_close(found, drafts.gather(1, there).log_softmax(-1), rtol=0, atol=1e-9)
    found = model.verify(memory, order, tokens, slots)
    torch.testing.assert_close(found, judged.gather(1, there).log_softmax(-1), rtol=0, atol=1e-9)
    # Asking about fewer slots, with the order cut after them, changes no answer.
    fewer = model.verify(memory, order[:, :8], tokens, slots[:, :3])
    torch.testing.assert_close(fewer, found[:, :3], rtol=0, atol=1e-9)


@pytest.mark.parametrize("shape", [LINE, GRID])
def test_a_target_has_read_what_comes_before_it_and_nothing_else(shape: Shape) -> None:
    """S5: q_d depends on drafts at earlier slots, and not on its own or later ones."""
    model, known = stirred(SelfSpec, shape).double(), 5
    tokens, order, _ = setting(shape)
    before = targets(model, tokens, order, known)
    for slot in range(known, 12):
        changed = tokens.clone()
        place = order[:, slot : slot + 1]
        changed.scatter_(1, place, (tokens.gather(1, place) + 1) % shape.vocab_size)
        difference = (targets(model, changed, order, known) - before).abs().amax(-1)
        assert (difference[:, : slot - known + 1] == 0).all()
        assert (difference[:, slot - known + 1 :] > 1e-9).all()


def test_gradients_do_not_leak_either() -> None:
    model, known = stirred(SelfSpec, LINE).double(), 4
    tokens, order, _ = setting(LINE, batch=1, known=known)
    looked_up: list[torch.Tensor] = []

    def keep(module: nn.Module, inputs: object, output: torch.Tensor) -> torch.Tensor:
        output = output.detach().requires_grad_()
        looked_up.append(output)
        return output

    canvas = canvas_of(tokens, order, known)
    with torch.enable_grad():
        _, memory = model.draft(canvas, order[:, known:])
        hook = model.embedding.token.register_forward_hook(keep)
        laws = model.verify(memory.detach(), order, tokens, torch.tensor([[8]]))
        hook.remove()
        laws[0, 0, 0].backward()
    by_track = looked_up[0].grad[0].abs().sum(-1)
    assert (by_track[:8] > 0).all()
    assert (by_track[8:] == 0).all()


def test_the_trunk_sees_no_draft_and_no_judge() -> None:
    model = stirred(SelfSpec, LINE)
    tokens, order, _ = setting(LINE)
    canvas = canvas_of(tokens, order, 5)
    hidden = Canvas(tokens.masked_fill(~canvas.known, 0), canvas.known)
    everywhere = torch.arange(12).expand(3, -1)
    before, stream = model.draft(canvas, everywhere)
    again, same = model.draft(hidden, everywhere)
    assert torch.equal(before, again)
    assert torch.equal(stream, same)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.startswith(("judge", "from_")):
                parameter.zero_()
    after, _ = model.draft(canvas, everywhere)
    assert torch.equal(before, after)


def test_the_order_of_what_is_known_does_not_reach_the_trunk() -> None:
    """S6."""
    model, (tokens, order, _) = stirred(SelfSpec, LINE), setting(LINE)
    other = order.clone()
    other[:, :5] = order[:, :5].flip(1)
    where = order[:, 5:]
    one, _ = model.draft(canvas_of(tokens, order, 5), where)
    same, _ = model.draft(canvas_of(tokens, other, 5), where)
    assert torch.equal(one, same)


@pytest.mark.parametrize("shape", [LINE, GRID])
def test_untrained_the_target_is_the_draft(shape: Shape) -> None:
    """S7: with the last projection at zero, whatever the other weights; nothing is refused."""
    model = stirred(SelfSpec, shape)
    with torch.no_grad():
        model.judgement.weight.zero_()
    tokens, order, _ = setting(shape)
    drafts, judged = model(tokens, order, torch.full((3,), 5))
    assert torch.equal(drafts, judged)
    run = speculate(model, Canvas.blank(20, 12), window=constant_window(5), loops=3, rng=rng(0))
    assert not any(step.draft.rejected.any() for step in run)


def test_the_first_token_of_an_empty_canvas_has_its_draft_law() -> None:
    model, (tokens, order, _) = stirred(SelfSpec, LINE), setting(LINE)
    blank = Canvas.blank(3, 12)
    drafts, memory = model.draft(blank, order[:, :1])
    found = model.verify(memory, order[:, :1], tokens, torch.zeros(3, 1, dtype=torch.long))
    torch.testing.assert_close(found, drafts, rtol=0, atol=1e-6)


def test_the_trunk_alone_is_an_mdlm() -> None:
    """Draft only: the same weights, one block less, asked as any conditional is."""
    model = stirred(SelfSpec, LINE)
    trunk = MDLM(Shape(vocab_size=5, rows=1, columns=12, width=16, heads=2, depth=2)).eval()
    shared = trunk.state_dict().keys() & model.state_dict().keys()
    trunk.load_state_dict({key: model.state_dict()[key] for key in shared})
    tokens, order, _ = setting(LINE)
    canvas = canvas_of(tokens, order, 5)
    where = listed(canvas.unknown)
    assert torch.equal(model.log_probs(canvas, where), trunk.log_probs(canvas, where))
    *_, last = ancestral(model, canvas, steps=3, rng=rng(0))
    assert last.canvas.known.all()


# The loss (S9)


class Tabular(nn.Module):
    """Exact laws as a network: drafts of one oracle, targets of the same."""

    def __init__(self, oracle: Support) -> None:
        super().__init__()
        self.two = TwoModels(oracle, oracle)

    def forward(self, tokens: torch.Tensor, order: torch.Tensor, known: torch.Tensor, label: None):
        n = tokens.shape[1]
        canvas = Canvas(tokens, order.argsort(1) < known[:, None])
        everywhere = torch.arange(n).expand(len(tokens), -1)
        drafts, _ = self.two.draft(canvas, everywhere)
        slots = torch.arange(n).expand(len(tokens), -1)
        by_slot = self.two.verify(None, order, tokens, slots)
        place = order.argsort(1)[..., None].expand(-1, -1, by_slot.shape[-1])
        return drafts.clamp(min=-1e9), by_slot.gather(1, place)


def test_the_draft_term_is_a_bound_and_the_causal_term_is_not() -> None:
    """At the optimum: H and sum_i h_i / (D - i), here for two equally likely opposite sequences."""
    law_of_two = Support(torch.tensor([[0, 0, 0], [1, 1, 1]]), 2)
    rows = 30_000
    tokens = law_of_two.sample(rows, rng=rng(0))
    t = stratified(rows, rng=rng(1))
    terms = SPECULATION.loss(Tabular(law_of_two), tokens, None, t=t, rng=rng(2)) * 3
    error = terms.std(0) / math.sqrt(rows)
    # In nats a sequence: the bound is ln 2. Given nothing the rest has entropy ln 2, given anything
    # none, so the causal term is ln 2 / 3. Five standard errors.
    assert float(terms[:, 0].mean()) == pytest.approx(math.log(2), abs=5 * float(error[0]))
    assert float(terms[:, 1].mean()) == pytest.approx(math.log(2) / 3, abs=5 * float(error[1]))
    assert SPECULATION.kind == "surrogate"
    assert SPECULATION.parts == ("draft bound", "causal surrogate")
    with pytest.raises(ValueError, match="surrogate"):
        SPECULATION.perplexity(1.0)


def test_one_batch_trains_draft_and_target() -> None:
    model = stirred(SelfSpec, LINE)
    terms = SPECULATION.loss(
        model, tokens_of(LINE, 16), None, t=stratified(16, rng=rng(0)), rng=rng(1)
    )
    assert terms.shape == (16, 2)
    terms.mean(0).sum().backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in model.parameters())


# Bill: law 13


def test_flops_are_those_that_run() -> None:
    model = stirred(SelfSpec, LINE)
    tokens, order, _ = setting(LINE, batch=1)
    canvas, where = canvas_of(tokens, order, 5), order[:, 5:9]
    with counted() as counter:
        _, memory = model.draft(canvas, where)
    bill = model.draft_cost(canvas, where)
    assert int(bill.flops[0]) == counter.get_total_flops()
    assert bill.calls.tolist() == [pytest.approx(2 / 3)]
    assert bill.encoder_positions.tolist() == [12]
    slots = torch.arange(5, 9)[None]
    with counted() as counter:
        model.verify(memory, order[:, :9], tokens, slots)
    bill = model.verify_cost(order[:, :9], slots)
    assert int(bill.flops[0]) == counter.get_total_flops()
    assert bill.calls.tolist() == [pytest.approx(1 / 3)]
    assert bill.decoder_positions.tolist() == [8]
    assert float(model.cost(canvas, where).calls) == pytest.approx(2 / 3)


def test_a_run_is_billed_by_shares_of_the_layers() -> None:
    model, rows = stirred(SelfSpec, LINE), 6
    start = Canvas.blank(rows, 12)
    steps = list(speculate(model, start, window=constant_window(4), loops=2, rng=rng(0)))
    trunk = torch.stack([step.draft.drafted.any(1) for step in steps]).sum(0)
    checks = torch.stack([step.written.any(1) for step in steps]).sum(0)
    calls = torch.stack([step.cost.calls for step in steps]).sum(0)
    torch.testing.assert_close(calls, trunk * 2 / 3 + checks / 3, check_dtype=False)
    plain = list(unmask(model, start, schedule=uniform(12, 3), order=random_order(), rng=rng(0)))
    assert (
        torch.stack([step.cost.calls for step in plain]).sum(0).tolist() == [pytest.approx(2)] * 6
    )


# Steering


def test_labels_and_guidance_reach_draft_and_target() -> None:
    model, label = stirred(SelfSpec, GRID), torch.tensor([1, 0])
    tokens, order, slots = setting(GRID)
    canvas, where = canvas_of(tokens, order, 5), order[:, 5:]
    labels = label.expand(3, -1)
    plain, memory = model.draft(canvas, where, labels)
    judged = model.verify(memory, order, tokens, slots)
    for scale in (0.0, 2.0):
        steered = Guided(model, label, scale) if scale else Labelled(model, label)
        found, kept = steered.draft(canvas, where)
        target = steered.verify(kept, order, tokens, slots)
        if scale == 0:
            assert torch.equal(found, plain)
            assert torch.equal(target, judged)
        else:
            free, other = model.draft(canvas, where)
            mixed = 3 * plain - 2 * free
            torch.testing.assert_close(found, mixed.log_softmax(-1))
            mixed = 3 * judged - 2 * model.verify(other, order, tokens, slots)
            torch.testing.assert_close(target, mixed.log_softmax(-1))
        once = model.verify_cost(order, slots).flops
        assert torch.equal(steered.verify_cost(order, slots).flops, once * (2 if scale else 1))


def test_temperature_is_the_same_for_draft_and_target() -> None:
    model = stirred(SelfSpec, LINE)
    tokens, order, slots = setting(LINE)
    canvas, where = canvas_of(tokens, order, 5), order[:, 5:]
    cold = Tempered(model, 0.5)
    (draft, memory), (plain, _) = cold.draft(canvas, where), model.draft(canvas, where)
    torch.testing.assert_close(draft, law(plain / 0.5), check_dtype=False)
    target, own = (each.verify(memory, order, tokens, slots) for each in (cold, model))
    torch.testing.assert_close(target, law(own / 0.5), check_dtype=False)


def test_a_model_without_causal_blocks_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1 causal block; got causal=0"):
        SelfSpec(Shape(vocab_size=5, rows=1, columns=12, width=16, heads=2, depth=3))
    with pytest.raises(ValueError, match="3 of 3 blocks cannot be causal"):
        Shape(vocab_size=5, rows=1, columns=12, width=16, heads=2, depth=3, causal=3)
    model = stirred(SelfSpec, LINE)
    tokens, order, slots = setting(LINE)
    with pytest.raises(ValueError, match=r"memory comes from draft\(\); got a NoneType"):
        model.verify(None, order, tokens, slots)
