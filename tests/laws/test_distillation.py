"""Distillation against exact laws: what a target is, what a student becomes, and what it cannot."""

from collections.abc import Iterator
from itertools import product
from math import prod
from unittest.mock import patch

import pytest
import torch
from exact import Scripted, distance, table, written_in
from networks import GRID, LINE, stirred, tokens_of

from pgm_lite.core import Canvas, Cost
from pgm_lite.distillation import DIVERGENCES, distillation, targets
from pgm_lite.draw import entropy_of
from pgm_lite.models import MDLM, PGM
from pgm_lite.objectives.objective import coin
from pgm_lite.oracle import Support, joint_table

# A chain of three tokens: the first is fair, each next one repeats it with probability .9 or .7.
CHAIN = torch.tensor([[0.9, 0.1], [0.3, 0.7]], dtype=torch.float64)
JOINT = 0.5 * CHAIN[:, :, None] * CHAIN[None]
TWINS = Support(torch.tensor([[0, 0, 0], [1, 1, 1]]), 2)


def skewed() -> Support:
    return joint_table(JOINT)


def paths(teacher: object, canvas: Canvas, left: int) -> Iterator[tuple[torch.Tensor, float]]:
    """Every target of a single row, with the probability of the teacher's path to it."""
    scripts: list[tuple[int, ...]] = [()]
    while scripts:
        scripted = Scripted(scripts.pop())
        with (
            patch("pgm_lite.samplers.fill.categorical", scripted),
            patch("pgm_lite.distillation.heads", scripted.heads),
        ):
            target = targets(teacher, canvas, left=torch.tensor([left]), rng=torch.Generator())
        scripts += scripted.untried
        yield target[0], scripted.probability


def every_canvas(n: int, v: int) -> Iterator[Canvas]:
    """Every canvas on which something is unknown."""
    for row in product((*range(v), None), repeat=n):
        if None in row:
            tokens = torch.tensor([[0 if token is None else token for token in row]])
            yield Canvas(tokens, torch.tensor([[token is not None for token in row]]))


def marginal(oracle: Support, canvas: Canvas, position: int) -> torch.Tensor:
    """Probabilities at one position, straight from the table; uniform where nothing is left."""
    fits = ((oracle.sequences == canvas.tokens) | ~canvas.known).all(1)
    weights = oracle.weights * fits
    mass = torch.stack([weights[oracle.sequences[:, position] == token].sum() for token in (0, 1)])
    return mass / mass.sum() if mass.sum() else torch.tensor([0.5, 0.5], dtype=torch.float64)


def mean_of_two_steps(oracle: Support, canvas: Canvas, position: int, left: int) -> torch.Tensor:
    """The teacher's law at a position averaged over its paths, by sums over the table alone."""
    others = [i for i in range(3) if canvas.unknown[0, i] and i != position]
    total = marginal(oracle, canvas, position) / left
    for flipped in product((False, True), repeat=len(others)):
        chance = prod(1 / left if flip else 1 - 1 / left for flip in flipped)
        first = [i for i, flip in zip(others, flipped, strict=True) if flip]
        for drawn in product((0, 1), repeat=len(first)):
            laws = [marginal(oracle, canvas, i) for i in first]
            weight = chance * prod(
                float(law[token]) for law, token in zip(laws, drawn, strict=True)
            )
            if weight:
                where = torch.tensor([first], dtype=torch.long).view(1, -1)
                later = canvas.reveal(where, torch.tensor([drawn], dtype=torch.long).view(1, -1))
                total = total + (1 - 1 / left) * weight * marginal(oracle, later, position)
    return total


def test_the_target_of_a_product_law_is_the_law_itself() -> None:
    each = torch.tensor([0.2, 0.8], dtype=torch.float64)
    oracle = joint_table(each[:, None, None] * each[None, :, None] * each[None, None])
    for canvas in every_canvas(3, 2):
        for target, _ in paths(oracle, canvas, 4):
            unknown = canvas.unknown[0]
            torch.testing.assert_close(target[unknown].exp(), each.expand(int(unknown.sum()), -1))
            assert torch.count_nonzero(target[~unknown]) == 0


