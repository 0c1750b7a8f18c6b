"""``python -m pgm_lite distill``: a student that takes fewer steps, and what that did to it."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer

from pgm_lite.printing import console, print_table, save

HERE = Path(__file__).parent.parent


def distill(
    dataset: Annotated[str, typer.Option(help="which data set")],
    model: Annotated[str, typer.Option(help="mdlm or pgm: the teacher's name")],
    rounds: Annotated[int, typer.Option(help="each halves the steps")] = 3,
    from_steps: Annotated[int, typer.Option(help="of the first teacher")] = 64,
    steps: Annotated[int, typer.Option(help="updates in a round")] = 300,
    batch: Annotated[int, typer.Option(help="rows of an update")] = 16,
    rate: Annotated[float, typer.Option(help="times the preset's learning rates")] = 0.1,
    divergence: Annotated[
        str, typer.Option(help="reverse-kl, forward-kl, mse or tvd")
    ] = "reverse-kl",
    at: Annotated[
        list[int] | None, typer.Option(help="steps to judge samples at; give it several times")
    ] = None,
    samples: Annotated[int, typer.Option(help="samples to judge a model by")] = 256,
    rows: Annotated[int, typer.Option(help="held-out rows for the bound on the card")] = 1400,
    seed: Annotated[int, typer.Option(help="of data order, masks, teachers' draws, samples")] = 0,
    threads: Annotated[int | None, typer.Option(help="CPU threads")] = None,
    compiled: Annotated[bool, typer.Option("--compile", help="needs a C++ compiler")] = False,
    name: Annotated[str | None, typer.Option(help="of the student; MODEL_sdtt if left out")] = None,
    out: Annotated[Path, typer.Option(help="where checkpoints are")] = HERE / "assets/checkpoints",
    state: Annotated[Path | None, typer.Option(help="where the resumable state goes")] = None,
    json: Annotated[Path | None, typer.Option(help="also write the figures here")] = None,
) -> None:
    """Distil a checkpoint into one that takes fewer steps; judge both. Resumes like train."""
    from pgm_lite import datasets, distilling, make, recipes

    preset = recipes.recipe("tiny", dataset)
    recipe = replace(
        preset,
        steps=steps,
        batch=batch,
        warmup=min(preset.warmup, steps // 10),
        matrix_rate=preset.matrix_rate * rate,
        vector_rate=preset.vector_rate * rate,
    )
    make.use_threads(threads)
    data = datasets.load(dataset)
    teacher, student = f"{dataset}/{model}", f"{dataset}/{name or f'{model}_sdtt'}"
    running = distilling.distill(
        data,
        recipe,
        start_from=teacher,
        name=student,
        rounds=rounds,
        from_steps=from_steps,
        out=out,
        state=state or HERE / "runs" / student.replace("/", "-"),
        divergence=divergence,
        seed=seed,
        held_out=rows,
        compiled=compiled,
    )
    for now in running:
        if now.step % 20 == 0 or now.step == now.steps:
            console.print(
                f"{now.step}/{now.steps}  {now.nats:.5f} apart  {now.seconds:.0f} s, "
                f"{now.remaining:.0f} s to go"
            )
    console.print(f"Wrote {out / student}.safetensors and its card.")
    results: list[distilling.Judged] = []
    with console.status("judging") as status:
        for each in distilling.compare(
            data,
            (teacher, student),
            out=out,
            steps=tuple(at or (4, 8, 16, 32)),
            samples=samples,
            seed=seed,
        ):
            results.append(each)
            status.update(f"judged {each.model} at {each.steps} steps")
            distilling.keep(results, student, out=out)
            save(json, [asdict(done) for done in results])
    table = [
        {"model": each.model, "steps": str(each.steps)}
        | {key: f"{value:.4g}" for key, value in each.figures.items()}
        | {"calls": f"{each.calls:.1f}", "GFLOP": f"{each.flops / 1e9:.3f}"}
        for each in results
    ]
    print_table(f"{samples} samples by ancestral; drawn: nats a position", table)
