"""Every checkpoint of a data set side by side: bound, sample quality, entropy and cost."""

import math
from dataclasses import dataclass

from pgm_lite import catalog
from pgm_lite.measuring import bound_on
from pgm_lite.metrics import FIGURES, judge


@dataclass(frozen=True, slots=True)
class Budget:
    """How much is measured."""

    samples: int
    steps: int
    rows: int
    seed: int


def evaluate(
    dataset: str, *, samples: int, steps: int, rows: int, seed: int
) -> list[dict[str, str]]:
    """One row of readable cells per checkpoint; the bound is of the test split.

    MDLM and PGM write in random order on a cosine schedule of ``steps`` calls, AR one token a call.
    """
    data = catalog.dataset(dataset)
    names = catalog.checkpoint_names(dataset)
    if not names:
        raise ValueError(
            f"there is no checkpoint of {dataset}; train one: python -m pgm_lite train"
        )
    budget = Budget(samples, min(steps, data.seq_len), rows, seed)
    return [row(name, budget) for name in names]


def row(name: str, budget: Budget) -> dict[str, str]:
    """The figures of one checkpoint."""
    network, card = catalog.load_with_card(name)
    data = catalog.dataset(card.dataset)
    bound = bound_on(network, data, "test", rows=budget.rows, seed=budget.seed)
    settings: dict[str, str | int | float] = {}
    if card.family != "ar":
        settings = {"steps": budget.steps, "order": "random", "schedule": "cosine"}
    trace = catalog.watch(name, settings=settings, seed=budget.seed, batch=budget.samples)
    report = judge(data, trace.final.tokens)
    cost = trace.cost
    unit, scale = ("bits", math.log(2)) if data.layout.kind == "line" else ("nats", 1.0)
    cells = {
        "model": card.family.upper(),
        f"{unit}/token": f"{'' if bound.exact else '<= '}{bound.nats / scale:.4f}"
        f" ± {bound.standard_error / scale:.4f}",
    }
    cells |= {figure: f"{report[figure]:.4g}" for figure in report if figure in FIGURES}
    cells |= {
        "samples": str(report.samples),
        "calls": f"{cost.calls.double().mean():.0f}",
        "encoder": f"{cost.encoder_positions.double().mean():.0f}",
        "decoder": f"{cost.decoder_positions.double().mean():.0f}",
        "GFLOP": f"{cost.flops.mean() / 1e9:.2f}",
        "s": f"{sum(trace.seconds) / budget.samples:.3f}",
    }
    return cells
