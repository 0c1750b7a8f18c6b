"""Checkpoints: float16 weights in a safetensors file, and a card in JSON that says the rest."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, fields
from pathlib import Path
from typing import Literal, cast

import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError, safe_open
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
METADATA = "pgm_lite"
"""Where the weights' file itself says of which family and sizes they are. Older files do not."""


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


def save_weights(network: Model, path: Path) -> str:
    """Write the weights as float16, with their family and sizes; returns the file's sha256."""
    path.parent.mkdir(parents=True, exist_ok=True)
    state = {
        name: (value.half() if value.is_floating_point() else value).contiguous()
        for name, value in network.state_dict().items()
    }
    family = next(name for name, kind in FAMILIES.items() if type(network) is kind)
    # One entry: the order of several differs from run to run, and the file's hash with it.
    meant = json.dumps({"family": family, **asdict(network.shape)})
    save_file(state, path, metadata={METADATA: meant})
    return sha256(path)


def save_card(card: Card, path: Path) -> None:
    """Write the card as readable JSON."""
    path.write_text(card.model_dump_json(indent=1) + "\n", encoding="utf-8")


def read_card(path: Path) -> Card:
    """Read and check a card."""
    try:
        return Card.model_validate_json(path.read_text(encoding="utf-8"))
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"])) or "the top"
        reason = f"{error.errors()[0]['msg']} at {where}"
        raise ValueError(no_card(path, reason)) from error
    except UnicodeDecodeError as error:
        raise ValueError(no_card(path, f"it is no text, from byte {error.start} on")) from error


def no_card(path: Path, reason: str) -> str:
    """What to say of a file that should be a card and is none."""
    return (
        f"{path.parent.name}/{path.name} is no checkpoint card of {SCHEMA}: {reason}; fetch the "
        "file again or train anew"
    )


def read_checkpoint(folder: Path, name: str) -> tuple[Model, Card]:
    """The network and card of ``name`` ("dataset/model") below ``folder``, for inference."""
    card_path, weights_path = folder / f"{name}.json", folder / f"{name}.safetensors"
    if not card_path.exists():
        present = ", ".join(names(folder)) or "none"
        raise ValueError(f"there is no checkpoint {name!r}; the checkpoints here are: {present}")
    card = read_card(card_path)
    if card.dataset != card_path.parent.name:
        raise ValueError(
            f"the card of {name!r} says that it was trained on {card.dataset!r}, but it lies in the "
            f"folder {card_path.parent.name!r}; move it and its weights to {card.dataset!r}, or "
            "fetch the card again"
        )
    if not weights_path.exists():
        raise ValueError(
            f"the card of {name!r} is here but its weights, {weights_path.name}, are not"
        )
    if (found := sha256(weights_path)) != card.weights_sha256:
        raise ValueError(
            f"the weights of {name!r} are not those of its card: sha256 {found[:12]}..., expected "
            f"{card.weights_sha256[:12]}...; fetch the file again or train anew"
        )
    try:
        compare(weights_path, card)
        network = build(card.family, card.shape)
        state = load_file(weights_path)
        network.load_state_dict({key: value.float() for key, value in state.items()})
    except (RuntimeError, SafetensorError) as error:
        raise ValueError(
            f"the weights of {name!r} do not fit the network its card describes ({card.family}, "
            f"width {card.width}, depth {card.depth}): {str(error).splitlines()[0]}"
        ) from error
    return network.eval().requires_grad_(requires_grad=False), card


def compare(path: Path, card: Card) -> None:
    """Refuse a card that describes another network than the weights themselves do.

    Two networks may have weights of the same sizes and still be two functions: heads, rows against
    columns, rotary, sharpness.
    """
    with safe_open(path, framework="pt") as file:  # pyright: ignore[reportUnknownVariableType]
        metadata = cast("dict[str, str]", file.metadata() or {})
    said = metadata.get(METADATA)
    if said is None:
        return
    on_card = json.loads(json.dumps({"family": card.family, **asdict(card.shape)}))
    # Sizes that a later version added are not in the file.
    sizes = cast("dict[str, object]", json.loads(said))
    other = [
        f"{key} {on_card[key]} (they are of {value})"
        for key, value in sizes.items()
        if key in on_card and on_card[key] != value
    ]
    if other:
        raise ValueError(
            f"the card of {card.dataset}/{path.stem} describes another network than its weights are "
            f"of: {', '.join(other)}; fetch the card again or train anew"
        )


def names(folder: Path) -> list[str]:
    """The checkpoints below a folder, as "dataset/model"."""
    return sorted(str(path.relative_to(folder).with_suffix("")) for path in folder.glob("*/*.json"))


def sha256(path: Path) -> str:
    """The hash of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
