"""Law 14, continued: a malformed trace file is refused, and the error names the place."""

import json
import math
from collections.abc import Callable

import pytest
import torch

from pgm_lite.core import Canvas
from pgm_lite.datasets import shidoku
from pgm_lite.draw import rng
from pgm_lite.oracle import Support
from pgm_lite.orders import random_order
from pgm_lite.samplers import unmask
from pgm_lite.trace import Trace, record
from pgm_lite.trace_file import MAX_BYTES


def good() -> dict:
    tokens, _ = shidoku().splits["train"].batch(torch.arange(288))
    canvas = Canvas.blank(1, 16)
    run = unmask(Support(tokens, 4), canvas, schedule=(8, 8), order=random_order(), rng=rng(4))
    return json.loads(record(run, dataset=shidoku()).to_json())


BAD = [
    ("is no JSON", lambda f: "{", "the text: "),
    ("is a list", lambda f: [f], "the text: "),
    ("of another version", lambda f: f | {"schema": "pgm_lite.trace/2"}, "schema: "),
    ("without a vocab", lambda f: {k: v for k, v in f.items() if k != "vocab"}, "vocab: "),
    ("with more than it should", lambda f: f | {"extra": 1}, "extra: "),
    ("seq_len", lambda f: f | {"seq_len": 0}, "seq_len: "),
    (
        "short init",
        lambda f: f | {"init": {"tokens": [0], "known": [0] * 16}},
        "init.tokens: 1 ent",
    ),
    ("known", lambda f: set_in(f, 2, "init", "known", 3), r"init.known\[3\]: "),
    (
        "init token",
        lambda f: set_in(f, 4, "init", "tokens", 3),
        r"init.tokens\[3\]: 4 is not a tok",
    ),
    ("layout", lambda f: set_in(f, 5, "layout", "rows"), "layout: 5 x 4 cells, but seq_len is 16"),
    ("kind", lambda f: set_in(f, "ring", "layout", "kind"), "layout.kind: "),
    ("palette", lambda f: set_in(f, ["#000000"], "layout", "palette"), "palette: 1 colours for 4"),
    ("colour", lambda f: set_in(f, ["red"] * 4, "layout", "palette"), r"layout.palette\[0\]: "),
    ("reads", lambda f: set_in(f, "all", "model", "reads"), "model.reads: "),
    ("groups", lambda f: f | {"groups": [0, 1]}, "groups: 2 entries, but seq_len is 16"),
    (
        "scores",
        lambda f: set_in(f, [0.5], "steps", 0, "scores"),
        r"steps\[0\].scores: 1 scores, but 8 positions were asked about",
    ),
    ("nfe", lambda f: set_in(f, 7, "steps", 1, "nfe"), r"steps\[1\].nfe: 7, but .* add up to 2"),
    ("cost", lambda f: set_in(f, -1, "steps", 1, "cost", "calls"), r"steps\[1\].cost.calls: "),
    ("flops", lambda f: set_in(f, "many", "steps", 0, "cost", "flops"), r"steps\[0\].cost.flops: "),
    ("seconds", lambda f: set_in(f, -0.5, "steps", 0, "seconds"), r"steps\[0\].seconds: "),
    (
        "event",
        lambda f: set_in(f, [3], "steps", 0, "events", 2),
        r"steps\[0\].events\[2\]: \[3\] is",
    ),
    (
        "event kind",
        lambda f: set_in(f, [3, "paint", 1, 0.5], "steps", 0, "events", 2),
        r"steps\[0\].events\[2\]: .* with a kind of write, reopen, group, digit, draft, accept, reject, i",
    ),
    (
        "event length",
        lambda f: set_in(f, [3, "write", 1], "steps", 0, "events", 2),
        r"steps\[0\].events\[2\]: .* should be \[position, 'write', token, probability\]",
    ),
    (
        "event position",
        lambda f: set_in(f, [16, "write", 1, 0.5], "steps", 1, "events", 0),
        r"steps\[1\].events\[0\]: 16 is not a position of 0 to 15",
    ),
    (
        "event token",
        lambda f: set_in(f, [3, "write", 1.5, 0.5], "steps", 1, "events", 0),
        r"steps\[1\].events\[0\]: 1.5 is not a token of 0 to 3",
    ),
    (
        "event probability",
        lambda f: set_in(f, [3, "write", 1, 1.5], "steps", 1, "events", 0),
        r"steps\[1\].events\[0\]: 1.5 is not a probability",
    ),
    (
        "event entry",
        lambda f: set_in(f, [3, "write", 1, [0.5]], "steps", 1, "events", 0),
        r"steps\[1\].events\[0\]\[3\]: ",
    ),
    (
        "entropy",
        lambda f: set_in(f, [99, 0.5], "steps", 0, "entropy", 4),
        r"steps\[0\].entropy\[4\]: 99 is not a position",
    ),
    (
        "digit without a code",
        lambda f: set_in(f, [3, "digit", 0, 1, 0.5], "steps", 0, "events", 2),
        r"steps\[0\].events\[2\]: a digit, but the file does not say how tokens are spelled",
    ),
    (
        "draft of a known position",
        lambda f: set_in(f, [[3, "write", 1, 0.5], [3, "draft", 1, 0.5]], "steps", 0, "events"),
        r"steps\[0\].events\[1\]: a draft at position 3, whose token is known",
    ),
    (
        "a draft that nobody knows how likely it was",
        lambda f: set_in(f, [3, "draft", 1, None], "steps", 0, "events", 2),
        r"steps\[0\].events\[2\]: None is not a probability",
    ),
    (
        "no token",
        lambda f: set_in(f, [3, "write", None, 0.5], "steps", 0, "events", 2),
        "not a token",
    ),
    (
        "no position",
        lambda f: set_in(f, [None, "reopen"], "steps", 0, "events", 2),
        "not a position",
    ),
    (
        "group",
        lambda f: set_in(f, [3, "group", -1], "steps", 0, "events", 2),
        r"steps\[0\].events\[2\]: -1 is not a group: expected a whole number from 0",
    ),
    ("negative group", lambda f: f | {"groups": [-2] * 16}, r"groups\[0\]: "),
]


