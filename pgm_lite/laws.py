"""Laws that are known in full, by name: what exact tests and the lab sample from.

Every one is a ``Support``: it lists all sequences that can occur with their probabilities, so any
question about it has an exact answer.
"""

import json
from pathlib import Path
from typing import cast

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from pgm_lite import datasets
from pgm_lite.oracle import LARGEST, Support, checked, joint_table

NAMED = ("markov", "dirichlet", "shidoku")
"""The laws that ``law`` makes by name; anything else is read as a file."""


def law(name: str, *, seed: int = 0) -> Support:
    """A law by its name, or the user's own from a file.

    "markov" is a random chain and "dirichlet" a random table of concentration 0.15, both over 6
    positions and 3 tokens; "shidoku" is uniform over its 288 grids. ``seed`` picks the random ones.
    """
    match name:
        case "markov":
            return random_chain(6, 3, seed=seed)
        case "dirichlet":
            return dirichlet(6, 3, concentration=0.15, seed=seed)
        case "shidoku":
            return shidoku_law()
        case _:
            if Path(name).suffix not in (".json", ".npy"):
                raise ValueError(
                    f"there is no law {name!r}; the laws are {', '.join(NAMED)}, or give a table "
                    "of your own as a file that ends in .json or .npy"
                )
            return from_file(Path(name))


def markov(n: int, v: int, stay: float = 0.8) -> Support:
    """A chain that keeps its token with probability ``stay``: neighbours are the most dependent.

    All tokens are alike, so many positions tie in every score; ``random_chain`` has no ties.
    """
    others = (1 - stay) / max(v - 1, 1)
    step = torch.full((v, v), others, dtype=torch.float64)
    return chain(n, torch.full((v,), 1 / v, dtype=torch.float64), step.fill_diagonal_(stay))


def random_chain(n: int, v: int, concentration: float = 1.0, seed: int = 0) -> Support:
    """A chain whose start and whose rows of transitions are drawn from a Dirichlet law."""
    rows = np.random.default_rng(seed).dirichlet([concentration] * v, size=v + 1)
    start, *step = torch.from_numpy(rows)
    return chain(n, start, torch.stack(step))


def chain(n: int, start: Float[Tensor, " v"], step: Float[Tensor, "v v"]) -> Support:
    """The Markov chain of ``n`` positions; row a of ``step`` is the law of what follows token a."""
    v = len(start)
    checked(start, v)
    for row in step:
        checked(row, v)
    sequences = every_sequence(n, v)
    follows = step.double()[sequences[:, :-1], sequences[:, 1:]].prod(1)
    return Support(sequences, v, start.double()[sequences[:, 0]] * follows)


def dirichlet(n: int, v: int, concentration: float = 1.0, seed: int = 0) -> Support:
    """A law drawn from the Dirichlet law on v^n sequences: no structure, no ties.

    Concentration 1 draws every law alike; smaller ones give few sequences most of the probability.
    """
    if not concentration > 0:
        raise ValueError(f"a concentration is above 0; got {concentration}")
    sequences = every_sequence(n, v)
    weights = np.random.default_rng(seed).dirichlet([concentration] * len(sequences))
    return Support(sequences, v, torch.from_numpy(weights))


def shidoku_law() -> Support:
    """The 288 grids of 4x4 sudoku, equally likely."""
    grids, _ = datasets.shidoku().splits["train"].batch(torch.arange(288))
    return Support(grids, vocab_size=4)


def every_sequence(n: int, v: int) -> Int[Tensor, "m n"]:
    """All v^n sequences, in the order of their table: the last position changes fastest."""
    if n < 1 or v < 1:
        raise ValueError(f"a law needs at least 1 position and 1 token; got {n} and {v}")
    if v**n > LARGEST:
        raise ValueError(
            f"{n} positions of {v} tokens make {v**n:,} sequences, too many to enumerate; the "
            f"limit is {LARGEST:,}"
        )
    return torch.cartesian_prod(*[torch.arange(v)] * n).reshape(v**n, n)


def from_file(path: Path) -> Support:
    """A law from a file: a table with one axis a position (.npy or .json), or a list (.json).

    A list is {"vocab_size": 4, "sequences": [[0, 1], ...], "weights": [0.5, ...]}; without weights
    all sequences are equally likely. Probabilities sum to one; nothing is normalised in silence.
    """
    if not path.is_file():
        raise ValueError(f"there is no file {path}; give the path of a .json or .npy table")
    try:
        if path.suffix == ".npy":
            return _from_table(np.load(path, allow_pickle=False))
        given: object = json.loads(path.read_text(encoding="utf-8"))
        return (
            _from_list(cast("dict[str, object]", given))
            if isinstance(given, dict)
            else (_from_table(np.array(given, dtype=np.float64)))
        )
    except (ValueError, TypeError, KeyError, EOFError) as error:
        raise ValueError(f"{path} holds no law: {_said(error)}") from None


def _from_table(table: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]") -> Support:
    if table.dtype.kind not in "fiu":
        raise ValueError(f"a table holds probabilities; got entries of type {table.dtype}")
    return joint_table(torch.from_numpy(table.astype(np.float64)))


def _from_list(given: dict[str, object]) -> Support:
    if surplus := sorted(set(given) - {"vocab_size", "sequences", "weights"}):
        raise ValueError(
            f"a list has vocab_size, sequences and weights; got {', '.join(surplus)} as well"
        )
    listed = np.array(given["sequences"])
    if listed.ndim != 2 or listed.dtype.kind != "i":
        raise ValueError(
            "sequences are rows of whole numbers, all of one length; got shape "
            f"{list(listed.shape)} of type {listed.dtype}"
        )
    weights, size = given.get("weights"), given["vocab_size"]
    if not isinstance(size, int):
        raise ValueError(f"vocab_size is a whole number; got {size!r}")
    chances = None if weights is None else torch.from_numpy(np.array(weights, dtype=np.float64))
    return Support(torch.from_numpy(listed), size, chances)


def _said(error: Exception) -> str:
    return f"it has no {error}" if isinstance(error, KeyError) else str(error)
