"""The frontier: every sampler on every checkpoint it applies to, what samples are worth and cost.

A sweep turns one knob of a sampler from cheap to dear. No point of the frontier is beaten by another
one that costs as little and scores as well.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pgm_lite import catalog
from pgm_lite.datasets import Dataset
from pgm_lite.evaluation import Row, Way, judged, names_of
from pgm_lite.knobs import Value
from pgm_lite.metrics import FIGURES

QUALITY = {"shidoku": "validity", "faces": "frechet", "austen": "spelling", "sentences": "spelling"}
"""The figure of the data set's judge that stands against the cost."""

HONEST = ("total_variation", "grid_entropy", "entropy", "distinct")
"""What stands beside the quality: a sampler can score well by saying always the same."""

STEPS: dict[str, tuple[int, ...]] = {
    "shidoku": (2, 4, 8, 16),
    "faces": (8, 32),
    "austen": (16, 64),
}
"""The budgets, by data set."""

SAMPLES = {"shidoku": 1000, "faces": 32, "austen": 12}
"""Samples a point, by data set: what two cores can do in a few minutes."""

LARGE = 64
"""Positions from which the dearest value of a sweep is left out."""

OWN = ("speculate", "unmask_digits")
"""Where a checkpoint has one of these it is swept alone: the rest would show a weaker MDLM again."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """One way to sample: a sampler, what stays fixed, and the knob that sets the budget.

    Without ``values`` the knob takes the data set's numbers of steps; with neither it is one point.
    ``grids`` marks what needs rows and columns, ``dear`` what is left to small canvases.
    """

    name: str
    sampler: str
    fixed: Mapping[str, Value] = field(default_factory=dict[str, Value])
    knob: str = "steps"
    values: tuple[Value, ...] = ()
    grids: bool = False
    dear: bool = False


BLIND: dict[str, Value] = {"schedule": "cosine", "order": "random"}
SHARES = (0.12, 0.06, 0.03)

SWEEPS = (
    Sweep("random order", "unmask", BLIND),
    Sweep("Halton order", "unmask", BLIND | {"order": "halton"}, grids=True),
    Sweep("most confident", "unmask", BLIND | {"order": "confidence"}),
    Sweep("least entropy", "unmask", BLIND | {"order": "entropy"}),
    Sweep("largest margin", "unmask", BLIND | {"order": "margin"}),
    Sweep("scouted quarter", "unmask", BLIND | {"order": "confidence", "scouted": 0.25}),
    Sweep(
        "MaskGIT",
        "unmask",
        BLIND | {"order": "confidence", "fill": "sample-then-rank", "choice_temperature": 4.5},
    ),
    Sweep("ancestral", "ancestral"),
    Sweep("first-hitting", "first_hitting", knob="", dear=True),
    Sweep("entropy-bounded", "entropy_bounded", knob="gamma", values=(3.0, 1.0, 0.1)),
    Sweep("threshold", "threshold", knob="tau", values=(0.5, 0.8, 0.95)),
    Sweep("stable", "stable", {"history": 1}, knob="tau", values=(0.5, 0.8, 0.95)),
    Sweep("ReMDM cap", "remask"),
    Sweep("P2", "path_planning", {"schedule": "cosine"}),
    Sweep("ReCAP", "recap", {"schedule": "cosine"}),
    Sweep("digits", "unmask_digits"),
    Sweep("self-speculation", "speculate", {"loops": 2}, knob="delta", values=SHARES),
    Sweep("autoregressive", "autoregress", knob=""),
    Sweep("speculative decoding", "speculative_decode", knob="drafts", values=(2, 4, 8)),
    Sweep("APD", "adaptive_parallel", knob="mixture", values=(0.7, 0.3, 0.0)),
    Sweep("insertion", "insert", knob=""),
)
"""Every sampler of the catalogue has at least one sweep; a test sees to it."""


def plans(
    dataset: str, models: Sequence[str] = (), samplers: Sequence[str] = ()
) -> Iterator[tuple[str, Way, str]]:
    """Checkpoint, way and budget of every point; ``models`` and ``samplers`` keep only those named."""
    data, names = catalog.dataset(dataset), names_of(dataset)
    for given, there, kind in (
        (models, names, "checkpoint"),
        (samplers, list(catalog.SAMPLERS), "sampler"),
    ):
        if foreign := [each for each in given if each not in there]:
            raise ValueError(f"there is no {kind} {foreign[0]!r}; there are {', '.join(there)}")
    for name in models or names:
        fitting = {each.name for each in catalog.samplers_for(name)}
        if not samplers and (own := fitting.intersection(OWN)):
            fitting = own
        for sweep in SWEEPS:
            asked = not samplers or sweep.sampler in samplers
            if asked and sweep.sampler in fitting and suits(sweep, name, data):
                for value in budgets(sweep, data):
                    settings = dict(sweep.fixed) | ({sweep.knob: value} if sweep.knob else {})
                    budget = f"{sweep.knob} {value:g}" if isinstance(value, int | float) else ""
                    yield name, Way(sweep.name, sweep.sampler, settings), budget


def suits(sweep: Sweep, name: str, data: Dataset) -> bool:
    """Whether a sweep is worth its time on a checkpoint; a distilled one is swept in random order."""
    if name.endswith("_sdtt") and sweep.name not in ("random order", "ancestral"):
        return False
    grid, small = data.layout.kind == "grid", data.seq_len < LARGE
    return (grid or not sweep.grids) and (small or not sweep.dear)


def budgets(sweep: Sweep, data: Dataset) -> tuple[Value, ...]:
    """The values a sweep's knob takes on a data set, from cheap to dear."""
    if not sweep.knob:
        return ("",)
    if not sweep.values:
        return STEPS.get(data.name, (16, 64))
    return sweep.values if data.seq_len < LARGE else sweep.values[:2]


