"""Digits: every token has a spelling of its own (P1)."""

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pgm_lite.digits import Digits, smallest_base
from pgm_lite.net import Shape


@given(st.integers(2, 3000), st.integers(1, 12))
def test_every_token_has_its_own_spelling_and_reads_back(vocab_size: int, count: int) -> None:
    code, tokens = Digits(vocab_size, count), torch.arange(vocab_size)
    spelled = code.encode(tokens)
    assert spelled.shape == (vocab_size, count)
    assert int(spelled.min()) >= 0
    assert int(spelled.max()) < code.base
    assert len(spelled.unique(dim=0)) == vocab_size
    few = tokens[:: max(1, vocab_size // 50)]
    assert torch.equal(code.decode(code.encode(few)), few)
    assert (code.base - 1) ** count < vocab_size <= code.base**count


@pytest.mark.parametrize(
    ("vocab_size", "base"), [(3125, 5), (7776, 6), (16807, 7), (32768, 8), (59049, 9)]
)
def test_the_base_is_found_in_whole_numbers(vocab_size: int, base: int) -> None:
    assert smallest_base(vocab_size, 5) == base
    assert math.ceil(vocab_size ** (1 / 5)) == base + 1  # what floating point would have said


@pytest.mark.parametrize(
    ("vocab_size", "count", "base", "unused"),
    [(27, 3, 3, 0), (27, 2, 6, 9), (27, 5, 2, 5), (50257, 2, 225, 368), (50257, 16, 2, 15279)],
)
def test_unused_spellings(vocab_size: int, count: int, base: int, unused: int) -> None:
    assert smallest_base(vocab_size, count) == base
    assert base**count - vocab_size == unused


def test_the_most_significant_digit_comes_first() -> None:
    assert Digits(27, 3).encode(torch.tensor([5, 26])).tolist() == [[0, 1, 2], [2, 2, 2]]


def test_a_permutation_is_undone() -> None:
    codes = torch.tensor([3, 0, 4, 1, 2])
    code = Digits(5, 3, codes=codes)
    assert code.encode(torch.tensor([0])).tolist() == [[0, 1, 1]]
    assert torch.equal(code.decode(code.encode(torch.arange(5))), torch.arange(5))
    assert torch.equal(Digits.from_table(code.table).codes, codes)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Digits(5, 0), "at least 1 digit; got vocab_size=5 and count=0"),
        (lambda: Digits(32, 2, base=5), "2 digits of base 5 spell 25 tokens, not 32.*at least 6"),
        (lambda: Digits(3, 2, codes=torch.tensor([0, 1, 1])), "permutation of 0 to 2"),
        (lambda: Digits(3, 2, codes=torch.tensor([0, 1])), "permutation of 0 to 2"),
        (
            lambda: Digits(3, 2).decode(torch.tensor([[1, 1]])),
            r"digits \[1, 1\] spell none of the 3",
        ),
        (lambda: Shape(5, 1, 12, width=16, heads=2, depth=2, digits=3), "16 is no multiple of 3"),
    ],
)
def test_what_cannot_be_spelled_is_refused(make: Callable[[], object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        make()
