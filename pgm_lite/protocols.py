"""What models can be asked beyond ``core``, and whether a model can be asked what a sampler asks.

``Conditional`` and ``NextToken``, which most models are, stand in ``core``. Axis letters: b batch
rows, n positions, l digits of a token, g positions of a group or gaps, q queried positions, k listed
positions, v vocabulary.
"""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from jaxtyping import Float, Int
from torch import Tensor

from pgm_lite.core import Canvas, Conditional, Cost, NextToken, Priced
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


@runtime_checkable
class Cached(Conditional, Protocol):
    """A conditional that can answer about a few positions from what it remembers of the others.

    A *full* pass (``log_probs``, keeping what it computed) reads all positions. A *local* pass reads
    those of a ``group`` anew and takes the others as the memory has them, however stale. Both are
    network evaluations: a local pass is one call too, of fewer positions and fewer FLOPs.
    """

    def full(
        self, canvas: Canvas, where: Int[Tensor, "b q"]
    ) -> tuple[Float[Tensor, "b q v"], object]:
        """Log-probabilities (nats) at ``where``, and the memory of this canvas."""
        ...

    def local(
        self,
        memory: object,
        canvas: Canvas,
        group: Int[Tensor, "b g"],
        where: Int[Tensor, "b q"],
    ) -> Float[Tensor, "b q v"]:
        """Log-probabilities (nats) at ``where``, a part of ``group``, whose tokens are read anew."""
        ...

    def local_cost(self, group: Int[Tensor, "b g"], where: Int[Tensor, "b q"]) -> Cost:
        """The bill of a local pass; ``cost`` is that of a full one."""
        ...


@runtime_checkable
class NextSpan(Protocol):
    """A model of the next token that answers at several consecutive positions in one pass.

    ``where`` lists the positions asked about, consecutive in each row and rising. ``start`` is the
    first position of each row that is read anew: ``memory`` has to hold those before it, as an
    earlier call left them, and what it holds from there on is replaced. That is how a refused
    draft is forgotten. Rows may stand at different positions.
    """

    def span_log_probs(
        self,
        canvas: Canvas,
        where: Int[Tensor, "b q"],
        start: Int[Tensor, " b"],
        memory: object | None,
    ) -> tuple[Float[Tensor, "b q v"], object]:
        """Log-probabilities (nats) at each of ``where`` given all tokens before it, known or not."""
        ...

    def span_cost(self, where: Int[Tensor, "b q"], start: Int[Tensor, " b"]) -> Cost:
        """The bill of that pass: one call for every row that is asked about something."""
        ...


def unwrapped(model: object) -> object:
    """What a wrapper (temperature, a label, guidance) wraps, down to the model itself."""
    while hasattr(model, "model"):
        model = getattr(model, "model")  # noqa: B009
    return model


@dataclass(frozen=True, slots=True)
class Kind:
    """One way of being asked, the sampler that asks so, and who answers."""

    protocol: type
    question: str
    sampler: str
    models: str


KINDS = (
    Kind(DigitConditional, "tokens given any of their digits", "unmask_digits", "Prime"),
    Kind(Inserting, "what comes in next and where", "insert", "Insertion"),
    Kind(
        Conditional,
        "any unknown position given the known ones",
        "unmask",
        "MDLM, PGM or SelfSpec",
    ),
    Kind(
        NextToken,
        "the next token given all before it",
        "autoregress",
        "AR, or wrap an exact law in pgm_lite.oracle.Sequential",
    ),
    Kind(
        DraftVerify,
        "a draft of many positions and a verdict on each",
        "speculate",
        "SelfSpec, or join two models in pgm_lite.two_models.TwoModels",
    ),
    Kind(
        NextSpan,
        "a span of next tokens in one pass",
        "speculative_decode",
        "AR, or wrap an exact law in pgm_lite.oracle.Sequential",
    ),
    Kind(Cached, "remembered keys and values of whole tokens", "recap", "MDLM or SelfSpec"),
)
"""The first kind that a model can be asked as names the sampler it is sent to."""


def check_model(
    model: object, protocol: type, canvas: Canvas | None = None, *, role: str = "the model"
) -> None:
    """``model`` can be asked as ``protocol`` says and, with a ``canvas``, about these positions.

    What a wrapper offers says nothing, since it offers everything: what it wraps decides.
    """
    asked = next(each for each in KINDS if each.protocol is protocol)
    *wrappers, inner = layers(model)
    name, lacking = type(inner).__name__, _lacking(inner, protocol)
    # A canvas of digits has other positions than one of tokens.
    if lacking or (hasattr(inner, "digits") and protocol is not DigitConditional):
        given = next((each for each in KINDS if not _lacking(inner, each.protocol)), None)
        if given is None:
            raise ValueError(
                f"{role} given is {name}, which has no {' and no '.join(lacking)}; write what is "
                f"missing ({protocol.__module__}.{protocol.__name__} says what it returns), or take "
                f"{asked.models}"
            )
        raise ValueError(
            f"{role} given is {name}, which can be asked for {given.question}, not for "
            f"{asked.question}; sample it with {given.sampler}, or take {asked.models}"
        )
    for wrapper in wrappers:
        if lacking := _lacking(wrapper, protocol):
            raise ValueError(
                f"{role} given is {name} inside {type(wrapper).__name__}, which hands on no "
                f"{' and no '.join(lacking)}; give {name} without it"
            )
    positions = size_of(inner, "seq_len")
    if canvas is not None and positions is not None and positions != canvas.seq_len:
        raise ValueError(
            f"the canvas has {canvas.seq_len} positions, but {name} has {positions}; give a canvas "
            f"of as many, such as Canvas.blank(batch, {positions})"
        )


def layers(model: object) -> list[object]:
    """The wrappers round a model, the outermost first, and in the end the model itself."""
    found = [model]
    while _hands_on(found[-1]):
        found.append(getattr(found[-1], "model"))  # noqa: B009
    return found


def size_of(model: object, name: str) -> int | None:
    """A size that a network has in its shape and an exact law by itself; None where neither says."""
    found = getattr(getattr(model, "shape", model), name, None)
    return found if isinstance(found, int) else None


def _lacking(model: object, protocol: type) -> list[str]:
    """What ``protocol`` asks of a model that this one does not have."""
    members = [name for each in protocol.__mro__ for name in vars(each) if name[0] != "_"]
    return [name for name in members if not hasattr(model, name)]


def _hands_on(model: object) -> bool:
    """Whether this is a wrapper that reshapes answers or fixes a label, and answers nothing itself.

    An adapter of somebody's own network may call that ``model`` too, and is a model all the same.
    """
    offers = hasattr(model, "model") and hasattr(model, "draft")
    return offers and (hasattr(model, "reshape") or hasattr(model, "label"))
