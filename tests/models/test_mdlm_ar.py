"""MDLM and AR: what they may read, what they are certain of, and the cache that changes nothing."""

import pytest
import torch
from networks import GRID, LINE, stirred, tokens_of

from pgm_lite.core import Canvas, listed
from pgm_lite.models import AR, MDLM, PGM
from pgm_lite.net import Shape


def half_known(shape: Shape, batch: int) -> Canvas:
    known = torch.rand(batch, shape.seq_len, generator=torch.Generator().manual_seed(9)) < 0.5
    return Canvas(tokens_of(shape, batch), known)


@pytest.mark.parametrize("family", [MDLM, PGM])
def test_known_positions_are_answered_with_certainty(family: type) -> None:
    canvas = half_known(LINE, 3)
    everywhere = torch.arange(12).expand(3, -1)
    answers = stirred(family, LINE).log_probs(canvas, everywhere)
    truth = answers.gather(-1, canvas.tokens[..., None])[..., 0]
    assert torch.equal(truth[canvas.known], torch.zeros(int(canvas.known.sum())))
    assert (answers[canvas.known].exp().sum(-1) == 1).all()
    assert (answers[~canvas.known] > -torch.inf).all()


def test_mdlm_reads_no_unknown_token_and_reads_every_known_one() -> None:
    model, canvas = stirred(MDLM, LINE), half_known(LINE, 2)
    where = listed(~canvas.known)
    before = model.log_probs(canvas, where)
    hidden = Canvas(torch.where(canvas.known, canvas.tokens, 0), canvas.known)
    assert torch.equal(before, model.log_probs(hidden, where))
    position = int(canvas.known[0].nonzero()[0])
    tokens = canvas.tokens.clone()
    tokens[0, position] = (tokens[0, position] + 1) % 5
    after = model.log_probs(Canvas(tokens, canvas.known), where)
    assert not torch.equal(before[0], after[0])


def test_mdlm_inference_is_its_training_forward() -> None:
    model, canvas = stirred(MDLM, GRID).double(), half_known(GRID, 3)
    label = torch.tensor([[0, 1], [2, -1], [-1, 0]])
    where = listed(~canvas.known)
    full = model(canvas.tokens, canvas.known, label).log_softmax(-1)
    expected = full.gather(1, where.clamp(min=0)[..., None].expand(-1, -1, 4))
    answers = model.log_probs(canvas, where, label)
    asked = where >= 0
    torch.testing.assert_close(answers[asked], expected[asked], rtol=0, atol=1e-9)


def test_ar_is_causal() -> None:
    model, tokens = stirred(AR, LINE), tokens_of(LINE, 2)
    before = model(tokens)
    changed = tokens.clone()
    changed[:, 6] = (changed[:, 6] + 1) % 5
    after = model(changed)
    torch.testing.assert_close(after[:, :7], before[:, :7])
    assert (after[:, 7:] - before[:, 7:]).abs().amax() > 1e-3


@pytest.mark.parametrize("prompt", [0, 4])
def test_the_cache_changes_no_answer(prompt: int) -> None:
    model, tokens = stirred(AR, LINE).double(), tokens_of(LINE, 2)
    full = model(tokens).log_softmax(-1)
    canvas, memory = Canvas(tokens, torch.ones_like(tokens, dtype=torch.bool)), None
    for position in range(prompt, 12):
        answer, memory = model.next_log_probs(canvas, position, memory)
        torch.testing.assert_close(answer, full[:, position], rtol=0, atol=1e-9)


def test_ar_refuses_to_go_back() -> None:
    model, canvas = stirred(AR, LINE), half_known(LINE, 1)
    _, memory = model.next_log_probs(canvas, 5, None)
    with pytest.raises(ValueError, match="the cache holds 6 of 12"):
        model.next_log_probs(canvas, 3, memory)


def test_labels_steer_and_are_checked() -> None:
    model, canvas = stirred(MDLM, GRID), half_known(GRID, 2)
    where = listed(~canvas.known)
    none = model.log_probs(canvas, where)
    unspecified = model.log_probs(canvas, where, torch.full((2, 2), -1))
    chosen = model.log_probs(canvas, where, torch.tensor([[1, 1], [1, 1]]))
    assert torch.equal(none, unspecified)
    assert not torch.equal(none, chosen)
    with pytest.raises(ValueError, match="2 attributes for each of 2 rows"):
        model.log_probs(canvas, where, torch.tensor([[1]]))
    with pytest.raises(ValueError, match="without labels"):
        stirred(MDLM, LINE).log_probs(half_known(LINE, 2), where, torch.tensor([[1]]))


def test_a_head_width_that_cannot_rotate_is_refused() -> None:
    with pytest.raises(ValueError, match="whole multiple of 4"):
        Shape(vocab_size=4, rows=4, columns=4, width=18, heads=3, depth=2)
