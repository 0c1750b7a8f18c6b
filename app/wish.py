"""What a visitor asks for: the values of the controls, also as the query of an address."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlencode

from pgm_lite import catalog
from pgm_lite.knobs import Knob, Value

Tab = Literal["watch", "race"]
ATTRIBUTE = "is."


@dataclass(frozen=True, slots=True)
class Wish:
    """One run, or a race of two; hashable, so that what was made once is not made twice."""

    models: tuple[str, ...]
    sampler: str | None = None
    settings: tuple[tuple[str, Value], ...] = ()
    seed: int = 0
    label: tuple[tuple[str, str], ...] = ()
    guidance: float = 0.0
    ramp: str = "constant"
    prompt: str = ""
    clock: str = "flops"

    def query(self, tab: Tab) -> str:
        """The address of this wish, from the question mark on."""
        pairs: list[tuple[str, str]] = [("tab", tab), ("m", self.models[0])]
        pairs += [("vs", other) for other in self.models[1:]]
        pairs += [("clock", self.clock)] if len(self.models) > 1 else []
        pairs += [("sampler", self.sampler)] if self.sampler else []
        pairs += [("seed", str(self.seed))]
        pairs += [
            (name, f"{value:g}" if isinstance(value, float) else str(value))
            for name, value in self.settings
        ]
        pairs += [(ATTRIBUTE + name, value) for name, value in self.label]
        if self.label and self.guidance:
            pairs += [("guidance", f"{self.guidance:g}")]
            pairs += [("ramp", self.ramp)] if self.ramp != "constant" else []
        pairs += [("prompt", self.prompt)] if self.prompt else []
        return "?" + urlencode(pairs)


def read_query(given: Mapping[str, str]) -> Wish | None:
    """The wish an address holds; None where it names no model.

    A ``ValueError`` says what in the address is no number; whether a value makes sense is for
    the catalogue to say, exactly as if it had been typed.
    """
    if not given.get("m"):
        return None
    models = tuple(given[key] for key in ("m", "vs") if given.get(key))
    knobs = {knob.name: knob for each in catalog.SAMPLERS.values() for knob in each.knobs}
    return Wish(
        models=models,
        sampler=given.get("sampler") or None,
        settings=tuple(
            (name, _value(knobs[name], text)) for name, text in given.items() if name in knobs
        ),
        seed=_whole("seed", given.get("seed", "0")),
        label=tuple(
            (name.removeprefix(ATTRIBUTE), value)
            for name, value in given.items()
            if name.startswith(ATTRIBUTE)
        ),
        guidance=_number("guidance", given.get("guidance", "0")),
        ramp=given.get("ramp", "constant"),
        prompt=given.get("prompt", ""),
        clock=given.get("clock", "flops"),
    )


def _value(knob: Knob, text: str) -> Value:
    return text if knob.kind == "choice" else knob.check(_number(knob.name, text))


def _whole(name: str, text: str) -> int:
    number = _number(name, text)
    if number != int(number):
        raise ValueError(f"the address says {name}={text}, but {name} is a whole number")
    return int(number)


def _number(name: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not abs(number) < float("inf"):
        raise ValueError(f"the address says {name}={text}, but {name} is a number")
    return number
