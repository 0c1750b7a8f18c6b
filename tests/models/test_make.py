"""Making a checkpoint: from nothing, and from the weights of another."""

from dataclasses import replace
from pathlib import Path

import pytest

from pgm_lite import datasets
from pgm_lite.checkpoints import read_checkpoint
from pgm_lite.make import make
from pgm_lite.recipes import Recipe

SHORT = Recipe(width=16, heads=2, depth=2, steps=3, batch=4, warmup=1)


def run(family: str, recipe: Recipe, folder: Path, state: str, **how: str) -> None:
    made = make(
        datasets.shidoku(), family, recipe, out=folder, state=folder / state, held_out=64, **how
    )
    for _ in made:
        pass


def test_a_checkpoint_can_start_from_another(tmp_path: Path) -> None:
    run("pgm", SHORT, tmp_path, "a")
    first, first_card = read_checkpoint(tmp_path, "shidoku/pgm")
    # Rates of almost zero: the new weights must be the old ones, not fresh random ones.
    still = replace(SHORT, matrix_rate=1e-12, vector_rate=1e-12)
    run("pgm", still, tmp_path, "b", start_from="shidoku/pgm")
    second, card = read_checkpoint(tmp_path, "shidoku/pgm")
    assert card.started_from == first_card.weights_sha256
    for name, value in first.state_dict().items():
        assert float((second.state_dict()[name] - value).abs().max()) < 1e-3
    assert card.figures["test bound"].samples == 64
    assert card.data_sha256 == datasets.shidoku().fingerprint()


def test_another_size_is_refused(tmp_path: Path) -> None:
    run("pgm", SHORT, tmp_path, "a")
    with pytest.raises(ValueError, match="cannot start from it"):
        run("pgm", replace(SHORT, width=24), tmp_path, "b", start_from="shidoku/pgm")
    with pytest.raises(ValueError, match="cannot start from it"):
        run("mdlm", SHORT, tmp_path, "b", start_from="shidoku/pgm")
