"""Speculation: the law of what is written, judged drafts, counters, and the paths to a sequence."""

import math
from collections.abc import Iterator

import pytest
import torch
from exact import distance, observed, outcomes, table
from subjects import dirichlet, every_sequence, markov

from pgm_lite.core import Canvas, Step
from pgm_lite.draw import Tempered, categorical, law, rng
from pgm_lite.models import MDLM
from pgm_lite.net import Shape
from pgm_lite.orders import BlindOrder, confidence
from pgm_lite.path_law import speculative_log_prob
from pgm_lite.samplers import speculate
from pgm_lite.samplers.speculate import residual, verdict
from pgm_lite.two_models import TwoModels
from pgm_lite.windows import Window, constant_window, cosine_window, linear_window

WINDOWS: dict[str, Window] = {
    "one": constant_window(1),
    "two": constant_window(2),
    "all": constant_window(9),
    "linear": linear_window(1.0),
    "cosine": cosine_window(3, 0.4),
}


class Shifting:
    """Draft law and target law of tables that change with the number of tokens in the context."""

    def __init__(self, n: int, v: int) -> None:
        self.drafts = [dirichlet(n, v, seed=i) for i in range(n)]
        self.targets = [dirichlet(n, v, seed=100 + i) for i in range(n)]

    def at(self, i: int) -> TwoModels:
        return TwoModels(self.drafts[i], self.targets[i])

    def draft(self, canvas: Canvas, where: torch.Tensor) -> tuple[torch.Tensor, object]:
        known = canvas.known.sum(1).tolist()
        laws = [
            self.at(min(i, len(self.drafts) - 1)).draft(canvas.row(row), where[row : row + 1])[0]
            for row, i in enumerate(known)
        ]
        return torch.cat(laws), known

    def verify(
        self, memory: list[int], order: torch.Tensor, tokens: torch.Tensor, slots: torch.Tensor
    ) -> torch.Tensor:
        one = [slice(row, row + 1) for row in range(len(order))]
        return torch.cat(
            [
                self.at(min(i, len(self.drafts) - 1)).verify(None, order[r], tokens[r], slots[r])
                for i, r in zip(memory, one, strict=True)
            ]
        )

    def draft_cost(self, canvas: Canvas, where: torch.Tensor):
        return self.at(0).draft_cost(canvas, where)

    def verify_cost(self, order: torch.Tensor, slots: torch.Tensor):
        return self.at(0).verify_cost(order, slots)


def middle_out(n: int) -> BlindOrder:
    """An order that is neither left to right nor random."""
    place = torch.arange(n).roll(1).flip(0).double()
    return BlindOrder("middle out", lambda canvas, rng: place.expand(canvas.batch, -1))


def exact(model: object, n: int, v: int, window: Window, loops: int, **how: bool) -> torch.Tensor:
    """The law of what is written, by walking every draft, every coin and every residual draw."""

    def run() -> Iterator[Step]:
        return speculate(
            model,
            Canvas.blank(1, n),
            window=window,
            loops=loops,
            order=middle_out(n),
            rng=rng(0),
            **how,
        )

    found = torch.zeros(v**n, dtype=torch.float64)
    for steps, probability in outcomes(run):
        place = (steps[-1].canvas.tokens * v ** torch.arange(n - 1, -1, -1)).sum()
        found[place] += probability
    return found


def predicted(model: object, n: int, v: int, window: Window, loops: int) -> torch.Tensor:
    order = middle_out(n).priority(Canvas.blank(1, n), rng=rng(0))[0].argsort()
    return torch.tensor(
        [
            math.exp(speculative_log_prob(model, x, order, window=window, loops=loops))
            for x in every_sequence(n, v)
        ],
        dtype=torch.float64,
    )


# The exact law


@pytest.mark.parametrize("loops", [1, 2, 10])
@pytest.mark.parametrize("window", WINDOWS)
def test_the_law_is_what_the_dynamic_program_says(window: str, loops: int) -> None:
    """S3, without chance: both sides are exact."""
    model = Shifting(3, 2)
    found = exact(model, 3, 2, WINDOWS[window], loops)
    expected = predicted(model, 3, 2, WINDOWS[window], loops)
    assert float(expected.sum()) == pytest.approx(1, abs=1e-12)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("loops", [1, 2])
def test_redrawing_the_drafts_not_judged_changes_no_law(loops: int) -> None:
    """S10."""
    model, window = Shifting(3, 2), constant_window(3)
    kept, redrawn = (exact(model, 3, 2, window, loops, redraw=how) for how in (False, True))
    torch.testing.assert_close(kept, redrawn, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("window", "loops"), [(1, 1), (2, 1), (2, 2), (4, 1), (4, 2), (4, 10)])
