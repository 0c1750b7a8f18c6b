"""text8: the field's character benchmark, fetched by those who have a network."""

import hashlib
import os
import zipfile
from functools import cache
from pathlib import Path

from pgm_lite.core import Layout
from pgm_lite.datasets.dataset import Dataset
from pgm_lite.datasets.fetch import fetch
from pgm_lite.datasets.text import stored_tokens, text_splits

SEQ_LEN = 256
URL = "http://mattmahoney.net/dc/text8.zip"
ZIP_SHA1 = "6c70299b93b7e1f927b42cd8f6ac1a31547c7a2e"
TEXT_SHA1 = "0dc3edebc970dcc96137e7deda4d9995af9d93de"

ALPHABET = " hwaoueiy" + "tdzscjnlr" + "pbmfvxkgq"
"""Token order: a balanced ternary tree: vowels and breaths, tongue's tip, lips and throat."""

NOTE = (
    "The first 100 million letters of an English Wikipedia of 2006, cleaned by Matt Mahoney; "
    "CC BY-SA / GFDL, fetched and not shipped."
)


def text8() -> Dataset:
    """100 million characters in 27 symbols: 90 million to train, 5 to validate, 5 to test.

    The first call downloads 31 MB into ``~/.cache/pgm_lite`` (the environment variable
    PGM_LITE_CACHE names another folder), goes on where an earlier download stopped, and checks
    the published sha1. All 256 positions of a window are characters: no begin or end marks
    flatter the figures.
    """
    return _text8(cache_folder())


def cache_folder() -> Path:
    """Where fetched data are kept."""
    named = os.environ.get("PGM_LITE_CACHE")
    return Path(named) if named else Path.home() / ".cache" / "pgm_lite"


@cache
def _text8(folder: Path) -> Dataset:
    archive = folder / "text8.zip"
    fetch(URL, archive, sha1=ZIP_SHA1)
    with zipfile.ZipFile(archive) as packed:
        text = packed.read("text8")
    found = hashlib.sha1(text, usedforsecurity=False).hexdigest()
    if found != TEXT_SHA1:
        raise ValueError(f"text8 in {archive} has sha1 {found}, expected {TEXT_SHA1}; delete it")
    tokens = stored_tokens(text, ALPHABET)
    first, second = len(tokens) * 90 // 100, len(tokens) * 95 // 100
    splits = text_splits(tokens[:first], tokens[first:second], tokens[second:], SEQ_LEN)
    return Dataset("text8", tuple(ALPHABET), Layout("line", 1, SEQ_LEN), splits, note=NOTE)
