"""The command line: ``python -m pgm_lite COMMAND``. It asks the floors below and prints."""

from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from pgm_lite.cli_distill import distill
from pgm_lite.cli_frontier import frontier
from pgm_lite.cli_lab import lab
from pgm_lite.printing import console, print_table, save

if TYPE_CHECKING:
    from pgm_lite.core import Layout
    from pgm_lite.knobs import Value

app = typer.Typer(
    help="See how masked generation works, where it goes wrong, and what it costs.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
HERE = Path(__file__).parent.parent

app.command()(distill)
app.command()(lab)
app.command()(frontier)


@app.callback()
def root() -> None:
    """See how masked generation works, where it goes wrong, and what it costs."""


@app.command()
def train(
    dataset: Annotated[str, typer.Option(help="which data set")],
    model: Annotated[str, typer.Option(help="ar, mdlm, pgm, prime, self_spec or insertion")],
    preset: Annotated[
        str, typer.Option(help="tiny (as shipped), medium, small (drafts) or mini (a trial)")
    ] = "tiny",
    steps: Annotated[int | None, typer.Option(help="instead of the preset's")] = None,
    batch: Annotated[int | None, typer.Option(help="instead of the preset's")] = None,
    rate: Annotated[float, typer.Option(help="times the preset's learning rates")] = 1.0,
    seed: Annotated[int, typer.Option(help="of data order, masks and initial weights")] = 0,
    threads: Annotated[int | None, typer.Option(help="CPU threads")] = None,
    compiled: Annotated[bool, typer.Option("--compile", help="needs a C++ compiler")] = False,
    start_from: Annotated[str | None, typer.Option(help="weights of a checkpoint in OUT")] = None,
    freeze_trunk: Annotated[bool, typer.Option(help="self_spec: train the judge only")] = False,
    digits: Annotated[int | None, typer.Option(help="prime: digits of a token")] = None,
    name: Annotated[
        str | None, typer.Option(help="of the checkpoint; the model's if left out")
    ] = None,
    out: Annotated[Path, typer.Option(help="where checkpoints go")] = HERE / "assets/checkpoints",
    state: Annotated[Path | None, typer.Option(help="where the resumable state goes")] = None,
) -> None:
    """Train a checkpoint. Kill it when you like and run the same command again: it goes on."""
    from pgm_lite import datasets, make, recipes

    recipe = recipes.recipe(preset, dataset)
    recipe = replace(
        recipe,
        steps=recipe.steps if steps is None else steps,
        batch=recipe.batch if batch is None else batch,
        digits=recipe.digits if digits is None else digits,
        matrix_rate=recipe.matrix_rate * rate,
        vector_rate=recipe.vector_rate * rate,
    )
    make.use_threads(threads)
    data = datasets.load(dataset)
    folder = state or HERE / "runs" / f"{dataset}-{name or model}-{preset}"
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:.0f}/{task.total:.0f}  {task.fields[loss]}", markup=False),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    try:
        with Progress(*columns, console=console) as bar:
            task = bar.add_task(f"{dataset}/{model}", total=recipe.steps, loss="")
            running = make.make(
                data,
                model,
                recipe,
                out=out,
                state=folder,
                seed=seed,
                compiled=compiled,
                start_from=start_from,
                frozen=freeze_trunk,
                name=name,
            )
            for now in running:
                bar.update(task, completed=now.step, loss=now.loss)
                if not console.is_terminal and now.step % 100 == 0:
                    console.print(
                        f"{now.step}/{now.steps}  {now.loss}  "
                        f"{now.seconds:.0f} s, {now.remaining:.0f} s to go"
                    )
    except KeyboardInterrupt:
        console.print(f"Stopped and saved in {folder}; the same command goes on from here.")
        raise typer.Exit(130) from None
    console.print(f"Wrote {out / dataset / (name or model)}.safetensors and its card.")


