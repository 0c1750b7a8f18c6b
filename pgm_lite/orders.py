"""Which unknown positions come next: blind orders look at nothing, sighted ones at laws.

A blind order is fixed before the first call, so the model is asked only about the positions
that will be written. A sighted order has to ask about all unknown positions to compare them;
``scouted`` lies between: it asks about some of them, taken at random, and compares those.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from pgm_lite.core import NOBODY, Canvas, listed, positions_mask
from pgm_lite.draw import entropy_of


@dataclass(frozen=True, slots=True)
class BlindOrder:
    """An order that is known before anything is asked; make one from any function."""

    name: str
    rule: Callable[[Canvas, torch.Generator], Float[Tensor, "b n"]]

    def priority(self, canvas: Canvas, *, rng: torch.Generator) -> Float[Tensor, "b n"]:
        """One number a position, the lowest first; drawn once, at the start."""
        return self.rule(canvas, rng)


@dataclass(frozen=True, slots=True)
class SightedOrder:
    """An order that compares laws: the highest score first, ties at random, never by index.

    With ``block_size`` the positions stand in consecutive blocks, and a later block is not
    asked about before the earlier ones are known. ``ranks_samples`` marks the order whose score
    also makes sense for a token that is already drawn: its probability. With a ``share`` below 1
    only that share of the positions is asked about, a random one at each step.
    """

    name: str
    rule: Callable[[Float[Tensor, "b q v"]], Float[Tensor, "b q"]]
    ranks_samples: bool = False
    block_size: int | None = None
    share: float = 1.0

    def score(self, log_probs: Float[Tensor, "b q v"]) -> Float[Tensor, "b q"]:
        """How ready each position is to be written."""
        return self.rule(log_probs)

    def scope(
        self, unknown: Bool[Tensor, "b n"], count: int, *, rng: torch.Generator
    ) -> Int[Tensor, "b q"]:
        """The positions to ask about when ``count`` are to be written, as a ragged ``where``.

        All unknown ones, or those in the fewest leading blocks that hold ``count`` of them; of
        these the ``share``, rounded up, and at least ``count``. ``rng`` says which; it is read
        only if the share is below 1. All blocks but the last of those needed are asked about
        entirely, since all their positions are to be written.
        """
        everyone = listed(self._leading(unknown, count))
        if self.share == 1:
            return everyone
        # 1e-9: a whole number may come out a rounding error above itself.
        sought = ((everyone >= 0).sum(1) * self.share - 1e-9).ceil().long().clamp(min=count)
        alike = torch.zeros(everyone.shape, dtype=torch.float64, device=everyone.device)
        by_chance = self.choose(everyone, alike, everyone.shape[1], rng=rng)
        beyond = torch.arange(everyone.shape[1], device=everyone.device) >= sought[:, None]
        scouts = everyone.gather(1, by_chance).masked_fill(beyond, NOBODY)
        return listed(positions_mask(scouts, unknown.shape[1]))

    def _leading(self, unknown: Bool[Tensor, "b n"], count: int) -> Bool[Tensor, "b n"]:
        if self.block_size is None:
            return unknown
        block = torch.arange(unknown.shape[1], device=unknown.device) // self.block_size
        needed = unknown.cumsum(1) < count
        # The position with number ``count`` among the unknown ones stands in the last block
        # needed.
        last = block[needed.sum(1).clamp(max=unknown.shape[1] - 1)]
        return unknown & (block <= last[:, None])

    def choose(
        self,
        where: Int[Tensor, "b q"],
        score: Float[Tensor, "b q"],
        count: int,
        *,
        rng: torch.Generator,
    ) -> Int[Tensor, "b k"]:
        """Indices into ``where`` of the ``count`` positions to write: by block, then score."""
        chance = torch.rand(where.shape, generator=rng, device=rng.device, dtype=torch.float64)
        index = chance.to(where.device).argsort(1)
        best = score.gather(1, index).argsort(dim=1, descending=True, stable=True)
        index = index.gather(1, best)
        block = where // self.block_size if self.block_size else torch.zeros_like(where)
        nobody_last = block.masked_fill(where < 0, torch.iinfo(torch.long).max)
        first = nobody_last.gather(1, index).argsort(dim=1, stable=True)
        return index.gather(1, first)[:, :count]


Order = BlindOrder | SightedOrder


def random_order() -> BlindOrder:
    """Every order of the unknown positions equally likely, another one in each row."""

    def rule(canvas: Canvas, rng: torch.Generator) -> Float[Tensor, "b n"]:
        shape = canvas.tokens.shape
        chance = torch.rand(shape, generator=rng, device=rng.device, dtype=torch.float64)
        return chance.to(canvas.tokens.device)

    return BlindOrder("random", rule)


def left_to_right() -> BlindOrder:
    """The positions as they stand; neighbours, the most dependent, are written together."""

    def rule(canvas: Canvas, rng: torch.Generator) -> Float[Tensor, "b n"]:
        del rng
        return _everywhere(torch.arange(canvas.seq_len), canvas)

    return BlindOrder("left-to-right", rule)


def halton(rows: int, columns: int, roll: bool = False) -> BlindOrder:
    """Cells of a grid, spread out evenly: point i is (rows Phi_2(i), columns Phi_3(i)).

    Halton scheduler (arXiv 2503.17076): Phi_b is the radical inverse in base b, and cells
    already visited are skipped. Deviation: points are drawn until every cell is visited, where
    the released code takes 10,000 and misses cells of large grids. ``roll`` starts each row of
    the batch at a random place of the sequence and goes round.
    """
    if rows < 1 or columns < 1:
        raise ValueError(f"a grid needs at least 1 row and 1 column; got {rows} x {columns}")
    rank = torch.empty(rows * columns, dtype=torch.long)
    rank[torch.tensor(halton_cells(rows, columns))] = torch.arange(rows * columns)

    def rule(canvas: Canvas, rng: torch.Generator) -> Float[Tensor, "b n"]:
        n = canvas.seq_len
        if n != rows * columns:
            raise ValueError(
                f"halton({rows}, {columns}) orders {rows * columns} positions, but the canvas "
                f"has {n}; give the rows and columns of its grid"
            )
        priority = _everywhere(rank, canvas)
        if not roll:
            return priority
        shape = (canvas.batch, 1)
        start = torch.randint(n, shape, generator=rng, device=rng.device).to(priority.device)
        return (priority - start) % n

    return BlindOrder(f"halton({rows}, {columns}{', roll=True' if roll else ''})", rule)


def blocks(size: int, inner: Order) -> Order:
    """Blocks of ``size`` positions, one after another; ``inner`` orders each of them.

    Blind inside makes it blind; sighted inside asks only about the leading blocks that hold
    enough unknown positions. Block diffusion and semi-autoregressive decoding use it.
    """
    if size < 1:
        raise ValueError(f"a block needs at least 1 position; got {size}")
    name = f"blocks({size}, {inner.name})"
    if isinstance(inner, SightedOrder):
        if inner.block_size is not None:
            raise ValueError(
                f"{inner.name} has blocks already; give blocks() an order without, such as "
                "confidence()"
            )
        return replace(inner, name=name, block_size=size)

    def rule(canvas: Canvas, rng: torch.Generator) -> Float[Tensor, "b n"]:
        within = inner.priority(canvas, rng=rng).argsort(dim=1, stable=True).argsort(1)
        block = torch.arange(canvas.seq_len, device=within.device) // size
        return (block * canvas.seq_len + within).double()

    return BlindOrder(name, rule)


def scouted(order: Order, share: float) -> SightedOrder:
    """The sighted ``order`` among a random ``share`` of the unknown positions, and no others.

    Each step asks about that share of them (rounded up, another one at each step), but no fewer
    than it writes, and ranks these alone. Share 1 is ``order``; share 0 asks about the positions
    written and nothing else, which is random order. A partition model pays for the positions it is
    asked about, so this bends the step in cost between blind and sighted orders into a slope.
    """
    if not isinstance(order, SightedOrder):
        raise ValueError(
            f"the order {order.name} looks at nothing, so the model is asked only about what is "
            "written already; scout for a sighted order, such as confidence()"
        )
    if order.share != 1:
        raise ValueError(f"{order.name} is scouted already; give scouted() an order that is not")
    if not 0 <= share <= 1:
        raise ValueError(
            f"scouted() asks about a share of the unknown positions, from 0 (as many as are "
            f"written) to 1 (all); got {share}"
        )
    return replace(order, name=f"scouted({order.name}, {share:g})", share=share)


def confidence() -> SightedOrder:
    """The position whose likeliest token is the most probable."""
    return SightedOrder("confidence", lambda log_probs: log_probs.amax(-1), ranks_samples=True)


def entropy() -> SightedOrder:
    """The position whose law has the least entropy."""
    return SightedOrder("entropy", lambda log_probs: -entropy_of(log_probs))


def margin() -> SightedOrder:
    """The position whose likeliest token leads the second by most (arXiv 2502.06768)."""

    def rule(log_probs: Float[Tensor, "b q v"]) -> Float[Tensor, "b q"]:
        falling = log_probs.exp().topk(min(2, log_probs.shape[-1]), dim=-1).values
        return falling[..., 0] - falling[..., 1:].sum(-1)

    return SightedOrder("margin", rule)


def halton_cells(rows: int, columns: int) -> list[int]:
    """Raster positions of all cells in the order of their first visit."""
    cells: dict[int, None] = {}
    point = 1
    while len(cells) < rows * columns:
        cell = _mirrored(point, 2, rows) * columns + _mirrored(point, 3, columns)
        cells[cell] = None
        point += 1
    return list(cells)


def _mirrored(i: int, base: int, side: int) -> int:
    """floor(side Phi_base(i)); Phi mirrors the digits at the point: 6 = 110 becomes 0.011."""
    mirrored, scale = 0, 1
    while i:
        i, digit = divmod(i, base)
        mirrored, scale = mirrored * base + digit, scale * base
    return side * mirrored // scale


def _everywhere(priority: Int[Tensor, " n"], canvas: Canvas) -> Float[Tensor, "b n"]:
    return priority.to(canvas.tokens.device).double().expand(canvas.batch, -1)
