"""``python -m pgm_lite frontier``: every sampler on every checkpoint of a data set, on one picture."""

from pathlib import Path
from typing import Annotated

import typer

from pgm_lite.printing import as_table, console, save


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
    json: Annotated[Path | None, typer.Option(help="also write the rows here")] = None,
    html: Annotated[Path | None, typer.Option(help="also write the figure here")] = None,
) -> None:
    """Quality and entropy against calls, FLOPs and seconds for every applicable (model, sampler)."""
    from pgm_lite import frontier as measuring
    from pgm_lite import make
    from pgm_lite.viz.comparison import COSTS, quality_against_cost

    if cost not in COSTS:
        raise ValueError(f"no cost is called {cost!r}; the costs are {', '.join(COSTS)}")
    make.use_threads(threads)
    rows: list[dict[str, str]] = []
    with console.status("sampling") as status:
        for row in measuring.frontier(
            dataset, count=samples, models=model or (), samplers=sampler or (), seed=seed
        ):
            rows.append(row)
            status.update(f"sampled {row['model']}, {row['sampling']} {row['budget']}")
            save(json, rows)
    quality = measuring.QUALITY[dataset]
    starred = measuring.marked(rows, quality, cost)
    console.print(as_table(f"{dataset}: {quality} against {cost}; * is on the frontier", starred))
    save(json, starred)
    if html:
        title = f"{dataset}: {quality} against cost, {rows[0]['samples']} samples a point"
        html.write_text(quality_against_cost(rows, quality=quality, title=title).to_html())
