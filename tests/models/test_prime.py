"""Prime: one digit is MDLM, and the filter keeps what known digits allow (P2, P3, P9)."""

import pytest
import torch
from networks import LINE, PORTRAIT, SPELLED, stirred, tokens_of

from pgm_lite.checkpoints import build
from pgm_lite.core import Canvas
from pgm_lite.digits import Digits
from pgm_lite.draw import rng
from pgm_lite.models import MDLM, Guided, Prime
from pgm_lite.net import Shape
from pgm_lite.objectives import MASKED, joint, marginal, stratified
from pgm_lite.samplers import ancestral, unmask_digits


def test_one_digit_is_mdlm_to_the_bit() -> None:
    mdlm, prime = build("mdlm", LINE, seed=3), build("prime", LINE, seed=3)
    for (name, one), (same, other) in zip(
        mdlm.named_parameters(), prime.named_parameters(), strict=True
    ):
        assert name == same
        assert torch.equal(one, other)
    mdlm, prime = stirred(MDLM, LINE), stirred(Prime, LINE)
    tokens = tokens_of(LINE, 6)
    known = torch.rand(6, 12, generator=rng(4)) < 0.5
    everywhere = torch.arange(12).expand(6, -1)
    canvas = Canvas(tokens, known)
    assert torch.equal(mdlm.log_probs(canvas, everywhere), prime.log_probs(canvas, everywhere))
    t = stratified(6, rng=rng(0))
    losses = [
        objective.loss(model, tokens, None, t=t, rng=rng(1))
        for objective, model in (
            (MASKED, mdlm),
            (joint(prime.digits), prime),
            (marginal(prime.digits), prime),
        )
    ]
    assert torch.equal(losses[0], losses[1])
    # A sum of one term through its logarithm: equal up to rounding.
    torch.testing.assert_close(losses[0], losses[2], rtol=1e-6, atol=0)
    assert joint(prime.digits).kind == "surrogate"
    assert marginal(prime.digits).kind == "bound"
    with pytest.raises(ValueError, match="surrogate"):
        joint(prime.digits).perplexity(1.0)


@pytest.mark.parametrize("steps", [1, 5, 40])
def test_one_digit_samples_as_mdlm_does(steps: int) -> None:
    mdlm, prime = stirred(MDLM, LINE), stirred(Prime, LINE)
    start = Canvas.prompt([1, 2], batch=3, seq_len=12)
    plain = list(ancestral(mdlm, start, steps=steps, rng=rng(7)))
    digits = list(unmask_digits(prime, start, steps=steps, rng=rng(7)))
    assert len(plain) == len(digits) == steps
    for one, other in zip(plain, digits, strict=True):
        assert torch.equal(one.canvas.tokens, other.canvas.tokens)
        assert torch.equal(one.written, other.written)
        torch.testing.assert_close(one.log_prob, other.log_prob, rtol=0, atol=1e-12)
        assert torch.equal(one.cost.calls, other.cost.calls)


@pytest.mark.parametrize("shape", [SPELLED, PORTRAIT])
def test_tokens_that_contradict_a_known_digit_have_probability_zero(shape: Shape) -> None:
    model, code = stirred(Prime, shape).double(), Digits(shape.vocab_size, shape.digits)
    tokens = tokens_of(shape, 40)
    digits = code.encode(tokens).flatten(1)
    known = torch.rand(digits.shape, generator=rng(2)) < torch.rand(40, 1, generator=rng(3))
    known[0], known[1] = False, True
    laws = model.log_probs(Canvas(digits, known), torch.arange(12).expand(40, -1)).exp()
    torch.testing.assert_close(laws.sum(-1), torch.ones(40, 12).double(), rtol=0, atol=1e-12)
    spelled, shown = digits.view(40, 12, -1), known.view(40, 12, -1)
    for token in range(shape.vocab_size):
        clash = ((code.encode(torch.tensor(token)) != spelled) & shown).any(-1)
        assert (laws[..., token][clash] == 0).all()
        assert (laws[..., token][~clash] > 0).all()
    whole = shown.all(-1)
    assert (laws.gather(-1, tokens[..., None])[..., 0][whole] == 1).all()
    forward = model(digits, known).log_softmax(-1).exp()
    torch.testing.assert_close(forward, laws, rtol=0, atol=1e-12)


def test_what_is_still_possible_never_grows() -> None:
    code = Digits(27, 3)
    digits = code.encode(torch.arange(27))
    sizes = []
    for shown in range(4):
        known = (torch.arange(3) < shown).expand(27, 3)
        sizes.append(code.consistent(digits, known).sum(1))
    assert [int(size[0]) for size in sizes] == [27, 9, 3, 1]


def test_the_transformer_reads_as_many_positions_as_tokens() -> None:
    """P9: parameters are MDLM's without its token table, with that of the digits instead."""
    plain = Shape(vocab_size=27, rows=1, columns=8, width=12, heads=2, depth=2)
    spelled = Shape(vocab_size=27, rows=1, columns=8, width=12, heads=2, depth=2, digits=3)
    count = {
        model: sum(p.numel() for p in model.parameters()) for model in (MDLM(plain), Prime(spelled))
    }
    mdlm, prime = count.values()
    assert prime == mdlm - 28 * 12 + 4 * 4


def test_guidance_respects_the_filter() -> None:
    model, code = stirred(Prime, PORTRAIT), Digits(4, 2)
    digits = Canvas(
        code.encode(tokens_of(PORTRAIT, 2)).flatten(1), torch.arange(24).expand(2, -1) % 3 > 0
    )
    where = torch.arange(12).expand(2, -1)
    steered = Guided(model, torch.tensor([1, 0]), 2.0)
    assert torch.equal(
        steered.log_probs(digits, where) == -torch.inf, model.log_probs(digits, where) == -torch.inf
    )
    assert torch.isfinite(steered.log_probs(digits, where).exp().sum())
    assert steered.digits.count == 2
