"""Prompts: what a short text makes known, and how it is refused."""

import pytest
import torch

from pgm_lite.core import Layout
from pgm_lite.datasets import Dataset, Rows, shidoku
from pgm_lite.prompts import canvas_from, sides

TEXT = Dataset("text", tuple("abc "), Layout("line", 1, 8), {})


def portraits() -> Dataset:
    """Three held-out portraits of 4 x 6 cells; portrait k is painted in colour k throughout."""
    stored = torch.arange(3, dtype=torch.uint8)[:, None].expand(3, 24)
    layout = Layout("grid", 4, 6, palette=("#000000", "#111111", "#222222"))
    held_out = Rows(stored, torch.zeros(3, 0, dtype=torch.long))
    return Dataset("portraits", ("0", "1", "2"), layout, {"test": held_out})


def test_no_prompt_knows_nothing() -> None:
    for dataset in (TEXT, shidoku(), portraits()):
        canvas = canvas_from(dataset, "", batch=3)
        assert canvas.tokens.shape == (3, dataset.seq_len)
        assert not canvas.known.any()


def test_a_text_makes_its_characters_known_and_leaves_gaps() -> None:
    canvas = canvas_from(TEXT, "ab_ c", batch=2)
    assert canvas.known.long().tolist() == [[1, 1, 0, 1, 1, 0, 0, 0]] * 2
    assert canvas.tokens[canvas.known].tolist() == [0, 1, 3, 2] * 2
    whole = canvas_from(TEXT, "abcabcab")
    assert whole.known.all()


def test_a_grid_of_blanks_knows_nothing() -> None:
    assert not canvas_from(shidoku(), "  \n ").known.any()


def test_a_grid_is_given_cell_by_cell_and_spaces_do_not_count() -> None:
    canvas = canvas_from(shidoku(), "1_3_ __2_\n4")
    assert canvas.known[0].nonzero()[:, 0].tolist() == [0, 2, 6, 8]
    assert canvas.tokens[canvas.known].tolist() == [0, 2, 1, 3]


@pytest.mark.parametrize("side", ["top", "bottom", "left", "right"])
def test_half_a_portrait(side: str) -> None:
    canvas = canvas_from(portraits(), f"portrait 2 {side}", batch=2)
    assert (canvas.tokens[canvas.known] == 2).all()
    grid = canvas.known[1].reshape(4, 6)
    half = {
        "top": grid[:2],
        "bottom": grid[2:],
        "left": grid[:, :3],
        "right": grid[:, 3:],
    }[side]
    assert half.all()
    assert int(grid.sum()) == 12


def test_opposite_sides_make_a_whole_also_where_a_side_is_odd() -> None:
    for rows, columns in ((4, 6), (5, 5), (1, 3)):
        halves = sides(rows, columns)
        assert (halves["top"] ^ halves["bottom"]).all()
        assert (halves["left"] ^ halves["right"]).all()


@pytest.mark.parametrize(
    ("dataset", "prompt", "says"),
    [
        (TEXT, "abcabcabca", "10 symbols but the sequence only 8 positions; shorten it by 2"),
        (TEXT, "ab?!", r"no symbol '\?' at 2, '!' at 3; its alphabet is: 'a' 'b' 'c' ' '"),
        (TEXT, "aB", "no symbol 'B' at 1"),
        (shidoku(), "1234 1234 1234 1234 1", "17 symbols but the sequence only 16"),
        (shidoku(), "105", "no symbol '0' at 1, '5' at 2"),
        (portraits(), "portrait 3 top", "3 held-out portraits, 0 to 2; got 3"),
        (portraits(), "portrait -1 top", "reads 'portrait NUMBER SIDE'"),
        (portraits(), "portrait 1 middle", "one of top, bottom, left, right; got"),
        (portraits(), "glasses", "reads 'portrait NUMBER SIDE'"),
    ],
    ids=lambda value: getattr(value, "name", value),
)
def test_bad_prompts(dataset: Dataset, prompt: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        canvas_from(dataset, prompt)