@pytest.mark.parametrize("left", [2, 6])
@pytest.mark.parametrize("oracle", [TWINS, joint_table(JOINT)], ids=["twins", "chain"])
def test_the_mean_target_is_the_mean_of_two_teacher_steps(oracle: Support, left: int) -> None:
    for canvas in every_canvas(3, 2):
        found = list(paths(oracle, canvas, left))
        assert sum(p for _, p in found) == pytest.approx(1)
        mean = sum(target.exp() * p for target, p in found)
        for position in canvas.unknown[0].nonzero()[:, 0].tolist():
            expected = mean_of_two_steps(oracle, canvas, position, left)
            torch.testing.assert_close(mean[position], expected)


def test_a_right_teacher_teaches_nothing_by_its_mean() -> None:
    """With one other position unknown, E[p after a true token] is p before it: exactly."""
    oracle = skewed()
    for canvas in every_canvas(3, 2):
        if int(canvas.unknown.sum()) > 2:
            continue  # two tokens drawn at once are no longer true ones
        mean = sum(target.exp() * p for target, p in paths(oracle, canvas, 2))
        for position in canvas.unknown[0].nonzero()[:, 0].tolist():
            torch.testing.assert_close(mean[position], marginal(oracle, canvas, position))


def best(divergence: str, found: list[tuple[torch.Tensor, float]]) -> torch.Tensor:
    """The law [n v] (log) at which a divergence, expected over paths, should be least."""
    if divergence == "reverse-kl":
        return sum(target * p for target, p in found).log_softmax(-1)
    return sum(target.exp() * p for target, p in found).log()


def descended(divergence: str, found: list[tuple[torch.Tensor, float]], steps: int) -> torch.Tensor:
    """The law [n v] (log) a tabular student reaches by gradient descent on the expected loss."""
    logits = torch.zeros(3, 2, dtype=torch.float64, requires_grad=True)
    measure = DIVERGENCES[divergence]
    optimiser = torch.optim.LBFGS(
        [logits], max_iter=steps, tolerance_grad=1e-12, tolerance_change=0
    )

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        student = logits.log_softmax(-1)
        loss = sum((measure(student[None], target[None]) * p).sum() for target, p in found)
        loss.backward()
        return loss.detach()

    optimiser.step(closure)
    return logits.detach().log_softmax(-1)


@pytest.mark.parametrize("divergence", ["reverse-kl", "forward-kl", "mse"])
def test_descent_ends_at_the_law_the_module_names(divergence: str) -> None:
    found = list(paths(skewed(), Canvas.blank(1, 3), 2))
    reached = descended(divergence, found, steps=60)
    torch.testing.assert_close(reached, best(divergence, found), rtol=0, atol=1e-6)


def test_descent_on_total_variation_ends_at_a_median() -> None:
    """With two tokens the loss is E|s - p|, which a median of p makes least."""
    found = list(paths(skewed(), Canvas.blank(1, 3), 2))
    chance = torch.tensor([p for _, p in found], dtype=torch.float64)
    values = torch.stack([target.exp()[:, 0] for target, _ in found])
    measure = DIVERGENCES["tvd"]
    for position in range(3):
        order = values[:, position].argsort()
        middle = order[int((chance[order].cumsum(0) < 0.5).sum())]
        grid = torch.linspace(0.01, 0.99, 99, dtype=torch.float64)
        student = torch.stack([grid, 1 - grid], -1).log()[:, None]
        median = torch.tensor([values[middle, position], 1 - values[middle, position]]).log()
        at = [target[position].expand(len(grid), 1, 2) for target, _ in found]
        over_grid = sum(measure(student, each) * p for each, p in zip(at, chance, strict=True))
        least = sum(
            measure(median.view(1, 1, 2), each[:1]) * p for each, p in zip(at, chance, strict=True)
        )
        assert float(least) <= float(over_grid.min()) + 1e-12


