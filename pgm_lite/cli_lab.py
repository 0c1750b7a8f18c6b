"""``python -m pgm_lite lab``: what each way of sampling does to a law that is known."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pgm_lite.printing import console, print_table, save

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pgm_lite.lab import Finding
    from pgm_lite.oracle import Support


def lab(
    world: Annotated[
        list[str] | None,
        typer.Option(help="markov, dirichlet, shidoku, or a .json or .npy table of your own"),
    ] = None,
    policy: Annotated[
        list[str] | None,
        typer.Option(help="for example random:2 or remask:6,variant=conf; several times"),
    ] = None,
    network: Annotated[
        str | None, typer.Option(help="split the error of a checkpoint instead: shidoku/mdlm")
    ] = None,
    samples: Annotated[int | None, typer.Option(help="where counting is the only way")] = None,
    seed: Annotated[int, typer.Option(help="of random worlds and of samples")] = 0,
    trace: Annotated[
        Path | None, typer.Option(help="with --network: save a trace that holds both errors")
    ] = None,
    json: Annotated[Path | None, typer.Option(help="also write the figures here")] = None,
    html: Annotated[Path | None, typer.Option(help="also draw them here")] = None,
) -> None:
    """What each way of sampling does to a law that is known in full: error against calls."""
    if network is not None:
        if ignored := [flag for flag, given in (("--world", world), ("--policy", policy)) if given]:
            raise ValueError(
                f"--network splits the error of {network} on the law of its own data set, so "
                f"{' and '.join(ignored)} would be ignored; leave out one or the other"
            )
        split(network, samples=samples, seed=seed, trace=trace, json=json, html=html)
        return
    if trace is not None:
        raise ValueError("--trace keeps the errors of a network; name one with --network")
    compared(world or ["markov", "dirichlet"], policy, samples, seed=seed, json=json, html=html)


def split(
    network: str,
    *,
    samples: int | None,
    seed: int,
    trace: Path | None,
    json: Path | None,
    html: Path | None,
) -> None:
    """A network's error, divided."""
    from pgm_lite import lab
    from pgm_lite.viz.lab import divided_error, page

    count = lab.SPLIT_SAMPLES if samples is None else samples
    splits = lab.split_network(network, samples=count, seed=seed)
    rows = [asdict(each) for each in splits]
    print_table(
        f"{network}: nats a sequence, {count} samples each", [each.row() for each in splits]
    )
    if trace is not None:
        whole = lab.sampled(network, steps=4, samples=1, seed=seed)
        truth = lab.truth_of(network.split("/")[0])
        trace.write_text(lab.split_error(whole, lab.asked_of(network), truth).to_json())
    save(json, rows)
    if html is not None:
        ways = dict.fromkeys(each.along for each in splits)
        figures = [divided_error([row for row in rows if row["along"] == way]) for way in ways]
        html.write_text(page(f"{network}: where the error comes from", figures))


def compared(
    worlds: list[str],
    policies: list[str] | None,
    samples: int | None,
    *,
    seed: int,
    json: Path | None,
    html: Path | None,
) -> None:
    """Policies set against each other, world by world."""
    from pgm_lite import lab
    from pgm_lite.viz.lab import error_against_calls, page

    found: dict[str, list[dict[str, str | float | None]]] = {}
    count = lab.SAMPLES if samples is None else samples
    for name in worlds:
        law = lab.world(name, seed=seed)
        columns = 4 if name == "shidoku" else None
        findings: list[lab.Finding] = []
        with console.status(f"walking {name}") as status:
            for finding in lab.compare(
                law, policies or lab.DEFAULT, columns=columns, samples=count, seed=seed
            ):
                findings.append(finding)
                status.update(f"{name}: {finding.policy}")
        print_table(titled(name, law, findings), [each.row() for each in findings])
        for note in lab.notes(findings):
            console.print(note, highlight=False)
        found[name] = [each.figures() for each in findings]
    save(json, found)
    if html is not None:
        figures = [error_against_calls(rows, title=Path(name).name) for name, rows in found.items()]
        html.write_text(page("The exact lab: error against calls", figures))


def titled(name: str, law: "Support", findings: "Sequence[Finding]") -> str:
    """The law in a line, and how it was looked at."""
    counts = [each.samples for each in findings if each.samples is not None]
    how = f"{counts[0]:,} samples each" if counts else "exact"
    if 0 < len(counts) < len(findings):
        how = f"exact, or {counts[0]:,} samples"
    size = f"{law.seq_len} positions, {law.vocab_size} tokens, {law.entropy():.4f} nats"
    return f"{Path(name).name}: {size}; {how}"
