"""Sentences: the short sentences of the six novels, each a row of its own length."""

import re
from functools import cache

from pgm_lite.core import Layout
from pgm_lite.datasets.austen import ALPHABET, NOTE, novel_parts
from pgm_lite.datasets.dataset import Dataset, Lines
from pgm_lite.datasets.text import stored_tokens

SHORTEST, LONGEST = 8, 64
"""Characters of the shortest and the longest sentence taken."""

END = re.compile(r"(?<!\bmr)(?<!\bmrs)(?<!\bdr)(?<!\bst)(?<!\b[a-z])\.\"?(?= |$)")
"""The end of a sentence: a full stop, perhaps a quotation mark; not after a title or an initial."""


def sentences() -> Dataset:
    """11,742 sentences of 8 to 64 characters, from the same splits of the same novels as austen.

    A sentence ends at a full stop (the texts keep no other mark for it) that stands after no title
    or initial. A speech of several sentences leaves a lone quotation mark at the end of one; such
    a mark is taken off. Longer sentences, two of three, are not taken: this is a data set of short
    sentences, not a sample of how Austen's are. ``batch`` fills rows up to 64 with ``NOBODY``.
    """
    return _sentences()


@cache
def _sentences() -> Dataset:
    train, test, validation = zip(*novel_parts(), strict=True)
    splits = {
        name: Lines.of(
            [stored_tokens(line, ALPHABET) for part in parts for line in sentences_of(part)],
            space=ALPHABET.index(" "),
            seq_len=LONGEST,
        )
        for name, parts in (("train", train), ("validation", validation), ("test", test))
    }
    layout = Layout("line", 1, LONGEST)
    return Dataset("sentences", tuple(ALPHABET), layout, dict(splits), note=NOTE)


def sentences_of(text: bytes) -> list[bytes]:
    """The sentences of a text that have the right length; what follows the last full stop is left out."""
    words = text.decode("ascii")
    ends = [match.end() for match in END.finditer(words)]
    cut = [whole(words[a:b].strip()) for a, b in zip([0, *ends], ends, strict=False)]
    return [line.encode() for line in cut if SHORTEST <= len(line) <= LONGEST]


def whole(line: str) -> str:
    """The sentence without the lone quotation mark of a speech that goes on before or after it."""
    if line.count('"') % 2 == 0:
        return line
    return line[1:] if line.startswith('"') else line.removesuffix('"')