def test_samples_follow_the_dynamic_program(window: int, loops: int) -> None:
    """S3 at D = 4, V = 3, by chance: chi-square over 81 outcomes."""
    model, rows = TwoModels(dirichlet(4, 3, seed=1), dirichlet(4, 3, seed=2)), 60_000
    *_, last = speculate(
        model,
        Canvas.blank(rows, 4),
        window=constant_window(window),
        loops=loops,
        order=middle_out(4),
        rng=rng(3),
    )
    expected = predicted(model, 4, 3, constant_window(window), loops)
    counts = observed(last.canvas.tokens, 3) * rows
    chi2 = float(((counts - rows * expected).square() / (rows * expected)).sum())
    # 80 degrees of freedom: mean 80, standard deviation 12.6; 5 of them, once in 20,000 runs or
    # less often (its tail is a little heavier than a normal one's).
    assert chi2 < 80 + 5 * 12.6


def test_one_at_a_time_is_the_target_along_the_order() -> None:
    """W = 1: prod_d q_{d-1}(x_d), whatever the drafts are."""
    draft, target = dirichlet(3, 3, seed=1), dirichlet(3, 3, seed=2)
    found = exact(TwoModels(draft, target), 3, 3, constant_window(1), 1)
    torch.testing.assert_close(found, table(target, 3, 3), rtol=0, atol=1e-12)


@pytest.mark.parametrize("hostile", [False, True])
def test_any_drafts_lead_to_the_targets_law(hostile: bool) -> None:
    """S11: W = D and N >= D: prod_d q_0(x_d), even from drafts far from it."""
    target = markov(3, 2, stay=0.9)
    draft = Tempered(markov(3, 2, stay=0.02), 0.3) if hostile else target
    found = exact(TwoModels(draft, target), 3, 2, constant_window(3), 3)
    torch.testing.assert_close(found, table(target, 3, 2), rtol=0, atol=1e-12)


def test_one_loop_of_everything_bends_the_law_only_through_the_context() -> None:
    """With a target that ignores the context every window and number of loops gives its law."""
    draft, target = dirichlet(3, 2, seed=1), dirichlet(3, 2, seed=2)
    for window in WINDOWS.values():
        found = exact(TwoModels(draft, target), 3, 2, window, 1)
        torch.testing.assert_close(found, table(target, 3, 2), rtol=0, atol=1e-12)
    # And with one that does not, the law depends on the window.
    laws = [exact(Shifting(3, 2), 3, 2, window, 1) for window in WINDOWS.values()]
    assert distance(laws[0], laws[2]) > 0.01


# One draft


@pytest.mark.parametrize("seed", range(6))
def test_accept_or_replace_draws_from_the_target(seed: int) -> None:
    """S1 and S2 in one position: min(p, q) + (q - p)_+ = q, and acceptance is 1 - TV(p, q)."""
    laws = torch.rand(2, 8, generator=rng(seed), dtype=torch.float64).pow(3)
    p, q = (laws / laws.sum(-1, keepdim=True)).unbind()
    accepted = torch.minimum(p, q)
    replaced = (1 - accepted.sum()) * residual(p.log(), q.log()).exp()
    torch.testing.assert_close(accepted + replaced, q, rtol=0, atol=1e-12)
    assert float(accepted.sum()) == pytest.approx(1 - float((p - q).abs().sum()) / 2, abs=1e-12)
    rows = 50_000
    drafts = categorical(p.log().expand(rows, 1, -1), rng=rng(seed))
    at_p, at_q = p.log()[drafts], q.log()[drafts]
    judged, refused = verdict(at_p, at_q, torch.ones(rows, 1, dtype=torch.bool), rng=rng(seed + 9))
    assert judged.all()
    # Five standard deviations of a share of 50,000 are at most 0.0112.
    assert float((~refused).double().mean()) == pytest.approx(float(accepted.sum()), abs=0.0112)


def test_equal_laws_leave_nothing_over() -> None:
    same = law(torch.tensor([[0.3, -0.2, 1.0]]))
    torch.testing.assert_close(residual(same, same), same)


def test_judging_stops_at_the_first_refusal() -> None:
    p = torch.zeros(1, 4, dtype=torch.float64)
    q = torch.tensor([[0.0, -math.inf, 0.0, -math.inf]], dtype=torch.float64)
    judged, refused = verdict(p, q, torch.tensor([[True, True, True, False]]), rng=rng(0))
    assert judged.tolist() == [[True, True, False, False]]
    assert refused.tolist() == [[False, True, False, False]]


# Counters


