"""The command line: ``python -m pgm_lite COMMAND``. It asks the floors below and prints."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

app = typer.Typer(
    help="See how masked generation works, where it goes wrong, and what it costs.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
console = Console()

HERE = Path(__file__).parent.parent


@app.callback()
def root() -> None:
    """See how masked generation works, where it goes wrong, and what it costs."""


@app.command()
def train(
    dataset: Annotated[str, typer.Option(help="which data set")],
    model: Annotated[str, typer.Option(help="ar, mdlm or pgm")],
    preset: Annotated[str, typer.Option(help="tiny (as shipped) or mini (a trial)")] = "tiny",
    steps: Annotated[int | None, typer.Option(help="instead of the preset's")] = None,
    batch: Annotated[int | None, typer.Option(help="instead of the preset's")] = None,
    seed: Annotated[int, typer.Option(help="of data order, masks and initial weights")] = 0,
    threads: Annotated[int | None, typer.Option(help="CPU threads")] = None,
    compiled: Annotated[bool, typer.Option("--compile", help="needs a C++ compiler")] = False,
    out: Annotated[Path, typer.Option(help="where checkpoints go")] = HERE / "assets/checkpoints",
    state: Annotated[Path | None, typer.Option(help="where the resumable state goes")] = None,
) -> None:
    """Train a checkpoint. Kill it when you like and run the same command again: it goes on."""
    from pgm_lite import datasets, make, recipes

    recipe = recipes.recipe(preset, dataset)
    recipe = replace(recipe, steps=steps or recipe.steps, batch=batch or recipe.batch)
    make.use_threads(threads)
    data = datasets.load(dataset)
    folder = state or HERE / "runs" / f"{dataset}-{model}-{preset}"
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:.0f}/{task.total:.0f}  {task.fields[nats]:.4f} nats per token"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    try:
        with Progress(*columns, console=console) as bar:
            task = bar.add_task(f"{dataset}/{model}", total=recipe.steps, nats=float("nan"))
            for now in make.make(
                data, model, recipe, out=out, state=folder, seed=seed, compiled=compiled
            ):
                bar.update(task, completed=now.step, nats=now.nats)
                if not console.is_terminal and now.step % 100 == 0:
                    console.print(
                        f"{now.step}/{now.steps}  {now.nats:.4f} nats per token  "
                        f"{now.seconds:.0f} s, {now.remaining:.0f} s to go"
                    )
    except KeyboardInterrupt:
        console.print(f"Stopped and saved in {folder}; the same command goes on from here.")
        raise typer.Exit(130) from None
    console.print(f"Wrote {out / dataset / model}.safetensors and its card.")


def main() -> None:
    """Run a command; a ``ValueError`` becomes one readable line."""
    try:
        app()
    except ValueError as error:
        Console(stderr=True).print(f"[bold red]Error:[/] {error}", highlight=False)
        raise SystemExit(2) from None
