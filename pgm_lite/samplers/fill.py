"""What every sampler does between choosing positions and yielding a step: ask, draw, write."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from pgm_lite.core import Canvas, Conditional, Cost, Step, positions_mask, scatter
from pgm_lite.draw import Reshaped, categorical, entropy_of, law


@dataclass(frozen=True, slots=True, eq=False)
class Draws:
    """Tokens drawn at some positions, with their log-probabilities in the laws drawn from."""

    where: Int[Tensor, "b q"]
    tokens: Int[Tensor, "b q"]
    log_prob: Float[Tensor, "b q"]

    def only(self, index: Int[Tensor, "b k"]) -> "Draws":
        """The draws at ``index``, in that order."""
        return Draws(
            self.where.gather(1, index),
            self.tokens.gather(1, index),
            self.log_prob.gather(1, index),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """A model's laws at some positions, float64: its ``own``, and those to draw from.

    They differ where temperature, top-p or top-k reshape the draw; orders score the model's own.
    """

    own: Float[Tensor, "b q v"]
    laws: Float[Tensor, "b q v"]


def ask(model: Conditional, canvas: Canvas, where: Int[Tensor, "b q"]) -> Answers:
    """The model's answers at ``where``; where nobody is asked, the uniform law."""
    if isinstance(model, Reshaped) and isinstance(model.model, Conditional):
        inner = ask(model.model, canvas, where)
        return Answers(inner.own, law(model.reshape(inner.laws)))
    answers = law(model.log_probs(canvas, where).masked_fill((where < 0)[..., None], 0.0))
    return Answers(answers, answers)


def draw_at(
    where: Int[Tensor, "b q"], laws: Float[Tensor, "b q v"], *, rng: torch.Generator
) -> Draws:
    """One token at each position of ``where``."""
    tokens = categorical(laws, rng=rng)
    return Draws(where, tokens, laws.gather(-1, tokens[..., None])[..., 0])


def write(
    canvas: Canvas,
    draws: Draws,
    *,
    asked: Int[Tensor, "b q"],
    laws: Float[Tensor, "b q v"],
    cost: Cost,
    when: str,
    score: Float[Tensor, "b q"] | None = None,
) -> Step:
    """The step that writes ``draws`` after the model answered ``laws`` at ``asked``.

    ``score`` is what ranked the positions asked about, if anything did.
    """
    n = canvas.seq_len
    written = positions_mask(draws.where, n)
    unknown, known = canvas.unknown.sum(1), canvas.known.sum(1)
    return Step(
        canvas=canvas.reveal(draws.where, draws.tokens),
        queried=positions_mask(asked, n),
        written=written,
        log_prob=scatter(draws.where, draws.log_prob, n),
        entropy=scatter(asked, entropy_of(laws), n),
        cost=cost,
        note=(
            f"{when}: {spread(written.sum(1))} of {spread(unknown)} unknown tokens written "
            f"from {spread(known)} known ones"
        ),
        score=None if score is None else scatter(asked, score.double(), n),
    )


def by_position(
    where: Int[Tensor, "b q"], values: Float[Tensor, "b q v"], seq_len: int
) -> Float[Tensor, "b n v"]:
    """``values`` laid out by position, zero where nothing was said."""
    slots = values.new_zeros(where.shape[0], seq_len + 1, values.shape[-1])
    index = where.where(where >= 0, seq_len)[..., None].expand(-1, -1, values.shape[-1])
    return slots.scatter(1, index, values)[:, :seq_len]


def idle(canvas: Canvas, when: str) -> Step:
    """The step in which nothing happened."""
    none = torch.zeros_like(canvas.known)
    return Step(
        canvas=canvas,
        queried=none,
        written=none,
        log_prob=none.double(),
        entropy=none.double(),
        cost=Cost.zero(canvas.batch),
        note=f"{when}: idle, no position flipped and nothing was asked",
    )


def spread(counts: Int[Tensor, " b"]) -> str:
    """A number that is the same in every row, or the range it has over the rows."""
    low, high = int(counts.min()), int(counts.max())
    return str(low) if low == high else f"{low} to {high}"