def product_law(laws: torch.Tensor) -> torch.Tensor:
    """The table of a product of laws [n v] (log)."""
    p = laws.exp()
    return torch.stack([p[0, a] * p[1, b] * p[2, c] for a, b, c in product((0, 1), repeat=3)])


def test_one_step_of_the_student_against_two_of_the_teacher() -> None:
    """Exactly, on a chain: the mean keeps too much entropy, reverse KL gives some of it away."""
    oracle = skewed()
    teacher = sum(
        written_in(table(oracle, 3, 2), 3, 2, moments) / 8 for moments in product((0, 1), repeat=3)
    )
    found = list(paths(oracle, Canvas.blank(1, 3), 2))
    forward, reverse = (product_law(best(name, found)) for name in ("forward-kl", "reverse-kl"))
    entropy = {
        name: float(entropy_of(law.log()))
        for name, law in {"teacher": teacher, "forward": forward, "reverse": reverse}.items()
    }
    assert entropy["reverse"] < entropy["forward"] - 0.01
    assert entropy["teacher"] < entropy["forward"] - 0.1
    # Neither follows: the mean is the best product (in KL), and still far from two steps.
    assert distance(forward, teacher) > 0.1
    assert distance(reverse, teacher) > 0.1
    # What one step of the teacher itself would have been: the mean learns next to nothing more.
    alone = product_law(
        torch.stack([marginal(oracle, Canvas.blank(1, 3), i) for i in range(3)]).log()
    )
    assert distance(forward, alone) < 0.01 < distance(reverse, alone)


class Asked:
    """A teacher that notes how many positions it is asked about, row by row."""

    def __init__(self, inner: Support) -> None:
        self.inner, self.asked = inner, torch.zeros(0)

    def log_probs(self, canvas: Canvas, where: torch.Tensor) -> torch.Tensor:
        assert not canvas.known.gather(1, where.clamp(min=0))[where >= 0].any()
        self.asked = self.asked + (where >= 0).sum(1) if len(self.asked) else (where >= 0).sum(1)
        return self.inner.log_probs(canvas, where)

    def cost(self, canvas: Canvas, where: torch.Tensor) -> Cost:
        return self.inner.cost(canvas, where)


def test_the_teacher_is_asked_about_each_unknown_position_once() -> None:
    teacher = Asked(skewed())
    canvas = Canvas(torch.zeros(8, 3, dtype=torch.long), torch.arange(24).view(8, 3) % 5 == 0)
    for seed in range(5):
        teacher.asked = torch.zeros(0)
        rng = torch.Generator().manual_seed(seed)
        targets(teacher, canvas, left=torch.full((8,), 2), rng=rng)
        assert torch.equal(teacher.asked, canvas.unknown.sum(1))


LABEL = torch.tensor([[0, 1], [2, -1], [-1, -1], [1, 0]])


@pytest.mark.parametrize("family", [MDLM, PGM])
def test_unknown_tokens_and_the_teacher_get_no_gradient(family: type) -> None:
    """The loss reads known tokens only, so a distilled PGM still has nothing to leak."""
    teacher, student = stirred(family, GRID, seed=1), stirred(family, GRID, seed=2)
    objective = distillation(teacher, teacher_steps=4)
    tokens = tokens_of(GRID, 4)
    t = torch.tensor([0.2, 0.4, 0.7, 0.9])

    def loss(given: torch.Tensor) -> torch.Tensor:
        return objective.loss(student, given, LABEL, t=t, rng=torch.Generator().manual_seed(5))

    value = loss(tokens)
    value.sum().backward()
    assert all(parameter.grad is None for parameter in teacher.parameters())
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in student.parameters())
    assert float(value.detach().min()) >= 0
    left = torch.tensor([2, 2, 4, 4])
    unknown = coin(left / 4, tokens, torch.Generator().manual_seed(5))
    assert unknown.any()
    changed = torch.where(unknown, (tokens + 1) % GRID.vocab_size, tokens)
    with torch.no_grad():
        assert torch.equal(loss(changed), loss(tokens))
        assert not torch.equal(loss((tokens + 1) % GRID.vocab_size), loss(tokens))


