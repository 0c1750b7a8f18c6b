"""Law 14: a trace survives its file field by field, and replays to its end."""

import json
from collections.abc import Callable, Iterator
from dataclasses import fields

import pytest
import torch
from networks import GRID, LINE, stirred

from pgm_lite.core import Canvas, Cost, Layout, Step
from pgm_lite.datasets import shidoku
from pgm_lite.draw import Tempered, TopP, rng
from pgm_lite.models import AR, MDLM, PGM, Guided
from pgm_lite.oracle import Sequential, Support
from pgm_lite.orders import blocks, confidence, random_order
from pgm_lite.samplers import ancestral, autoregress, unmask
from pgm_lite.schedules import cosine
from pgm_lite.trace import Header, ModelInfo, Trace, record


def grids() -> Support:
    tokens, _ = shidoku().splits["train"].batch(torch.arange(288))
    return Support(tokens, 4)


START = Canvas.prompt([1, 2, 0], batch=3, seq_len=12)
RUNS: dict[str, Callable[[], Trace]] = {
    "PGM": lambda: record(
        unmask(stirred(PGM, LINE), START, schedule=cosine(9, 4), order=random_order(), rng=rng(0)),
        seed=0,
    ),
    "MDLM": lambda: record(
        unmask(
            Tempered(TopP(stirred(MDLM, LINE), 0.9), 0.7),
            START,
            schedule=(4, 5),
            order=blocks(4, confidence()),
            rng=rng(1),
            fill="sample-then-rank",
        ),
        seed=1,
        vocab_size=5,
    ),
    "ancestral": lambda: record(ancestral(stirred(MDLM, LINE), START, steps=6, rng=rng(2))),
    "AR": lambda: record(autoregress(stirred(AR, LINE), START, rng=rng(3)), label="none"),
    "shidoku": lambda: record(
        unmask(grids(), Canvas.blank(2, 16), schedule=(8, 8), order=random_order(), rng=rng(4)),
        dataset=shidoku(),
        model=ModelInfo.oracle("the 288 grids"),
    ),
    "nothing to do": lambda: record(
        unmask(grids(), whole(), schedule=(), order=random_order(), rng=rng(5)), dataset=shidoku()
    ),
    "remade": lambda: record(remade(), init=START, sampler="foreign", knobs={"a": None, "b": True}),
}


def whole() -> Canvas:
    return Canvas.prompt(grids().sample(1, rng=rng(6))[0], batch=1, seq_len=16)


def remade(seed: int = 7, steps: int = 12) -> Iterator[Step]:
    """Steps that write, reopen and write again, at random."""
    source, canvas = rng(seed), START

    def chance() -> torch.Tensor:
        return torch.rand(canvas.tokens.shape, generator=source)

    for number in range(steps):
        reopened = canvas.known & (chance() < 0.15)
        written = (canvas.unknown | reopened) & (chance() < 0.3)
        tokens = torch.randint(5, canvas.tokens.shape, generator=source)
        known = (canvas.known & ~reopened) | written
        queried = written | (canvas.unknown & (chance() < 0.5))
        log_prob = chance().double().log().where(written, 0.0)
        canvas = Canvas(torch.where(written, tokens, canvas.tokens), known)
        count = torch.randint(4, (3,), generator=source)
        yield Step(
            canvas=canvas,
            queried=queried,
            written=written,
            log_prob=log_prob,
            entropy=(chance() * 2).double().where(queried, 0.0),
            cost=Cost(count, count * 2, count * 3, count * 1.5e9),
            note=f"step {number}: «ß»\n",
            reopened=reopened,
        )


def same_canvas(one: Canvas, other: Canvas) -> None:
    """The same where it means something: unknown tokens do not survive, and need not."""
    assert torch.equal(one.known, other.known)
    assert torch.equal(one.tokens[one.known], other.tokens[other.known])


@pytest.mark.parametrize("run", RUNS)
def test_every_field_survives_the_file(run: str) -> None:
    trace = RUNS[run]()
    for index in range(trace.init.batch):
        row = trace.row(index)
        text = trace.to_json(index)
        again = Trace.from_json(text)
        assert again.header == row.header
        same_canvas(again.init, row.init)
        assert again.seconds == pytest.approx(row.seconds)
        assert len(again.steps) == len(row.steps)
        for one, other in zip(row.steps, again.steps, strict=True):
            same_canvas(one.canvas, other.canvas)
            assert torch.equal(one.queried, other.queried)
            assert torch.equal(one.written, other.written)
            # Probabilities are kept to 9 digits, entropies to 6 decimals.
            torch.testing.assert_close(
                other.log_prob, one.log_prob, rtol=0, atol=1e-8, check_dtype=False
            )
            torch.testing.assert_close(
                other.entropy, one.entropy, rtol=0, atol=1e-6, check_dtype=False
            )
            for field in fields(Cost):
                assert (
                    getattr(one.cost, field.name).tolist()
                    == getattr(other.cost, field.name).tolist()
                )
            assert one.note == other.note
            opened = torch.zeros_like(one.written) if one.reopened is None else one.reopened
            found = torch.zeros_like(one.written) if other.reopened is None else other.reopened
            assert torch.equal(opened, found)
        assert torch.equal(row.step_map(), again.step_map())
        # What was read is written as it was read.
        assert Trace.from_json(again.to_json()).to_json() == again.to_json()
        assert json.loads(again.to_json())["steps"] == json.loads(text)["steps"]


