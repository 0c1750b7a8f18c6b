"""Orders: which cell comes when, chance where chance is promised, and what an order refuses."""

import math
from collections import Counter

import pytest
import torch

from pgm_lite.core import NOBODY, Canvas
from pgm_lite.draw import rng
from pgm_lite.orders import (
    BlindOrder,
    Order,
    SightedOrder,
    blocks,
    confidence,
    entropy,
    halton,
    halton_cells,
    left_to_right,
    margin,
    random_order,
)

SIZES = [(1, 1), (1, 7), (7, 1), (2, 2), (3, 5), (5, 3), (4, 4), (8, 8), (16, 16), (9, 31)]


def places(order: Order, batch: int, n: int, seed: int = 0) -> list[list[int]]:
    """The positions of each row in the order of writing."""
    priority = order.priority(Canvas.blank(batch, n), rng=rng(seed))
    assert priority.shape == (batch, n)
    return torch.argsort(priority, dim=1, stable=True).tolist()


@pytest.mark.parametrize(("rows", "columns"), SIZES)
def test_halton_visits_every_cell_once(rows: int, columns: int) -> None:
    assert sorted(halton_cells(rows, columns)) == list(range(rows * columns))
    assert places(halton(rows, columns), 1, rows * columns) == [halton_cells(rows, columns)]


def test_halton_begins_as_its_paper_says() -> None:
    first = [divmod(cell, 8) for cell in halton_cells(8, 8)[:6]]
    assert first == [(4, 2), (2, 5), (6, 0), (1, 3), (5, 6), (3, 1)]


def mirrored(i: int, base: int) -> float:
    """The radical inverse, by its definition: digit d of value base^k counts d / base^(k + 1)."""
    total, share = 0.0, 1.0 / base
    while i:
        total, i, share = total + i % base * share, i // base, share / base
    return total


@pytest.mark.parametrize(("side", "points"), [(4, 25), (8, 79), (16, 685)])
def test_the_points_needed_to_visit_every_cell(side: int, points: int) -> None:
    def visited(count: int) -> set[int]:
        # A small push upwards, since 1/3 + 1/9 + ... in floating point may fall short of a border.
        return {
            int(side * mirrored(i, 2)) * side + int(side * mirrored(i, 3) + 1e-9)
            for i in range(1, count + 1)
        }

    assert len(visited(points)) == side * side
    assert len(visited(points - 1)) == side * side - 1
    *_, last = halton_cells(side, side)
    assert last not in visited(points - 1)