@pytest.mark.parametrize("loops", [1, 3, 20])
@pytest.mark.parametrize("window", [1, 4, 20])
def test_every_check_writes_and_every_position_is_written_once(window: int, loops: int) -> None:
    """S8."""
    model = TwoModels(dirichlet(6, 2, seed=1), dirichlet(6, 2, seed=2))
    canvas = start = Canvas.prompt([1], batch=40, seq_len=6)
    written = torch.zeros(40, 6, dtype=torch.long)
    drafting, open_ = 0, torch.zeros(40, 6, dtype=torch.bool)
    for step in speculate(model, start, window=constant_window(window), loops=loops, rng=rng(0)):
        assert step.draft is not None
        if step.draft.drafted.any():
            drafting += 1
            open_ = step.draft.drafted
            assert not step.written.any()
            assert not (step.draft.drafted & canvas.known).any()
            assert (step.draft.drafted.sum(1) == (~canvas.known).sum(1).clamp(max=window)).all()
        else:
            busy = step.queried.any(1)
            assert (step.written.any(1) == busy).all()
            assert torch.equal(step.written, step.draft.accepted | step.draft.rejected)
            assert (step.draft.rejected.sum(1) <= 1).all()
            assert not (step.queried & ~open_).any()
            open_ = open_ & ~step.written
            kept = step.draft.accepted
            assert torch.equal(step.canvas.tokens[kept], step.draft.tokens[kept])
            replaced = step.draft.rejected
            assert (step.canvas.tokens[replaced] != step.draft.tokens[replaced]).all()
            assert (step.cost.calls[~busy] == 0).all()
        written += step.written
        canvas = step.canvas
    assert torch.equal(written, start.unknown.long())
    assert drafting <= 5


def test_equal_drafts_are_never_refused() -> None:
    """S4 and law 12: p = q, so the number of drafting passes is the number of windows."""
    alone = markov(12, 2, stay=0.5)  # independent positions: the draft is the target
    steps = list(
        speculate(
            TwoModels(alone, alone),
            Canvas.blank(30, 12),
            window=cosine_window(12, 0.2),
            loops=1,
            rng=rng(0),
        )
    )
    assert not any(step.draft.rejected.any() for step in steps if step.draft)
    known, windows = torch.tensor([0]), 0
    while int(known) < 12:
        known, windows = (known + cosine_window(12, 0.2)(known)).clamp(max=12), windows + 1
    assert len(steps) == 2 * windows


def test_temperature_reshapes_both_laws() -> None:
    """Greedy drafts judged by a greedy target: the target's likeliest token after each other."""
    draft, target = dirichlet(3, 3, seed=1), dirichlet(3, 3, seed=2)
    found = exact(Tempered(TwoModels(draft, target), 0), 3, 3, constant_window(3), 3)
    greedy = exact(TwoModels(draft, Tempered(target, 0)), 3, 3, constant_window(1), 1)
    assert float(found.max()) == pytest.approx(1, abs=1e-12)
    torch.testing.assert_close(found, greedy, rtol=0, atol=1e-12)


# Windows


@pytest.mark.parametrize(
    ("n", "passes"),
    [
        (256, (256, 141, 80, 44, 24, 12)),
        (512, (312, 159, 87, 47, 25, 12)),
        (1024, (373, 174, 92, 49, 25, 12)),
    ],
)
def test_passes_of_the_cosine_window(n: int, passes: tuple[int, ...]) -> None:
    """The counts worked out for full windows of n positions."""
    for delta, expected in zip((0.002, 0.005, 0.01, 0.02, 0.04, 0.083), passes, strict=True):
        window, known, count = cosine_window(n, delta), torch.tensor([0]), 0
        while int(known) < n:
            known, count = known + window(known), count + 1
        assert count == expected


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: constant_window(0), "at least 1 position; got 0"),
        (lambda: linear_window(0), "more than 0"),
        (lambda: cosine_window(8, 0), "more than 0 and at most 1; got 0"),
        (lambda: cosine_window(8, 1.5), "at most 1; got 1.5"),
        (
            lambda: speculate(
                TwoModels(dirichlet(2, 2), dirichlet(2, 2)),
                Canvas.blank(1, 2),
                window=constant_window(1),
                loops=0,
                rng=rng(0),
            ),
            "at least 1 loop; got 0",
        ),
        (
            lambda: speculate(
                Tempered(MDLM(Shape(3, 1, 4, 8, 2, 2)), 0.5),
                Canvas.blank(1, 4),
                window=constant_window(1),
                loops=1,
                rng=rng(0),
            ),
            "given is MDLM, .* not for a draft of many positions and a verdict on each",
        ),
        (
            lambda: speculate(
                TwoModels(dirichlet(2, 2), dirichlet(2, 2)),
                Canvas.blank(1, 2),
                window=constant_window(1),
                loops=1,
                order=confidence(),
                rng=rng(0),
            ),
            "but confidence looks at laws first",
        ),
        (
            lambda: speculative_log_prob(
                TwoModels(dirichlet(2, 2), dirichlet(2, 2)),
                torch.tensor([0, 1]),
                torch.tensor([0, 0]),
                window=constant_window(1),
                loops=1,
            ),
            "each of the positions 0 to 1 once",
        ),
    ],
)
def test_bad_input(make, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        make()
