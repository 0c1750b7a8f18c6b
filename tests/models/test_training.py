"""The training loop: it learns, it can be killed at any moment, and it names what is wrong."""

import math
import shutil
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import torch

from pgm_lite import objectives as obj
from pgm_lite.bounds import exact_likelihood, held_out_bound
from pgm_lite.checkpoints import build
from pgm_lite.net import Shape
from pgm_lite.recipes import PRESETS, Recipe, recipe
from pgm_lite.training import Progress, dropped, rate, train

RECIPE = Recipe(width=16, heads=2, depth=2, steps=12, batch=8, warmup=2)
SHAPE = Shape(vocab_size=3, rows=1, columns=6, width=16, heads=2, depth=2)


class Pairs:
    """Sequences whose second half repeats their first: 27 equally likely rows, 3 ln 3 nats each."""

    rows = 27

    def batch(self, indices: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        half = torch.stack([indices // 9, indices // 3 % 3, indices % 3], dim=1)
        return torch.cat([half, half], dim=1), torch.zeros(len(indices), 0, dtype=torch.long)


OBJECTIVE = {"ar": obj.LIKELIHOOD, "mdlm": obj.MASKED, "pgm": obj.PARTITION}


def weights_after(
    family: str, folder: Path | None, stop_after: int | None
) -> dict[str, torch.Tensor]:
    network = build(family, SHAPE, seed=1)
    run = train(network, OBJECTIVE[family], Pairs(), RECIPE, seed=3, folder=folder, report_every=1)
    for progress in run:
        if progress.step == stop_after:
            run.close()  # what Ctrl-C does to a loop that is being iterated
            break
    return {name: value.clone() for name, value in network.state_dict().items()}


@pytest.mark.parametrize("family", ["mdlm", "pgm", "ar"])
def test_a_run_that_was_killed_ends_with_the_same_weights(family: str, tmp_path: Path) -> None:
    straight = weights_after(family, None, None)
    weights_after(family, tmp_path, 5)
    resumed = weights_after(family, tmp_path, None)
    for name, value in straight.items():
        torch.testing.assert_close(resumed[name], value, rtol=0, atol=0, msg=name)


def test_a_kill_while_saving_leaves_the_state_before_it(tmp_path: Path) -> None:
    weights_after("mdlm", tmp_path, 5)
    (tmp_path / "state").rename(tmp_path / "state.old")  # killed between the two renames
    (tmp_path / "state.new").mkdir()
    resumed = weights_after("mdlm", tmp_path, None)
    straight = weights_after("mdlm", None, None)
    assert all(torch.equal(resumed[name], value) for name, value in straight.items())


def test_a_kill_after_the_swap_does_not_end_the_run(tmp_path: Path) -> None:
    weights_after("mdlm", tmp_path, 5)
    # Killed before the state it replaced was gone.
    shutil.copytree(tmp_path / "state", tmp_path / "state.old", dirs_exist_ok=True)
    resumed = weights_after("mdlm", tmp_path, None)
    straight = weights_after("mdlm", None, None)
    assert all(torch.equal(resumed[name], value) for name, value in straight.items())


def test_another_networks_state_is_refused(tmp_path: Path) -> None:
    weights_after("mdlm", tmp_path, 2)
    with pytest.raises(ValueError, match=r"another run: network was 'MDLM, .* and is 'PGM, "):
        list(train(build("pgm", SHAPE), obj.PARTITION, Pairs(), RECIPE, folder=tmp_path))
    (tmp_path / "state/run.json").unlink()  # as an older version leaves it
    with pytest.raises(ValueError, match=r"damaged or belongs to another network.*; delete"):
        list(train(build("pgm", SHAPE), obj.PARTITION, Pairs(), RECIPE, folder=tmp_path))


class Doubles(Pairs):
    """As many rows as ``Pairs`` has, and others."""

    def batch(self, indices: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return super().batch(26 - indices)


def test_a_run_with_other_options_is_refused(tmp_path: Path) -> None:
    weights_after("mdlm", tmp_path, 2)
    same = {"objective": obj.MASKED, "split": Pairs(), "recipe": RECIPE, "seed": 3}
    for other, says in (
        ({"seed": 4}, "seed was 3 and is 4;"),
        ({"recipe": replace(RECIPE, steps=24)}, "steps was 12 and is 24;"),
        ({"recipe": replace(RECIPE, batch=4)}, "batch was 8 and is 4;"),
        ({"recipe": replace(RECIPE, matrix_rate=0.01)}, "matrix_rate was 0.02 and is 0.01;"),
        ({"objective": obj.COMPLEMENTARY}, "objective was 'masked' and is 'complementary';"),
        ({"split": Doubles()}, "data was '27 rows"),
        ({"start_from": "abc"}, "start_from was '' and is 'abc';"),
    ):
        with pytest.raises(ValueError, match=f"another run: {says}"):
            train(build("mdlm", SHAPE, seed=1), **(same | other), folder=tmp_path)


@pytest.mark.parametrize(
    "name", ["model.safetensors", "optimizer.bin", "custom_checkpoint_0.pkl", "random"]
)
def test_a_truncated_state_is_named(name: str, tmp_path: Path) -> None:
    weights_after("mdlm", tmp_path, 2)
    shutil.rmtree(tmp_path / "state.old", ignore_errors=True)
    for path in (tmp_path / "state").glob("*" if name == "random" else name):
        if path.name != "run.json":
            path.write_bytes(path.read_bytes()[:9])
    with pytest.raises(ValueError, match=r"state is damaged .*; delete .*, or name another state"):
        weights_after("mdlm", tmp_path, None)


def test_progress_says_what_the_loss_is() -> None:
    plain = Progress(1, 2, 1.25, 0.0, "bound")
    assert plain.loss == "1.2500 nats per token (bound)"
    parts = Progress(1, 2, 1.5, 0.0, "surrogate", ("draft bound", "causal surrogate"), (1.0, 0.5))
    assert parts.loss.endswith("(surrogate: 1.0000 draft bound + 0.5000 causal surrogate)")


@pytest.mark.slow
@pytest.mark.parametrize("family", ["mdlm", "pgm", "ar"])
def test_it_learns_a_law_of_known_entropy(family: str) -> None:
    network = build(family, SHAPE, seed=0)
    for _ in train(network, OBJECTIVE[family], Pairs(), replace(RECIPE, steps=300, batch=32)):
        pass
    rows, _ = Pairs().batch(torch.arange(27).repeat(300))
    if family == "ar":
        found = exact_likelihood(network, rows)
    else:
        found = held_out_bound(network, rows, rng=torch.Generator().manual_seed(0))
    entropy = 3 * math.log(3) / 6
    assert found.nats > entropy - 4 * found.standard_error, "a bound below the entropy is a bug"
    assert found.nats < entropy + 0.05


def test_a_diverging_run_says_what_to_do() -> None:
    network = build("mdlm", SHAPE)
    with torch.no_grad():
        network.head.bias.fill_(math.nan)
    with pytest.raises(ValueError, match="lower the learning rates"):
        list(train(network, obj.MASKED, Pairs(), RECIPE))


def test_the_rate_rises_and_falls() -> None:
    long = replace(RECIPE, steps=100, warmup=10)
    rates = [rate(step, long) for step in range(100)]
    assert rates[:10] == pytest.approx([(k + 1) / 10 for k in range(10)])
    assert all(a >= b for a, b in pairwise(rates[10:]))
    assert rates[-1] < 0.03


def test_every_subset_of_a_label_is_trained() -> None:
    label = torch.ones(4000, 2, dtype=torch.long)
    kept = (dropped(label, rng=torch.Generator().manual_seed(0)) == 1).long()
    shares = torch.bincount(kept[:, 0] * 2 + kept[:, 1], minlength=4) / 4000
    # E[(1-u)^2] = 1/3, E[u(1-u)] = 1/6; five standard errors are 0.037.
    torch.testing.assert_close(
        shares, torch.tensor([1 / 3, 1 / 6, 1 / 6, 1 / 3]), rtol=0, atol=0.037
    )


def test_unknown_presets_list_the_valid_ones() -> None:
    with pytest.raises(ValueError, match="tiny"):
        recipe("huge", "faces")
    with pytest.raises(ValueError, match="shidoku, faces, austen, sentences"):
        recipe("tiny", "mnist")


def test_mdlm_and_pgm_share_their_recipe() -> None:
    """One recipe a data set: the families differ in nothing else."""
    assert set(PRESETS["tiny"]) == {"shidoku", "faces", "austen", "sentences"}