def test_halton_spreads_its_first_cells() -> None:
    """Of the first quarter of a 16 x 16 grid every block of 4 x 4 cells has 3 to 5."""
    quarter = [divmod(cell, 16) for cell in halton_cells(16, 16)[:64]]
    counts = Counter((row // 4, column // 4) for row, column in quarter)
    assert len(counts) == 16
    assert set(counts.values()) == {3, 4, 5}


def test_rolled_halton_starts_anywhere_and_goes_round() -> None:
    plain = halton_cells(3, 4)
    rows = places(halton(3, 4, roll=True), 200, 12)
    starts = set()
    for row in rows:
        start = plain.index(row[0])
        assert row == plain[start:] + plain[:start]
        starts.add(start)
    # One of 12 starts is missed by 200 rows with a chance of 12 (11/12)^200 = 3e-7.
    assert starts == set(range(12))


def test_halton_needs_its_grid() -> None:
    with pytest.raises(ValueError, match=r"halton\(3, 4\) orders 12 positions.*has 16"):
        places(halton(3, 4), 1, 16)
    with pytest.raises(ValueError, match="at least 1 row and 1 column; got 0 x 4"):
        halton(0, 4)


def test_left_to_right() -> None:
    assert places(left_to_right(), 2, 4) == [[0, 1, 2, 3]] * 2


def chi_square(counts: list[int]) -> float:
    expected = sum(counts) / len(counts)
    return sum((count - expected) ** 2 / expected for count in counts)


def test_random_order_makes_every_order_equally_often() -> None:
    counts = Counter(map(tuple, places(random_order(), 24_000, 4)))
    assert len(counts) == 24
    # Chi-square with 23 degrees of freedom exceeds 60 with a chance of 4e-5.
    assert chi_square(list(counts.values())) < 60


def test_blocks_come_one_after_another() -> None:
    counts: Counter[tuple[int, ...]] = Counter()
    for row in places(blocks(3, random_order()), 6_000, 8):
        assert sorted(row[:3]) == [0, 1, 2]
        assert sorted(row[3:6]) == [3, 4, 5]
        assert sorted(row[6:]) == [6, 7]
        counts[tuple(row[:3])] += 1
    # Chi-square with 5 degrees of freedom exceeds 31 with a chance of 1e-5.
    assert chi_square([*counts.values()]) < 31
    assert places(blocks(3, left_to_right()), 1, 8) == [list(range(8))]
    assert places(blocks(100, left_to_right()), 1, 8) == [list(range(8))]


def test_a_block_is_blind_or_sighted_as_its_inside_is() -> None:
    assert isinstance(blocks(2, random_order()), BlindOrder)
    assert isinstance(blocks(2, halton(2, 2)), BlindOrder)
    assert isinstance(blocks(2, confidence()), SightedOrder)
    assert isinstance(blocks(2, blocks(4, random_order())), BlindOrder)
    with pytest.raises(ValueError, match=r"blocks\(4, margin\) has blocks already"):
        blocks(2, blocks(4, margin()))
    with pytest.raises(ValueError, match="at least 1 position; got 0"):
        blocks(0, random_order())


def test_the_scope_of_sighted_blocks() -> None:
    unknown = torch.tensor([[1, 0, 0, 0, 1, 1, 1], [1, 1, 1, 1, 1, 1, 1]], dtype=torch.bool)
    assert confidence().scope(unknown, 2, rng=rng(0)).tolist() == [
        [0, 4, 5, 6, NOBODY, NOBODY, NOBODY],
        [0, 1, 2, 3, 4, 5, 6],
    ]
    assert blocks(2, confidence()).scope(unknown, 1, rng=rng(0)).tolist() == [[0, NOBODY], [0, 1]]
    assert blocks(2, confidence()).scope(unknown, 2, rng=rng(0)).tolist() == [
        [0, 4, 5],
        [0, 1, NOBODY],
    ]
    assert blocks(2, confidence()).scope(unknown, 4, rng=rng(0))[0].tolist() == [0, 4, 5, 6]


def test_the_three_scores() -> None:
    laws = torch.tensor([[[0.5, 0.5, 0.0], [0.6, 0.2, 0.2], [0.59, 0.41, 0.0]]]).double()
    logs = laws.log()
    assert confidence().score(logs)[0].tolist() == pytest.approx(
        [math.log(p) for p in (0.5, 0.6, 0.59)]
    )
    spread = [
        -math.log(2),
        0.6 * math.log(0.6) + 0.4 * math.log(0.2),
        0.59 * math.log(0.59) + 0.41 * math.log(0.41),
    ]
    assert entropy().score(logs)[0].tolist() == pytest.approx(spread)
    assert margin().score(logs)[0].tolist() == pytest.approx([0, 0.4, 0.18])
    # They differ: confidence and margin prefer the second position, entropy the third.
    assert [int(order().score(logs).argmax()) for order in (confidence, entropy, margin)] == [
        1,
        2,
        1,
    ]
    one_letter = torch.zeros(1, 2, 1)
    assert margin().score(one_letter).tolist() == [[1.0, 1.0]]


def test_the_best_scores_are_chosen_blocks_first_and_nobody_never() -> None:
    where = torch.tensor([[1, 2, 5, 6], [0, 3, NOBODY, NOBODY]])
    score = torch.tensor([[0.1, 0.3, 0.9, 0.2], [0.2, 0.1, 5.0, 5.0]])

    def chosen(order: SightedOrder, count: int) -> list[list[int]]:
        return where.gather(1, order.choose(where, score, count, rng=rng(0))).tolist()

    assert chosen(confidence(), 2) == [[5, 2], [0, 3]]
    assert chosen(blocks(4, confidence()), 2) == [[2, 1], [0, 3]]
    assert chosen(blocks(3, confidence()), 2) == [[2, 1], [0, 3]]
    assert chosen(blocks(2, confidence()), 2) == [[1, 2], [0, 3]]


def test_names_say_how_an_order_was_made() -> None:
    made = [
        halton(2, 3),
        halton(2, 3, roll=True),
        blocks(4, confidence()),
        blocks(2, random_order()),
    ]
    assert [order.name for order in made] == [
        "halton(2, 3)",
        "halton(2, 3, roll=True)",
        "blocks(4, confidence)",
        "blocks(2, random)",
    ]
