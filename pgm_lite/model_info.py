"""What a trace remembers of its model, and how the model or a wrapper round it says so."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, cast, runtime_checkable

from pgm_lite.run import Run, Value

READS = ("everything", "known", "cache", "unknown")


@runtime_checkable
class Described(Protocol):
    """A model that says what it is: its family and what goes through it at a step."""

    family: str
    reads: str


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """Which model was sampled.

    ``reads`` tells what goes through it at a step: "everything" (all positions, the unknown
    ones as [MASK]), "known" (the known positions and those asked about), "cache" (the new
    position; the rest sits in a key/value cache) or "unknown" (nobody said, so nothing is shown).
    """

    family: str
    name: str
    checkpoint: str | None = None
    reads: str = "unknown"

    def __post_init__(self) -> None:
        if self.reads not in READS:
            raise ValueError(f"reads must be one of {', '.join(READS)}; got {self.reads!r}")

    @classmethod
    def oracle(cls, name: str = "oracle") -> "ModelInfo":
        """An exact law instead of a network."""
        return cls("oracle", name, reads="known")

    @classmethod
    def of(cls, model: object) -> "ModelInfo":
        """What a model says about itself; a wrapper is asked for the model it wraps.

        A model that says nothing has the family "unknown", and what it reads is unknown too.
        """
        if model is None:
            return cls("unknown", "unknown")
        inner = _wrapped(model)[-1]
        if isinstance(inner, Described):
            return cls(inner.family, inner.family.lower(), reads=inner.reads)
        return cls("unknown", type(inner).__name__)


def knobs_of(run: Run | None) -> dict[str, Value]:
    """What the sampler and the wrappers round its model were set to."""
    if run is None:
        return {}
    found: dict[str, Value] = dict(run.knobs)
    for part in _wrapped(run.model):
        found.update(cast("Mapping[str, Value]", getattr(part, "knobs", {})))
    return found


def _wrapped(model: object) -> list[object]:
    """A wrapper, what it wraps, and so on down to the model itself."""
    chain = [model]
    while not isinstance(chain[-1], Described) and hasattr(chain[-1], "model"):
        chain.append(cast("object", getattr(chain[-1], "model")))  # noqa: B009
    return chain
