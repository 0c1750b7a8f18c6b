"""Writing what is sure and has stopped moving; without a look back it is the plain threshold."""

import math
from itertools import pairwise

import pytest
import torch
from networks import LINE, stirred
from subjects import dirichlet, every_sequence, markov

from pgm_lite.core import Canvas, Cost
from pgm_lite.draw import rng
from pgm_lite.models import PGM
from pgm_lite.oracle import Support
from pgm_lite.policies import stable, threshold
from pgm_lite.samplers import unmask_adaptive
from pgm_lite.samplers.adaptive import divergence

MODELS = {
    "dirichlet": (dirichlet(4, 3), 4),
    "markov": (markov(6, 2, 0.95), 6),
    "PGM": (stirred(PGM, LINE), 12),
}


@pytest.mark.parametrize("block_size", [None, 2])
@pytest.mark.parametrize("epsilon", [math.inf, 0.01])
@pytest.mark.parametrize("model", MODELS)
def test_without_a_history_it_is_the_threshold(
    model: str, epsilon: float, block_size: int | None
) -> None:
    """The same run, token for token; no confidence here is exactly tau, where > and >= part."""
    network, n = MODELS[model]
    policies = stable(0.6, epsilon, 0), threshold(0.6)
    one, other = (
        list(
            unmask_adaptive(
                network, Canvas.blank(20, n), policy=policy, rng=rng(0), block_size=block_size
            )
        )
        for policy in policies
    )
    assert len(one) == len(other)
    for a, b in zip(one, other, strict=True):
        assert torch.equal(a.written, b.written)
        assert torch.equal(a.canvas.tokens, b.canvas.tokens)
        assert torch.equal(a.log_prob, b.log_prob)
        assert torch.equal(a.cost.calls, b.cost.calls)


def independent(n: int, top: float) -> Support:
    """Positions that know nothing of each other: no answer ever moves."""
    sequences = every_sequence(n, 2)
    weights = torch.where(sequences == 0, top, 1 - top).double().prod(1)
    return Support(sequences, 2, weights / weights.sum())


@pytest.mark.parametrize("history", [0, 1, 2, 3])
def test_an_answer_that_never_moves_waits_for_its_history(history: int) -> None:
    """One position a call, the surest, until the others have been asked history + 1 times."""
    run = unmask_adaptive(
        independent(6, 0.95), Canvas.blank(2, 6), policy=stable(0.9, 0.01, history), rng=rng(0)
    )
    counts = [step.written.sum(1).tolist() for step in run]
    assert counts == [[1, 1]] * history + [[6 - history] * 2]
    # Below the confidence wanted nothing ever counts as stable.
    slow = unmask_adaptive(
        independent(6, 0.85), Canvas.blank(1, 6), policy=stable(0.9, 0.01, history), rng=rng(0)
    )
    assert len(list(slow)) == 6


class Watched:
    """A model that remembers what it answered, by call and position (batches of one)."""

    def __init__(self, model: object) -> None:
        self.model = model
        self.told: list[dict[int, torch.Tensor]] = []

    def log_probs(self, canvas: Canvas, where: torch.Tensor) -> torch.Tensor:
        answers = self.model.log_probs(canvas, where)
        places = where[0].tolist()
        self.told.append(dict(zip(places, answers[0].double().softmax(-1), strict=True)))
        return answers

    def cost(self, canvas: Canvas, where: torch.Tensor) -> Cost:
        return self.model.cost(canvas, where)


def moved(now: torch.Tensor, before: torch.Tensor) -> float:
    """KL(now || before), term by term."""
    return sum(p * math.log(p / q) for p, q in zip(now.tolist(), before.tolist(), strict=True) if p)


@pytest.mark.parametrize("history", [1, 2])
@pytest.mark.parametrize("block_size", [None, 4])
def test_each_step_writes_what_a_plain_reading_of_the_rule_takes(
    history: int, block_size: int | None
) -> None:
    tau, epsilon, taken = 0.55, 0.05, 0
    for seed in range(6):
        model = Watched(markov(8, 2, 0.9) if seed % 2 else stirred(PGM, LINE, seed))
        n = 8 if seed % 2 else 12
        run = unmask_adaptive(
            model,
            Canvas.blank(1, n),
            policy=stable(tau, epsilon, history),
            rng=rng(seed),
            block_size=block_size,
        )
        for call, step in enumerate(run):
            answers = model.told[-1 - history :]
            sure = set[int]()
            for at, law in model.told[-1].items():
                calm = call >= history and all(
                    at in old and at in new and moved(new[at], old[at]) < epsilon
                    for old, new in pairwise(answers)
                )
                if calm and float(law.max()) > tau:
                    sure.add(at)
            written = set(step.written[0].nonzero()[:, 0].tolist())
            best = max(float(law.max()) for law in model.told[-1].values())
            extra = written - sure
            assert sure <= written
            # The surest is written whatever the rule says; nothing else is.
            assert len(extra) <= 1
            assert all(float(model.told[-1][at].max()) > best - 1e-6 for at in extra)
            taken += len(sure)
    assert taken > 5


def test_the_divergence() -> None:
    p = torch.tensor([0.5, 0.5, 0.0]).double()
    q = torch.tensor([0.25, 0.25, 0.5]).double()
    assert float(divergence(p.log(), q.log())) == pytest.approx(math.log(2))
    assert float(divergence(q.log(), p.log())) == math.inf
    assert float(divergence(p.log(), p.log())) == 0
    assert float(divergence(p.log(), torch.full((3,), torch.nan).double())) == math.inf


def test_bad_rules() -> None:
    with pytest.raises(ValueError, match=r"tau is a probability from 0 to 1; got 1\.5"):
        stable(1.5, 0.01, 2)
    for epsilon in (-0.01, math.nan):
        with pytest.raises(ValueError, match=f"divergence of 0 nats or more; got {epsilon}"):
            stable(0.9, epsilon, 2)
    with pytest.raises(ValueError, match=r"0 .no look back. or more; got -1"):
        stable(0.9, 0.01, -1)
