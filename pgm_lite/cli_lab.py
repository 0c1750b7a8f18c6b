"""``python -m pgm_lite lab``: what each way of sampling does to a law that is known."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from pgm_lite.printing import console, print_table, save


def lab(
    world: Annotated[
        list[str] | None,
        typer.Option(help="markov, dirichlet, shidoku, or a .json or .npy table of your own"),
    ] = None,
    policy: Annotated[
        list[str] | None, typer.Option(help="for example random:2 or eb:0.5; several times")
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
) -> None:
    """What each way of sampling does to a law that is known in full: error against calls."""
    from pgm_lite import lab, laws

    if network is not None:
        splits = lab.split_network(network, samples=samples or 256, seed=seed)
        print_table(
            f"{network}: nats a sequence, {samples or 256} samples each",
            [each.row() for each in splits],
        )
        if trace is not None:
            whole = lab.sampled(network, steps=4, samples=1, seed=seed)
            truth = lab.truth_of(network.split("/")[0])
            trace.write_text(lab.split_error(whole, lab.asked_of(network), truth).to_json())
        save(json, [asdict(each) for each in splits])
        return
    if trace is not None:
        raise ValueError("--trace keeps the errors of a network; name one with --network")
    found: dict[str, object] = {}
    for name in world or ["markov", "dirichlet"]:
        law = laws.law(name, seed=seed)
        columns = 4 if name == "shidoku" else None
        ways = policy or lab.DEFAULT
        findings: list[lab.Finding] = []
        with console.status(f"walking {name}") as status:
            for finding in lab.compare(
                law, ways, columns=columns, samples=samples or lab.SAMPLES, seed=seed
            ):
                findings.append(finding)
                status.update(f"{name}: {finding.policy}")
        one = findings[0]
        how = "exact"
        if one.samples is not None:
            error, floor = one.total_variation_error, one.noise_floor
            how = f"{one.samples:,} samples each, TV ± {error:.3f}, of exact draws {floor:.3f}"
        size = f"{law.seq_len} positions, {law.vocab_size} tokens, {law.entropy():.4f} nats"
        print_table(f"{name}: {size}; {how}", [each.row() for each in findings])
        found[name] = [asdict(each) for each in findings]
    save(json, found)
