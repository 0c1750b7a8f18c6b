"""The exact model for whatever a sampler asks: one law, dressed as each kind of model.

Bills are those of a network of the kind: one pass is one call, whatever it answers. (The oracles of
the floors below bill every question.) Drafts of ``speculate`` and ``adaptive_parallel`` are the
law's own, position by position, so all that is refused is due to drafting in parallel;
``speculative_decode`` drafts with a smaller model's stand-in, the law at temperature 2.
"""

from collections.abc import Callable

from jaxtyping import Float, Int
from torch import Tensor

from pgm_lite.core import Canvas, Conditional, Cost
from pgm_lite.digits import Digits
from pgm_lite.draw import Tempered
from pgm_lite.lab.policy_law import PartialStates
from pgm_lite.oracle import HalfKnown, Refreshed, Sequential, Support
from pgm_lite.two_models import TwoModels

DRAFTER_TEMPERATURE = 2.0
"""How much flatter than the truth the drafter of ``speculative_decode`` is."""


class Remembered(Support):
    """A law that is small enough to be walked, and looks its answers up in the table of the walk."""

    def __init__(self, law: Support) -> None:
        super().__init__(law.sequences, law.vocab_size, law.weights)
        self.states = PartialStates(law, law.seq_len, law.vocab_size)

    def log_probs(self, canvas: Canvas, where: Int[Tensor, "b q"]) -> Float[Tensor, "b q v"]:
        """The law's answers at ``where``, computed once for each partial state."""
        digits = canvas.tokens.where(canvas.known, self.vocab_size)
        own, _ = self.states.answers(digits @ self.states.places)
        return own.gather(1, where.clamp(min=0)[..., None].expand(-1, -1, self.vocab_size))


class OnePass(Sequential):
    """A model of the next token that answers at all positions of a span in one call."""

    def span_cost(self, where: Int[Tensor, "b q"], start: Int[Tensor, " b"]) -> Cost:
        """One call for every row that is asked something."""
        del start
        return one_call(where)


class OneVerdict(TwoModels):
    """A model that judges all its drafts in one call."""

    def verify_cost(self, order: Int[Tensor, "b k"], slots: Int[Tensor, "b q"]) -> Cost:
        """One call for every row that is asked something."""
        del order
        return one_call(slots)


def one_call(where: Int[Tensor, "b q"]) -> Cost:
    """One call for every row that is asked something; no positions, no FLOPs."""
    free = Cost.zero(len(where))
    calls = (where >= 0).any(1).double()
    return Cost(calls, free.encoder_positions, free.decoder_positions, free.flops)


def half_known(law: Conditional) -> HalfKnown:
    """The law given any digits of its tokens: two digits a token where it has more than two."""
    if not isinstance(law, Support):
        raise ValueError(
            f"half-known tokens need the whole law, a Support; got a {type(law).__name__}"
        )
    return HalfKnown(law, Digits(law.vocab_size, 2 if law.vocab_size > 2 else 1))


MODELS: dict[str, Callable[[Conditional], object]] = {
    "any unknown position given the known ones": lambda law: law,
    "the next token given all before it": OnePass,
    "the next token given all before it, at several positions in one call": OnePass,
    "tokens given any of their digits": half_known,
    "a few positions from remembered keys and values of all others": Refreshed,
    "a draft of many positions and a verdict on each draft": lambda law: OneVerdict(law, law),
}
"""By what a sampler needs, as the menu says it."""

COMPANIONS: dict[str, Callable[[Conditional], object]] = {
    "ar": OnePass,
    "ar_small": lambda law: OnePass(Tempered(law, DRAFTER_TEMPERATURE)),
}
"""By the checkpoint a sampler asks besides."""