def set_in(file: dict, value: object, *path: str | int) -> dict:
    *inner, last = path
    part = file
    for key in inner:
        part = part[key]
    part[last] = value
    return file


def half_known() -> dict:
    """Three positions of a vocabulary of 3 in two digits: 0 = 00, 1 = 01, 2 = 10."""
    digits = [
        [[0, "digit", 0, 1, 0.5], [1, "digit", 1, 1, 0.5]],
        [[0, "digit", 1, 0, 1.0], [0, "write", 2, 1.0]],
    ]
    return spare(digits) | {"digits": {"count": 2, "base": 2, "codes": None}}


def drafted() -> dict:
    """Two drafts, one kept, one refused; then another draft."""
    return spare(
        [
            [[0, "draft", 2, 0.5], [1, "draft", 1, 0.5], [2, "draft", 1, 0.5]],
            [[0, "accept", 2, 0.5, 0.7], [1, "reject", 1, 0.5, 0.2], [1, "write", 0, 0.3]],
            [[2, "draft", 2, 0.1]],
        ]
    )


def spare(events: list[list]) -> dict:
    """A file of three positions and three tokens, with little besides its events."""
    file = good()
    steps = [
        file["steps"][0] | {"nfe": k + 1, "events": each, "entropy": []}
        for k, each in enumerate(events)
    ]
    layout = {"kind": "line", "rows": 1, "columns": 3, "palette": None}
    blank = {"tokens": [0] * 3, "known": [0] * 3}
    shape = {"seq_len": 3, "vocab": list("abc"), "layout": layout, "init": blank, "steps": steps}
    return file | shape


