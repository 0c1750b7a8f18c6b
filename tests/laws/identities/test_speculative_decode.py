"""Speculative decoding with two models: the law is the large one's, the small one sets the pace."""

import math
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from exact import exact_law, outcomes, table
from networks import LINE, stirred
from shelf import put
from subjects import dirichlet, every_sequence, markov

from pgm_lite import catalog
from pgm_lite.core import Canvas, Step
from pgm_lite.draw import Tempered, TopP, rng
from pgm_lite.models import AR, MDLM
from pgm_lite.net import Shape
from pgm_lite.oracle import Sequential, Support
from pgm_lite.protocols import NextSpan
from pgm_lite.samplers import autoregress, speculative_decode
from pgm_lite.trace import Trace, record

HOSTILE = Tempered(Sequential(markov(3, 2, stay=0.02)), 0.3)


def decoded(model: NextSpan, drafter: NextSpan, n: int, drafts: int) -> Iterator[Step]:
    return speculative_decode(model, drafter, Canvas.blank(1, n), drafts=drafts, rng=rng(0))


def independent(*weights: float, n: int) -> Support:
    """Every position drawn by itself from the same weights."""
    law = torch.tensor(weights, dtype=torch.float64)
    sequences = every_sequence(n, len(weights))
    return Support(sequences, len(weights), law[sequences].prod(1))


def count(steps: list[Step], what: str) -> int:
    return sum(int(getattr(step.draft, what).sum()) for step in steps)


@pytest.mark.parametrize("drafts", [1, 2, 5])
def test_the_law_is_the_large_models(drafts: int) -> None:
    target = dirichlet(3, 3, seed=2)
    drafter = Sequential(dirichlet(3, 3, seed=1))
    found = exact_law(lambda: decoded(Sequential(target), drafter, 3, drafts), 3, 3)
    torch.testing.assert_close(found, table(target, 3, 3), rtol=0, atol=1e-12)


@pytest.mark.parametrize("drafts", [1, 2, 5])
def test_even_if_the_drafter_is_hostile(drafts: int) -> None:
    target = markov(3, 2, stay=0.9)
    found = exact_law(lambda: decoded(Sequential(target), HOSTILE, 3, drafts), 3, 2)
    torch.testing.assert_close(found, table(target, 3, 2), rtol=0, atol=1e-12)


def test_what_is_written_says_its_own_probability() -> None:
    """Law 6 for every outcome: the log-probabilities of a run sum to that of its sequence."""
    target = dirichlet(3, 2, seed=2)
    drafter = Sequential(dirichlet(3, 2, seed=1))
    for steps, _ in outcomes(lambda: decoded(Sequential(target), drafter, 3, 2)):
        said = sum(float(step.log_prob.sum()) for step in steps)
        assert said == pytest.approx(float(target.log_prob(steps[-1].canvas.tokens)), abs=1e-12)


@pytest.mark.parametrize("wrap", [lambda m: Tempered(m, 0.4), lambda m: TopP(Tempered(m, 2), 0.6)])
def test_the_law_is_the_reshaped_one_of_the_large_model(wrap) -> None:
    target, drafter = Sequential(dirichlet(3, 3, seed=2)), Sequential(dirichlet(3, 3, seed=1))
    found = exact_law(lambda: decoded(wrap(target), wrap(drafter), 3, 2), 3, 3)
    expected = exact_law(lambda: autoregress(wrap(target), Canvas.blank(1, 3), rng=rng(0)), 3, 3)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("drafts", "passes"), [(1, 6), (2, 4), (3, 3), (20, 1)])
def test_equal_drafts_are_never_refused(drafts: int, passes: int) -> None:
    """Law 12: every check but the last writes all drafts and one token more."""
    model = stirred(AR, LINE)
    canvas = Canvas.blank(20, 12)
    steps = list(speculative_decode(model, model, canvas, drafts=drafts, rng=rng(0)))
    assert count(steps, "rejected") == 0
    checks = [step for step in steps if step.written.any()]
    assert len(checks) == passes == math.ceil(12 / (drafts + 1))
    assert count(steps, "accepted") == 20 * (12 - passes)


@pytest.mark.parametrize("drafts", [1, 2, 3])
def test_the_tokens_a_check_yields(drafts: int) -> None:
    """(1 - a^(g + 1)) / (1 - a), where each draft is accepted with probability a by itself."""
    p, q = (0.7, 0.3), (0.4, 0.6)
    drafter, target = (Sequential(independent(*law, n=5)) for law in (p, q))
    a = sum(min(pair) for pair in zip(p, q, strict=True))
    mean = 0.0
    # Five positions leave room for the drafts and one more in the first round.
    for steps, probability in first_checks(target, drafter, drafts):
        mean += probability * int(steps[-1].written.sum())
    assert mean == pytest.approx((1 - a ** (drafts + 1)) / (1 - a), abs=1e-12)


def first_checks(
    target: NextSpan, drafter: NextSpan, drafts: int
) -> Iterator[tuple[list[Step], float]]:
    """Every outcome of the first draft and its check."""

    def run() -> Iterator[Step]:
        steps = decoded(target, drafter, 5, drafts)
        yield from (next(steps), next(steps))

    return outcomes(run)


# Rows at their own pace, and what they cost

SMALL = Shape(vocab_size=5, rows=1, columns=12, width=8, heads=1, depth=1)


