"""Distil a checkpoint round by round, and judge what became of it: quality, entropy, bill.

A round is a training run with a frozen teacher; its student is the next round's teacher, and the
steps halve (arXiv 2410.21035, section 3). Every round keeps its own resumable state.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import torch
from accelerate import PartialState

from pgm_lite import checkpoints
from pgm_lite.checkpoints import Card, Figure, Model, build
from pgm_lite.core import Canvas, Cost
from pgm_lite.datasets.dataset import Dataset
from pgm_lite.distillation import SPAN, distillation
from pgm_lite.draw import rng
from pgm_lite.make import ship
from pgm_lite.metrics import FIGURES, judge
from pgm_lite.models import MDLM, PGM
from pgm_lite.recipes import Recipe
from pgm_lite.samplers import ancestral
from pgm_lite.training import Progress, train

DRAWN = "drawn"
"""The figure that is not the judges': see ``Judged``."""


@dataclass(frozen=True, slots=True)
class Judged:
    """Samples of one checkpoint at one number of steps: what the judges say, and the bill.

    ``figures`` are the judges', and ``drawn``: the entropy (nats per position) of all that was
    drawn, given which positions flipped in which step. It is exact up to the number of samples, and
    a lower bound on the entropy of the sampler's law; ``drawn_error`` is its standard error.
    """

    model: str
    steps: int
    samples: int
    figures: dict[str, float]
    drawn_error: float
    calls: float
    positions: float
    flops: float


