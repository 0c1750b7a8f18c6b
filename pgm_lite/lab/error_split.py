"""Where a network's samples go wrong: its own mistakes, and what is lost by writing in parallel.

Write the group S when the positions K are known. A sampler draws from prod_i q(x_i | x_K), the
truth is p(x_S | x_K), and

    KL(p(x_S | x_K), prod_i q(x_i | x_K)) = TC(x_S | x_K) + sum_i KL(p(x_i | x_K), q(x_i | x_K)):

*parallel error*, the total correlation, which no network avoids, and *model error*. Under a blind
order, summed over the steps of sequences drawn from the truth, both add up to KL(truth, sampler).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from pgm_lite import catalog
from pgm_lite.core import Canvas, Conditional, Cost, ErrorStep, Step, listed, scatter
from pgm_lite.draw import entropy_of, rng
from pgm_lite.lab.rows import unique_rows
from pgm_lite.lab.simulation import check_samples
from pgm_lite.laws import shidoku_law
from pgm_lite.oracle import Support
from pgm_lite.orders import BlindOrder, random_order
from pgm_lite.samplers import unmask
from pgm_lite.samplers.fill import ask
from pgm_lite.schedules import uniform
from pgm_lite.trace import Trace, record

SPLIT_SAMPLES = 256
"""Sequences at each budget unless told otherwise."""

BUDGETS = (2, 4, 8, 16)
"""Steps at which a network's errors are split unless told otherwise."""


@dataclass(frozen=True, slots=True)
class Split:
    """Errors of whole sequences in nats: means over ``samples`` sequences and standard errors.

    ``left`` is the share of sequences that reached known tokens of probability zero; from there on
    nothing is true, and their later steps are not counted. ``along`` tells whose sequences they
    are: the network's own "samples", or those of the "truth".
    """

    along: str
    steps: int
    model: float
    model_error: float
    parallel: float
    parallel_error: float
    left: float
    samples: int

    def row(self) -> dict[str, str]:
        """The split as cells of a table."""
        return {
            "along": self.along,
            "steps": str(self.steps),
            "model error": f"{self.model:.4f}",
            "± model": f"{self.model_error:.4f}",
            "parallel error": f"{self.parallel:.4f}",
            "± parallel": f"{self.parallel_error:.4f}",
            "left the law": f"{self.left:.3f}",
        }


@torch.no_grad()
def split_error(trace: Trace, network: Conditional, law: Support) -> Trace:
    """The trace with an ``ErrorStep`` in every step, which its file keeps.

    ``network`` is asked about every written position where it stood before the step; a wrapper
    (temperature, top-p) counts as part of it.
    """
    if any(step.digits is not None or step.draft is not None for step in trace.steps):
        raise ValueError(
            "half-known tokens and judged drafts are not drawn independently given the canvas "
            "before the step; split the error of a trace of unmask or ancestral"
        )
    if law.seq_len != trace.init.seq_len or law.vocab_size != len(trace.header.symbols):
        raise ValueError(
            f"the law is over {law.seq_len} positions of {law.vocab_size} tokens, the trace over "
            f"{trace.init.seq_len} of {len(trace.header.symbols)}; give the law of its data set"
        )
    steps: list[Step] = []
    for index, step in enumerate(trace.steps):
        before = trace.state(index)
        if step.reopened is not None:
            before = before.reopen(listed(step.reopened))
        errors = ErrorStep(
            model=model_error(network, law, before, step.written),
            parallel=total_correlation(law, before, step.written),
        )
        steps.append(replace(step, errors=errors))
    return replace(trace, steps=tuple(steps))


def model_error(
    network: Conditional, law: Support, canvas: Canvas, written: Bool[Tensor, "b n"]
) -> Float[Tensor, "b n"]:
    """KL(law, network) in nats at the written positions given the known ones; zero elsewhere."""
    where = listed(written)
    truth = law.tokens_in(law.agreeing(canvas), where)
    answers = ask(network, canvas, where).laws
    each = truth.exp() * (truth - answers)
    nats = each.where(truth.isfinite(), 0.0).sum(-1)
    if bool((nats.isinf() & (where >= 0)).any()):
        raise ValueError(
            "the network gives probability zero to tokens that the law allows, so its error is "
            "infinite; pass it without top-p or top-k"
        )
    undefined = ~truth.isfinite().any(-1)
    return scatter(where, nats.masked_fill(undefined, math.nan), canvas.seq_len)


