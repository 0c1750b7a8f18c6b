"""Make a checkpoint: train a family on a data set, measure it, write weights and card."""

import platform
import subprocess
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import torch

from pgm_lite import checkpoints, objectives
from pgm_lite.bounds import Bound, exact_likelihood, held_out_bound
from pgm_lite.checkpoints import Card, Figure, Model, build
from pgm_lite.datasets.dataset import Dataset
from pgm_lite.models import AR
from pgm_lite.net import Shape
from pgm_lite.recipes import Recipe
from pgm_lite.training import Progress, train

OBJECTIVES = {
    "ar": objectives.LIKELIHOOD,
    "mdlm": objectives.MASKED,
    "pgm": objectives.PARTITION,
}
"""What each family is trained with."""


def shape_for(dataset: Dataset, recipe: Recipe) -> Shape:
    """The sizes of a network for a data set."""
    return Shape(
        vocab_size=dataset.vocab_size,
        rows=dataset.layout.rows,
        columns=dataset.layout.columns,
        width=recipe.width,
        heads=recipe.heads,
        depth=recipe.depth,
        labels=tuple(len(attribute.values) for attribute in dataset.attributes),
    )


def make(
    dataset: Dataset,
    family: str,
    recipe: Recipe,
    *,
    out: Path,
    state: Path,
    seed: int = 0,
    held_out: int = 1400,
    compiled: bool = False,
    start_from: str | None = None,
) -> Iterator[Progress]:
    """Train and write ``out``/dataset/family.safetensors and .json; resumes from ``state``.

    ``start_from`` names a checkpoint below ``out`` whose weights replace the random ones; the
    optimiser starts anew. The card keeps that checkpoint's hash.
    """
    network = build(family, shape_for(dataset, recipe), seed=seed)
    started_from = ""
    if start_from is not None:
        earlier, its_card = checkpoints.read_checkpoint(out, start_from)
        if type(earlier) is not type(network) or earlier.shape != network.shape:
            raise ValueError(
                f"{start_from} is a {its_card.family} of {its_card.shape}; a {family} of "
                f"{network.shape} cannot start from it"
            )
        network.load_state_dict(earlier.state_dict())
        started_from = its_card.weights_sha256
    done = None
    for done in train(
        network,
        OBJECTIVES[family],
        dataset.splits["train"],
        recipe,
        seed=seed,
        folder=state,
        compiled=compiled,
    ):
        yield done
    network = network.to("cpu")
    name = f"{dataset.name}/{family}"
    weights_sha256 = checkpoints.save_weights(network, out / f"{name}.safetensors")
    # Measure what was written, rounded to half precision, not what is in memory.
    network.load_state_dict({k: v.half().float() for k, v in network.state_dict().items()})
    card = Card(
        library="0.1.0",
        dataset=dataset.name,
        family=family,
        **asdict(network.shape),
        parameters=sum(p.numel() for p in network.parameters()),
        objective=OBJECTIVES[family].name,
        data_sha256=dataset.fingerprint(),
        weights_sha256=weights_sha256,
        steps=recipe.steps,
        batch=recipe.batch,
        seed=seed,
        seconds=round(done.seconds if done else 0.0, 1),
        hardware=hardware(),
        commit=commit(),
        recipe={key: float(value) for key, value in asdict(recipe).items()},
        started_from=started_from,
        figures=measure(network, dataset, rows=held_out),
    )
    checkpoints.save_card(card, out / f"{name}.json")


def measure(network: Model, dataset: Dataset, *, rows: int) -> dict[str, Figure]:
    """The bound (AR: the likelihood) on the validation and test splits, without labels."""
    figures: dict[str, Figure] = {}
    for split in ("validation", "test"):
        bound = bound_on(network, dataset, split, rows=rows)
        name = "negative log-likelihood" if bound.exact else "bound"
        figures[f"{split} {name}"] = Figure(
            value=round(bound.nats, 5),
            standard_error=round(bound.standard_error, 5),
            samples=bound.rows,
            unit="nats per position",
        )
    return figures


def bound_on(network: Model, dataset: Dataset, split: str, *, rows: int, seed: int = 0) -> Bound:
    """The bound or likelihood on the first ``rows`` rows of a split, repeated to fill them."""
    source = dataset.splits[split]
    tokens, _ = source.batch(torch.arange(rows) % source.rows)
    if isinstance(network, AR):
        with torch.no_grad():
            return exact_likelihood(network, tokens[: source.rows])
    return held_out_bound(network, tokens, rng=torch.Generator().manual_seed(seed))


def use_threads(count: int | None) -> None:
    """Limit the CPU threads of this process, where a number is given."""
    if count is not None:
        if count < 1:
            raise ValueError(f"the number of threads must be at least 1; got {count}")
        torch.set_num_threads(count)


def hardware() -> str:
    """What it ran on, in a few words."""
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return f"{torch.get_num_threads()} CPU threads, {processor()}"


def processor() -> str:
    """The processor's name, where the system tells it."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def commit() -> str:
    """The commit the code was at, marked where the tree had changes; empty outside a clone."""
    here = Path(__file__).parent
    try:
        return subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12"],
            cwd=here,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