def distill(
    dataset: Dataset,
    recipe: Recipe,
    *,
    start_from: str,
    name: str,
    rounds: int,
    from_steps: int,
    out: Path,
    state: Path,
    divergence: str = "reverse-kl",
    seed: int = 0,
    held_out: int = 1400,
    compiled: bool = False,
) -> Iterator[Progress]:
    """Distil ``start_from`` into ``name`` ("dataset/model", both below ``out``).

    The first teacher takes ``from_steps``, the last student ``from_steps / 2 ** rounds``;
    ``recipe.steps`` counts the updates of one round. Optimiser and averages start anew every round.
    The progress is that of all rounds together. Killed, it goes on from ``state``.
    """
    steps = steps_by_round(from_steps, rounds)
    found, earlier = checkpoints.read_checkpoint(out, start_from)
    teacher = check(found, earlier, dataset, start_from, name)
    seconds, total = 0.0, rounds * recipe.steps
    device = torch.device(str(PartialState().device))  # pyright: ignore[reportUnknownArgumentType]
    for index, teacher_steps in enumerate(steps):
        # Training moves its network to the accelerator; the teacher has to be there too.
        teacher = teacher.to(device).requires_grad_(requires_grad=False)
        student = cast("MDLM | PGM", build(earlier.family, earlier.shape))
        student.load_state_dict(teacher.state_dict())
        now = None
        for now in train(
            student,
            distillation(teacher, teacher_steps=teacher_steps, divergence=divergence),
            dataset.splits["train"],
            recipe,
            seed=seed + index,
            folder=state / f"round-{index + 1}",
            compiled=compiled,
        ):
            done = index * recipe.steps + now.step
            yield replace(now, step=done, steps=total, seconds=seconds + now.seconds)
        seconds += now.seconds if now else 0.0
        teacher = student
    plan = {"rounds": rounds, "from_steps": from_steps, "to_steps": steps[-1] // SPAN}
    ship(
        teacher,
        dataset,
        name,
        out=out,
        family=earlier.family,
        objective=f"sdtt {divergence}",
        steps=total,
        batch=recipe.batch,
        settings=recipe.settings | {key: float(value) for key, value in plan.items()},
        seed=seed,
        seconds=seconds,
        earlier=earlier,
        held_out=held_out,
    )


def steps_by_round(from_steps: int, rounds: int) -> list[int]:
    """The teacher's steps in each round."""
    if rounds < 1:
        raise ValueError(f"distillation takes at least 1 round; got {rounds}")
    whole = SPAN**rounds
    if from_steps < whole or from_steps % whole:
        raise ValueError(
            f"{rounds} rounds halve the steps {rounds} times, so the first teacher takes a multiple "
            f"of {whole}; got {from_steps}"
        )
    return [from_steps // SPAN**index for index in range(rounds)]


def check(teacher: Model, card: Card, dataset: Dataset, start_from: str, name: str) -> MDLM | PGM:
    """The teacher, if it can be distilled on this data set and is not written over."""
    if not isinstance(teacher, MDLM | PGM):
        raise ValueError(
            f"{start_from} is a {card.family}; distillation asks for any position given any others "
            "and samples with ancestral, which an mdlm or a pgm does"
        )
    if card.dataset != dataset.name:
        raise ValueError(f"{start_from} was trained on {card.dataset}, not on {dataset.name}")
    if name == start_from:
        raise ValueError(f"the student would replace its teacher {name}; give it another name")
    return teacher


def compare(
    dataset: Dataset,
    names: tuple[str, ...],
    *,
    out: Path,
    steps: tuple[int, ...],
    samples: int,
    seed: int = 0,
    batch: int = 50,
) -> Iterator[Judged]:
    """Judge unlabelled samples of each checkpoint below ``out``, drawn by plain ``ancestral``.

    At the same number of steps all start from the same seed, so the same positions flip together.
    """
    if samples < 1:
        raise ValueError(f"a model is judged by at least 1 sample; got {samples}")
    networks = {name: checkpoints.read_checkpoint(out, name)[0] for name in names}
    for count in steps:
        for name, network in networks.items():
            if not isinstance(network, MDLM | PGM):
                raise ValueError(f"{name} cannot be sampled with ancestral")
            yield judged(
                network, name, dataset, steps=count, samples=samples, seed=seed, batch=batch
            )


def judged(
    network: MDLM | PGM,
    name: str,
    dataset: Dataset,
    *,
    steps: int,
    samples: int,
    seed: int,
    batch: int,
) -> Judged:
    """One checkpoint at one number of steps."""
    generator = rng(seed)
    tokens: list[torch.Tensor] = []
    nats: list[torch.Tensor] = []
    bills: list[Cost] = []
    for start in range(0, samples, batch):
        canvas = Canvas.blank(min(batch, samples - start), dataset.seq_len)
        bill, drawn = Cost.zero(canvas.batch), torch.zeros(canvas.batch, dtype=torch.float64)
        for step in ancestral(network, canvas, steps=steps, rng=generator):
            canvas, bill, drawn = step.canvas, bill + step.cost, drawn + step.entropy.sum(1)
        tokens.append(canvas.tokens)
        nats.append(drawn / dataset.seq_len)
        bills.append(bill)
    report, entropies = judge(dataset, torch.cat(tokens)), torch.cat(nats)
    error = float(entropies.std() / samples**0.5) if samples > 1 else float("nan")
    return Judged(
        name,
        steps,
        samples,
        {key: report[key] for key in report if key in FIGURES} | {DRAWN: float(entropies.mean())},
        error,
        calls=mean([bill.calls for bill in bills]),
        positions=mean([bill.positions for bill in bills]),
        flops=mean([bill.flops for bill in bills]),
    )


def mean(values: list[torch.Tensor]) -> float:
    """The mean over all batches."""
    return float(torch.cat(values).double().mean())


def keep(results: list[Judged], name: str, *, out: Path) -> None:
    """Write the figures before and after onto the student's card, beside those it has."""
    card = checkpoints.read_card(out / f"{name}.json")
    figures = dict(card.figures)
    for each in results:
        when = "after" if each.model == name else "before"
        for key, value in each.figures.items():
            unit = "nats per position" if key == DRAWN else FIGURES[key].unit
            figures[f"{each.steps} steps, {when}: {key}"] = Figure(
                value=round(value, 5),
                standard_error=round(each.drawn_error, 5) if key == DRAWN else None,
                samples=each.samples,
                unit=unit,
            )
    checkpoints.save_card(card.model_copy(update={"figures": figures}), out / f"{name}.json")
