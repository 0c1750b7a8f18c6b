"""Austen: six public-domain novels in 32 symbols, with the end of every novel held out."""

import lzma
from functools import cache

from pgm_lite.core import Layout
from pgm_lite.datasets.assets import asset
from pgm_lite.datasets.dataset import Dataset
from pgm_lite.datasets.text import stored_tokens, text_splits

SEQ_LEN = 256

ALPHABET = ' -"q,;.z' + "aoeiuwyh" + "tdscnjlr" + "pbfvkgmx"
"""Token order: a balanced tree, so that the leading bits of a token already say its kind.

One bit parts the marks and vowels from the consonants. Two bits: marks (with the rare q and z
to fill the eight), vowels with the breaths w, y and h, consonants of the tongue's tip,
consonants of lips and throat. The last bit parts close relatives such as t and d.
"""

NOTE = (
    "The six novels of Jane Austen (1811-1818), public domain; texts as in the R package "
    "janeaustenr (MIT, Julia Silge), reduced to 32 symbols."
)


def austen() -> Dataset:
    """Six novels as one stream of 256-character windows over 32 symbols.

    Of every novel the last 5 % are validation, the 5 % before them test, and the rest training,
    cut at the nearest word; a split joins its six pieces with a space. A window may therefore
    straddle the end of one piece and the beginning of the next: 5 seams among 3.5 million
    training characters. Neighbouring pages share names and places, so figures on this split are
    lower than on a whole novel held out; give the split with the figure.
    """
    return _austen()


@cache
def _austen() -> Dataset:
    train, test, validation = (
        stored_tokens(b" ".join(pieces), ALPHABET) for pieces in zip(*novel_parts(), strict=True)
    )
    splits = text_splits(train, validation, test, SEQ_LEN)
    return Dataset("austen", tuple(ALPHABET), Layout("line", 1, SEQ_LEN), splits, note=NOTE)


def novel_parts() -> list[tuple[bytes, bytes, bytes]]:
    """Training, test and validation part of each novel."""
    novels = lzma.decompress(asset("austen.txt.xz").read_bytes()).split(b"\n")
    return [_cut(novel) for novel in novels]


def _cut(novel: bytes) -> tuple[bytes, bytes, bytes]:
    """Training, test and validation part of one novel: 90 %, 5 %, 5 %."""
    first = novel.index(b" ", len(novel) * 90 // 100)
    second = novel.index(b" ", len(novel) * 95 // 100)
    return novel[:first], novel[first + 1 : second], novel[second + 1 :]