@app.command()
def sample(
    model: Annotated[str, typer.Argument(help="a shipped checkpoint, for example faces/pgm")],
    steps: Annotated[int | None, typer.Option(help="network calls")] = None,
    order: Annotated[str | None, typer.Option(help="which positions come next")] = None,
    schedule: Annotated[str | None, typer.Option(help="how many positions a step")] = None,
    temperature: Annotated[float | None, typer.Option(help="0 takes the likeliest token")] = None,
    sampler: Annotated[str | None, typer.Option(help="the model's first if left out")] = None,
    knob: Annotated[
        list[str] | None, typer.Option(help="any knob of the sampler, as name=value")
    ] = None,
    seed: Annotated[int, typer.Option(help="same seed, same sample")] = 0,
    prompt: Annotated[str, typer.Option(help="known positions; _ is unknown")] = "",
    label: Annotated[
        list[str] | None, typer.Option(help="a value of an attribute, as hair=red")
    ] = None,
    guidance: Annotated[float, typer.Option(help="exaggerates the label; 0 does not")] = 0.0,
    ramp: Annotated[
        str, typer.Option(help="guidance: constant, linear, cosine, square or falling")
    ] = "constant",
    count: Annotated[int, typer.Option(help="how many samples")] = 1,
    html: Annotated[Path | None, typer.Option(help="save the player with the first one")] = None,
    json: Annotated[Path | None, typer.Option(help="save the trace of the first one")] = None,
) -> None:
    """Generate with a shipped checkpoint, print the samples and their bill.

    Knobs that are left out stand at the sampler's defaults; one that it lacks is refused.
    """
    from pgm_lite import catalog, viz

    chosen = catalog.sampler_of(model, sampler)
    given = {"temperature": temperature, "steps": steps, "order": order, "schedule": schedule}
    named = {knob.name: knob for knob in chosen.knobs}
    settings: dict[str, Value] = {name: each for name, each in given.items() if each is not None}
    for pair in knob or []:
        name, _, value = pair.partition("=")
        settings[name] = named[name].read(value) if name in named else value
    trace = catalog.watch(
        model,
        sampler=sampler,
        settings=settings,
        seed=seed,
        label={name: value for name, _, value in (pair.partition("=") for pair in label or [])},
        guidance=guidance,
        ramp=ramp,
        prompt=prompt,
        batch=count,
    )
    data = catalog.dataset(model.split("/")[0])
    rows: list[list[int]] = trace.read().numpy().tolist()
    for row in rows:
        tokens = [token for token in row if token >= 0]  # what was not grown to is not there
        console.print(shown(tokens, data.symbols, data.layout), highlight=False)
    bill = trace.cost.row(0)
    console.print(
        f"{float(bill.calls[0]):g} calls, {int(bill.encoder_positions[0])} encoder and "
        f"{int(bill.decoder_positions[0])} decoder positions, {float(bill.flops[0]):.3g} FLOPs, "
        f"{sum(trace.seconds):.2f} s",
        style="dim",
    )
    if html:
        viz.save_html(html, trace)
    if json:
        json.write_text(trace.to_json())


@app.command()
def evaluate(
    dataset: Annotated[str, typer.Option(help="shidoku, faces, austen or sentences")],
    samples: Annotated[int, typer.Option(help="samples to judge a model by")] = 256,
    budget: Annotated[
        list[int] | None, typer.Option(help="steps a sample; give it several times")
    ] = None,
    rows: Annotated[int | None, typer.Option(help="held-out rows for the bound")] = None,
    seed: Annotated[int, typer.Option(help="of masks and samples")] = 0,
    json: Annotated[Path | None, typer.Option(help="also write the figures here")] = None,
) -> None:
    """Bound, surrogate, sample quality, entropy and cost of every checkpoint of a data set."""
    from pgm_lite import evaluation

    with console.status("measuring bounds"):
        bounds = list(evaluation.likelihoods(dataset, rows=rows, seed=seed))
    units = ", ".join(dict.fromkeys(row.pop("unit") for row in bounds))
    print_table(f"{dataset}: {units} on the test split", bounds)
    if "surrogate" in {name for row in bounds for name in row}:
        console.print("A surrogate bounds no likelihood: it may lie below the entropy.\n")
    budgets = tuple(budget) if budget else None
    judged: list[dict[str, str]] = []
    with console.status("sampling") as status:
        for row in evaluation.samples(dataset, count=samples, budgets=budgets, seed=seed):
            judged.append(row)
            status.update(f"sampled {row['model']}, {row['sampling']} {row['budget']}")
    print_table(f"{dataset}: samples", judged)
    save(json, {"likelihoods": bounds, "samples": judged})