class Table:
    """A student with a free law at each position, whatever is known."""

    def __init__(self, n: int, v: int) -> None:
        self.logits = torch.zeros(n, v, dtype=torch.float64, requires_grad=True)

    def log_probs(self, canvas: Canvas, where: torch.Tensor) -> torch.Tensor:
        del canvas
        return self.logits.log_softmax(-1)[where.clamp(min=0)]


def test_known_positions_carry_no_loss() -> None:
    """The gradient reaches exactly the positions that are unknown."""
    objective = distillation(skewed(), teacher_steps=8)
    given, seen = torch.zeros(1, 3, dtype=torch.long), set()
    for seed in range(12):
        # Time .4 of a student of 4 steps: 4 of the teacher's 8 steps are left, half is unknown.
        unknown = coin(torch.tensor([0.5]), given, torch.Generator().manual_seed(seed))[0]
        if not unknown.any():
            continue
        student = Table(3, 2)
        rng = torch.Generator().manual_seed(seed)
        objective.loss(student, given, None, t=torch.tensor([0.4]), rng=rng).sum().backward()
        reached = student.logits.grad.abs().sum(1) > 0
        assert not reached[~unknown].any()
        seen.add(tuple(unknown.tolist()))
        # A target can equal the uniform start by chance of the table, but not at the first place
        # of the chain, whose law given nothing is fair.
        assert reached[unknown].any() or unknown.tolist() == [True, False, False]
    assert len(seen) > 3


@pytest.mark.parametrize("divergence", list(DIVERGENCES))
def test_a_student_that_equals_its_target_has_no_loss(divergence: str) -> None:
    each = torch.tensor([0.2, 0.8], dtype=torch.float64)
    oracle = joint_table(each[:, None, None] * each[None, :, None] * each[None, None])
    objective = distillation(oracle, teacher_steps=4, divergence=divergence)
    value = objective.loss(
        oracle,
        torch.zeros(4, 3, dtype=torch.long),
        None,
        t=torch.tensor([0.2, 0.5, 0.7, 0.9]),
        rng=torch.Generator().manual_seed(0),
    )
    torch.testing.assert_close(value, torch.zeros(4, dtype=torch.float64), rtol=0, atol=1e-12)


def test_its_value_is_never_called_a_likelihood() -> None:
    objective = distillation(TWINS, teacher_steps=2)
    assert objective.kind == "surrogate"
    with pytest.raises(ValueError, match="bounds no likelihood"):
        objective.perplexity(0.1)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"teacher_steps": 3}, "even number from 2; got 3"),
        ({"teacher_steps": 4, "divergence": "js"}, "the divergences are reverse-kl"),
    ],
)
def test_wrong_choices_are_named(how: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        distillation(TWINS, **how)


def test_a_finished_canvas_or_too_few_steps_are_refused() -> None:
    full = Canvas(torch.zeros(1, 3, dtype=torch.long), torch.ones(1, 3, dtype=torch.bool))
    with pytest.raises(ValueError, match="nothing is unknown"):
        targets(TWINS, full, left=torch.tensor([2]), rng=torch.Generator())
    with pytest.raises(ValueError, match="only 1 left"):
        targets(TWINS, Canvas.blank(1, 3), left=torch.tensor([1]), rng=torch.Generator())


def test_lines_have_no_labels_to_hand_on() -> None:
    teacher, student = stirred(PGM, LINE, seed=1), stirred(PGM, LINE, seed=2)
    nothing = torch.zeros(2, 0, dtype=torch.long)
    value = distillation(teacher, teacher_steps=4).loss(
        student,
        tokens_of(LINE, 2),
        nothing,
        t=torch.tensor([0.3, 0.8]),
        rng=torch.Generator().manual_seed(0),
    )
    assert torch.isfinite(value).all()
