"""The law a user names or hands over; a file that holds no law is explained in the user's words."""

import json
import math
from pathlib import Path
from typing import cast

import numpy as np

from pgm_lite import laws
from pgm_lite.oracle import Support

REMEDY = (
    "a table is nested lists of probabilities, one axis a position, every axis as long as the "
    'vocabulary, such as [[0.4, 0.1], [0.1, 0.4]]; to give only what occurs, write {"vocab_size": 2, '
    '"sequences": [[0, 0], [1, 1]], "weights": [0.5, 0.5]}'
)

SAVE = "numpy.save(path, table)"


def world(name: str, *, seed: int = 0) -> Support:
    """A law by its name or from a file, as ``laws.law`` has it; faults of a file are found first."""
    path = Path(name)
    if path.is_file() and path.suffix in (".json", ".npy"):
        try:
            _check(path)
        except ValueError as error:
            raise ValueError(f"{path} holds no law: {error}") from None
    return laws.law(name, seed=seed)


def _check(path: Path) -> None:
    if path.suffix == ".npy":
        table = _loaded(path)
        if table.dtype.kind == "f" and (bad := np.argwhere(~np.isfinite(table))).size:
            place = tuple(int(index) for index in bad[0])
            raise ValueError(f"entry {_at(place)} is {table[place]}; probabilities are finite")
        if table.size == 0:
            raise ValueError(f"the table is empty, of shape {list(table.shape)}; {REMEDY}")
        return
    try:
        given: object = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"it is no JSON ({error}); {REMEDY}") from None
    if not isinstance(given, dict):
        _shape(given, (), REMEDY)
        return
    listed = cast("dict[str, object]", given)
    form = "sequences are rows of tokens, all of one length, such as [[0, 1], [1, 1]]"
    if "sequences" in listed and len(_shape(listed["sequences"], ("sequences",), form)) != 2:
        raise ValueError(f"sequences is no list of lists; {form}")
    if listed.get("weights") is not None:
        form = "weights are one probability for each sequence, such as [0.5, 0.5]"
        if len(_shape(listed["weights"], ("weights",), form)) != 1:
            raise ValueError(f"weights is no plain list; {form}")


def _loaded(path: Path) -> "np.ndarray[tuple[int, ...], np.dtype[np.float64]]":
    try:
        table = np.load(path, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise ValueError(f"no array was found ({error}); save one of numbers: {SAVE}") from None
    if not isinstance(table, np.ndarray):
        raise ValueError(f"it holds several arrays; save a single one: {SAVE}")
    return cast("np.ndarray[tuple[int, ...], np.dtype[np.float64]]", table)


def _shape(given: object, place: tuple[int | str, ...], remedy: str) -> tuple[int, ...]:
    """The lengths of nested lists of finite numbers; a fault is named by its place."""
    if not isinstance(given, list):
        if isinstance(given, bool) or not isinstance(given, int | float):
            raise ValueError(f"{_at(place)} is {given!r}, not a number; {remedy}")
        if not math.isfinite(given):
            raise ValueError(f"entry {_at(place)} is {given}; write a finite number; {remedy}")
        return ()
    inner = cast("list[object]", given)
    if not inner:
        raise ValueError(f"{_at(place)} is an empty list; {remedy}")
    first = _shape(inner[0], (*place, 0), remedy)
    for index, each in enumerate(inner[1:], start=1):
        if (other := _shape(each, (*place, index), remedy)) != first:
            raise ValueError(
                f"{_at((*place, index))} is {_said(other)}, but {_at((*place, 0))} is "
                f"{_said(first)}: the lists are not of one length; {remedy}"
            )
    return (len(inner), *first)


def _said(shape: tuple[int, ...]) -> str:
    return f"a list of {' x '.join(map(str, shape))}" if shape else "a number"


def _at(place: tuple[int | str, ...]) -> str:
    """Where in the file: "[1][0]", or all of it."""
    if not place:
        return "the file"
    return "".join(each if isinstance(each, str) else f"[{each}]" for each in place)
