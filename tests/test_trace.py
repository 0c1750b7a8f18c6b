"""Law 14: a trace survives its file field by field, and replays to its end."""

import json
from collections.abc import Callable, Iterator
from dataclasses import fields, replace

import pytest
import torch
from networks import GRID, LINE, SPELLED, stirred

from pgm_lite.core import Canvas, Cost, DigitStep, DraftStep, Layout, Step
from pgm_lite.datasets import shidoku
from pgm_lite.digits import Digits
from pgm_lite.draw import Tempered, TopP, rng
from pgm_lite.models import AR, MDLM, PGM, Guided, Prime, SelfSpec
from pgm_lite.oracle import HalfKnown, Sequential, Support
from pgm_lite.orders import blocks, confidence, random_order
from pgm_lite.samplers import ancestral, autoregress, speculate, unmask, unmask_digits
from pgm_lite.schedules import cosine
from pgm_lite.trace import Header, ModelInfo, Trace, record
from pgm_lite.windows import cosine_window


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
    "Prime": lambda: record(
        unmask_digits(stirred(Prime, SPELLED), START, steps=6, rng=rng(8)), seed=8
    ),
    "shuffled digits": lambda: record(
        unmask_digits(
            HalfKnown(grids(), Digits(4, 3, codes=torch.tensor([2, 0, 3, 1]))),
            Canvas.blank(2, 16),
            steps=9,
            rng=rng(9),
        ),
        dataset=shidoku(),
    ),
    "one digit": lambda: record(
        unmask_digits(HalfKnown(grids(), Digits(4, 1)), Canvas.blank(2, 16), steps=40, rng=rng(1)),
        dataset=shidoku(),
    ),
    "speculate": lambda: record(drafting(loops=2)),
    "redraw": lambda: record(drafting(loops=2, redraw=True)),
    "one check a draft": lambda: record(drafting(loops=1)),
    "remade": lambda: record(remade(), init=START, sampler="foreign", knobs={"a": None, "b": True}),
}


def drafting(*, loops: int, redraw: bool = False) -> Iterator[Step]:
    return speculate(
        stirred(SelfSpec, replace(LINE, causal=1)),
        START,
        window=cosine_window(12, 0.3),
        loops=loops,
        redraw=redraw,
        rng=rng(10),
    )


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


def same_digits(one: DigitStep | None, other: DigitStep | None) -> None:
    assert (one is None) == (other is None)
    if one is not None:
        same_canvas(one.canvas, other.canvas)
        assert torch.equal(one.written, other.written)
        torch.testing.assert_close(other.log_prob, one.log_prob, rtol=0, atol=1e-8)


def same_drafts(one: DraftStep | None, other: DraftStep | None) -> None:
    assert (one is None) == (other is None)
    if one is not None:
        for flags in ("tokens", "drafted", "accepted", "rejected"):
            assert torch.equal(getattr(one, flags), getattr(other, flags)), flags
        for nats in ("draft_log_prob", "target_log_prob"):
            torch.testing.assert_close(
                getattr(other, nats), getattr(one, nats), rtol=0, atol=1e-8, check_dtype=False
            )


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
            same_digits(one.digits, other.digits)
            same_drafts(one.draft, other.draft)
        for number in range(len(row.steps) + 1):
            digits, others = row.digits_at(number), again.digits_at(number)
            assert (digits is None) == (others is None) == (row.header.digits is None)
            if digits is not None:
                same_canvas(digits, others)
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
                if kind in ("write", "accept"):
                    tokens[position] = rest[0]
                elif kind in ("reopen", "draft"):
                    tokens[position] = None
                else:
                    assert kind in ("digit", "reject")
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
    with pytest.raises(ValueError, match="everything, known, cache, unknown; got 'all'"):
        ModelInfo("PGM", "pgm", reads="all")


def test_nan_is_refused_unless_it_is_declared() -> None:
    (step,) = unmask(grids(), Canvas.blank(2, 16), schedule=(16,), order=random_order(), rng=rng(0))
    wrong = step.log_prob.clone()
    wrong[1, 3] = torch.nan
    lost = replace(step, log_prob=wrong)
    with pytest.raises(ValueError, match=r"log_prob of step 1 is nan at \[1, 3\]; .*=False"):
        record(iter([lost]), init=Canvas.blank(2, 16))
    with pytest.raises(ValueError, match="entropy of step 1 is nan"):
        record(iter([replace(step, entropy=wrong)]), init=Canvas.blank(2, 16))
    trace = record(iter([lost]), init=Canvas.blank(2, 16), probabilities=False)
    events = {event[0]: event for event in json.loads(trace.to_json(1))["steps"][0]["events"]}
    assert events[3][3] is None
    assert events[4][3] is not None
    undeclared = replace(trace, header=replace(trace.header, probabilities=True))
    with pytest.raises(ValueError, match=r"log_prob of step 1 is nan at \[0, 3\]"):
        undeclared.to_json(1)
    # Verdicts on drafts rest on both laws, so there nothing can be left out.
    first = next(drafting(loops=2))
    nothing = torch.full_like(first.draft.draft_log_prob, torch.nan)
    drafts = replace(first, draft=replace(first.draft, draft_log_prob=nothing))
    with pytest.raises(ValueError, match=r"draft\.draft_log_prob of step 1 is nan"):
        record(iter([drafts]), init=START, probabilities=False)


