"""The traces that ship with the app: what its first page plays before any model is loaded."""

from dataclasses import dataclass
from pathlib import Path

from pgm_lite.viz import payload_json

TRACES = Path(__file__).parent.parent / "assets" / "traces"


@dataclass(frozen=True, slots=True)
class Example:
    """One recorded race, and the few sentences that say what to look for."""

    key: str
    button: str
    headline: str
    look_for: str
    files: tuple[str, ...]
    clock: str


EXAMPLES = (
    Example(
        "faces",
        "A face",
        "Two models paint the same face. One of them pays for the blanks.",
        "Both start from nothing and write a few pixels a step. The masked model (MDLM) sends all "
        "256 positions through its network each time, known or not; the partition model (PGM) sends "
        "only the pixels it knows and those it is asked for. Watch the lights in the dark panels.",
        ("faces-mdlm.json", "faces-pgm.json"),
        "flops",
    ),
    Example(
        "austen",
        "A paragraph",
        "The same seed, the same order, two sentences of Jane Austen.",
        "Characters appear all over the line, not from left to right: any order works. Point at a "
        "letter to see when it was written and how sure the model was.",
        ("austen-mdlm.json", "austen-pgm.json"),
        "flops",
    ),
    Example(
        "shidoku",
        "A sudoku",
        "Sixteen cells, four digits, and every answer can be checked.",
        "Three given digits stay put; the models fill in the rest. Each row, column and box of four "
        "must hold every digit once: one wrong early guess and no later one can repair it.",
        ("shidoku-mdlm.json", "shidoku-pgm.json"),
        "flops",
    ),
)


def payload(example: Example) -> str | None:
    """What the player is handed; None where the traces have not been made."""
    paths = [TRACES / name for name in example.files]
    if not all(path.exists() for path in paths):
        return None
    return payload_json([path.read_text(encoding="utf-8") for path in paths], example.clock)


def named(key: str) -> Example:
    """The example of a key."""
    return next(example for example in EXAMPLES if example.key == key)
