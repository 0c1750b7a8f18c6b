"""How a checkpoint is trained: the sizes of its network and the schedule of its optimiser."""

from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that decides a training run besides data, family and seed.

    Matrices inside the blocks are trained by Muon, all else by AdamW; both learning rates rise
    linearly for ``warmup`` steps and then fall along a cosine to ``last_rate`` of their peak.
    ``digits`` is how many spell a token of Prime, ``causal`` how many blocks of a self-speculative
    model judge drafts; other families take no notice of them. ``rotary`` and ``sharpness`` are the
    network's (``shape.Shape``).
    """

    width: int
    heads: int
    depth: int
    steps: int
    batch: int
    matrix_rate: float = 0.02
    vector_rate: float = 3e-3
    warmup: int = 50
    last_rate: float = 0.02
    ema: float = 0.998
    clip: float = 1.0
    digits: int = 2
    causal: int = 1
    rotary: tuple[float, float] | None = None
    sharpness: float = 1.0

    def __post_init__(self) -> None:
        if self.steps < 1 or self.batch < 1 or self.warmup < 0:
            raise ValueError(
                f"a recipe needs steps >= 1, batch >= 1 and warmup >= 0; got steps={self.steps}, "
                f"batch={self.batch}, warmup={self.warmup}"
            )
        if not (0 < self.matrix_rate < 1 and 0 < self.vector_rate < 1):
            raise ValueError(
                f"learning rates lie between 0 and 1; got {self.matrix_rate} for the matrices and "
                f"{self.vector_rate} for the rest"
            )

    @property
    def settings(self) -> dict[str, float]:
        """What a card says of the recipe; ``rotary`` stands there among the sizes."""
        return {key: float(value) for key, value in asdict(self).items() if key != "rotary"}


PRESETS: dict[str, dict[str, Recipe]] = {
    "tiny": {
        "shidoku": Recipe(width=96, heads=3, depth=4, steps=7000, batch=128),
        "faces": Recipe(width=144, heads=2, depth=6, steps=1800, batch=16),
        "austen": Recipe(
            width=144, heads=4, depth=6, steps=4400, batch=32, rotary=(3.14, 0.1), sharpness=2.0
        ),
        "sentences": Recipe(
            width=88, heads=4, depth=4, steps=6000, batch=32, rotary=(3.14, 0.1), sharpness=2.0
        ),
    },
    "mini": {
        "shidoku": Recipe(width=32, heads=2, depth=2, steps=60, batch=32, warmup=5),
        "faces": Recipe(width=32, heads=2, depth=2, steps=20, batch=4, warmup=5),
        "austen": Recipe(width=32, heads=2, depth=2, steps=20, batch=4, warmup=5),
        "sentences": Recipe(width=32, heads=2, depth=2, steps=20, batch=4, warmup=5),
    },
    "medium": {
        "shidoku": Recipe(width=48, heads=2, depth=3, steps=2500, batch=128),
    },
    "small": {
        "shidoku": Recipe(width=32, heads=2, depth=2, steps=2500, batch=128),
        "austen": Recipe(width=64, heads=2, depth=2, steps=1000, batch=16),
    },
}
"""Presets by name and data set.

``tiny`` is what the shipped checkpoints used, ``mini`` is a trial, and ``small`` makes the network
that drafts for a larger one of the same data set. ``medium`` is all that an AR of shidoku needs.
"""


def recipe(preset: str, dataset: str) -> Recipe:
    """The recipe of a preset for a data set."""
    if preset not in PRESETS:
        raise ValueError(f"unknown preset {preset!r}; the presets are {', '.join(PRESETS)}")
    if dataset not in PRESETS[preset]:
        raise ValueError(
            f"the preset {preset!r} has no recipe for {dataset!r}, only for "
            f"{', '.join(PRESETS[preset])}; take one of these, or hand a Recipe of your own to "
            "pgm_lite.make.make in Python"
        )
    return PRESETS[preset][dataset]
