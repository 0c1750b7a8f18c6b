"""What models of half-known tokens, self-speculating and inserting models can be asked.

``Conditional`` and ``NextToken``, which most models are, stand in ``core``. Axis letters: b batch
rows, n positions, l digits of a token, q queried positions, k listed positions, g gaps, v vocabulary.
"""

from typing import Protocol, runtime_checkable

from jaxtyping import Float, Int
from torch import Tensor

from pgm_lite.core import Canvas, Cost, Priced
from pgm_lite.digits import Digits


@runtime_checkable
class DigitConditional(Priced, Protocol):
    """A model of whole tokens given the digits known so far: Prime.

    Here ``canvas`` holds digits [b, n * l], those of one token side by side; ``where`` still lists
    token positions.
    """

    @property
    def digits(self) -> Digits:
        """How tokens are written as digits."""
        ...

    def log_probs(self, canvas: Canvas, where: Int[Tensor, "b q"]) -> Float[Tensor, "b q v"]:
        """Log-probabilities (nats) of tokens; minus infinity where a known digit disagrees."""
        ...


@runtime_checkable
class DraftVerify(Protocol):
    """A model that drafts unknown positions at once and judges them one after another.

    ``memory`` is what a drafting pass leaves behind for verifying passes. ``order`` lists positions,
    the known ones first; ``slots`` are places in that list, ``NOBODY`` for none.
    """

    def draft(
        self, canvas: Canvas, where: Int[Tensor, "b q"]
    ) -> tuple[Float[Tensor, "b q v"], object]:
        """The draft law (nats) at ``where`` given the known tokens, and the memory."""
        ...

    def verify(
        self,
        memory: object,
        order: Int[Tensor, "b k"],
        tokens: Int[Tensor, "b n"],
        slots: Int[Tensor, "b q"],
    ) -> Float[Tensor, "b q v"]:
        """The target law (nats) at each slot, given ``tokens`` at all earlier slots of ``order``."""
        ...

    def draft_cost(self, canvas: Canvas, where: Int[Tensor, "b q"]) -> Cost:
        """The bill of a drafting pass."""
        ...

    def verify_cost(self, order: Int[Tensor, "b k"], slots: Int[Tensor, "b q"]) -> Cost:
        """The bill of a verifying pass."""
        ...


@runtime_checkable
class Inserting(Protocol):
    """A model of sequences that grow: which token comes in next and where, or that it is done.

    The first ``length`` entries of a row of ``tokens`` are what is there, as it is read; the rest
    means nothing. Gap 0 is before the first of them, gap g right after the g-th.
    """

    def insertion_log_probs(
        self, tokens: Int[Tensor, "b k"], length: Int[Tensor, " b"]
    ) -> tuple[Float[Tensor, "b g v"], Float[Tensor, " b"]]:
        """The joint law (nats) of gap and token, g = k + 1, and the log-probability of being done.

        The law is that of the next token given that there is one: gaps and tokens of a row sum to 1,
        and gaps after its end are minus infinity.
        """
        ...

    def insertion_cost(self, length: Int[Tensor, " b"]) -> Cost:
        """The bill for asking about rows of these lengths; ``NOBODY`` is a row not asked about."""
        ...


def unwrapped(model: object) -> object:
    """What a wrapper (temperature, a label, guidance) wraps, down to the model itself."""
    while hasattr(model, "model"):
        model = getattr(model, "model")  # noqa: B009
    return model
