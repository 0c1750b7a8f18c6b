"""The traces that ship with the app: what its first page plays before any model is loaded."""

from dataclasses import dataclass
from pathlib import Path

from app.wish import Wish
from pgm_lite.viz import payload_json

TRACES = Path(__file__).parent.parent / "assets" / "traces"


@dataclass(frozen=True, slots=True)
class Example:
    """One recorded run or race, how it was made, and what to look for in it."""

    key: str
    button: str
    headline: str
    look_for: str
    wish: Wish

    @property
    def files(self) -> list[Path]:
        """One trace file a model."""
        families = [model.split("/")[1] for model in self.wish.models]
        return [TRACES / f"{self.key}-{family}.json" for family in families]


EXAMPLES = (
    Example(
        "face",
        "Face",
        "Two models paint a portrait. One of them pays for the blanks.",
        "Both start from nothing and write a few pixels a step. The masked model (MDLM) sends "
        "all 256 positions through its network every time; the partition model (PGM) sends "
        "only pixels it knows and those it is asked for. Watch the lights in the dark panels.",
        Wish(
            ("faces/mdlm", "faces/pgm"),
            "unmask",
            (("order", "halton"), ("schedule", "cosine"), ("steps", 16)),
            seed=1,
        ),
    ),
    Example(
        "wish",
        "Wish",
        "Ask for red hair and glasses.",
        "The label goes in with the known pixels at every step, and guidance exaggerates it. "
        "Step through: after how few pixels can you tell who it will be?",
        Wish(
            ("faces/pgm",),
            "unmask",
            (("order", "halton"), ("schedule", "cosine"), ("steps", 32)),
            seed=7,
            label=(("hair", "red"), ("glasses", "yes")),
            guidance=1.5,
        ),
    ),
    Example(
        "fog",
        "Fog",
        "A portrait comes out of the fog, half-known pixels first.",
        "Prime spells each of the 32 colours in digits, and every digit becomes known by itself. A "
        "pixel with some digits known shows the mean of the colours it can still be. The masked "
        "model beside it knows a pixel wholly or not at all: which canvas tells you more halfway?",
        Wish(
            ("faces/mdlm", "faces/prime"),
            "ancestral",
            (("steps", 64),),
            seed=0,
            clock="steps",
        ),
    ),
    Example(
        "draft",
        "Draft",
        "One network drafts, checks itself, and crosses out what it would not have said.",
        "A pass of the trunk drafts many letters at once. A light pass over them then asks of each: "
        "given the ones before it, would I have written this? Refused letters are crossed out and "
        "replaced. Stop at one and read the two probabilities that decided.",
        Wish(
            ("austen/self_spec",),
            "speculate",
            (("window", "cosine"), ("delta", 0.05), ("loops", 2)),
            seed=1,
        ),
    ),
    Example(
        "text",
        "Text",
        "Three models write after Jane Austen. Which one is fastest depends on the clock.",
        "AR writes one letter a call from left to right, the other two write many at once in "
        "any order. At equal calls AR comes in last; set the player to equal FLOPs and look "
        "again. Point at a letter to see when it was written and how sure the model was.",
        Wish(
            ("austen/ar", "austen/mdlm", "austen/pgm"),
            "unmask",
            (("order", "random"), ("schedule", "cosine"), ("steps", 64)),
            clock="calls",
        ),
    ),
    Example(
        "grow",
        "Grow",
        "A sentence with no blanks: letters push the others aside.",
        "An insertion model has neither masks nor places to fill. At every call it says which letter "
        "comes in next, between which two, and whether the sentence is done. Letters keep their names "
        "while they slide apart; nobody decides beforehand how long the sentence will be.",
        Wish(("sentences/insertion",), "insert", (), seed=5),
    ),
    Example(
        "sudoku",
        "Sudoku",
        "Sixteen cells, four digits, and every answer can be checked.",
        "The underlined digits are given, the models fill in the rest. Each row, column and "
        "box must hold every digit once, and a wrong guess is never repaired. Step through: "
        "does a grid go wrong, and where?",
        Wish(
            ("shidoku/mdlm", "shidoku/pgm"),
            "unmask",
            (("order", "random"), ("schedule", "uniform"), ("steps", 6)),
            prompt="1___ __2_ _3__ ____",
        ),
    ),
)


def payload(example: Example) -> str | None:
    """What the player is handed; None where the traces have not been made."""
    if not all(path.exists() for path in example.files):
        return None
    texts = [path.read_text(encoding="utf-8") for path in example.files]
    return payload_json(texts, example.wish.clock if len(texts) > 1 else "steps")


def named(key: str) -> Example:
    """The example of a key."""
    return next(example for example in EXAMPLES if example.key == key)
