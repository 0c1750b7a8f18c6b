"""Tokens as digits: each of V tokens is spelled by l digits of base b (MDM-Prime, arXiv 2505.18495).

Notation: X -> tokens; y^j -> digit j, the most significant first; l -> count; b -> base;
V(y_t) -> ``consistent``. Axis letters: l digits of a token, v vocabulary.
"""

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from pgm_lite.core import Canvas


class Digits:
    """The code f of tokens by ``count`` digits of a ``base``, the smallest possible if left out.

    ``codes`` maps a token to the number that is then written in the base; a fixed permutation here
    is the index shuffling of MDM-Prime-v2. Left out, token x is written as the number x. Numbers
    from ``vocab_size`` to base ** count - 1 belong to no token and are never reached: predictions
    are over tokens, not over digits.
    """

    __slots__ = ("base", "codes", "count", "table", "vocab_size")

    def __init__(
        self,
        vocab_size: int,
        count: int,
        *,
        base: int | None = None,
        codes: Int[Tensor, " v"] | None = None,
    ) -> None:
        if vocab_size < 1 or count < 1:
            raise ValueError(
                f"digits spell a vocabulary of at least 1 token by at least 1 digit; got "
                f"vocab_size={vocab_size} and count={count}"
            )
        smallest = smallest_base(vocab_size, count)
        if base is not None and base < smallest:
            raise ValueError(
                f"{count} digits of base {base} spell {max(base, 0) ** count} tokens, not "
                f"{vocab_size}; the base must be at least {smallest}"
            )
        codes = torch.arange(vocab_size) if codes is None else codes.cpu().long()
        if not torch.equal(codes.sort().values, torch.arange(vocab_size)):
            raise ValueError(
                f"codes must be a permutation of 0 to {vocab_size - 1}, one number for each "
                f"token; got {codes.numpy().tolist()}"
            )
        self.vocab_size, self.count, self.codes = vocab_size, count, codes
        self.base = smallest if base is None else base
        places = torch.tensor([self.base**power for power in range(count - 1, -1, -1)])
        self.table: Int[Tensor, "v l"] = codes[:, None] // places % self.base

    @classmethod
    def from_table(cls, table: Int[Tensor, "v l"]) -> "Digits":
        """The code whose spellings are listed, token by token, in the smallest base."""
        vocab_size, count = table.shape
        base = smallest_base(vocab_size, count)
        places = torch.tensor([base**power for power in range(count - 1, -1, -1)])
        return cls(vocab_size, count, codes=(table.cpu() * places).sum(1))

    def encode(self, tokens: Int[Tensor, "*batch"]) -> Int[Tensor, "*batch l"]:
        """The digits of each token, the most significant first."""
        return self.table.to(tokens.device)[tokens]

    def decode(self, digits: Int[Tensor, "*batch l"]) -> Int[Tensor, "*batch"]:
        """The token each group of digits spells."""
        agree = (digits[..., None, :] == self.table.to(digits.device)).all(-1)
        if not bool(agree.any(-1).all()):
            first = digits[~agree.any(-1)][0].cpu().numpy().tolist()
            raise ValueError(
                f"the digits {first} spell none of the {self.vocab_size} tokens; in base "
                f"{self.base} some of the {self.base**self.count} spellings are not used"
            )
        return agree.long().argmax(-1)

    def consistent(
        self, digits: Int[Tensor, "*batch l"], known: Bool[Tensor, "*batch l"]
    ) -> Bool[Tensor, "*batch v"]:
        """Which tokens agree with every known digit."""
        return consistent(self.table.to(digits.device), digits, known)

    def spell(self, canvas: Canvas) -> Canvas:
        """A canvas of tokens as a canvas of digits [b, n * l], token by token."""
        return Canvas(
            self.encode(canvas.tokens).flatten(1),
            canvas.known.repeat_interleave(self.count, dim=1),
        )

    def read(self, canvas: Canvas) -> Canvas:
        """A canvas of digits as a canvas of tokens; a token is known when all its digits are."""
        digits = canvas.tokens.view(canvas.batch, -1, self.count)
        known = canvas.known.view(canvas.batch, -1, self.count).all(-1)
        placeholder = self.table[0].to(digits.device)
        tokens = self.decode(digits.where(known[..., None], placeholder))
        return Canvas(tokens.masked_fill(~known, 0), known)


def consistent(
    table: Int[Tensor, "v l"], digits: Int[Tensor, "*batch l"], known: Bool[Tensor, "*batch l"]
) -> Bool[Tensor, "*batch v"]:
    """Which tokens, spelled as in ``table``, agree with every known digit."""
    return ((digits[..., None, :] == table) | ~known[..., None, :]).all(-1)


def smallest_base(vocab_size: int, count: int) -> int:
    """The smallest b with b ** count >= vocab_size, found in whole numbers.

    The root in floating point is wrong now and then: it gives 9 for 32768 ** (1 / 5), not 8.
    """
    base = 1
    while base**count < vocab_size:
        base += 1
    return base