@pytest.mark.parametrize("run", RUNS)
def test_replaying_the_events_of_the_file_ends_at_the_final_canvas(run: str) -> None:
    """With nothing but the file's own words, as the player does it."""
    trace = RUNS[run]()
    for index in range(trace.init.batch):
        file = json.loads(trace.to_json(index))
        tokens = [t if known else None for t, known in zip(*file["init"].values(), strict=True)]
        for number, step in enumerate(file["steps"], start=1):
            for position, kind, *rest in step["events"]:
                assert kind in ("write", "reopen")
                tokens[position] = rest[0] if kind == "write" else None
            state = trace.state(number).row(index)
            assert tokens == [
                t if known else None
                for t, known in zip(state.tokens[0].tolist(), state.known[0].tolist(), strict=True)
            ]
            asked = {position for position, _ in step["entropy"]}
            assert asked == set(trace.steps[number - 1].queried[index].nonzero()[:, 0].tolist())
        calls = [step["cost"]["calls"] for step in file["steps"]]
        assert [step["nfe"] for step in file["steps"]] == [
            sum(calls[: k + 1]) for k in range(len(calls))
        ]


def test_states_step_map_rows_and_the_bill() -> None:
    trace = RUNS["PGM"]()
    same_canvas(trace.state(0), START)
    assert trace.final is trace.state(4)
    wrote = trace.step_map()
    assert (wrote[:, :3] == 0).all()
    for number, step in enumerate(trace.steps, start=1):
        assert torch.equal(wrote == number, step.written)
    assert torch.equal(trace.row(2).step_map(), wrote[2:])
    total = sum(int(step.cost.encoder_positions[1]) for step in trace.steps)
    assert int(trace.cost.encoder_positions[1]) == int(trace.row(1).cost.encoder_positions) == total
    for bad in (-1, 5):
        with pytest.raises(ValueError, match=f"states 0 to 4; got {bad}"):
            trace.state(bad)
    with pytest.raises(ValueError, match="rows 0 to 2; got 3"):
        trace.to_json(3)


def test_the_step_map_counts_the_last_writer_and_forgets_reopened_positions() -> None:
    trace = RUNS["remade"]()
    expected = [[0 if known else -1 for known in row] for row in START.known.tolist()]
    for number, step in enumerate(trace.steps, start=1):
        for row in range(3):
            for position in range(12):
                if step.reopened[row, position]:
                    expected[row][position] = -1
                if step.written[row, position]:
                    expected[row][position] = number
    assert trace.step_map().tolist() == expected
    assert any(number == -1 for row in expected for number in row)


def test_the_recording_knows_model_sampler_and_knobs() -> None:
    header = RUNS["MDLM"]().header
    assert header.model == ModelInfo("MDLM", "mdlm", None, "everything")
    assert (header.sampler, header.dataset, header.seed) == ("unmask", None, 1)
    assert dict(header.knobs) == {
        "order": "blocks(4, confidence)",
        "schedule": "4 x 1, 5 x 1",
        "steps": 2,
        "fill": "sample-then-rank",
        "temperature": 0.7,
        "top_p": 0.9,
    }
    assert header.symbols == ("0", "1", "2", "3", "4")
    assert header.layout == Layout("line", 1, 12)
    assert RUNS["AR"]().header.model.reads == "cache"
    assert RUNS["PGM"]().header.model.reads == "known"
    assert RUNS["shidoku"]().header.layout == shidoku().layout
    guided = Guided(stirred(PGM, GRID), torch.tensor([0, 1]), 1.0)
    run = unmask(guided, Canvas.blank(1, 12), schedule=(12,), order=random_order(), rng=rng(0))
    assert record(run).header.model.family == "PGM"
    oracle = record(autoregress(Sequential(grids()), Canvas.blank(1, 16), rng=rng(0)))
    assert oracle.header.model.family == "oracle"
    assert RUNS["PGM"]().header.id != RUNS["PGM"]().header.id


def test_what_cannot_be_recorded() -> None:
    def run(n: int = 16) -> Iterator[Step]:
        return unmask(
            grids() if n == 16 else stirred(MDLM, LINE),
            Canvas.blank(1, n),
            schedule=(n,),
            order=random_order(),
            rng=rng(0),
        )

    with pytest.raises(ValueError, match="pass it as init="):
        record(iter(list(run())))
    with pytest.raises(ValueError, match="have 12 positions, those of the data set 16"):
        record(run(12), dataset=shidoku())
    with pytest.raises(ValueError, match="only 1 symbols"):
        record(run(), vocab_size=1)
    with pytest.raises(ValueError, match="everything, known, cache; got 'all'"):
        ModelInfo("PGM", "pgm", reads="all")


def test_drafts_are_not_written_to_files_in_silence() -> None:
    step = next(remade())
    drafted = Step(
        **{each.name: getattr(step, each.name) for each in fields(step)}
        | {"draft": torch.zeros(3, 12, dtype=torch.long)}
    )
    trace = record(iter([drafted]), init=START)
    with pytest.raises(ValueError, match="drafts or digits"):
        trace.to_json()


def test_a_header_is_made_with_an_id_of_its_own() -> None:
    made = [
        Header(ModelInfo.oracle(), None, "unmask", {}, None, None, ("0",), Layout("line", 1, 1))
        for _ in range(2)
    ]
    assert made[0].id != made[1].id
