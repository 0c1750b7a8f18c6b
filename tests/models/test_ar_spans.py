"""Spans of an AR: several answers a pass, rows at their own places, and refused drafts forgotten."""

import pytest
import torch
from networks import LINE, stirred, tokens_of

from pgm_lite.core import NOBODY, Canvas
from pgm_lite.draw import rng
from pgm_lite.models import AR


def spans(starts: list[int], ends: list[int]) -> torch.Tensor:
    widest = max(max(end - start for start, end in zip(starts, ends, strict=True)), 1)
    places = torch.tensor(starts)[:, None] + torch.arange(widest)
    return places.where(places < torch.tensor(ends)[:, None], NOBODY)


@pytest.mark.parametrize("seed", range(4))
def test_a_span_says_what_the_whole_pass_does(seed: int) -> None:
    """Rows of random places, tokens behind them changed again and again, some rows not asked."""
    model, source = stirred(AR, LINE).double(), rng(seed)
    batch, n = 4, 12
    tokens, memory = tokens_of(LINE, batch, seed=seed), None
    held = torch.zeros(batch, dtype=torch.long)
    for _ in range(8):
        # Forget some of what is held, and write other tokens there.
        kept = (held * torch.rand(batch, generator=source)).ceil().long()
        fresh = torch.randint(5, (batch, n), generator=source)
        # What the slot i holds depends on tokens before i: token i - 1 and earlier have to stay.
        tokens = tokens.where(torch.arange(n) < kept[:, None] - 1, fresh)
        width = torch.randint(0, 5, (batch,), generator=source)
        ends = (kept + width).clamp(max=n)
        asked_from = torch.minimum(kept + (width > 3).long(), (ends - 1).clamp(min=0))
        asked_from = torch.maximum(asked_from, kept)
        where = spans(asked_from.tolist(), ends.tolist())
        canvas = Canvas(tokens, torch.zeros(batch, n, dtype=torch.bool))
        answers, memory = model.span_log_probs(canvas, where, kept, memory)
        full = model(tokens).log_softmax(-1)
        for row in range(batch):
            for column, position in enumerate(where[row].tolist()):
                if position >= 0:
                    torch.testing.assert_close(
                        answers[row, column], full[row, position], rtol=0, atol=1e-9
                    )
        held = torch.where((where >= 0).any(1), ends, kept)


def test_a_span_of_one_is_the_next_token() -> None:
    model, canvas = stirred(AR, LINE).double(), Canvas.prompt([1, 2, 3], batch=2, seq_len=12)
    zero = torch.zeros(2, dtype=torch.long)
    here = torch.full((2, 1), 3)
    one, _ = model.next_log_probs(canvas, 3, None)
    span, _ = model.span_log_probs(canvas, here, zero, None)
    torch.testing.assert_close(span[:, 0], one, rtol=0, atol=1e-12)
    places = torch.arange(4).expand(2, -1)
    assert torch.equal(model.span_cost(here, zero).flops, model.cost(canvas, places).flops)


def test_bad_input() -> None:
    model, canvas = stirred(AR, LINE), Canvas.blank(1, 12)
    zero = torch.zeros(1, dtype=torch.long)
    with pytest.raises(ValueError, match=r"positions 0 to 11; .* answer at 12"):
        model.span_log_probs(canvas, torch.tensor([[12]]), zero, None)
    with pytest.raises(ValueError, match="start at position 2, but there is no memory"):
        model.span_log_probs(canvas, torch.tensor([[2]]), zero + 2, None)
    with pytest.raises(ValueError, match="comes from an earlier call; got a <class 'int'>"):
        model.span_log_probs(canvas, torch.tensor([[2]]), zero, 3)