def test_rows_go_at_their_own_pace_and_pay_for_what_was_asked() -> None:
    """Law 13, row by row: positions, calls and FLOPs of both networks by a count of their own."""
    large, small, drafts = stirred(AR, LINE), stirred(AR, SMALL), 3
    known = torch.arange(12) < torch.tensor([0, 4, 11, 12, 1, 7])[:, None]
    start = canvas = Canvas(torch.ones(6, 12, dtype=torch.long), known)
    trace = record(speculative_decode(large, small, canvas, drafts=drafts, rng=rng(4)))
    held, small_held = torch.zeros(6, dtype=torch.long), torch.zeros(6, dtype=torch.long)
    for step in trace.steps:
        assert step.draft is not None
        k = canvas.known.sum(1)
        shape, read_from = (SMALL, small_held) if step.draft.drafted.any() else (LINE, held)
        for row in range(6):
            asked = step.queried[row].nonzero().flatten().tolist()
            bill, at, flops, positions = step.cost.row(row), int(read_from[row]), 0.0, 0
            # The drafter answers one position a call, the large model all of them in one.
            groups = [[each] for each in asked] if shape is SMALL else [asked] if asked else []
            for group in groups:
                q, end, d = group[-1] + 1 - at, group[-1] + 1, shape.width
                flops += shape.depth * (24 * q * d**2 + 4 * q * end * d) + 2 * len(group) * d * 5
                positions, at = positions + q, end
            assert float(bill.calls) == len(groups)
            assert int(bill.encoder_positions) == positions
            assert float(bill.flops) == pytest.approx(flops)
            left = 12 - int(k[row])
            expected = min(drafts, left - 1) if shape is SMALL else min(drafts + 1, left)
            assert len(asked) == max(expected, 0)
            read_from[row] = at
        canvas = step.canvas
        if shape is LINE:
            # Of what was read, only what was kept stays read.
            small_held = small_held.minimum(canvas.known.sum(1))
            held = held.minimum(canvas.known.sum(1))
    assert trace.final.known.all()
    assert torch.equal(trace.final.tokens[start.known], start.tokens[start.known])
    assert (trace.cost.calls[[0, 1]] > 0).all()
    assert trace.cost.calls[2:4].tolist() == [1, 0]
    assert count(list(trace.steps), "rejected") > 0
    assert (
        Trace.from_json(trace.to_json(0)).final.tokens.tolist()
        == trace.row(0).final.tokens.tolist()
    )


def test_networks_write_what_they_would_alone() -> None:
    """Greedy: one sequence only, whoever drafts; forgetting refused drafts changes no answer."""
    large, small = stirred(AR, LINE).double(), stirred(AR, SMALL).double()
    prompt = Canvas(
        torch.randint(5, (8, 12), generator=rng(1)), torch.arange(12) < torch.ones(8, 1)
    )
    alone = list(autoregress(Tempered(large, 0), prompt, rng=rng(0)))[-1].canvas
    for drafts in (1, 4):
        run = speculative_decode(
            Tempered(large, 0), Tempered(small, 0), prompt, drafts=drafts, rng=rng(0)
        )
        *_, last = run
        assert torch.equal(last.canvas.tokens, alone.tokens)


# The catalogue


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("shidoku/ar", "shidoku/ar_small", "shidoku/mdlm"):
        put(tmp_path, name)
    monkeypatch.setattr(catalog, "CHECKPOINTS", tmp_path)
    catalog.load_with_card.cache_clear()
    yield
    catalog.load_with_card.cache_clear()


@pytest.mark.usefixtures("shelf")
def test_the_companion_is_reshaped_alike() -> None:
    """The same weights under both names: a drafter of another temperature would be refused."""
    settings = {"temperature": 0.5, "top_p": 0.6, "drafts": 3}
    trace = catalog.watch(
        "shidoku/ar", sampler="speculative_decode", settings=settings, batch=30, prompt="12"
    )
    assert count(list(trace.steps), "rejected") == 0
    assert trace.header.knobs == settings | {"companion": "shidoku/ar_small"}


@pytest.mark.usefixtures("shelf")
def test_who_is_offered_a_companion() -> None:
    offered = {
        name: [each.name for each in catalog.samplers_for(name)]
        for name in catalog.checkpoint_names()
    }
    assert offered["shidoku/ar"] == ["autoregress", "speculative_decode"]
    assert offered["shidoku/ar_small"] == ["autoregress"]
    with pytest.raises(ValueError, match="also needs shidoku/ar_small, no companion of itself"):
        catalog.watch("shidoku/ar_small", sampler="speculative_decode")
    said = catalog.complaints("shidoku/ar", sampler="speculative_decode", settings={"drafts": 0})
    assert said == {"drafts": "drafts must lie between 1 and 32; got 0"}
    with pytest.raises(ValueError, match="position 2 of row 0 is known, but one before"):
        catalog.watch("shidoku/ar", sampler="speculative_decode", prompt="1_2")


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: decoded(stirred(AR, LINE), stirred(AR, SMALL), 12, 0), "at least 1 token.*got 0"),
        (
            lambda: decoded(stirred(AR, LINE), Sequential(dirichlet(3, 5)), 12, 2),
            "has 12 positions, its companion 3.*trained on the same data set",
        ),
        (
            lambda: decoded(
                Sequential(dirichlet(3, 3)), Tempered(Sequential(dirichlet(3, 2)), 2), 3, 2
            ),
            "has 3 tokens, its companion 2",
        ),
        (
            lambda: decoded(stirred(AR, LINE), Tempered(stirred(MDLM, LINE), 1), 12, 2),
            "the drafter given is MDLM, .* not for a span of next tokens in one pass; .* take AR",
        ),
    ],
)
def test_bad_input(make, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        make()
