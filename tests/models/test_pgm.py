"""Laws 9 and 10: a PGM leaks nothing within a group, and packed inference is its training forward."""

import pytest
import torch
from networks import GRID, LINE, stirred, tokens_of

from pgm_lite.core import NOBODY, Canvas, listed
from pgm_lite.models import PGM
from pgm_lite.net import Shape


def random_groups(shape: Shape, batch: int) -> torch.Tensor:
    rng = torch.Generator().manual_seed(7)
    return torch.randint(2, (batch, shape.seq_len), generator=rng)


@pytest.mark.parametrize("shape", [LINE, GRID])
def test_no_information_flows_within_a_group(shape: Shape) -> None:
    model, tokens, groups = stirred(PGM, shape), tokens_of(shape, 2), random_groups(shape, 2)
    logits = model(tokens, groups)
    for group in (0, 1):
        changed = torch.where(groups == group, (tokens + 1) % shape.vocab_size, tokens)
        after = model(changed, groups)
        inside = groups == group
        assert torch.equal(after[inside], logits[inside]), "a group read its own tokens"
        assert not torch.equal(after[~inside], logits[~inside]), "the other group was not read"


def test_the_gradient_within_a_group_is_exactly_zero() -> None:
    model, tokens, groups = stirred(PGM, LINE), tokens_of(LINE, 1), random_groups(LINE, 1)
    table = model.embedding.token
    seen: list[torch.Tensor] = []
    hook = table.register_forward_hook(lambda _m, _i, out: (out.retain_grad(), seen.append(out))[0])
    logits = model(tokens, groups)
    hook.remove()
    inside = groups[0] == 1
    logits[0, inside].square().sum().backward()
    (embedded,) = seen
    own, others = embedded.grad[0, 2:][inside], embedded.grad[0, 2:][~inside]
    assert torch.count_nonzero(own) == 0
    assert torch.count_nonzero(others) > 0


@pytest.mark.parametrize("shape", [LINE, GRID])
@pytest.mark.parametrize("known_count", [0, 1, 5, 11])
def test_packed_inference_is_the_training_forward(shape: Shape, known_count: int) -> None:
    model, tokens = stirred(PGM, shape).double(), tokens_of(shape, 3)
    order = torch.rand(3, shape.seq_len, generator=torch.Generator().manual_seed(3)).argsort(1)
    known = order < known_count
    label = torch.tensor([[0, 1], [2, -1], [-1, -1]]) if shape.labels else None
    where = listed(~known)
    packed = model.log_probs(Canvas(tokens, known), where, label)
    full = model(tokens, (~known).long(), label).log_softmax(-1)
    expected = full.gather(1, where[..., None].expand(-1, -1, shape.vocab_size))
    torch.testing.assert_close(packed, expected, rtol=0, atol=1e-9)


def test_rows_of_different_lengths_answer_as_they_would_alone() -> None:
    model, tokens = stirred(PGM, LINE).double(), tokens_of(LINE, 3)
    known = torch.zeros(3, 12, dtype=torch.bool)
    known[1, :4] = True
    known[2, 2:11] = True
    where = torch.tensor([[0, 5, 11], [4, 9, NOBODY], [11, NOBODY, NOBODY]])
    together = model.log_probs(Canvas(tokens, known), where)
    for row in range(3):
        mine = where[row : row + 1][:, where[row] >= 0]
        alone = model.log_probs(Canvas(tokens, known).row(row), mine)
        torch.testing.assert_close(together[row, : mine.shape[1]], alone[0], rtol=0, atol=1e-9)


def test_asking_about_fewer_positions_changes_no_answer() -> None:
    model, tokens = stirred(PGM, LINE).double(), tokens_of(LINE, 2)
    known = torch.zeros(2, 12, dtype=torch.bool)
    known[:, ::3] = True
    canvas, where = Canvas(tokens, known), listed(~known)
    every = model.log_probs(canvas, where)
    for column in range(where.shape[1]):
        one = model.log_probs(canvas, where[:, column : column + 1])
        torch.testing.assert_close(one[:, 0], every[:, column], rtol=0, atol=1e-9)


def test_unknown_tokens_are_never_read() -> None:
    model, tokens = stirred(PGM, LINE), tokens_of(LINE, 2)
    known = torch.zeros(2, 12, dtype=torch.bool)
    known[:, :5] = True
    where = listed(~known)
    before = model.log_probs(Canvas(tokens, known), where)
    other = torch.where(known, tokens, (tokens + 2) % 5)
    assert torch.equal(before, model.log_probs(Canvas(other, known), where))


def test_an_empty_group_gives_finite_losses_and_gradients() -> None:
    model, tokens, groups = stirred(PGM, LINE), tokens_of(LINE, 3), random_groups(LINE, 3)
    alone = model(tokens[1:2], groups[1:2])
    groups[0], groups[2] = 0, 1
    logits = model(tokens, groups)
    logits.logsumexp(-1).sum().backward()
    assert torch.isfinite(logits).all()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)
    torch.testing.assert_close(logits[1:2], alone)


def test_an_untrained_encoder_is_the_identity_and_predicts_uniformly() -> None:
    model = PGM(LINE)
    x = torch.randn(2, 7, 16, generator=torch.Generator().manual_seed(0))
    for block in model.encoder:
        out, _ = block(x, model.get_buffer("turns")[:7])
        assert torch.equal(out, x)
    assert torch.count_nonzero(model(tokens_of(LINE, 2), random_groups(LINE, 2))) == 0