def total_correlation(
    law: Support, canvas: Canvas, written: Bool[Tensor, "b n"]
) -> Float[Tensor, " b"]:
    """Sum of entropies less joint entropy (nats) of the written positions given the known ones."""
    posterior = law.agreeing(canvas)
    where = listed(written)
    single = entropy_of(law.tokens_in(posterior, where)).masked_fill(where < 0, 0.0).sum(1)
    together = torch.zeros_like(single)
    for row, (weights, group) in enumerate(zip(posterior, written, strict=True)):
        together[row] = _joint_entropy(law, weights, group)
    possible = posterior.sum(1) > 0
    return (single - together).clamp(min=0.0).where(possible, math.nan)


def along_truth(
    law: Support, steps: int, *, order: BlindOrder, samples: int, rng: torch.Generator
) -> Trace:
    """A trace that writes sequences of the law itself, in a blind order: what a sampler should do."""
    truth = law.sample(samples, rng=rng)
    canvas = Canvas.blank(samples, law.seq_len)
    schedule = uniform(law.seq_len, steps)
    run = unmask(_Told(truth, law.vocab_size), canvas, schedule=schedule, order=order, rng=rng)
    return record(run, vocab_size=law.vocab_size, sampler="along the truth")


def split_network(
    name: str, *, budgets: Sequence[int] = BUDGETS, samples: int = SPLIT_SAMPLES, seed: int = 0
) -> list[Split]:
    """A shipped network against the truth of its data set, in random order, at each budget.

    On its own samples, and on sequences of the truth, where both errors add up to KL(truth, sampler).
    """
    check_samples(samples)
    law, found = truth_of(name.split("/")[0]), list[Split]()
    for steps in budgets:
        own = sampled(name, steps=steps, samples=samples, seed=seed)
        true = along_truth(law, steps, order=random_order(), samples=samples, rng=rng(seed))
        network = asked_of(name)
        for along, trace in (("samples", own), ("truth", true)):
            found.append(summed(split_error(trace, network, law), along, steps))
    return found


def sampled(name: str, *, steps: int, samples: int, seed: int) -> Trace:
    """A trace of a shipped network: random order, as many positions at each step."""
    settings = {"steps": steps, "order": "random", "schedule": "uniform"}
    return catalog.watch(name, sampler="unmask", settings=settings, seed=seed, batch=samples)


def asked_of(name: str) -> Conditional:
    """The shipped network, as something that can be asked about unknown positions."""
    network = catalog.load(name)
    if not isinstance(network, Conditional):
        raise ValueError(f"{name} cannot be asked about any unknown position; choose mdlm or pgm")
    return network


def truth_of(dataset: str) -> Support:
    """The law of a data set whose law is known."""
    catalog.dataset(dataset)
    if dataset != "shidoku":
        raise ValueError(f"the law of {dataset} is not known; it is known of shidoku")
    return shidoku_law()


def summed(trace: Trace, along: str, steps: int) -> Split:
    """The errors of a split trace, summed over its steps, averaged over its rows."""
    errors = [step.errors for step in trace.steps if step.errors is not None]
    if len(errors) < len(trace.steps) or not errors:
        raise ValueError("the trace has steps without errors; pass it through split_error first")
    parallel = torch.stack([each.parallel for each in errors])
    model = torch.stack([each.model.nansum(1) for each in errors]).sum(0)
    rows = len(model)
    scale = math.sqrt(rows)
    lost = parallel.nansum(0)
    return Split(
        along=along,
        steps=steps,
        model=float(model.mean()),
        model_error=float(model.std(correction=min(1, rows - 1))) / scale,
        parallel=float(lost.mean()),
        parallel_error=float(lost.std(correction=min(1, rows - 1))) / scale,
        left=float(parallel.isnan().any(0).double().mean()),
        samples=rows,
    )


class _Told:
    """A ``Conditional`` that knows each row's sequence and answers with it, at no cost."""

    family = "oracle"
    reads = "known"

    def __init__(self, tokens: Int[Tensor, "b n"], vocab_size: int) -> None:
        self.tokens, self.vocab_size = tokens, vocab_size

    def log_probs(self, canvas: Canvas, where: Int[Tensor, "b q"]) -> Float[Tensor, "b q v"]:
        chosen = self.tokens.gather(1, where.clamp(min=0))
        return torch.nn.functional.one_hot(chosen, self.vocab_size).double().log()

    def cost(self, canvas: Canvas, where: Int[Tensor, "b q"]) -> Cost:
        del where
        return Cost.zero(canvas.batch)


def _joint_entropy(
    law: Support, weights: Float[Tensor, " m"], group: Bool[Tensor, " n"]
) -> Float[Tensor, ""]:
    total = weights.sum()
    if not bool(total > 0):
        return total
    some = weights > 0
    _, which = unique_rows(law.sequences[some][:, group])
    joint = torch.zeros(int(which.max()) + 1, dtype=torch.float64)
    return entropy_of((joint.index_add_(0, which, weights[some]) / total).log())
