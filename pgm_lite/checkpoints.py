"""Checkpoints: float16 weights in a safetensors file, and a card in JSON that says the rest."""

import hashlib
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file  # pyright: ignore[reportUnknownVariableType]

from pgm_lite.models import AR, MDLM, PGM, Insertion, Prime, SelfSpec
from pgm_lite.net import Shape

Model = AR | MDLM | PGM | Prime | SelfSpec | Insertion

FAMILIES: dict[str, Callable[[Shape], Model]] = {
    "ar": AR,
    "mdlm": MDLM,
    "pgm": PGM,
    "prime": Prime,
    "self_spec": SelfSpec,
    "insertion": Insertion,
}
"""The model families by the name they have in ``dataset/model``."""

SCHEMA = "pgm_lite.checkpoint/1"


class Figure(BaseModel):
    """One measured figure: its value, standard error where it has one, and unit."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    value: float
    standard_error: float | None = None
    samples: int
    unit: str


class Card(BaseModel):
    """What a checkpoint is, how it was made, and what was measured on it.

    ``started_from`` is the hash of the weights it began with, if these were not random, and
    ``updates_before`` tells how those were trained, run by run: "mdlm 7000 x 128".
    """

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())
    schema_name: Literal["pgm_lite.checkpoint/1"] = SCHEMA
    library: str
    dataset: str
    family: str
    vocab_size: int
    rows: int
    columns: int
    width: int
    heads: int
    depth: int
    labels: tuple[int, ...]
    digits: int = 1
    causal: int = 0
    rotary: tuple[float, float] | None = None
    sharpness: float = 1.0
    parameters: int
    objective: str
    data_sha256: str
    weights_sha256: str
    steps: int
    batch: int
    seed: int
    seconds: float
    hardware: str
    commit: str
    recipe: dict[str, float]
    started_from: str = ""
    updates_before: tuple[str, ...] = ()
    figures: dict[str, Figure] = {}

    @property
    def shape(self) -> Shape:
        """The sizes of the network."""
        return Shape(**{size.name: getattr(self, size.name) for size in fields(Shape)})


def build(family: str, shape: Shape, *, seed: int = 0) -> Model:
    """An untrained network; its initial weights depend on ``seed`` alone."""
    if family not in FAMILIES:
        raise ValueError(f"unknown model {family!r}; the models are {', '.join(FAMILIES)}")
    with torch.random.fork_rng(devices=[]):
        torch.random.manual_seed(seed)
        return FAMILIES[family](shape)


def save_weights(network: torch.nn.Module, path: Path) -> str:
    """Write the weights as float16; returns the file's sha256."""
    path.parent.mkdir(parents=True, exist_ok=True)
    state = {
        name: (value.half() if value.is_floating_point() else value).contiguous()
        for name, value in network.state_dict().items()
    }
    save_file(state, path)
    return sha256(path)


def save_card(card: Card, path: Path) -> None:
    """Write the card as readable JSON."""
    path.write_text(card.model_dump_json(indent=1) + "\n")


def read_card(path: Path) -> Card:
    """Read and check a card."""
    try:
        return Card.model_validate_json(path.read_text())
    except ValidationError as error:
        raise ValueError(
            f"{path.name} is no checkpoint card of {SCHEMA}: {error.errors()[0]['msg']} at "
            f"{'.'.join(map(str, error.errors()[0]['loc'])) or 'the top'}"
        ) from error


def read_checkpoint(folder: Path, name: str) -> tuple[Model, Card]:
    """The network and card of ``name`` ("dataset/model") below ``folder``, for inference."""
    card_path, weights_path = folder / f"{name}.json", folder / f"{name}.safetensors"
    if not card_path.exists():
        present = ", ".join(names(folder)) or "none"
        raise ValueError(f"there is no checkpoint {name!r}; the checkpoints here are: {present}")
    card = read_card(card_path)
    if not weights_path.exists():
        raise ValueError(
            f"the card of {name!r} is here but its weights, {weights_path.name}, are not"
        )
    if (found := sha256(weights_path)) != card.weights_sha256:
        raise ValueError(
            f"the weights of {name!r} are not those of its card: sha256 {found[:12]}..., expected "
            f"{card.weights_sha256[:12]}...; fetch the file again or train anew"
        )
    network = build(card.family, card.shape)
    try:
        state = load_file(weights_path)
        network.load_state_dict({key: value.float() for key, value in state.items()})
    except (RuntimeError, SafetensorError) as error:
        raise ValueError(
            f"the weights of {name!r} do not fit the network its card describes ({card.family}, "
            f"width {card.width}, depth {card.depth}): {str(error).splitlines()[0]}"
        ) from error
    return network.eval().requires_grad_(requires_grad=False), card


def names(folder: Path) -> list[str]:
    """The checkpoints below a folder, as "dataset/model"."""
    return sorted(str(path.relative_to(folder).with_suffix("")) for path in folder.glob("*/*.json"))


def sha256(path: Path) -> str:
    """The hash of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
