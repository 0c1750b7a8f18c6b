"""The exercise checker: order, the first failure, errors of the reader's code."""

import pytest

from pgm_lite.teaching import check


def test_all_claims_hold():
    verdict = check({"one is one": lambda: True, "two is two": lambda: True})
    assert verdict.passed
    assert repr(verdict) == "ok       one is one\nok       two is two"


def test_claims_after_a_failure_wait():
    tested = []
    verdict = check(
        {
            "first": lambda: True,
            "second": lambda: False,
            "third": lambda: tested.append("third") is None,
        }
    )
    assert not verdict.passed
    assert tested == []
    assert verdict.lines == (
        "ok       first",
        "not yet  second",
        "         1 more to test after that",
    )


def test_an_error_of_the_reader_is_shown_and_does_not_rise():
    def answer() -> bool:
        return [1, 2][5] > 0

    verdict = check({"the answer is positive": answer})
    assert not verdict.passed
    assert verdict.lines == (
        "not yet  the answer is positive (IndexError: list index out of range)",
    )


def test_an_interruption_is_not_swallowed():
    def stop() -> bool:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check({"runs": stop})


def test_nothing_to_check():
    with pytest.raises(ValueError, match="at least one claim"):
        check({})
