"""``python -m pgm_lite frontier``: every sampler on every checkpoint of a data set, on one picture."""

from json import loads
from pathlib import Path
from typing import Annotated

import typer

from pgm_lite.printing import console, print_table, save


def frontier(
    dataset: Annotated[str, typer.Option(help="shidoku, faces or austen")],
    samples: Annotated[int | None, typer.Option(help="samples a point")] = None,
    model: Annotated[
        list[str] | None, typer.Option(help="only this checkpoint; give it several times")
    ] = None,
    sampler: Annotated[
        list[str] | None, typer.Option(help="only this sampler; give it several times")
    ] = None,
    cost: Annotated[str, typer.Option(help="calls, GFLOP or seconds: what stars are given for")] = (
        "GFLOP"
    ),
    threads: Annotated[int | None, typer.Option(help="CPU threads")] = None,
    seed: Annotated[int, typer.Option(help="of the samples")] = 0,
    json: Annotated[Path | None, typer.Option(help="rows go here; points in it are kept")] = None,
    html: Annotated[Path | None, typer.Option(help="also write the figure here")] = None,
) -> None:
    """Quality and entropy against calls, FLOPs and seconds for every applicable (model, sampler)."""
    from pgm_lite import frontier as measuring
    from pgm_lite import make
    from pgm_lite.viz.comparison import COSTS
    from pgm_lite.viz.frontier import frontier_figure

    if cost not in COSTS:
        raise ValueError(f"no cost is called {cost!r}; the costs are {', '.join(COSTS)}")
    make.use_threads(threads)
    done: list[dict[str, str]] = loads(json.read_text()) if json and json.exists() else []
    rows: list[dict[str, str]] = []
    with console.status("sampling") as status:
        for row in measuring.frontier(
            dataset,
            count=samples,
            models=model or (),
            samplers=sampler or (),
            seed=seed,
            done=done,
        ):
            rows.append(row)
            status.update(f"sampled {row['model']}, {row['sampling']} {row['budget']}")
            save(json, measuring.joined(rows, done))
    quality = measuring.QUALITY[dataset]
    starred = measuring.marked(rows, quality, cost)
    title = f"{dataset}: {quality} against {cost}, {rows[0]['samples']} samples a point"
    print_table(title, measuring.brief(starred, quality))
    console.print(
        "* nothing of the same model costs as little and scores as well; ** nothing at all"
    )
    save(json, measuring.joined(starred, done))
    if html:
        each = {cost: measuring.marked(rows, quality, cost) for cost in COSTS}
        html.write_text(frontier_figure(each, quality=quality, title=title).to_html())
