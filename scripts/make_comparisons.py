"""Measure self-speculation, Prime, the frontier, the cost cliff and the exact lab, and draw them.

    python scripts/make_comparisons.py [--samples N] [--dataset D] [WHAT ...]

WHAT is speculation, digits, frontier, cliff or lab; all of them if left out.
Writes assets/figures/NAME.json (every row) and NAME.png; one process, contestants alternating.
"""

import argparse
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
from make_notebooks import draw

from pgm_lite import catalog, evaluation, frontier, laws
from pgm_lite.evaluation import Way
from pgm_lite.knobs import Value
from pgm_lite.lab import cliff, compare
from pgm_lite.lab.cliff import SIZES
from pgm_lite.metrics import judge
from pgm_lite.viz.comparison import COSTS, quality_against_cost
from pgm_lite.viz.frontier import frontier_figure
from pgm_lite.viz.lab import cost_cliff, error_against_calls

FIGURES = Path(__file__).parent.parent / "assets" / "figures"
QUALITY = {"shidoku": "validity", "faces": "frechet", "austen": "spelling"}
BUDGETS = {"shidoku": (2, 3, 4, 6, 8, 12, 16), "austen": (8, 16, 32, 64)}
SAMPLES = {"shidoku": 1000}
PARTS = ("speculation", "digits", "frontier", "cliff", "lab")
WORLDS = {"markov": "A random Markov chain", "dirichlet": "A random table (Dirichlet 0.15)"}
POLICIES = (
    *(f"{order}:{k}" for order in ("random", "left-to-right", "entropy") for k in (1, 2, 3)),
    *(f"{order}:{k}" for order in ("blocks", "scouted", "rolled-halton") for k in (2, 3)),
    *(f"{order}:{k}" for order in ("sample-then-rank", "maskgit") for k in (1, 2, 3)),
    *("eb:0.2", "eb:0.5", "eb:1", "eb:1.5", "threshold:0.9", "threshold:0.7", "threshold:0.5"),
    *("stable:0.9", "stable:0.7", "stable:0.5", "ancestral:3", "ancestral:6", "ancestral:12"),
    *("remask:3", "remask:6", "remask:12", "path_planning:2", "path_planning:3"),
    *("path_planning:6", "recap:2", "recap:3", "recap:4", "speculate:2", "speculate:3"),
    *("speculate:6", "speculative_decode:1", "speculative_decode:2", "speculative_decode:4"),
    *("adaptive_parallel:0", "adaptive_parallel:0.5", "adaptive_parallel:1", "one-shot"),
)
Row = dict[str, str]


def main() -> None:
    """Measure what was asked for, or all of it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("what", nargs="*", help=f"{', '.join(PARTS)}; all if left out")
    parser.add_argument("--samples", type=int, default=48)
    parser.add_argument("--dataset", choices=QUALITY, action="append", help="all if left out")
    parser.add_argument("--drawn", action="store_true", help="only draw what was measured before")
    given = parser.parse_args()
    if strange := [what for what in given.what if what not in PARTS]:
        parser.error(f"nothing is called {strange[0]!r}; choose among {', '.join(PARTS)}")
    datasets = given.dataset or list(QUALITY)
    FIGURES.mkdir(exist_ok=True)
    for what in given.what or PARTS:
        if what == "frontier":
            frontiers(datasets, drawn=given.drawn)
            continue
        if what == "cliff":
            bills = [asdict(bill) for size in SIZES for bill in cliff(*size)]
            keep("cost_cliff", bills, cost_cliff(bills))
            continue
        if what == "lab":
            labs(drawn=given.drawn)
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


def labs(*, drawn: bool) -> None:
    """Every policy on two laws that are known: exact where it can be walked, else 65,536 samples."""
    for world, words in WORLDS.items():
        name = f"lab_{world}"
        if drawn:
            rows: list[dict[str, Any]] = json.loads((FIGURES / f"{name}.json").read_text())
        else:
            found = compare(laws.law(world), POLICIES, samples=65_536)
            rows = [each.figures() for each in found]
        title = f"{words}, 6 positions of 3 tokens: filled marks exact, open ones counted"
        keep(name, rows, error_against_calls(rows, title=title), width=940)


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
