"""The data sets: shidoku, faces, austen, sentences and text8."""

from pgm_lite.datasets.austen import austen
from pgm_lite.datasets.dataset import UNSPECIFIED, Attribute, Dataset, Lines, Rows, Split, Stream
from pgm_lite.datasets.faces import faces
from pgm_lite.datasets.sentences import sentences
from pgm_lite.datasets.shidoku import shidoku
from pgm_lite.datasets.text8 import text8

__all__ = [
    "UNSPECIFIED",
    "Attribute",
    "Dataset",
    "Lines",
    "Rows",
    "Split",
    "Stream",
    "austen",
    "faces",
    "load",
    "names",
    "sentences",
    "shidoku",
    "text8",
]

_BY_NAME = {
    "shidoku": shidoku,
    "faces": faces,
    "austen": austen,
    "sentences": sentences,
    "text8": text8,
}


def names() -> tuple[str, ...]:
    """The names of all data sets."""
    return tuple(_BY_NAME)


def load(name: str) -> Dataset:
    """The data set of that name."""
    if name not in _BY_NAME:
        raise ValueError(f"no data set is called {name!r}; there are: {', '.join(names())}")
    return _BY_NAME[name]()
