"""Make a checkpoint: train a family on a data set, measure it, write weights and card."""

import platform
import subprocess
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import torch

from pgm_lite import checkpoints, objectives
from pgm_lite.checkpoints import Card, Model, build
from pgm_lite.datasets.dataset import Dataset
from pgm_lite.measuring import measure
from pgm_lite.models import MDLM, Insertion, Prime, SelfSpec
from pgm_lite.net import Shape
from pgm_lite.recipes import Recipe
from pgm_lite.training import Progress, train

OBJECTIVES = {
    "ar": objectives.LIKELIHOOD,
    "mdlm": objectives.MASKED,
    "pgm": objectives.PARTITION,
    "self_spec": objectives.SPECULATION,
}
"""What each family is trained with, where that depends on neither its digits nor the data."""


def objective_of(network: Model, family: str, dataset: Dataset) -> objectives.Objective:
    """What a network is trained with."""
    if isinstance(network, Insertion):
        return objectives.insertion(dataset.row_length)
    if dataset.varies:
        raise ValueError(
            f"the sequences of {dataset.name} differ in length, and a {network.family} has no way to "
            "say where one ends; train an insertion model on them"
        )
    return objectives.joint(network.digits) if isinstance(network, Prime) else OBJECTIVES[family]


def shape_for(dataset: Dataset, recipe: Recipe, family: str = "mdlm") -> Shape:
    """The sizes of a network for a data set."""
    return Shape(
        vocab_size=dataset.vocab_size,
        rows=dataset.layout.rows,
        columns=dataset.layout.columns,
        width=recipe.width,
        heads=recipe.heads,
        depth=recipe.depth,
        labels=tuple(len(attribute.values) for attribute in dataset.attributes),
        digits=recipe.digits if family == "prime" else 1,
        causal=recipe.causal if family == "self_spec" else 0,
        rotary=recipe.rotary,
        sharpness=recipe.sharpness,
    )


def make(
    dataset: Dataset,
    family: str,
    recipe: Recipe,
    *,
    out: Path,
    state: Path,
    name: str | None = None,
    seed: int = 0,
    held_out: int = 1400,
    compiled: bool = False,
    start_from: str | None = None,
    frozen: bool = False,
) -> Iterator[Progress]:
    """Train and write ``out``/dataset/name.safetensors and .json; resumes from ``state``.

    The ``name`` is the family's unless another is given. ``start_from`` names a checkpoint below
    ``out`` whose weights replace the random ones (see ``inherit``); the optimiser starts anew, and
    the card keeps that checkpoint's hash. ``frozen`` keeps a self-speculative model's trunk as it is.
    """
    network = build(family, shape_for(dataset, recipe, family), seed=seed)
    objective = objective_of(network, family, dataset)
    earlier = None if start_from is None else inherit(network, dataset, out, start_from)
    if frozen:
        freeze(network)
    done = None
    for done in train(
        network,
        objective,
        dataset.splits["train"],
        recipe,
        seed=seed,
        folder=state,
        compiled=compiled,
        start_from=earlier.weights_sha256 if earlier else "",
    ):
        yield done
    ship(
        network,
        dataset,
        f"{dataset.name}/{name or family}",
        out=out,
        family=family,
        objective=objective.name,
        steps=recipe.steps,
        batch=recipe.batch,
        settings=recipe.settings,
        seed=seed,
        seconds=done.seconds if done else 0.0,
        earlier=earlier,
        held_out=held_out,
    )


def ship(
    network: Model,
    dataset: Dataset,
    name: str,
    *,
    out: Path,
    family: str,
    objective: str,
    steps: int,
    batch: int,
    settings: dict[str, float],
    seed: int,
    seconds: float,
    earlier: Card | None,
    held_out: int,
) -> Card:
    """Write the weights of a trained network, measure them, write the card and return it."""
    network = network.to("cpu")
    weights_sha256 = checkpoints.save_weights(network, out / f"{name}.safetensors")
    # Measure what was written, rounded to half precision, not what is in memory.
    network.load_state_dict({k: v.half().float() for k, v in network.state_dict().items()})
    card = Card(
        library="0.1.0",
        dataset=dataset.name,
        family=family,
        **asdict(network.shape),
        parameters=sum(p.numel() for p in network.parameters()),
        objective=objective,
        data_sha256=dataset.fingerprint(),
        weights_sha256=weights_sha256,
        steps=steps,
        batch=batch,
        seed=seed,
        seconds=round(seconds, 1),
        hardware=hardware(),
        commit=commit(),
        recipe=settings,
        started_from=earlier.weights_sha256 if earlier else "",
        updates_before=lineage(earlier) if earlier else (),
        figures=measure(network, dataset, rows=held_out),
    )
    checkpoints.save_card(card, out / f"{name}.json")
    return card


def inherit(network: Model, dataset: Dataset, folder: Path, name: str) -> Card:
    """Take over the weights of a checkpoint; returns its card.

    It must have been trained on the same data, which the card tells by their hash. A checkpoint of
    the same family has to have the same sizes. Prime and self-speculative models
    can also start from an MDLM of the same width, heads and data: they take its weights as far as
    they have the same name and size, and a self-speculative trunk leaves out its last blocks.
    """
    earlier, card = checkpoints.read_checkpoint(folder, name)
    if card.data_sha256 != (found := dataset.fingerprint()):
        raise ValueError(
            f"{name} was trained on other data than this {dataset.name} (sha256 of the training "
            f"split {card.data_sha256[:12]}..., here {found[:12]}...); start from a checkpoint of "
            "this data, or train without one"
        )
    fits = type(earlier) is type(network) and earlier.shape == network.shape
    grows = isinstance(network, Prime | SelfSpec) and type(earlier) is MDLM
    alike = replace(earlier.shape, digits=1, causal=0) == replace(network.shape, digits=1, causal=0)
    if not fits and not (grows and alike):
        raise ValueError(
            f"{name} is a {card.family} of {card.shape}; a {network.family} of {network.shape} "
            "cannot start from it, only from its own family or, for Prime and self-speculation, "
            "an MDLM, of the same sizes"
        )
    own, found = network.state_dict(), earlier.state_dict()
    same = {
        key: value for key, value in found.items() if key in own and own[key].shape == value.shape
    }
    network.load_state_dict(own | same)
    return card


def lineage(card: Card) -> tuple[str, ...]:
    """Every run that made these weights, in order."""
    return (*card.updates_before, f"{card.family} {card.steps} x {card.batch}")


def freeze(network: Model) -> None:
    """Train nothing but what judges drafts."""
    if not isinstance(network, SelfSpec):
        raise ValueError(
            f"only a self-speculative model has a trunk to freeze; a {network.family} has none"
        )
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(name.startswith(("judge", "from_")))


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
    """The commit the code was at, marked where the code had changes; empty outside a clone."""
    try:
        head = git("rev-parse", "--short=12", "HEAD")
        return f"{head}-dirty" if git("status", "--porcelain", ".") else head
    except (OSError, subprocess.CalledProcessError):
        return ""


def git(*words: str) -> str:
    """What git answers, asked in the folder of the library."""
    here = Path(__file__).parent
    done = subprocess.run(["git", *words], cwd=here, capture_output=True, text=True, check=True)
    return done.stdout.strip()