BAD_DIGITS = [
    ("too few spellings", ("digits", "count"), 1, "digits: 1 digits of base 2 spell 2 of 3 tokens"),
    ("no count", ("digits", "count"), 0, "digits.count: "),
    ("codes", ("digits", "codes"), [0, 1, 1], "digits.codes: not each number of 0 to 2 once"),
    ("which", ("steps", 0, "events", 0, 2), 2, r"events\[0\]: 2 is not a digit of 0 to 1"),
    ("value", ("steps", 0, "events", 0, 3), 2, r"events\[0\]: 2 is not a value of 0 to 1"),
    ("half", ("steps", 0, "events", 0, 3), 0.5, r"events\[0\]: 0.5 is not a value"),
    ("chance", ("steps", 0, "events", 0, 4), 2.0, r"events\[0\]: 2.0 is not a probability"),
    ("twice", ("steps", 1, "events", 0, 2), 0, r"steps\[1\].*digit 0 of position 0 is known al"),
    ("no token", ("steps", 1, "events", 0, 3), 1, r"steps\[1\]: the digits 1 1 of position 0 spe"),
    ("another token", ("steps", 1, "events", 1, 2), 1, "spell token 2, written was token 1"),
    ("too early", ("steps", 0, "events", 1), [1, "write", 1, 0.5], "spell no token yet, written"),
    ("unwritten", ("steps", 1, "events", 1), [2, "digit", 0, 0, 1.0], "token 2, written was none"),
]
BAD_DRAFTS = [
    (
        "not the draft",
        (1, "events", 0, 2),
        1,
        "accepts token 1 as the draft of position 0; it is t",
    ),
    ("no draft", (0, "events", 0, 0), 2, "accepts token 2 as the draft of position 0; there is no"),
    (
        "no target law",
        (1, "events", 0),
        [0, "accept", 2, 0.5],
        "'accept', token, draft probability",
    ),
    ("target law", (1, "events", 1, 4), 7.0, "7.0 is not a probability"),
    ("dropped", (2, "events"), [[2, "reject", 2, 0.1, 0.1]], "it is token 1"),
]


@pytest.mark.parametrize("bad", BAD_DIGITS, ids=lambda bad: bad[0])
def test_digits_that_cannot_be_say_where(bad: tuple) -> None:
    _, path, value, says = bad
    assert Trace.from_json(json.dumps(half_known())).final.tokens[0, 0] == 2
    with pytest.raises(ValueError, match=says):
        Trace.from_json(json.dumps(set_in(half_known(), value, *path)))


@pytest.mark.parametrize("bad", BAD_DRAFTS, ids=lambda bad: bad[0])
def test_drafts_that_cannot_be_say_where(bad: tuple) -> None:
    _, path, value, says = bad
    assert Trace.from_json(json.dumps(drafted())).final.tokens[0, :2].tolist() == [2, 0]
    with pytest.raises(ValueError, match=says):
        Trace.from_json(json.dumps(set_in(drafted(), value, "steps", *path)))


@pytest.mark.parametrize(("damage", "says"), [bad[1:] for bad in BAD], ids=[bad[0] for bad in BAD])
def test_a_malformed_file_says_where(damage: Callable[[dict], object], says: str) -> None:
    damaged = damage(good())
    text = damaged if isinstance(damaged, str) else json.dumps(damaged)
    with pytest.raises(ValueError, match=says):
        Trace.from_json(text)


def test_groups_and_their_changes_are_kept() -> None:
    events = [[[0, "write", 1, 0.5]], [[1, "group", 1], [1, "write", 2, 0.5], [2, "group", 0]]]
    for groups, start in (([0, 1, -1], (0, 1, -1)), (None, (-1, -1, -1))):
        file = spare(events) | {"groups": groups}
        trace = Trace.from_json(json.dumps(file))
        assert trace.groups_at(0) == trace.groups_at(1) == start
        assert trace.groups_at(2) == (start[0], 1, 0)
        text = trace.to_json()
        again = Trace.from_json(text)
        assert json.loads(text)["groups"] == groups
        assert again.header == trace.header
        assert again.regrouped == trace.regrouped == ((2, 1, 1), (2, 2, 0))


def test_what_nobody_knows_is_null_and_stays_so() -> None:
    file = spare([[[0, "write", 1, None]], [[1, "write", 2, 0.5]]])
    file["steps"][0]["entropy"] = [[0, None], [1, 0.25]]
    trace = Trace.from_json(json.dumps(file))
    first, second = trace.steps
    assert first.log_prob[0, 0].isnan()
    assert first.entropy[0, 0].isnan()
    assert float(second.log_prob[0, 1]) == pytest.approx(math.log(0.5))
    again = json.loads(trace.to_json())
    assert [step["events"] for step in again["steps"]] == [each["events"] for each in file["steps"]]
    assert again["steps"][0]["entropy"] == [[0, None], [1, 0.25]]
    assert not trace.header.probabilities
    assert Trace.from_json(json.dumps(good())).header.probabilities


def test_an_oversized_file_is_not_read() -> None:
    with pytest.raises(ValueError, match=r"33,554,433 bytes; at most 33,554,432 are read"):
        Trace.from_json(" " * (MAX_BYTES + 1))


def test_the_file_these_were_made_from_is_in_order() -> None:
    assert len(Trace.from_json(json.dumps(good())).steps) == 2
