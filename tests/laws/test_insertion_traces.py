"""Law 14 for sequences that grow: the file, its replay, what is read of it, and its faults."""

import json

import pytest
import torch
from growing import oracle_of, ragged, read

from pgm_lite.core import NOBODY, Canvas
from pgm_lite.draw import rng
from pgm_lite.samplers import insert
from pgm_lite.trace import Trace, record


def recorded(batch: int = 4, seed: int = 0) -> Trace:
    known = torch.zeros(batch, 6, dtype=torch.bool)
    known[:, 2] = known[:, 4] = True
    canvas = Canvas(torch.full((batch, 6), 1), known)
    return record(insert(oracle_of(ragged(5, 2), 2), canvas, rng=rng(seed)), vocab_size=2)


def test_a_trace_of_insertions_survives_its_file() -> None:
    trace = recorded()
    for row in range(4):
        own, again = trace.row(row), Trace.from_json(trace.to_json(row))
        assert again.header == own.header
        for k, (one, other) in enumerate(zip(own.steps, again.steps, strict=True)):
            assert torch.equal(one.canvas.known, other.canvas.known)
            assert torch.equal(one.insert.order, other.insert.order)
            assert torch.equal(one.insert.after, other.insert.after)
            assert torch.equal(one.queried, other.queried)
            assert torch.equal(own.read(k), again.read(k))
            torch.testing.assert_close(one.log_prob, other.log_prob, rtol=0, atol=1e-8)
            torch.testing.assert_close(one.entropy, other.entropy, rtol=0, atol=1e-6)
        assert torch.equal(own.read(), again.read())
        assert json.loads(again.to_json()) == json.loads(own.to_json())


def test_what_is_read_is_what_the_sampler_says() -> None:
    trace = recorded()
    assert trace.read(0).tolist() == [[1, 1, *[NOBODY] * 4]] * 4
    assert trace.order_at(0).tolist() == [[2, 4, *[NOBODY] * 4]] * 4
    for row in range(4):
        told = [token for token in trace.read()[row].tolist() if token != NOBODY]
        assert told == list(read(trace.steps[-1], row))
        order = trace.order_at(len(trace.steps))[row].tolist()
        assert order.index(2) < order.index(4)  # what was given stays in its order


def file() -> dict:
    """Three positions; the third is given, then 1 comes in before it and 0 between them."""
    trace = json.loads(recorded(1).to_json())
    step = trace["steps"][0]
    events = [[[0, "insert", 1, 0.5, -1]], [[1, "insert", 0, 0.25, 0]], []]
    steps = [step | {"nfe": k + 1, "events": each, "entropy": []} for k, each in enumerate(events)]
    line = {"kind": "line", "rows": 1, "columns": 3, "palette": None}
    init = {"tokens": [0, 0, 1], "known": [0, 0, 1]}
    return trace | {"seq_len": 3, "layout": line, "init": init, "steps": steps}


def test_positions_are_read_in_the_order_of_insertion() -> None:
    trace = Trace.from_json(json.dumps(file()))
    assert [trace.order_at(k)[0].tolist() for k in range(4)] == [
        [2, -1, -1],
        [0, 2, -1],
        [0, 1, 2],
        [0, 1, 2],
    ]
    assert trace.read()[0].tolist() == [1, 0, 1]
    assert trace.step_map()[0].tolist() == [1, 2, 0]


BAD = [
    ((0, 4), 1, r"events\[0\]: inserted after position 1, where no token is yet"),
    ((0, 4), 0, r"events\[0\]: inserted after position 0, where no token is yet"),
    ((0, 4), 7, r"events\[0\], after: 7 is not a position of 0 to 2"),
    ((0, 4), -2, r"events\[0\], after: -2 is not a position"),
    ((0, 4), 0.5, r"events\[0\], after: 0.5 is not a position"),
    ((0, 0), 2, r"events\[0\]: inserted at position 2, whose token is there already"),
    ((1, 0), 0, r"steps\[1\].events\[0\]: inserted at position 0, whose token is there already"),
    ((1, 2), 5, r"steps\[1\].events\[0\]: 5 is not a token of 0 to 1"),
    ((1, 3), 1.5, r"steps\[1\].events\[0\]: 1.5 is not a probability"),
]


@pytest.mark.parametrize(("place", "value", "says"), BAD, ids=[bad[2] for bad in BAD])
def test_insertions_that_cannot_be_say_where(
    place: tuple[int, int], value: float, says: str
) -> None:
    damaged = file()
    damaged["steps"][place[0]]["events"][0][place[1]] = value
    with pytest.raises(ValueError, match=says):
        Trace.from_json(json.dumps(damaged))


def test_other_events_and_grids_have_no_place_among_insertions() -> None:
    damaged = file()
    damaged["steps"][1]["events"][0] = [1, "write", 0, 0.5]
    with pytest.raises(ValueError, match=r"steps\[1\].*a 'write' has no place among insertions"):
        Trace.from_json(json.dumps(damaged))
    damaged["steps"][1]["events"][0] = [1, "insert", 0, 0.5]
    with pytest.raises(ValueError, match=r"\[position, 'insert', token, probability, after\]"):
        Trace.from_json(json.dumps(damaged))
    grid = file()
    grid["layout"] |= {"kind": "grid"}
    with pytest.raises(ValueError, match=r"steps\[0\].*an insertion into a grid"):
        Trace.from_json(json.dumps(grid))
