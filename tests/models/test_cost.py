"""Law 13: the bill equals a count by hand, and its FLOPs equal what PyTorch counts while it runs."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from networks import GRID, LINE, stirred, tokens_of
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from pgm_lite.core import NOBODY, Canvas
from pgm_lite.models import AR, MDLM, PGM
from pgm_lite.net import Shape


@contextmanager
def counted() -> Iterator[FlopCounterMode]:
    """Count matrix products; the counter does not know the fused CPU attention, so use the plain one."""
    with (
        torch.no_grad(),
        sdpa_kernel(SDPBackend.MATH),
        FlopCounterMode(display=False) as counter,
    ):
        yield counter


@pytest.mark.parametrize("shape", [LINE, GRID])
@pytest.mark.parametrize("family", [MDLM, PGM])
def test_flops_are_those_that_run(family: type, shape: Shape) -> None:
    model, tokens = stirred(family, shape), tokens_of(shape, 1)
    known = torch.zeros(1, 12, dtype=torch.bool)
    known[:, :5] = True
    where = torch.tensor([[6, 8, 11]])
    with counted() as counter:
        model.log_probs(Canvas(tokens, known), where)
    bill = model.cost(Canvas(tokens, known), where)
    assert int(bill.flops[0]) == counter.get_total_flops()


def test_ar_flops_are_those_that_run() -> None:
    model, tokens = stirred(AR, LINE), tokens_of(LINE, 1)
    canvas, memory = Canvas(tokens, torch.ones_like(tokens, dtype=torch.bool)), None
    for position in range(4):
        with counted() as counter:
            _, memory = model.next_log_probs(canvas, position, memory)
        bill = model.cost(canvas, torch.tensor([[position]]))
        assert int(bill.flops[0]) == counter.get_total_flops()


@pytest.mark.parametrize("length", [1, 5, 12])
def test_ar_flops_of_a_prompt_are_those_that_run(length: int) -> None:
    """The network runs at every position of the prompt, the head only at the last."""
    model, tokens = stirred(AR, LINE), tokens_of(LINE, 1)
    canvas = Canvas(tokens, torch.ones_like(tokens, dtype=torch.bool))
    with counted() as counter:
        model.next_log_probs(canvas, length - 1, None)
    bill = model.cost(canvas, torch.arange(length)[None])
    assert int(bill.flops[0]) == counter.get_total_flops()
    assert bill.calls.tolist() == [1]
    nobody = model.cost(canvas, torch.full((1, length), NOBODY))
    assert (nobody.flops.tolist(), nobody.calls.tolist()) == ([0], [0])


def test_positions_by_hand() -> None:
    tokens = tokens_of(LINE, 3)
    known = torch.zeros(3, 12, dtype=torch.bool)
    known[0, :5] = True
    known[1, :1] = True
    where = torch.tensor([[6, 8, 11], [3, NOBODY, NOBODY], [NOBODY, NOBODY, NOBODY]])
    pgm = stirred(PGM, LINE).cost(Canvas(tokens, known), where)
    assert pgm.calls.tolist() == [1, 1, 0]
    assert pgm.encoder_positions.tolist() == [6, 2, 0]  # known ones and the register
    assert pgm.decoder_positions.tolist() == [3, 1, 0]
    mdlm = stirred(MDLM, LINE).cost(Canvas(tokens, known), where)
    assert mdlm.encoder_positions.tolist() == [12, 12, 0]
    assert mdlm.decoder_positions.tolist() == [0, 0, 0]
    assert (pgm + mdlm).calls.tolist() == [2, 2, 0]
