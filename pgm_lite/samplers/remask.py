"""Ancestral sampling that reopens: written tokens become unknown again by chance (ReMDM).

Notation (arXiv 2503.00307): alpha_t -> the share expected to be known; sigma_t -> the chance that a
written token is reopened in the step from t to s; eta -> eta; m -> unknown. From a canvas z_t

    written:  stays with 1 - sigma, reopened with sigma
    unknown:  written with [alpha_s - (1 - sigma) alpha_t] / (1 - alpha_t), else stays unknown

and sigma <= sigma_max = min{1, (1 - alpha_s) / alpha_t} makes both chances. Whatever sigma is, the
share known at time s is alpha_s: the network meets the canvases it was trained on.

One step is one answer: everything written in it is predicted from the canvas before the step, with
what is being reopened still known, as in the equations; so no position is both in one step.
"""

from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from pgm_lite.core import Canvas, Conditional, Step, listed
from pgm_lite.draw import heads
from pgm_lite.protocols import check_model
from pgm_lite.run import Run
from pgm_lite.samplers.fill import ask, draw_at, idle, spread, write

VARIANTS = ("cap", "rescale", "conf", "loop")


@dataclass(frozen=True, slots=True)
class Loop:
    """When the variant "loop" reopens: from time ``on`` to ``off``, with a share ``alpha`` known."""

    on: float = 0.55
    off: float = 0.05
    alpha: float = 0.9

    def __post_init__(self) -> None:
        if not 0 < self.off < self.on < 1:
            raise ValueError(
                "time runs from 1 to 0, so the loop needs 0 < off < on < 1; got "
                f"on={self.on:g} and off={self.off:g}"
            )
        if not 0 < self.alpha < 1:
            raise ValueError(
                f"the share known during the loop lies between 0 and 1; got alpha={self.alpha:g}"
            )


def remask(
    model: Conditional,
    canvas: Canvas,
    *,
    steps: int,
    rng: torch.Generator,
    variant: str = "cap",
    eta: float = 0.1,
    loop: Loop | None = None,
) -> Run:
    """Divide time into ``steps``; in each, unknown positions are written and written ones reopened.

    ``variant`` says what sigma is (ReMDM, arXiv 2503.00307):

    - "cap": min(eta, sigma_max); "rescale": eta sigma_max;
    - "conf": sigma_max shared out among a row's written tokens by softmax(-p), p being the
      probability of each when it was written; unknown ones flip as in ``ancestral``, so fewer than
      alpha_s are known; ``eta`` is not used;
    - "loop": nothing until time ``loop.on``, then alpha stands still and sigma is ``eta`` until
      ``loop.off``, then nothing. Only steps that lie inside the loop reopen: with few steps, none.

    The alpha of all but "loop" is linear, 1 - t; that of "loop" is linear piece by piece. What is
    known at the start is given: it is never reopened. Nothing is reopened in the last step.
    ``eta`` is a chance *a step*: the paper's 0.008 to 0.02 belong to 1024 steps, and for as many
    reopenings fewer steps need a larger one. With eta 0 this is ``ancestral``, draw for draw.

    Deviation, the law being the same: which positions flip does not depend on the model, so it is
    drawn first and the model is asked about those to be written only. A step that only reopens asks
    nothing and is free, and one in which nothing flips is idle.
    """
    check_model(model, Conditional, canvas)
    if steps < 1:
        raise ValueError(f"remasking takes at least 1 step; got {steps}")
    if variant not in VARIANTS:
        raise ValueError(f"variant must be one of {', '.join(VARIANTS)}; got {variant!r}")
    if not 0 <= eta <= 1:
        raise ValueError(f"eta is a chance or a share, from 0 to 1; got {eta:g}")
    chosen = loop or Loop()
    most = (1 - chosen.alpha) / chosen.alpha
    if variant == "loop" and eta > most:
        raise ValueError(
            f"with {chosen.alpha:g} of the positions known, at most {most:.4g} of them can be "
            f"reopened a step and written again; got eta={eta:g}, so lower it, or alpha"
        )
    return Run(
        _remask(model, canvas, steps, variant, eta, chosen, rng),
        canvas=canvas,
        model=model,
        sampler="remask",
        knobs={"steps": steps, "variant": variant}
        | ({} if variant == "conf" else {"eta": eta})
        | (
            {"on": chosen.on, "off": chosen.off, "alpha": chosen.alpha} if variant == "loop" else {}
        ),
    )


def _remask(
    model: Conditional,
    canvas: Canvas,
    steps: int,
    variant: str,
    eta: float,
    loop: Loop,
    rng: torch.Generator,
) -> Generator[Step]:
    ours = canvas.unknown
    if not ours.any():
        return
    told = torch.zeros(canvas.known.shape, dtype=torch.float64, device=ours.device)
    for index, (writes, sigma) in enumerate(chances(steps, variant, eta, loop), start=1):
        open_ = ours & canvas.known
        share = doubts(told, open_) if variant == "conf" else open_.double()
        coins = heads(torch.where(canvas.unknown, writes, sigma * share), rng=rng)
        reopened, where = coins & canvas.known, listed(coins & canvas.unknown)
        when, again = f"step {index} of {steps}", f"{spread(reopened.sum(1))} reopened"
        if where.shape[1]:
            laws, cost = ask(model, canvas, where).laws, model.cost(canvas, where)
            draws = draw_at(where, laws, rng=rng)
            step = write(canvas, draws, asked=where, laws=laws, cost=cost, when=when)
            step = replace(step, note=f"{step.note}; {again}") if reopened.any() else step
        else:
            step = idle(canvas, when)
            if reopened.any():
                step = replace(step, note=f"{when}: {again}, nothing asked")
        step = replace(step, canvas=step.canvas.reopen(listed(reopened)), reopened=reopened)
        told = torch.where(step.written, step.log_prob, told)
        canvas = step.canvas
        yield step


def chances(steps: int, variant: str, eta: float, loop: Loop) -> Iterator[tuple[float, float]]:
    """For each step the chance of an unknown position to be written, and sigma.

    For "conf" sigma is what a row's written positions share, and the first chance is ``ancestral``'s.
    """
    on, off, held = (
        Fraction(value).limit_denominator(10**9) for value in (loop.on, loop.off, loop.alpha)
    )

    def alpha(time: Fraction) -> Fraction:
        if variant != "loop":
            return 1 - time
        if time >= on:
            return held * (1 - time) / (1 - on)
        return held if time >= off else 1 - (1 - held) * time / off

    for index in range(steps):
        t, s = 1 - Fraction(index, steps), 1 - Fraction(index + 1, steps)
        before, after = alpha(t), alpha(s)
        most = min(Fraction(1), (1 - after) / before) if before else Fraction(1)
        sigma = {
            "cap": min(eta, float(most)),
            "rescale": eta * float(most),
            "conf": float(most),
            "loop": eta if on >= t and s >= off else 0.0,
        }[variant]
        plain, again = (after - before) / (1 - before), before / (1 - before)
        extra = 0.0 if variant == "conf" else sigma * float(again)
        # At sigma_max everything unknown is written, which rounding may overshoot.
        yield min(1.0, float(plain) + extra), sigma


def doubts(told: Float[Tensor, "b n"], open_: Bool[Tensor, "b n"]) -> Float[Tensor, "b n"]:
    """softmax(-p) over the written positions of each row; ``told`` are log-probabilities."""
    weights = (-told.exp()).exp() * open_
    return weights / weights.sum(1, keepdim=True).clamp(min=1e-300)
