"""Distilling a checkpoint: rounds, resuming, the card, and the figures before and after."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from shelf import put
from typer.testing import CliRunner

from pgm_lite import cli, datasets
from pgm_lite.checkpoints import read_card, read_checkpoint
from pgm_lite.distilling import compare, distill, keep, steps_by_round
from pgm_lite.make import make
from pgm_lite.recipes import Recipe

SHORT = Recipe(width=16, heads=2, depth=2, steps=3, batch=4, warmup=1)


def teach(folder: Path, family: str) -> None:
    made = make(datasets.shidoku(), family, SHORT, out=folder, state=folder / family, held_out=64)
    for _ in made:
        pass


def run(folder: Path, family: str, state: str, stop_after: int = 0, **how: object) -> list[int]:
    choices = {"start_from": f"shidoku/{family}", "name": "shidoku/student", "rounds": 2}
    running = distill(
        datasets.shidoku(),
        how.pop("recipe", SHORT),
        **(choices | {"from_steps": 8} | how),
        out=folder,
        state=folder / state,
        held_out=64,
    )
    seen: list[int] = []
    for now in running:
        seen.append(now.step)
        if now.step == stop_after:
            running.close()
            break
    return seen


@pytest.mark.parametrize("family", ["mdlm", "pgm"])
def test_a_card_tells_teacher_rounds_and_steps(family: str, tmp_path: Path) -> None:
    teach(tmp_path, family)
    before = read_card(tmp_path / f"shidoku/{family}.json")
    assert run(tmp_path, family, "s") == [3, 6]
    student, card = read_checkpoint(tmp_path, "shidoku/student")
    assert (card.family, card.objective, card.steps) == (family, "sdtt reverse-kl", 6)
    assert card.started_from == before.weights_sha256
    assert card.updates_before == (f"{family} 3 x 4",)
    assert {key: card.recipe[key] for key in ("rounds", "from_steps", "to_steps", "steps")} == {
        "rounds": 2, "from_steps": 8, "to_steps": 2, "steps": 3,
    }  # fmt: skip
    teacher, _ = read_checkpoint(tmp_path, f"shidoku/{family}")
    moved = [
        not torch.equal(value, teacher.state_dict()[name])
        for name, value in student.state_dict().items()
    ]
    assert any(moved)

    names = (f"shidoku/{family}", "shidoku/student")
    found = list(compare(datasets.shidoku(), names, out=tmp_path, steps=(2, 4), samples=7, batch=4))
    assert [(each.model, each.steps) for each in found] == [(n, s) for s in (2, 4) for n in names]
    for each in found:
        assert each.samples == 7
        assert 0 < each.figures["drawn"] <= torch.tensor(4.0).log().item() + 1e-6
        assert 0 < each.calls <= each.steps
    keep(found, "shidoku/student", out=tmp_path)
    kept = read_card(tmp_path / "shidoku/student.json").figures
    assert kept["2 steps, before: drawn"].value == round(found[0].figures["drawn"], 5)
    assert kept["4 steps, after: drawn"].value == round(found[3].figures["drawn"], 5)
    assert "test bound" in kept


def test_a_run_that_was_killed_ends_with_the_same_student(tmp_path: Path) -> None:
    teach(tmp_path, "mdlm")
    longer = replace(SHORT, steps=10)  # one report a round, so the kill falls between rounds
    run(tmp_path, "mdlm", "straight", recipe=longer)
    straight = read_checkpoint(tmp_path, "shidoku/student")[0].state_dict()
    (tmp_path / "shidoku/student.json").unlink()
    assert run(tmp_path, "mdlm", "killed", stop_after=10, recipe=longer) == [10]
    assert not (tmp_path / "shidoku/student.json").exists()
    assert run(tmp_path, "mdlm", "killed", recipe=longer) == [20]
    again = read_checkpoint(tmp_path, "shidoku/student")[0].state_dict()
    assert all(torch.equal(value, again[name]) for name, value in straight.items())


def test_what_cannot_be_distilled_is_refused(tmp_path: Path) -> None:
    teach(tmp_path, "ar")
    with pytest.raises(ValueError, match="is a ar; distillation asks"):
        run(tmp_path, "ar", "s")
    teach(tmp_path, "mdlm")
    with pytest.raises(ValueError, match="would replace its teacher"):
        run(tmp_path, "mdlm", "s", name="shidoku/mdlm")
    with pytest.raises(ValueError, match="a multiple of 4; got 6"):
        run(tmp_path, "mdlm", "s", from_steps=6)
    with pytest.raises(ValueError, match="at least 1 round"):
        run(tmp_path, "mdlm", "s", rounds=0)


def test_rounds_halve_the_steps() -> None:
    assert steps_by_round(64, 3) == [64, 32, 16]


def test_the_command_writes_a_student_and_judges_both(tmp_path: Path) -> None:
    put(tmp_path, "shidoku/pgm")
    words = (
        *("distill", "--dataset", "shidoku", "--model", "pgm", "--rounds", "1", "--steps", "2"),
        *("--from-steps", "4", "--batch", "2", "--at", "2", "--samples", "3", "--rows", "8"),
        *("--out", str(tmp_path), "--state", str(tmp_path / "s"), "--json", str(tmp_path / "j")),
    )
    result = CliRunner().invoke(cli.app, words)
    assert result.exit_code == 0, result.output
    assert "pgm_sdtt.safetensors and its card" in result.output.replace("\n", "")
    figures = json.loads((tmp_path / "j").read_text(encoding="utf-8"))
    assert [row["model"] for row in figures] == ["shidoku/pgm", "shidoku/pgm_sdtt"]
    assert {"drawn", "validity"} <= set(figures[0]["figures"])
    assert read_card(tmp_path / "shidoku/pgm_sdtt.json").recipe["rounds"] == 1
    assert "2 steps, after: drawn" in read_card(tmp_path / "shidoku/pgm_sdtt.json").figures
