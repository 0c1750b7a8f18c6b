"""Where probabilities become tokens: one draw, in float64, and laws reshaped before it.

A float32 uniform has 24 bits, and a race between 32-bit Gumbel noises starves rare tokens;
drawing by the inverse of a float64 distribution function has neither fault (arXiv 2409.02908,
section 4).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import pad

from pgm_lite.core import Canvas, Conditional, Cost, NextToken
from pgm_lite.digits import Digits
from pgm_lite.protocols import DigitConditional, DraftVerify, Inserting, NextSpan


def rng(seed: int, device: torch.device | str = "cpu") -> torch.Generator:
    """A source of randomness that starts at ``seed``."""
    return torch.Generator(device).manual_seed(seed)


def law(log_probs: Float[Tensor, "*batch v"]) -> Float[Tensor, "*batch v"]:
    """Log-probabilities in float64, normalised there so that rounding leaves no gap."""
    precise = log_probs.double().log_softmax(-1)
    if precise.isnan().any():
        raise ValueError(
            "a law to draw from is not a number; the model answered with nan, plus infinity, "
            "or probability zero for every token"
        )
    return precise


def entropy_of(log_probs: Float[Tensor, "*batch v"]) -> Float[Tensor, "*batch"]:
    """Entropy in nats; a token of probability zero adds nothing."""
    law = log_probs.exp()
    return 0.0 - torch.xlogy(law, law).sum(-1)


def categorical(
    log_probs: Float[Tensor, "*batch v"], *, rng: torch.Generator
) -> Int[Tensor, "*batch"]:
    """One token from each law; never one of probability zero.

    The first token at which the distribution function exceeds a uniform number in [0, 1).
    """
    function = law(log_probs).exp().cumsum(-1).contiguous()
    shape = function.shape[:-1]
    uniform = torch.rand(shape, generator=rng, device=rng.device, dtype=torch.float64)
    # The function may end a rounding error away from 1, and the product may round up to that
    # end.
    end = function[..., -1:]
    threshold = torch.minimum(
        uniform.to(end.device)[..., None] * end, torch.nextafter(end, torch.zeros_like(end))
    )
    return torch.searchsorted(function, threshold, right=True)[..., 0]


def heads(chance: Float[Tensor, "*batch"], *, rng: torch.Generator) -> Bool[Tensor, "*batch"]:
    """Coins that show heads with these chances; never with chance 0, always with chance 1."""
    uniform = torch.rand(chance.shape, generator=rng, device=rng.device, dtype=torch.float64)
    return uniform.to(chance.device) < chance


def gumbel(shape: Sequence[int], *, rng: torch.Generator) -> Float[Tensor, "..."]:
    """Standard Gumbel noise in float64, -log(-log U) with U halfway between two numbers of a grid.

    It disturbs rankings. Tokens are drawn by ``categorical``, not by a race between such noises.
    """
    uniform = torch.rand(tuple(shape), generator=rng, device=rng.device, dtype=torch.float64)
    return -(-(uniform + 2.0**-54).log()).log()


def clocks(
    log_probs: Float[Tensor, "*batch v"], *, rng: torch.Generator
) -> Float[Tensor, "*batch v"]:
    """One exponential waiting time (mean 1) for each token of laws like these, to be shared."""
    uniform = torch.rand(log_probs.shape, generator=rng, device=rng.device, dtype=torch.float64)
    return -torch.log1p(-uniform).to(log_probs.device)


def first_to_ring(
    log_probs: Float[Tensor, "*batch v"], clocks: Float[Tensor, "*batch v"]
) -> Int[Tensor, "*batch"]:
    """The token whose clock rings first if token v's runs at the speed of its probability.

    The Gumbel-max draw on another scale: by itself a draw from the law. Two laws that share
    ``clocks`` choose the same token with probability sum_v 1 / sum_w max(p_w / p_v, q_w / q_v),
    which lies between (1 - TV) / (1 + TV) and 1 - TV: the universal coupling, in which neither draw
    needs to know the other law (arXiv 2408.07978).
    """
    precise = law(log_probs)
    rings = clocks.log() - precise
    return rings.masked_fill(precise == -torch.inf, torch.inf).argmin(-1)


class Reshaped:
    """Asks ``model`` and reshapes its answer; a ``Conditional`` or ``NextToken`` as it is."""

    __slots__ = ()
    model: Conditional | NextToken

    def reshape(self, log_probs: Float[Tensor, "*batch v"]) -> Float[Tensor, "*batch v"]:
        """The law that is drawn from instead."""
        return log_probs

    def log_probs(self, canvas: Canvas, where: Int[Tensor, "b q"]) -> Float[Tensor, "b q v"]:
        """The model's answers at ``where``, reshaped."""
        if not isinstance(self.model, Conditional):
            raise ValueError(
                f"{type(self.model).__name__} predicts only the next token; sample it with "
                "autoregress"
            )
        return self.reshape(self.model.log_probs(canvas, where))

    def next_log_probs(
        self, canvas: Canvas, position: int, memory: object | None
    ) -> tuple[Float[Tensor, "b v"], object]:
        """The model's answer at ``position``, reshaped."""
        if not isinstance(self.model, NextToken):
            raise ValueError(
                f"{type(self.model).__name__} has no next token; sample it with unmask or "
                "ancestral, or wrap it in pgm_lite.oracle.Sequential"
            )
        answer, memory = self.model.next_log_probs(canvas, position, memory)
        return self.reshape(answer), memory

    def draft(
        self, canvas: Canvas, where: Int[Tensor, "b q"]
    ) -> tuple[Float[Tensor, "b q v"], object]:
        """The model's draft law, reshaped; the target law has to be reshaped likewise."""
        laws, memory = cast("DraftVerify", self.model).draft(canvas, where)
        return self.reshape(laws), memory

    def verify(
        self,
        memory: object,
        order: Int[Tensor, "b k"],
        tokens: Int[Tensor, "b n"],
        slots: Int[Tensor, "b q"],
    ) -> Float[Tensor, "b q v"]:
        """The model's target law, reshaped as the draft law is."""
        return self.reshape(cast("DraftVerify", self.model).verify(memory, order, tokens, slots))

    def draft_cost(self, canvas: Canvas, where: Int[Tensor, "b q"]) -> Cost:
        """The model's bill; reshaping an answer is free."""
        return cast("DraftVerify", self.model).draft_cost(canvas, where)

    def verify_cost(self, order: Int[Tensor, "b k"], slots: Int[Tensor, "b q"]) -> Cost:
        """The model's bill; reshaping an answer is free."""
        return cast("DraftVerify", self.model).verify_cost(order, slots)

    def insertion_log_probs(
        self, tokens: Int[Tensor, "b k"], length: Int[Tensor, " b"]
    ) -> tuple[Float[Tensor, "b g v"], Float[Tensor, " b"]]:
        """The model's joint law of gap and token, reshaped as one law; being done stays as it is."""
        laws, done = cast("Inserting", self.model).insertion_log_probs(tokens, length)
        return self.reshape(laws.flatten(1)).view(laws.shape), done

    def insertion_cost(self, length: Int[Tensor, " b"]) -> Cost:
        """The model's bill; reshaping an answer is free."""
        return cast("Inserting", self.model).insertion_cost(length)

    def span_log_probs(
        self,
        canvas: Canvas,
        where: Int[Tensor, "b q"],
        start: Int[Tensor, " b"],
        memory: object | None,
    ) -> tuple[Float[Tensor, "b q v"], object]:
        """The model's answers at ``where``, reshaped."""
        span = cast("NextSpan", self.model)
        answers, memory = span.span_log_probs(canvas, where, start, memory)
        return self.reshape(answers), memory

    def span_cost(self, where: Int[Tensor, "b q"], start: Int[Tensor, " b"]) -> Cost:
        """The model's bill; reshaping an answer is free."""
        return cast("NextSpan", self.model).span_cost(where, start)

    @property
    def digits(self) -> Digits:
        """How the model spells tokens, if it does; what it answers is filtered before reshaping."""
        return cast("DigitConditional", self.model).digits

    def cost(self, canvas: Canvas, where: Int[Tensor, "b q"]) -> Cost:
        """The model's bill; reshaping an answer is free."""
        return self.model.cost(canvas, where)


