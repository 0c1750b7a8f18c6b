"""The honest table: every checkpoint of a data set, its bound, and its samples at several budgets.

A bound stands under "bound"; a loss that is none stands under "surrogate" and nowhere else.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch

from pgm_lite import catalog
from pgm_lite.bounds import Bound
from pgm_lite.datasets import Dataset
from pgm_lite.digits import Digits
from pgm_lite.knobs import Value
from pgm_lite.measuring import bound_on, perfect, surrogate_on
from pgm_lite.metrics import FIGURES, judge

BUDGETS = {"shidoku": (4, 8, 16), "faces": (16, 32, 64), "austen": (32, 64, 128)}
"""Steps at which samples are judged, by data set."""

ROWS = {"shidoku": 4096}
"""Held-out rows for the bound, where more than 1,024 are cheap."""

ENTROPIES = {"shidoku": math.log(288)}
"""The entropy of a whole sequence in nats, where it is known."""

DRAFTS = " (drafts)"
"""Stands beside the bound of a self-speculative model: it bounds the drafts before they are checked."""

Row = dict[str, str]


@dataclass(frozen=True, slots=True)
class Way:
    """One way to sample a family at a budget of steps."""

    name: str
    sampler: str
    settings: dict[str, Value]


def ways(family: str, steps: int) -> list[Way]:
    """How a family is sampled at a budget: random order, the cosine where there is a choice.

    Self-speculation drafts windows of a share 1/steps of the time and checks each up to twice; its
    trunk alone, drafts unchecked, stands beside it.
    """
    scheduled: dict[str, Value] = {"steps": steps, "order": "random", "schedule": "cosine"}
    match family:
        case "ar":
            return [Way("left to right", "autoregress", {})]
        case "prime":
            return [Way("digits", "unmask_digits", {"steps": steps})]
        case "insertion":
            chance: dict[str, Value] = {"stop": "by chance"}
            sure: dict[str, Value] = {"stop": "threshold", "threshold": 0.9}
            return [Way("ends by chance", "insert", chance), Way("ends at 0.9", "insert", sure)]
        case "self_spec":
            judged: dict[str, Value] = {"window": "cosine", "delta": 1 / steps, "loops": 2}
            return [
                Way("drafts only", "unmask", scheduled),
                Way("verified", "speculate", judged),
            ]
        case _:
            return [Way("unmask", "unmask", scheduled)]


def names_of(dataset: str) -> list[str]:
    """The checkpoints of a data set; there has to be one."""
    catalog.dataset(dataset)
    names = catalog.checkpoint_names(dataset)
    if not names:
        raise ValueError(
            f"there is no checkpoint of {dataset}; train one: python -m pgm_lite train"
        )
    return names


def likelihoods(dataset: str, *, rows: int | None = None, seed: int = 0) -> Iterator[Row]:
    """Bound (AR: likelihood) and surrogate of each checkpoint on the test split.

    Where the entropy is known, figures are of whole sequences and stand against it; a surrogate
    below the entropy shows that it bounds nothing.
    """
    rows = rows or ROWS.get(dataset, 1024)
    data = catalog.dataset(dataset)
    for name in names_of(dataset):
        network, card = catalog.load_with_card(name)
        bound = bound_on(network, data, "test", rows=rows, seed=seed)
        surrogate = surrogate_on(network, data, "test", rows=rows, seed=seed)
        yield likelihood(name, data, card.objective, bound, surrogate)
    if dataset in ENTROPIES:
        # What the best possible Prime would score: the reason why its loss is called a surrogate.
        for count in (1, 2):
            code = Digits(data.vocab_size, count)
            bound, surrogate = perfect(data, code, rows=4 * rows, seed=seed)
            name = f"a perfect Prime, {count} digit{'s' if count > 1 else ''}"
            yield likelihood(name, data, "joint", bound, surrogate)


def likelihood(
    name: str, data: Dataset, objective: str, bound: Bound, surrogate: Bound | None
) -> Row:
    """One row of the table of likelihoods."""
    scale, unit = unit_of(data)
    entropy = ENTROPIES.get(data.name)
    row = {"model": name, "unit": unit, "objective": objective}
    told = " (exact)" if bound.exact else DRAFTS if objective == "speculation" else ""
    row["bound"] = f"{bound.nats * scale:.4f}{told}"
    row["± bound"] = f"{bound.standard_error * scale:.4f}"
    if entropy is not None:
        row["bound - entropy"] = f"{bound.nats * scale - entropy:+.4f}"
    if surrogate is not None:
        row["surrogate"] = f"{surrogate.nats * scale:.4f}"
        row["± surrogate"] = f"{surrogate.standard_error * scale:.4f}"
        if entropy is not None:
            row["surrogate - entropy"] = f"{surrogate.nats * scale - entropy:+.4f}"
    return row


def unit_of(data: Dataset) -> tuple[float, str]:
    """What nats per position are multiplied by to be shown, and what they then are."""
    if data.name in ENTROPIES:
        return data.seq_len, "nats a sequence"
    if data.layout.kind == "line":
        return 1 / math.log(2), "bits a character"
    return 1.0, "nats a position"


def samples(
    dataset: str, *, count: int, budgets: tuple[int, ...] | None = None, seed: int = 0
) -> Iterator[Row]:
    """What the judges say of each checkpoint's samples at each budget, beside what they cost.

    Calls, positions and FLOPs are means over samples; seconds are those of the batch, divided.
    """
    if count < 1:
        raise ValueError(f"a model is judged by at least 1 sample; got {count}")
    data = catalog.dataset(dataset)
    chosen = budgets or BUDGETS.get(dataset, (16, 32, 64))
    if bad := [steps for steps in chosen if not 1 <= steps <= 1024]:
        raise ValueError(f"a budget is a number of steps from 1 to 1024; got {bad[0]}")
    for name in names_of(dataset):
        family = catalog.card(name).family
        done: set[str] = set()
        for steps in chosen:
            for way in ways(family, min(steps, data.seq_len)):
                if (key := str(way)) not in done:
                    done.add(key)
                    yield judged(name, way, steps, count, seed)


def judged(name: str, way: Way, steps: int, count: int, seed: int) -> Row:
    """One checkpoint at one budget."""
    trace = catalog.watch(name, sampler=way.sampler, settings=way.settings, seed=seed, batch=count)
    report = judge(catalog.dataset(name.split("/")[0]), trace.read())
    cost = trace.cost
    row = {"model": name, "sampling": way.name}
    row["budget"] = "" if way.sampler in ("autoregress", "insert") else str(steps)
    row |= {figure: f"{report[figure]:.4g}" for figure in report if figure in FIGURES}
    idle = torch.stack([~step.queried.any(1) for step in trace.steps]).sum(0)
    if idle.any():
        row["idle steps"] = f"{float(idle.double().mean()):.1f}"
    judgements = [step.draft for step in trace.steps if step.draft is not None]
    if judgements:
        kept = sum(int(each.accepted.sum()) for each in judgements)
        refused = sum(int(each.rejected.sum()) for each in judgements)
        row["drafts kept"] = f"{kept / (kept + refused):.3f}"
    return row | {
        "samples": str(report.samples),
        "calls": f"{float(cost.calls.mean()):.1f}",
        "positions": f"{float(cost.positions.double().mean()):.0f}",
        "GFLOP": f"{float(cost.flops.mean()) / 1e9:.4g}",
        "seconds": f"{sum(trace.seconds) / count:.4f}",
    }
