"""The cost cliff: what a partition model saves depends on what the order has to look at.

A masked model sends all L positions through the network at every step. A partition model sends
the known ones through its encoder and those asked about through its decoder, so it saves where
an order asks about few positions: a blind order, only about those it writes. A sighted order asks
about all unknown positions, and known plus unknown is L again. A hybrid scores a random share of
the unknown.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from pgm_lite.core import Canvas, Priced
from pgm_lite.models import MDLM, PGM
from pgm_lite.net import Shape
from pgm_lite.schedules import uniform

SIZES = ((64, 8), (256, 32), (1024, 128))
"""(positions, steps) of the reference table."""

SHARES = (0.05, 0.1, 0.25, 0.5, 0.75)
"""Shares of the unknown positions that a hybrid scores."""


@dataclass(frozen=True, slots=True)
class Bill:
    """Positions through the network for one sequence, by formula and as a model bills them.

    ``share`` is how many of the unknown positions each step asks about: 0 for a blind order, which
    asks about those it writes, 1 for a sighted one, None for a masked model. A PGM also bills one
    register a step, which the formula leaves out.
    """

    way: str
    share: float | None
    seq_len: int
    steps: int
    formula: int
    measured: int
    registers: int


def cliff(seq_len: int, steps: int, shares: Sequence[float] = SHARES) -> list[Bill]:
    """MDM, PGM blind, PGM hybrid by share, PGM sighted: one sequence in ``steps`` equal steps."""
    if bad := [share for share in shares if not 0 < share < 1]:
        raise ValueError(f"a hybrid scores a share between 0 and 1 of the unknown; got {bad[0]}")
    shape = Shape(vocab_size=2, rows=1, columns=seq_len, width=4, heads=1, depth=2)
    pgm, whole = PGM(shape), seq_len * steps
    bills = [
        Bill("MDM", None, seq_len, steps, whole, measured(MDLM(shape), seq_len, steps, 1.0), 0)
    ]
    for share in (0.0, *shares, 1.0):
        way = {0.0: "PGM blind", 1.0: "PGM sighted"}.get(share, f"PGM hybrid {share:g}")
        found = measured(pgm, seq_len, steps, share)
        bills.append(Bill(way, share, seq_len, steps, formula(seq_len, steps, share), found, steps))
    return bills


def formula(seq_len: int, steps: int, share: float) -> int:
    """Positions a PGM processes: known ones through the encoder, asked ones through the decoder.

    With k = L / T equal steps: blind L (T + 1) / 2, sighted T L.
    """
    total, known = 0, 0
    for count in uniform(seq_len, steps):
        total += known + asked(seq_len - known, count, share)
        known += count
    return total


def asked(unknown: int, count: int, share: float) -> int:
    """How many positions are asked about to write ``count``: that many at least."""
    return max(count, math.ceil(share * unknown - 1e-9))


def measured(model: Priced, seq_len: int, steps: int, share: float) -> int:
    """The positions a model bills for the same steps, as its ``cost`` counts them."""
    canvas, total, done = Canvas.blank(1, seq_len), 0, 0
    for count in uniform(seq_len, steps):
        where = torch.arange(done, done + asked(seq_len - done, count, share))[None]
        total += int(model.cost(canvas, where).positions[0])
        written = where[:, :count]
        canvas, done = canvas.reveal(written, torch.zeros_like(written)), done + count
    return total
