"""The checker of the notebooks' exercises: it says what holds and what does not yet."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check found: one line a claim, and whether all of them hold."""

    passed: bool
    lines: tuple[str, ...]

    def __repr__(self) -> str:
        return "\n".join(self.lines)


def check(claims: Mapping[str, Callable[[], bool]]) -> Verdict:
    """Test claims about a reader's answer in order, up to the first that does not hold.

    Later claims may rely on earlier ones, so they wait. A claim whose test raises does not
    hold, whatever was raised: the code is the reader's, and its error is shown in the line.
    """
    if not claims:
        raise ValueError("a check needs at least one claim; got none")
    lines: list[str] = []
    for index, (claim, test) in enumerate(claims.items(), start=1):
        try:
            holds, why = bool(test()), ""
        except Exception as error:
            holds, why = False, f" ({type(error).__name__}: {error})"
        if not holds:
            lines.append(f"not yet  {claim}{why}")
            if waiting := len(claims) - index:
                lines.append(f"         {waiting} more to test after that")
            return Verdict(False, tuple(lines))
        lines.append(f"ok       {claim}")
    return Verdict(True, tuple(lines))