def frontier(
    dataset: str,
    *,
    count: int | None = None,
    models: Sequence[str] = (),
    samplers: Sequence[str] = (),
    seed: int = 0,
    done: Sequence[Row] = (),
) -> Iterator[Row]:
    """One row for each point: the judges' figures with the entropy, then calls, FLOPs, seconds.

    Calls and FLOPs are means over ``count`` samples; seconds are those of the batch, divided.
    Points that are among ``done`` with as many samples and the same weights are not sampled again.
    """
    count = SAMPLES.get(dataset, 32) if count is None else count
    if count < 2:
        raise ValueError(f"a point is the mean of at least 2 samples; got {count}")
    known = {point(row): row for row in done if row["samples"] == str(count)}
    for name, way, budget in plans(dataset, models, samplers):
        told = {
            "model": name,
            "sampling": way.name,
            "budget": budget,
            "weights": weights(name, way),
        }
        yield known.get(point(told)) or judged(name, way, 0, count, seed) | told


def weights(name: str, way: Way) -> str:
    """Which weights a point was measured with, those of a second model included."""
    second = catalog.SAMPLERS[way.sampler].companion
    names = (name, f"{name.split('/')[0]}/{second}") if second else (name,)
    return " + ".join(catalog.card(each).weights_sha256[:12] for each in names)


def point(row: Row) -> tuple[str, ...]:
    """What tells a point from all others; rows of older files do not say their weights."""
    return row["model"], row["sampling"], row["budget"], row.get("weights", "")


def joined(rows: Sequence[Row], others: Sequence[Row]) -> list[Row]:
    """The rows, then those of the others that are points of their own."""
    points = {point(row)[:3] for row in rows}
    return [*rows, *(row for row in others if point(row)[:3] not in points)]


def marked(rows: Sequence[Row], quality: str, cost: str = "GFLOP") -> list[Row]:
    """The rows with stars: * where nothing of the same model beats them, ** where nothing does."""
    if quality not in FIGURES:
        raise ValueError(f"no judge knows {quality!r}; they know {', '.join(FIGURES)}")
    sign = 1 if FIGURES[quality].better == "higher" else -1
    points = [(row["model"], float(row[cost]), sign * float(row[quality])) for row in rows]
    starred: list[Row] = []
    for row, (model, *point) in zip(rows, points, strict=True):
        better = [other for other, *its in points if beats(its, point)]
        stars = "" if model in better else "*" if better else "**"
        starred.append({**row, "frontier": stars})
    return starred


def beats(one: Sequence[float], other: Sequence[float]) -> bool:
    """(cost, score): costs no more, scores no less, and is better in one of them."""
    return one[0] <= other[0] and one[1] >= other[1] and list(one) != list(other)


def brief(rows: Sequence[Row], quality: str) -> list[Row]:
    """The columns that fit on a screen: the quality, what keeps it honest, the costs, the stars."""
    kept = ("sampling", "budget", quality, *HONEST, "calls", "GFLOP", "seconds", "frontier")
    return [
        {"model": row["model"].split("/")[1]} | {name: row[name] for name in kept if name in row}
        for row in rows
    ]