def test_of_a_model_that_says_nothing_nothing_is_said() -> None:
    steps = list(RUNS["MDLM"]().steps)
    assert record(iter(steps), init=START).header.model == ModelInfo("unknown", "unknown")
    assert ModelInfo.of(object()) == ModelInfo("unknown", "object", None, "unknown")


def test_groups_are_recorded_one_a_position() -> None:
    steps = list(RUNS["MDLM"]().steps)
    trace = record(iter(steps), init=START, groups=[0, 1] * 6)
    assert Trace.from_json(trace.to_json()).header.groups == (0, 1) * 6 == trace.groups_at(2)
    with pytest.raises(ValueError, match="3 groups for 12 positions"):
        record(iter(steps), init=START, groups=[0, 1, 0])


def test_the_code_of_the_digits_is_found_and_kept() -> None:
    trace = RUNS["shuffled digits"]()
    code = Trace.from_json(trace.to_json()).header.digits
    assert (code.count, code.base, code.codes.tolist()) == (3, 2, [2, 0, 3, 1])
    file = json.loads(trace.to_json())
    assert file["digits"] == {"count": 3, "base": 2, "codes": [2, 0, 3, 1]}
    assert json.loads(RUNS["Prime"]().to_json())["digits"]["codes"] is None
    model = stirred(Prime, SPELLED)
    run = unmask_digits(Tempered(model, 0.7), START, steps=2, rng=rng(0))
    assert torch.equal(record(run).header.digits.table, model.digits.table)
    assert RUNS["PGM"]().header.digits is None


def test_given_tokens_start_with_all_their_digits() -> None:
    trace = RUNS["Prime"]()
    start = trace.digits_at(0)
    assert start.known[0].tolist() == [True] * 9 + [False] * 27
    assert start.tokens[0, :9].tolist() == [0, 0, 1, 0, 1, 0, 0, 0, 0]
    assert RUNS["PGM"]().digits_at(0) is None
    assert trace.digits_at(6).known.all()


def test_steps_with_digits_need_a_code() -> None:
    model = stirred(Prime, SPELLED)
    steps = list(unmask_digits(model, START, steps=3, rng=rng(0)))
    with pytest.raises(ValueError, match="nothing says how tokens are spelled; pass digits="):
        record(iter(steps), init=START)
    assert record(iter(steps), init=START, digits=Digits(5, 3)).header.symbols == tuple("01234")
    with pytest.raises(ValueError, match="spell 5 tokens, but there are 7 symbols"):
        record(iter(steps), init=START, digits=Digits(5, 3), vocab_size=7)
    with pytest.raises(ValueError, match="2 of 3 steps hold digits"):
        record(iter([*steps[:2], replace(steps[2], digits=None)]), init=START)


def test_drafts_run_through_all_their_fates() -> None:
    """Without this the round trips above could be about nothing."""
    seen = {"draft": 0, "accept": 0, "reject": 0, "dropped": 0}
    for run in ("speculate", "one check a draft"):
        for row in range(3):
            waiting: set[int] = set()
            for step in json.loads(RUNS[run]().to_json(row))["steps"]:
                kinds = [kind for _, kind, *_ in step["events"]]
                seen["dropped"] += len(waiting) if "draft" in kinds else 0
                waiting = set() if "draft" in kinds else waiting
                for position, kind, *_ in step["events"]:
                    (waiting.add if kind == "draft" else waiting.discard)(position)
                    seen[kind] = seen.get(kind, 0) + 1
    assert all(seen.values()), seen
    assert seen["write"] == seen["reject"]


def test_a_header_is_made_with_an_id_of_its_own() -> None:
    made = [
        Header(ModelInfo.oracle(), None, "unmask", {}, None, None, ("0",), Layout("line", 1, 1))
        for _ in range(2)
    ]
    assert made[0].id != made[1].id
