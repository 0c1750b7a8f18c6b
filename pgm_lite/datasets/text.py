"""From plain text to the splits of a text data set."""

import torch
from jaxtyping import UInt8
from torch import Tensor

from pgm_lite.datasets.dataset import Split, Stream


def stored_tokens(text: bytes, alphabet: str) -> UInt8[Tensor, " length"]:
    """The text as one byte a token; every byte must be in the alphabet."""
    symbols = alphabet.encode("ascii")
    foreign = text.translate(None, delete=symbols)
    if foreign:
        raise ValueError(
            f"the text holds {len(foreign)} bytes outside its alphabet {alphabet!r}, the first "
            f"is {foreign[:1]!r}; fetch or make the data file again"
        )
    return torch.frombuffer(
        bytearray(text.translate(bytes.maketrans(symbols, bytes(range(len(symbols)))))),
        dtype=torch.uint8,
    )


def text_splits(
    train: UInt8[Tensor, " train"],
    validation: UInt8[Tensor, " validation"],
    test: UInt8[Tensor, " test"],
    seq_len: int,
) -> dict[str, Split]:
    """Training windows may start anywhere; the others follow one another without overlap."""
    return {
        "train": Stream(train, seq_len, stride=1),
        "validation": Stream(validation, seq_len, stride=seq_len),
        "test": Stream(test, seq_len, stride=seq_len),
    }
