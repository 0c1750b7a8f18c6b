"""Checkpoints: what is written is read, and what is foreign or damaged is named."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from networks import LINE, stirred, tokens_of
from safetensors.torch import load_file, save_file

from pgm_lite import checkpoints
from pgm_lite.checkpoints import Card, Figure, read_checkpoint, save_card, save_weights
from pgm_lite.core import Canvas
from pgm_lite.models import PGM

SHARP = replace(LINE, rotary=(2.0, 0.5), sharpness=1.5)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    network = stirred(PGM, SHARP)
    digest = save_weights(network, tmp_path / "toy/pgm.safetensors")
    save_card(
        Card(
            library="0.1.0",
            dataset="toy",
            family="pgm",
            vocab_size=5,
            rows=1,
            columns=12,
            width=16,
            heads=2,
            depth=3,
            labels=(),
            parameters=1,
            objective="partition",
            data_sha256="0",
            weights_sha256=digest,
            steps=1,
            batch=1,
            seed=0,
            seconds=0.0,
            hardware="none",
            commit="",
            recipe={},
            rotary=(2.0, 0.5),
            sharpness=1.5,
            figures={"bound": Figure(value=1.0, samples=3, unit="nats per position")},
        ),
        tmp_path / "toy/pgm.json",
    )
    return tmp_path


def test_round_trip_within_half_precision(folder: Path) -> None:
    network, card = read_checkpoint(folder, "toy/pgm")
    original = stirred(PGM, SHARP)
    assert network.shape == SHARP
    for name, value in original.state_dict().items():
        assert torch.equal(network.state_dict()[name], value.half().float())
    canvas = Canvas(tokens_of(LINE, 1), torch.arange(12)[None] < 6)
    assert network.log_probs(canvas, torch.tensor([[7]])).shape == (1, 1, 5)
    assert card.figures["bound"].samples == 3
    assert not network.training


def test_unknown_names_list_what_is_there(folder: Path) -> None:
    with pytest.raises(ValueError, match="toy/pgm"):
        read_checkpoint(folder, "toy/ar")
    with pytest.raises(ValueError, match="ar, mdlm, pgm"):
        checkpoints.build("gan", LINE)


def test_damaged_weights_are_refused(folder: Path) -> None:
    path = folder / "toy/pgm.safetensors"
    path.write_bytes(path.read_bytes()[:-7])
    with pytest.raises(ValueError, match="not those of its card"):
        read_checkpoint(folder, "toy/pgm")


def test_a_card_of_another_size_is_refused(folder: Path) -> None:
    path = folder / "toy/pgm.json"
    card = json.loads(path.read_text())
    card["depth"] = 5
    path.write_text(json.dumps(card))
    with pytest.raises(
        ValueError, match=r"another network than its weights are of: depth 5 \(they"
    ):
        read_checkpoint(folder, "toy/pgm")


def test_a_card_that_is_no_card_is_refused(folder: Path) -> None:
    (folder / "toy/pgm.json").write_text('{"hello": 1}')
    with pytest.raises(ValueError, match="no checkpoint card"):
        read_checkpoint(folder, "toy/pgm")


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        ({"heads": 1}, "heads 1 (they are of 2)"),
        ({"rows": 3, "columns": 4}, "rows 3 (they are of 1), columns 4 (they are of 12)"),
        ({"sharpness": 1.0}, "sharpness 1.0 (they are of 1.5)"),
        ({"rotary": None}, "rotary None (they are of [2.0, 0.5])"),
        ({"family": "mdlm"}, "family mdlm (they are of pgm)"),
    ],
)
def test_an_edited_card_is_refused(edit: dict[str, object], says: str, folder: Path) -> None:
    """Every one of these describes a network that the same weights fit, but that answers otherwise."""
    path = folder / "toy/pgm.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | edit))
    with pytest.raises(ValueError, match=re.escape(says)):
        read_checkpoint(folder, "toy/pgm")


def test_weights_that_do_not_say_what_they_are_load_as_ever(folder: Path) -> None:
    path, weights = folder / "toy/pgm.json", folder / "toy/pgm.safetensors"
    save_file(load_file(weights), weights)  # as older versions wrote them
    card = json.loads(path.read_text()) | {"weights_sha256": checkpoints.sha256(weights)}
    path.write_text(json.dumps(card))
    assert read_checkpoint(folder, "toy/pgm")[0].shape == SHARP


def test_the_same_weights_are_the_same_file(tmp_path: Path) -> None:
    network = stirred(PGM, SHARP)
    assert len({save_weights(network, tmp_path / f"{k}.safetensors") for k in range(5)}) == 1


def test_a_card_of_another_data_set_is_refused(folder: Path) -> None:
    path = folder / "toy/pgm.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"dataset": "faces"}))
    with pytest.raises(
        ValueError, match="trained on 'faces', but it lies in the folder 'toy'; move"
    ):
        read_checkpoint(folder, "toy/pgm")


def test_a_binary_card_is_named(folder: Path) -> None:
    (folder / "toy/pgm.json").write_bytes(b"{\xff\x00")
    says = r"toy/pgm\.json is no checkpoint card .*: it is no text, from byte 1 on; fetch"
    with pytest.raises(ValueError, match=says):
        read_checkpoint(folder, "toy/pgm")


def test_missing_weights_are_named(folder: Path) -> None:
    (folder / "toy/pgm.safetensors").unlink()
    with pytest.raises(ValueError, match=r"its weights, pgm\.safetensors, are not"):
        read_checkpoint(folder, "toy/pgm")
