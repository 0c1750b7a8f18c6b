"""Self-distillation through time (SDTT, arXiv 2410.21035): one step learns what two steps say.

Notation (paper symbol -> our name): z_t -> canvas; 1/m -> one step of the teacher, ``left`` of
which lie between t and 0; m/k -> SPAN; delta -> divergence.

The student is a product law at every canvas, like its teacher, so it cannot become the law of two
steps. What it becomes depends on the divergence, and is known exactly. Let p_1, p_2, ... be the
teacher's laws at a position, one for each path of its draws:

    forward KL, squared error    their mean E[p]. A teacher that is right gains nothing: the mean of
                                 its answers after one more true token is its answer before it.
    reverse KL                   proportional to exp E[log p], which is sharper where paths disagree.

So reverse KL, the published choice, buys agreement with entropy; measure both.
"""

from collections.abc import Callable
from typing import cast

import torch
from jaxtyping import Float, Int
from torch import Tensor

from pgm_lite.core import Canvas, Conditional, gather_positions, listed
from pgm_lite.draw import entropy_of, heads
from pgm_lite.models import Labelled
from pgm_lite.models.guidance import Steerable
from pgm_lite.objectives.objective import Network, Objective, coin
from pgm_lite.samplers.fill import ask, draw_at

SPAN = 2
"""Steps of the teacher that one step of the student covers; a round halves the steps."""

Divergence = Callable[[Float[Tensor, "b q v"], Float[Tensor, "b q v"]], Float[Tensor, "b q"]]


def distillation(
    teacher: Conditional, *, teacher_steps: int, divergence: str = "reverse-kl"
) -> Objective:
    """The objective of one round; the network that is trained is asked as it will be sampled.

    The teacher divides time into ``teacher_steps``, the student into half as many. Deviations:
    times lie on the student's grid, the only ones it is ever asked at, not anywhere in (0, 1); the
    loss is summed over the unknown positions and divided by all, so every unknown position weighs
    the same. A teacher trained with labels is given the student's label, dropped attributes
    included.
    """
    if teacher_steps < SPAN or teacher_steps % SPAN:
        raise ValueError(
            f"a student takes half as many steps as its teacher, so the teacher's are an even "
            f"number from {SPAN}; got {teacher_steps}"
        )
    if divergence not in DIVERGENCES:
        raise ValueError(
            f"unknown divergence {divergence!r}; the divergences are {', '.join(DIVERGENCES)}"
        )
    student_steps = teacher_steps // SPAN

    def loss(
        model: Network,
        tokens: Int[Tensor, "b n"],
        label: Int[Tensor, "b a"] | None,
        *,
        t: Float[Tensor, " b"],
        rng: torch.Generator,
    ) -> Float[Tensor, " b"]:
        left = SPAN * (t * student_steps).ceil().long().clamp(1, student_steps)
        unknown = coin(left / teacher_steps, tokens, rng)
        while not unknown.any():  # nothing to learn from; only ever so on a toy
            unknown = coin(left / teacher_steps, tokens, rng)
        canvas = Canvas(tokens, ~unknown)
        target = targets(labelled(teacher, label), canvas, left=left, rng=rng)
        where = listed(canvas.unknown)
        student = labelled(cast("Conditional", model), label)
        apart = DIVERGENCES[divergence](
            student.log_probs(canvas, where), gather_positions(target, where)
        )
        return apart.masked_fill(where < 0, 0.0).sum(1) / canvas.seq_len

    return Objective(f"sdtt {divergence}", "surrogate", loss)


@torch.no_grad()
def targets(
    teacher: Conditional, canvas: Canvas, *, left: Int[Tensor, " b"], rng: torch.Generator
) -> Float[Tensor, "b n v"]:
    """What the student learns at every unknown position (nats, float64); zero where known.

    The teacher takes two ancestral steps, ``left`` being how many it has to the end. A position
    that the first one writes keeps the law it was drawn from; all others get the law of the
    second, in which therefore nothing has to be drawn (algorithm 1 of the paper). The teacher is
    asked about no position twice.
    """
    if int(left.min()) < SPAN:
        raise ValueError(
            f"the teacher takes {SPAN} steps, but a row has only {int(left.min())} left"
        )
    if not canvas.unknown.any():
        raise ValueError("nothing is unknown on this canvas, so there is nothing to learn")
    chance = (1 / left.double())[:, None] * canvas.unknown
    first = listed(heads(chance, rng=rng))
    answers: list[tuple[Tensor, Tensor]] = []
    if first.shape[1]:
        laws = ask(teacher, canvas, first).laws
        answers.append((first, laws))
        canvas = canvas.reveal(first, draw_at(first, laws, rng=rng).tokens)
    rest = listed(canvas.unknown)
    if rest.shape[1]:
        answers.append((rest, ask(teacher, canvas, rest).laws))
    n = canvas.seq_len
    slots = answers[0][1].new_zeros(canvas.batch, n + 1, answers[0][1].shape[-1])
    for where, laws in answers:
        place = where.where(where >= 0, n)[..., None].expand_as(laws)
        slots = slots.scatter(1, place, laws)
    return slots[:, :n]


def labelled(model: Conditional, label: Int[Tensor, "b a"] | None) -> Conditional:
    """The model with a label for each row; as it is, where the data has no attributes."""
    if label is None or label.shape[-1] == 0:
        return model
    return Labelled(cast("Steerable", model), label)


def reverse_kl(
    student: Float[Tensor, "b q v"], target: Float[Tensor, "b q v"]
) -> Float[Tensor, "b q"]:
    """KL(student || target): infinite where the target rules out what the student does not."""
    return (student.exp() * (student - target)).sum(-1)


def forward_kl(
    student: Float[Tensor, "b q v"], target: Float[Tensor, "b q v"]
) -> Float[Tensor, "b q"]:
    """KL(target || student)."""
    return -(target.exp() * student).sum(-1) - entropy_of(target)


def squared_error(
    student: Float[Tensor, "b q v"], target: Float[Tensor, "b q v"]
) -> Float[Tensor, "b q"]:
    """Between probabilities, summed over tokens."""
    return (student.exp() - target.exp()).square().sum(-1)


def total_variation(
    student: Float[Tensor, "b q v"], target: Float[Tensor, "b q v"]
) -> Float[Tensor, "b q"]:
    """Half the sum of absolute differences between probabilities."""
    return (student.exp() - target.exp()).abs().sum(-1) / 2


DIVERGENCES: dict[str, Divergence] = {
    "reverse-kl": reverse_kl,
    "forward-kl": forward_kl,
    "mse": squared_error,
    "tvd": total_variation,
}
"""How far a student is from its target; the paper compares the first, third and fourth."""
