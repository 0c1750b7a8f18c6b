"""Making a checkpoint: from nothing, and from the weights of another."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from pgm_lite import datasets
from pgm_lite.checkpoints import read_card, read_checkpoint, save_card, save_weights
from pgm_lite.make import make
from pgm_lite.models import Prime
from pgm_lite.net import Shape
from pgm_lite.recipes import Recipe

SHORT = Recipe(width=16, heads=2, depth=2, steps=3, batch=4, warmup=1)


def run(family: str, recipe: Recipe, folder: Path, state: str, **how: object) -> None:
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


def test_a_checkpoint_of_other_data_is_refused(tmp_path: Path) -> None:
    run("pgm", SHORT, tmp_path, "a")
    card = read_card(tmp_path / "shidoku/pgm.json")
    save_card(card.model_copy(update={"data_sha256": "0" * 64}), tmp_path / "shidoku/pgm.json")
    with pytest.raises(
        ValueError, match=r"other data than this shidoku \(.* 000000000000\.\.\., here"
    ):
        run("pgm", SHORT, tmp_path, "b", start_from="shidoku/pgm")


def weights(folder: Path, name: str) -> dict[str, torch.Tensor]:
    return read_checkpoint(folder, name)[0].state_dict()


def test_prime_and_speculation_start_from_an_mdlm(tmp_path: Path) -> None:
    run("mdlm", SHORT, tmp_path, "a")
    still = replace(SHORT, matrix_rate=1e-12, vector_rate=1e-12)
    earlier, card = read_checkpoint(tmp_path, "shidoku/mdlm")
    first = earlier.state_dict()
    for family in ("prime", "self_spec"):
        run(family, still, tmp_path, family, start_from="shidoku/mdlm")
        network, its_card = read_checkpoint(tmp_path, f"shidoku/{family}")
        assert its_card.started_from == card.weights_sha256
        assert its_card.updates_before == ("mdlm 3 x 4",)
        for name, value in network.state_dict().items():
            if name.startswith(("blocks.0", "head", "last_norm", "embedding.position")):
                torch.testing.assert_close(value, first[name], rtol=0, atol=1e-3)
        assert {"validation bound", "test bound", "validation surrogate", "test surrogate"} == set(
            its_card.figures
        )
    # Half of the two blocks judges, so the trunk has the first one only.
    assert "blocks.1.out.weight" not in weights(tmp_path, "shidoku/self_spec")


def test_a_frozen_trunk_stays_and_its_judge_learns(tmp_path: Path) -> None:
    run("mdlm", SHORT, tmp_path, "a")
    before = weights(tmp_path, "shidoku/mdlm")
    run("self_spec", SHORT, tmp_path, "b", start_from="shidoku/mdlm", frozen=True)
    after = weights(tmp_path, "shidoku/self_spec")
    assert torch.equal(after["blocks.0.out.weight"], before["blocks.0.out.weight"])
    assert torch.equal(after["head.weight"], before["head.weight"])
    assert after["judgement.weight"].abs().max() > 0
    with pytest.raises(ValueError, match="a MDLM has none"):
        run("mdlm", SHORT, tmp_path, "c", frozen=True)


def test_digits_are_a_choice_and_the_name_is_free(tmp_path: Path) -> None:
    run("prime", replace(SHORT, digits=1), tmp_path, "a", name="prime-1")
    network, card = read_checkpoint(tmp_path, "shidoku/prime-1")
    assert (card.family, card.digits, card.objective) == ("prime", 1, "joint")
    assert network.digits.count == 1
    with pytest.raises(ValueError, match="16 is no multiple of 3"):
        run("prime", replace(SHORT, digits=3), tmp_path, "b")


def test_a_checkpoint_of_another_family_is_refused(tmp_path: Path) -> None:
    run("pgm", SHORT, tmp_path, "a")
    with pytest.raises(ValueError, match=r"a pgm of .* cannot start from it, only from its own"):
        run("prime", SHORT, tmp_path, "b", start_from="shidoku/pgm")
    run("mdlm", replace(SHORT, width=32), tmp_path, "c")
    with pytest.raises(ValueError, match="an MDLM, of the same sizes"):
        run("self_spec", SHORT, tmp_path, "d", start_from="shidoku/mdlm")


def test_the_permutation_of_a_code_is_saved(tmp_path: Path) -> None:
    codes = torch.tensor([2, 0, 3, 1])
    shape = Shape(vocab_size=4, rows=4, columns=4, width=16, heads=2, depth=2, digits=2)
    save_weights(Prime(shape, codes=codes), tmp_path / "p.safetensors")
    again = Prime(shape)
    again.load_state_dict(load_file(tmp_path / "p.safetensors"))
    assert torch.equal(again.digits.codes, codes)
