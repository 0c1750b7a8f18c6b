"""What a policy generates, by counting samples: for laws that are too large to walk exactly."""

import math
from collections.abc import Generator
from dataclasses import dataclass

import torch
from torch import Tensor

from pgm_lite.core import Canvas, Conditional, Cost, Step, listed, positions_mask
from pgm_lite.draw import categorical
from pgm_lite.lab.policies import Policy
from pgm_lite.lab.rows import unique_rows
from pgm_lite.oracle import Support
from pgm_lite.run import Run
from pgm_lite.samplers.fill import ask, draw_at, write


@dataclass(frozen=True, slots=True)
class Counted:
    """Figures of ``samples`` samples, each with its standard error where it has one.

    ``total_variation`` is that of the frequencies and never falls below the true one in
    expectation; it exceeds it by at most ``bias``: sqrt((K + 1) / N) / 2 for K listed sequences
    (Cauchy-Schwarz), about 0.4 sqrt(K / N) = ``noise_floor`` for a sampler without error. One
    sample moves it by 1 / N at most, so its standard error is at most 1 / (2 sqrt(N)).
    """

    samples: int
    total_variation: float
    noise_floor: float
    bias: float
    total_variation_error: float
    validity: float
    validity_error: float
    calls: float
    calls_error: float
    asked: float


def simulate(policy: Policy, law: Support, *, samples: int, rng: torch.Generator) -> Counted:
    """Sample with the library's sampler, or else by the rule, and count how often each came out."""
    if samples < 2:
        raise ValueError(f"a simulation needs at least 2 samples; got {samples}")
    canvas = Canvas.blank(samples, law.seq_len)
    sampler = policy.sampler
    cost, asked, last = Cost.zero(samples), torch.zeros(samples, dtype=torch.long), canvas
    for step in sampler(law, canvas, rng) if sampler else follow(policy, law, canvas, rng=rng):
        cost, last = cost + step.cost, step.canvas
        asked = asked + step.queried.sum(1)
    found, which = unique_rows(last.tokens)
    counts = which.bincount()
    truth, frequency = law.log_prob(found).exp(), counts.double() / samples
    missed = 1 - truth.sum()
    apart = float((frequency - truth).abs().sum() + missed) / 2
    valid = int(counts[truth > 0].sum()) / samples
    outcomes = int((law.weights > 0).sum())
    return Counted(
        samples=samples,
        total_variation=apart,
        noise_floor=0.4 * math.sqrt(outcomes / samples),
        bias=0.5 * math.sqrt((outcomes + 1) / samples),
        total_variation_error=0.5 / math.sqrt(samples),
        validity=valid,
        validity_error=math.sqrt(valid * (1 - valid) / samples),
        calls=float(cost.calls.mean()),
        calls_error=float(cost.calls.std()) / math.sqrt(samples),
        asked=float(asked.double().mean()),
    )


def follow(policy: Policy, model: Conditional, canvas: Canvas, *, rng: torch.Generator) -> Run:
    """Any policy that chooses before it draws, run by its own rule: score, count, choose, draw."""
    if policy.ranks_samples:
        raise ValueError(f"{policy.name} draws before it chooses; run it with unmask")
    steps = _follow(policy, model, canvas, rng)
    return Run(steps, canvas=canvas, model=model, sampler="lab", knobs={"policy": policy.name})


def _follow(
    policy: Policy, model: Conditional, canvas: Canvas, rng: torch.Generator
) -> Generator[Step]:
    index = 0
    while canvas.unknown.any():
        everywhere = torch.arange(canvas.seq_len).expand(canvas.batch, -1)
        answers = ask(model, canvas, everywhere)
        score = policy.score(canvas.known, answers.own).masked_fill(canvas.known, -torch.inf)
        falling = score.sort(dim=1, descending=True).values
        counts = policy.count(index, falling, canvas.unknown.sum(1))
        written = _best(score, categorical(counts.log(), rng=rng), rng)
        asked = listed(canvas.unknown & (counts[:, :1] < 1) if policy.sighted else written)
        where = listed(written)
        laws = answers.laws.gather(1, _wide(where, answers.laws))
        draws = draw_at(where, laws, rng=rng)
        index += 1
        step = write(
            canvas,
            draws,
            asked=asked,
            laws=answers.laws.gather(1, _wide(asked, answers.laws)),
            cost=model.cost(canvas, asked),
            when=f"step {index}",
        )
        canvas = step.canvas
        yield step


def _best(score: Tensor, count: Tensor, rng: torch.Generator) -> Tensor:
    """The ``count`` highest scores of each row as booleans; ties at random."""
    chance = torch.rand(score.shape, generator=rng, device=rng.device, dtype=torch.float64)
    shuffled = chance.argsort(1)
    best = score.gather(1, shuffled).argsort(dim=1, descending=True, stable=True)
    order = shuffled.gather(1, best)
    beyond = torch.arange(score.shape[1]) >= count[:, None]
    return positions_mask(order.masked_fill(beyond, -1), score.shape[1])


def _wide(where: Tensor, laws: Tensor) -> Tensor:
    return where.clamp(min=0)[..., None].expand(-1, -1, laws.shape[-1])