@app.command()
def bench(
    runs: Annotated[int, typer.Option(help="timed runs of each contestant")] = 5,
    threads: Annotated[int | None, typer.Option(help="CPU threads")] = None,
    quick: Annotated[bool, typer.Option(help="only the first, smaller setting")] = False,
    latency: Annotated[bool, typer.Option(help="what a visitor waits for instead")] = False,
    json: Annotated[Path | None, typer.Option(help="also write the figures here")] = None,
) -> None:
    """Time PGM against MDLM and gather-first MDLM: one process, alternating runs, medians."""
    from pgm_lite import bench, make

    make.use_threads(threads)
    if latency:
        save(json, latencies(runs))
        return
    reports: list[dict[str, object]] = []
    for setting in bench.SETTINGS[: 1 if quick else None]:
        with console.status(f"timing {setting}"):
            results = bench.compare(setting, runs=runs)
        rows = [
            {
                "sampler": result.contestant,
                "seconds": f"{result.seconds:.2f}",
                "tokens/s": f"{result.tokens_per_second:.0f}",
                "speed-up": f"{result.speedup:.2f}x",
                "FLOP ratio": f"{result.flop_ratio:.2f}x",
                "positions": str(result.positions),
            }
            for result in results
        ]
        print_table(str(setting), rows)
        reports.append(bench.report(setting, results))
    save(json, reports)


def latencies(runs: int) -> dict[str, object]:
    """Time one recorded generation and the start of the app, and print both."""
    from pgm_lite import bench, catalog

    def trace() -> str:
        return catalog.watch("faces/pgm", settings={"steps": 32}).to_json()

    def page() -> None:
        bench.first_page(*bench.APP, folder=HERE)

    seconds = {
        "a trace of faces/pgm, 32 steps, as JSON": bench.waiting(trace, runs),
        "the app, from start to the first byte of its page": bench.waiting(page, runs),
    }
    rows = [
        {"until": name, "median s": f"{median(times):.2f}", "slowest s": f"{max(times):.2f}"}
        for name, times in seconds.items()
    ]
    print_table(f"Latency, {runs} runs after one warm-up", rows)
    return {"machine": bench.machine(), "seconds": seconds}


def shown(tokens: list[int], symbols: tuple[str, ...], layout: "Layout") -> str:
    """A sequence for the terminal: a line as it is, a grid row by row, colours as cells."""
    if layout.kind == "line":
        return escape("".join(symbols[token] for token in tokens))
    palette = layout.palette
    cells = [f"[on {palette[token]}]  [/]" if palette else symbols[token] for token in tokens]
    rows = [cells[row * layout.columns :][: layout.columns] for row in range(layout.rows)]
    return "\n".join(("" if palette else " ").join(row) for row in rows)


def main() -> None:
    """Run a command; a ``ValueError``, or what the disk or network refuses, becomes one line."""
    try:
        app()
    except (ValueError, OSError) as error:
        text = f"[bold red]Error:[/] {escape(str(error))}"
        Console(stderr=True).print(text, highlight=False, soft_wrap=True)
        raise SystemExit(2) from None
