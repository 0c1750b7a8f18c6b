"""Measure self-speculation against MDLM, Prime against MDLM, and the frontier, and draw them.

    python scripts/make_comparisons.py [--samples N] [--dataset D] [speculation | digits | frontier | cliff]

Writes assets/figures/NAME.json (every row) and NAME.png; one process, contestants alternating.
"""

import argparse
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import plotly.graph_objects as go
from make_notebooks import draw

from pgm_lite import catalog, evaluation, frontier
from pgm_lite.evaluation import Way
from pgm_lite.knobs import Value
from pgm_lite.lab import cliff
from pgm_lite.lab.cliff import SIZES
from pgm_lite.metrics import judge
from pgm_lite.viz.comparison import COSTS, quality_against_cost
from pgm_lite.viz.frontier import frontier_figure
from pgm_lite.viz.lab import cost_cliff

FIGURES = Path(__file__).parent.parent / "assets" / "figures"
QUALITY = {"shidoku": "validity", "faces": "frechet", "austen": "spelling"}
BUDGETS = {"shidoku": (2, 3, 4, 6, 8, 12, 16), "austen": (8, 16, 32, 64)}
SAMPLES = {"shidoku": 1000}
Row = dict[str, str]


def main() -> None:
    """Measure what was asked for, or all of it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "what", nargs="*", help="speculation, digits, frontier, cliff; all if left out"
    )
    parser.add_argument("--samples", type=int, default=48)
    parser.add_argument("--dataset", choices=QUALITY, action="append", help="all if left out")
    parser.add_argument("--drawn", action="store_true", help="only draw what was measured before")
    given = parser.parse_args()
    datasets = given.dataset or list(QUALITY)
    FIGURES.mkdir(exist_ok=True)
    for what in given.what or ["speculation", "digits", "frontier", "cliff"]:
        if what == "frontier":
            frontiers(datasets, drawn=given.drawn)
            continue
        if what == "cliff":
            bills = [asdict(bill) for size in SIZES for bill in cliff(*size)]
            keep("cost_cliff", bills, cost_cliff(bills))
            continue
        found = (
            speculation(datasets, given.samples, drawn=given.drawn)
            if what == "speculation"
            else digits(given.samples, drawn=given.drawn)
        )
        for name, rows, quality, title in found:
            keep(name, rows, quality_against_cost(rows, quality=quality, title=title))


def keep(
    name: str, rows: Sequence[Mapping[str, object]], figure: go.Figure, width: int = 760
) -> None:
    """Write the rows and the figure."""
    file = FIGURES / f"{name}.json"
    file.write_text(json.dumps(rows, indent=1) + "\n")
    picture = FIGURES / f"{name}.plotly.json"
    picture.write_text(figure.to_json())
    draw(picture, width)
    shutil.move(picture.with_suffix(".png"), FIGURES / f"{name}.png")


def frontiers(datasets: Sequence[str], *, drawn: bool) -> None:
    """Every sampler on every checkpoint; points that were measured before are kept."""
    for dataset in datasets:
        quality = QUALITY[dataset]
        name = f"frontier_{dataset}"
        before = measured(name) if (FIGURES / f"{name}.json").exists() else []
        rows = before if drawn else list(frontier.frontier(dataset, done=before))
        each = {cost: frontier.marked(rows, quality, cost) for cost in COSTS}
        title = f"{dataset}: {quality} against cost, {rows[0]['samples']} samples a point"
        figure = frontier_figure(each, quality=quality, title=title)
        keep(name, each["GFLOP"], figure, width=1100)


def measured(name: str) -> list[Row]:
    """What was measured before."""
    return json.loads((FIGURES / f"{name}.json").read_text())


def speculation(
    datasets: Sequence[str], count: int, *, drawn: bool
) -> Iterator[tuple[str, list[Row], str, str]]:
    """MDLM, the trunk alone and verified drafts at many budgets."""
    for dataset in datasets:
        quality = QUALITY[dataset]
        name = f"speculation_{dataset}"
        rows = measured(name) if drawn else list(speculated(dataset, SAMPLES.get(dataset, count)))
        title = f"{dataset}: {quality} against cost, {rows[0]['samples']} samples"
        yield name, rows, quality, title


def speculated(dataset: str, count: int) -> Iterator[Row]:
    """One row for each way and budget."""
    for steps in BUDGETS.get(dataset, (8, 16, 32)):
        blind: dict[str, Value] = {"steps": steps, "order": "random", "schedule": "cosine"}
        plans = [
            (f"{dataset}/mdlm", Way("unmask", "unmask", blind)),
            (f"{dataset}/self_spec", Way("drafts only", "unmask", blind)),
        ]
        for loops in (1, 3):
            judged: dict[str, Value] = {"window": "cosine", "delta": 1 / steps, "loops": loops}
            way = Way(f"verified, up to {loops}", "speculate", judged)
            plans.append((f"{dataset}/self_spec", way))
        for model, way in plans:
            yield evaluation.judged(model, way, steps, count, 0)


def digits(count: int, *, drawn: bool) -> Iterator[tuple[str, list[Row], str, str]]:
    """Prime against MDLM at equal steps of time on faces: quality, and idle steps by formula."""
    name = "digits_faces"
    rows = measured(name) if drawn else list(half_known(count))
    yield name, rows, "frechet", f"faces: Fréchet distance against cost, {count} samples"


def half_known(count: int) -> Iterator[Row]:
    """One row for each model and number of steps."""
    data = catalog.dataset("faces")
    for steps in (16, 32, 64, 128):
        for model, sampler in (("faces/mdlm", "ancestral"), ("faces/prime", "unmask_digits")):
            trace = catalog.watch(model, sampler=sampler, settings={"steps": steps}, batch=count)
            idle = sum(float((~step.queried.any(1)).double().mean()) for step in trace.steps)
            report, cost = judge(data, trace.final.tokens), trace.cost
            length = data.seq_len * catalog.card(model).digits
            row = {"model": model, "sampling": sampler, "budget": str(steps)}
            row |= {figure: f"{report[figure]:.4g}" for figure in report}
            yield row | {
                "samples": str(count),
                "calls": f"{float(cost.calls.mean()):.2f}",
                "GFLOP": f"{float(cost.flops.mean()) / 1e9:.3f}",
                "seconds": f"{sum(trace.seconds) / count:.4f}",
                "idle share": f"{idle / steps:.4f}",
                "idle share by formula": f"{(1 - 1 / steps) ** length:.4f}",
            }


if __name__ == "__main__":
    main()
