"""Candidates: asked again, a model says what the trace recorded."""

from collections.abc import Callable

import pytest
import torch
from networks import GRID, LINE, SPELLED, stirred

import pgm_lite as pgm
from pgm_lite.net import Shape
from pgm_lite.samplers import autoregress, speculate, unmask, unmask_digits

GUIDED = pgm.Guided(stirred(pgm.PGM, GRID), torch.tensor([1, 0]), 1.5)
RUNS: dict[str, tuple[object, Callable]] = {
    "MDLM": (stirred(pgm.MDLM, LINE), unmask),
    "PGM, guided": (GUIDED, unmask),
    "tempered": (pgm.TopP(pgm.Tempered(stirred(pgm.PGM, LINE), 0.6), 0.8), unmask),
    "AR": (pgm.Tempered(stirred(pgm.AR, LINE), 1.4), autoregress),
    "oracle": (pgm.Support(torch.tensor([[0, 1, 2] * 4, [1, 1, 0] * 4]), 5), unmask),
}


def recorded(model: object, sampler: Callable, batch: int = 2) -> pgm.Trace:
    canvas = pgm.Canvas.blank(batch, 12)
    more = (
        {"schedule": pgm.uniform(12, 5), "order": pgm.random_order()} if sampler is unmask else {}
    )
    return pgm.record(sampler(model, canvas, rng=pgm.rng(3), **more), vocab_size=5)


@pytest.mark.parametrize("name", RUNS)
def test_the_written_token_has_the_probability_it_was_written_with(name: str) -> None:
    model, sampler = RUNS[name]
    trace = recorded(model, sampler)
    for row in range(2):
        for after, step in enumerate(trace.steps):
            for position in step.written[row].nonzero().flatten().tolist():
                found = pgm.candidates(trace, model, position, after=after, count=5, row=row)
                token = int(step.canvas.tokens[row, position])
                drawn = float(step.log_prob[row, position].exp())
                at = found.tokens.index(token)
                assert found.probabilities[at] == pytest.approx(drawn, abs=1e-5)
                assert sum(found.probabilities) + found.others == pytest.approx(1)
                assert list(found.probabilities) == sorted(found.probabilities, reverse=True)
                assert min(found.probabilities) > 0


def test_a_few_candidates_leave_the_rest_to_the_others_but_not_what_was_written() -> None:
    model, sampler = RUNS["MDLM"]
    trace, unlikely = recorded(model, sampler, batch=20), 0
    for row in range(20):
        where = int(trace.steps[0].written[row].nonzero()[0])
        every = pgm.candidates(trace, model, where, after=0, row=row)
        two = pgm.candidates(trace, model, where, after=0, count=2, row=row)
        written = int(trace.steps[0].canvas.tokens[row, where])
        missing = () if written in every.tokens[:2] else (written,)
        assert two.tokens == every.tokens[:2] + missing
        assert two.others == pytest.approx(1 - sum(two.probabilities), abs=1e-12)
        unlikely += len(missing)
    assert unlikely > 0


def test_half_known_tokens_keep_to_their_digits() -> None:
    model = stirred(pgm.Prime, SPELLED)
    trace = pgm.record(unmask_digits(model, pgm.Canvas.blank(1, 12), steps=30, rng=pgm.rng(1)))
    halves = 0
    for after in range(len(trace.steps)):
        digits = trace.digits_at(after)
        found = digits.known.view(12, 3)
        for position in ((found.sum(1) > 0) & (found.sum(1) < 3)).nonzero().flatten().tolist():
            halves += 1
            said = pgm.candidates(trace, model, position, after=after)
            values = digits.tokens.view(12, 3)[position]
            for token in said.tokens:
                spelling = model.digits.encode(torch.tensor([token]))[0]
                assert torch.equal(spelling[found[position]], values[found[position]])
            assert sum(said.probabilities) + said.others == pytest.approx(1)
    assert halves > 3


def test_drafts_come_from_the_draft_law() -> None:
    shape = Shape(vocab_size=5, rows=1, columns=12, width=16, heads=2, depth=3, causal=1)
    model = stirred(pgm.SelfSpec, shape)
    trace = pgm.record(
        speculate(
            model, pgm.Canvas.blank(1, 12), window=pgm.constant_window(4), loops=1, rng=pgm.rng(0)
        )
    )
    where = torch.tensor([[5]])
    with torch.no_grad():
        draft = model.draft(trace.init, where)[0][0, 0].exp()
    found = pgm.candidates(trace, model, 5, after=0)
    for token, probability in zip(found.tokens, found.probabilities, strict=True):
        assert probability == pytest.approx(float(draft[token]), abs=1e-6)


def test_questions_without_an_answer_say_why() -> None:
    model, sampler = RUNS["AR"]
    trace = recorded(model, sampler)
    with pytest.raises(ValueError, match="position 5 is 3 further on"):
        pgm.candidates(trace, model, 5, after=2)
    with pytest.raises(ValueError, match="position 1 is known after 2 steps"):
        pgm.candidates(trace, model, 1, after=2)
    with pytest.raises(ValueError, match="positions 0 to 11; got 12"):
        pgm.candidates(trace, model, 12, after=2)
    with pytest.raises(ValueError, match="rows 0 to 1; got 2"):
        pgm.candidates(trace, model, 2, after=2, row=2)
    with pytest.raises(ValueError, match="at least one candidate"):
        pgm.candidates(trace, model, 2, after=2, count=0)
    with pytest.raises(ValueError, match="states 0 to 12; got 13"):
        pgm.candidates(trace, model, 2, after=13)
    with pytest.raises(ValueError, match="Insertion has no law for the token at a position"):
        pgm.candidates(trace, stirred(pgm.Insertion, LINE), 2, after=2)
    with pytest.raises(ValueError, match="Prime reads digits"):
        pgm.candidates(trace, stirred(pgm.Prime, SPELLED), 2, after=2)