@dataclass(frozen=True, slots=True, eq=False)
class Tempered(Reshaped):
    """``model`` with every probability raised to 1 / ``temperature`` and normalised again.

    Temperature 0 takes the likeliest token; tokens that tie for it share the probability. Sighted
    orders look through this wrapper at the model's own law: scored after a low temperature, most
    positions would tie at certainty and the order would be lost.
    """

    model: Conditional | NextToken
    temperature: float

    def __post_init__(self) -> None:
        if not 0 <= self.temperature < float("inf"):
            raise ValueError(
                "the temperature must be 0 (take the likeliest token) or more, and finite; "
                f"got {self.temperature}"
            )

    @property
    def knobs(self) -> dict[str, float]:
        """What a recording writes down."""
        return {"temperature": self.temperature}

    def reshape(self, log_probs: Float[Tensor, "*batch v"]) -> Float[Tensor, "*batch v"]:
        """The tempered law."""
        below_best = law(log_probs)
        below_best = below_best - below_best.amax(-1, keepdim=True)
        if self.temperature == 0:
            return law(torch.zeros_like(below_best).masked_fill(below_best < 0, -torch.inf))
        return law(below_best / self.temperature)


@dataclass(frozen=True, slots=True, eq=False)
class TopP(Reshaped):
    """``model`` with only the likeliest tokens whose probabilities first reach ``p`` together.

    Nucleus sampling (arXiv 1904.09751). The token that crosses ``p`` is kept, and so is every
    token that ties with it.
    """

    model: Conditional | NextToken
    p: float

    def __post_init__(self) -> None:
        if not 0 < self.p <= 1:
            raise ValueError(f"top-p keeps a share of more than 0 and at most 1; got {self.p}")

    @property
    def knobs(self) -> dict[str, float]:
        """What a recording writes down."""
        return {"top_p": self.p}

    def reshape(self, log_probs: Float[Tensor, "*batch v"]) -> Float[Tensor, "*batch v"]:
        """The law cut off below the token that crosses ``p``."""
        precise = law(log_probs)
        if self.p == 1:
            return precise
        falling = precise.sort(-1, descending=True).values
        reached_before = pad(falling.exp().cumsum(-1)[..., :-1], (1, 0))
        last = (reached_before < self.p).sum(-1, keepdim=True) - 1
        return law(precise.masked_fill(precise < falling.gather(-1, last), -torch.inf))


@dataclass(frozen=True, slots=True, eq=False)
class TopK(Reshaped):
    """``model`` with only the ``k`` likeliest tokens and those that tie with the last one."""

    model: Conditional | NextToken
    k: int

    def __post_init__(self) -> None:
        if self.k < 1:
            raise ValueError(f"top-k keeps at least 1 token; got {self.k}")

    @property
    def knobs(self) -> dict[str, int]:
        """What a recording writes down."""
        return {"top_k": self.k}

    def reshape(self, log_probs: Float[Tensor, "*batch v"]) -> Float[Tensor, "*batch v"]:
        """The law cut off below the k-th token."""
        precise = law(log_probs)
        kept = precise.topk(min(self.k, precise.shape[-1]), dim=-1).values
        return law(precise.masked_fill(precise < kept[..., -1:], -torch.inf))
