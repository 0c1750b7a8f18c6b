"""The one loop behind most samplers: a schedule says how many, an order says which, the model what."""

from collections.abc import Iterator, Sequence

import torch

from pgm_lite.core import Canvas, Conditional, Step, listed
from pgm_lite.draw import categorical
from pgm_lite.orders import BlindOrder, Order, first
from pgm_lite.samplers.steps import Choice, best_first, written

CHOOSE_THEN_SAMPLE = "choose-then-sample"
SAMPLE_THEN_RANK = "sample-then-rank"


def unmask(
    model: Conditional,
    canvas: Canvas,
    *,
    schedule: Sequence[int],
    order: Order,
    rng: torch.Generator,
    fill: str = CHOOSE_THEN_SAMPLE,
) -> Iterator[Step]:
    """Write ``schedule[k]`` positions of every row at step k, chosen by ``order``; one call a step.

    A blind order chooses first and asks only there. A sighted order asks about its whole scope,
    then chooses. ``fill`` says when tokens are drawn:

    - *choose-then-sample*: positions are chosen from the laws, then a token is drawn at each. At one
      position a step this draws from the model's joint exactly, in any order.
    - *sample-then-rank* (MaskGIT, arXiv 2202.04200, with choice temperature 0): a token is drawn at
      every unknown position, then the positions whose drawn token is most probable are kept. Rare
      tokens are kept later than they should be, so the law is biased towards likely tokens, even
      with a perfect model and one position a step.

    Equal scores are ordered at random, never silently by position.
    """
    check_schedule(canvas, schedule)
    check_fill(order, fill)
    return steps(model, canvas, schedule, order, rng, fill)


@torch.no_grad()
def steps(
    model: Conditional,
    canvas: Canvas,
    schedule: Sequence[int],
    order: Order,
    rng: torch.Generator,
    fill: str,
) -> Iterator[Step]:
    """The loop of ``unmask``, its arguments checked."""
    ranks = order.priority(canvas, rng) if isinstance(order, BlindOrder) else None
    for number, count in enumerate(schedule, start=1):
        if isinstance(order, BlindOrder) and ranks is not None:
            # Choose, then ask and draw only there.
            where = first(ranks, canvas.unknown, count)
            log_probs = model.log_probs(canvas, where)
            drawn = categorical(log_probs, rng=rng)
            chosen = torch.ones_like(where, dtype=torch.bool)
        else:
            # Ask about the whole scope and draw there; score the laws or the draws; choose.
            scope, tier = order.scope(canvas.unknown, count)
            where = listed(scope)
            log_probs = model.log_probs(canvas, where)
            drawn = categorical(log_probs, rng=rng)
            if fill == SAMPLE_THEN_RANK:
                score = log_probs.gather(-1, drawn[..., None])[..., 0]
            else:
                score = order.score(log_probs)
            chosen = best_first(score, where, tier, rng=rng) < count
        step = written(model, canvas, Choice(where, log_probs, drawn, chosen), number)
        canvas = step.canvas
        yield step


def check_schedule(canvas: Canvas, schedule: Sequence[int]) -> None:
    """The schedule writes exactly what is unknown, in every row."""
    unknown = canvas.unknown.sum(1)
    if any(count < 1 for count in schedule):
        raise ValueError(f"every step must write at least one position; got {tuple(schedule)}")
    if bool((unknown != sum(schedule)).any()):
        raise ValueError(
            f"the schedule writes {sum(schedule)} positions, but the rows have "
            f"{sorted(set(unknown.tolist()))} unknown ones; make the schedule for that number, or "
            "use ancestral() where rows differ"
        )


def check_fill(order: Order, fill: str) -> None:
    """The fill mode exists and fits the order."""
    if fill not in (CHOOSE_THEN_SAMPLE, SAMPLE_THEN_RANK):
        raise ValueError(
            f"fill must be {CHOOSE_THEN_SAMPLE!r} or {SAMPLE_THEN_RANK!r}; got {fill!r}"
        )
    if fill == SAMPLE_THEN_RANK and isinstance(order, BlindOrder):
        raise ValueError(
            f"{SAMPLE_THEN_RANK} ranks positions by the tokens drawn there, so the blind order "
            f"{order.name!r} would have no say; use a sighted order (confidence, entropy, margin) "
            f"or {CHOOSE_THEN_SAMPLE}"
        )
