"""Exact models: a law that is written down in full answers every question without a network.

They are what samplers are tested against, and what shows that a fault is the sampler's and not
the model's. An oracle processes no positions: it costs one call a question and nothing else.
"""

import math
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import one_hot

from pgm_lite.core import Canvas, Conditional, Cost
from pgm_lite.digits import Digits
from pgm_lite.draw import categorical, entropy_of

LARGEST = 2**20
"""Entries of the largest table that is enumerated."""


class Support:
    """A law over the sequences listed, as a ``Conditional``: exact given any known positions.

    ``weights`` are their probabilities, equal if left out. Writing several positions at once
    can lead to known tokens that no listed sequence has; the law given them is then undefined.
    With ``impossible`` "uniform" the answer there is the uniform law over all tokens, since
    parallel samplers do reach such states and have to end; with "error" it is a ``ValueError``.
    """

    family = "oracle"
    reads = "known"

    def __init__(
        self,
        sequences: Int[Tensor, "m n"],
        vocab_size: int,
        weights: Float[Tensor, " m"] | None = None,
        impossible: Literal["uniform", "error"] = "uniform",
    ) -> None:
        if sequences.numel() == 0:
            raise ValueError(
                f"a support lists at least one sequence of at least one position; got shape "
                f"{list(sequences.shape)}"
            )
        smallest, largest = int(sequences.min()), int(sequences.max())
        if smallest < 0 or largest >= vocab_size:
            raise ValueError(
                f"the sequences hold tokens {smallest} to {largest}, but a vocab_size of "
                f"{vocab_size} allows 0 to {vocab_size - 1}"
            )
        count = len(sequences)
        rows: list[list[int]] = sequences.cpu().numpy().tolist()
        if repeated := count - len({tuple(row) for row in rows}):
            raise ValueError(
                f"{repeated} sequences are listed again; list each once and give it the sum of "
                "its weights"
            )
        equal = torch.full((count,), 1 / count, dtype=torch.float64)
        self.sequences = sequences.long()
        self.vocab_size = vocab_size
        self.weights = checked(equal if weights is None else weights, count)
        self.impossible = impossible
        self._one_hot = one_hot(self.sequences, self.vocab_size).flatten(1)

    @property
    def seq_len(self) -> int:
        """Number of positions."""
        return self.sequences.shape[1]

    def log_probs(self, canvas: Canvas, where: Int[Tensor, "b q"]) -> Float[Tensor, "b q v"]:
        """Exact log-probabilities (nats, float64) at ``where`` given the known tokens."""
        law = self.tokens_in(self.agreeing(canvas), where)
        possible = law.isfinite().any(-1, keepdim=True)
        if self.impossible == "error" and not possible.all():
            row = int((~possible).nonzero()[0, 0])
            raise ValueError(
                f"the known tokens of row {row} have probability zero under this law, so "
                "nothing can be said given them; write fewer positions at once, or build the "
                "oracle with impossible='uniform'"
            )
        return law.where(possible, -math.log(self.vocab_size))

    def tokens_in(
        self, posterior: Float[Tensor, "b m"], where: Int[Tensor, "b q"]
    ) -> Float[Tensor, "b q v"]:
        """Log-probabilities of tokens if the listed sequences weigh this; all -inf where nothing."""
        mass = posterior @ self._one_hot.double()
        places = where.clamp(min=0)[..., None].expand(-1, -1, self.vocab_size)
        mass = mass.view(-1, self.seq_len, self.vocab_size).gather(1, places)
        total = posterior.sum(1)[:, None, None]
        return (mass / total.where(total > 0, 1.0)).log()

    def cost(self, canvas: Canvas, where: Int[Tensor, "b q"]) -> Cost:
        """One call for every row that is asked something; no positions, no FLOPs."""
        free = Cost.zero(canvas.batch)
        calls = (where >= 0).any(1).double().cpu()
        return Cost(calls, free.encoder_positions, free.decoder_positions, free.flops)

    def log_prob(self, tokens: Int[Tensor, "b n"]) -> Float[Tensor, " b"]:
        """Log-probability (nats, float64) of whole sequences; minus infinity if not listed."""
        complete = Canvas(tokens, torch.ones_like(tokens, dtype=torch.bool))
        return self.agreeing(complete).sum(1).log()

    def entropy(self) -> float:
        """The entropy of the law in nats."""
        return float(entropy_of(self.weights.log()))

    def sample(self, count: int, *, rng: torch.Generator) -> Int[Tensor, "count n"]:
        """Sequences drawn from the law."""
        log_weights = self.weights.log().expand(count, -1)
        return self.sequences[categorical(log_weights, rng=rng)]

    def agreeing(self, canvas: Canvas) -> Float[Tensor, "b m"]:
        """The weight of each listed sequence that agrees with all known tokens, else zero."""
        if canvas.seq_len != self.seq_len:
            raise ValueError(
                f"this law is over {self.seq_len} positions; the canvas has {canvas.seq_len}"
            )
        known = canvas.tokens[canvas.known]
        if len(known) and (int(known.min()) < 0 or int(known.max()) >= self.vocab_size):
            raise ValueError(
                f"the known tokens run from {int(known.min())} to {int(known.max())}, but this "
                f"law has tokens 0 to {self.vocab_size - 1}"
            )
        tokens = canvas.tokens.where(canvas.known, 0)
        given = one_hot(tokens, self.vocab_size) * canvas.known[..., None]
        agreements = given.flatten(1).double() @ self._one_hot.double().T
        return (agreements == canvas.known.sum(1, keepdim=True)) * self.weights


def joint_table(
    table: Float[Tensor, "..."], *, impossible: Literal["uniform", "error"] = "uniform"
) -> Support:
    """The oracle of a table with one axis a position, every axis as long as the vocabulary."""
    if table.ndim == 0 or len(set(table.shape)) != 1:
        raise ValueError(
            f"a joint table has one axis a position, all as long as the vocabulary; got shape "
            f"{list(table.shape)}"
        )
    if table.numel() > LARGEST:
        raise ValueError(
            f"a table of {table.numel():,} entries is too large to enumerate; the limit is "
            f"{LARGEST:,} (list the sequences that occur in a Support instead)"
        )
    every = torch.ones_like(table, dtype=torch.bool).nonzero()
    return Support(every, table.shape[0], table.flatten(), impossible)


class HalfKnown:
    """The exact ``DigitConditional`` of a law: whole tokens given any known digits.

    Writing several tokens at once can lead to known digits that no listed sequence has; the law
    given them is then uniform over the tokens their own digits still allow.
    """

    family = "oracle"
    reads = "known"

    def __init__(self, law: Support, digits: Digits) -> None:
        if digits.vocab_size != law.vocab_size:
            raise ValueError(
                f"the digits spell {digits.vocab_size} tokens, but the law is over "
                f"{law.vocab_size}; give digits made for that vocabulary"
            )
        self.law, self.digits = law, digits
        self._spelled = Support(digits.encode(law.sequences).flatten(1), digits.base, law.weights)

    def log_probs(self, canvas: Canvas, where: Int[Tensor, "b q"]) -> Float[Tensor, "b q v"]:
        """Exact log-probabilities (nats, float64) of tokens given a canvas of digits."""
        laws = self.law.tokens_in(self._spelled.agreeing(canvas), where)
        digits = canvas.tokens.view(canvas.batch, -1, self.digits.count)
        known = canvas.known.view(canvas.batch, -1, self.digits.count)
        rows = torch.arange(canvas.batch)[:, None]
        allowed = self.digits.consistent(digits, known)[rows, where.clamp(min=0)]
        uniform = allowed.double().log().log_softmax(-1)
        return laws.where(laws.isfinite().any(-1, keepdim=True), uniform)

    def cost(self, canvas: Canvas, where: Int[Tensor, "b q"]) -> Cost:
        """One call for every row that is asked something; no positions, no FLOPs."""
        return self.law.cost(canvas, where)


class Sequential:
    """Any ``Conditional`` as a ``NextToken``: asked about one position given those before it.

    It keeps no memory, so a network behind it starts afresh at every token.
    """

    def __init__(self, model: Conditional) -> None:
        self.model = model

    def next_log_probs(
        self, canvas: Canvas, position: int, memory: object | None
    ) -> tuple[Float[Tensor, "b v"], object]:
        """The model's answer at ``position``, with every later token hidden from it."""
        before = torch.arange(canvas.seq_len, device=canvas.tokens.device) < position
        earlier = Canvas(canvas.tokens, before.expand(canvas.batch, -1))
        where = torch.full((canvas.batch, 1), position, device=canvas.tokens.device)
        return self.model.log_probs(earlier, where)[:, 0], memory

    def span_log_probs(
        self,
        canvas: Canvas,
        where: Int[Tensor, "b q"],
        start: Int[Tensor, " b"],
        memory: object | None,
    ) -> tuple[Float[Tensor, "b q v"], object]:
        """The model's answers at ``where``, each with every later token hidden from it."""
        del start
        n, count = canvas.seq_len, where.shape[1]
        before = torch.arange(n, device=where.device) < where[..., None]
        tokens = canvas.tokens[:, None].expand(-1, count, -1)
        each = Canvas(tokens.reshape(-1, n), before.reshape(-1, n))
        return self.model.log_probs(each, where.reshape(-1, 1)).view(*where.shape, -1), memory

    def span_cost(self, where: Int[Tensor, "b q"], start: Int[Tensor, " b"]) -> Cost:
        """One question a position, billed as such; nothing is read twice or saved."""
        del start
        n = int(where.max()) + 1
        total = Cost.zero(len(where))
        for column in where.unbind(1):
            before = torch.arange(n, device=where.device) < column[:, None]
            total += self.model.cost(
                Canvas(torch.zeros_like(before).long(), before), column[:, None]
            )
        return total

    def cost(self, canvas: Canvas, where: Int[Tensor, "b q"]) -> Cost:
        """The model's bill for the last position of ``where`` given those before it.

        Earlier positions in ``where`` are a prompt that is read for the first time; the
        model reads it anyway.
        """
        last = where.max(1, keepdim=True).values
        earlier = torch.arange(canvas.seq_len, device=where.device) < last
        return self.model.cost(Canvas(canvas.tokens, earlier), last)


class Refreshed:
    """Any ``Conditional`` as a ``Cached`` one whose memory is never stale: each pass asks anew."""

    family = "oracle"
    reads = "known"

    def __init__(self, original: Conditional) -> None:
        self.original = original

    def log_probs(self, canvas: Canvas, where: Int[Tensor, "b q"]) -> Float[Tensor, "b q v"]:
        """The model's answers."""
        return self.original.log_probs(canvas, where)

    def cost(self, canvas: Canvas, where: Int[Tensor, "b q"]) -> Cost:
        """The model's bill."""
        return self.original.cost(canvas, where)

    def full(self, canvas: Canvas, where: Int[Tensor, "b q"]) -> tuple[Tensor, None]:
        """The model's answers; nothing has to be remembered."""
        return self.original.log_probs(canvas, where), None

    def local(
        self, memory: object, canvas: Canvas, group: Int[Tensor, "b g"], where: Int[Tensor, "b q"]
    ) -> Float[Tensor, "b q v"]:
        """The model's answers given the canvas as it is."""
        del memory, group
        return self.original.log_probs(canvas, where)

    def local_cost(self, group: Int[Tensor, "b g"], where: Int[Tensor, "b q"]) -> Cost:
        """One call for every row that is asked something; meant for oracles, which cost no more."""
        del group
        free = Cost.zero(len(where))
        calls = (where >= 0).any(1).double().cpu()
        return Cost(calls, free.encoder_positions, free.decoder_positions, free.flops)


def checked(weights: Float[Tensor, " m"], count: int) -> Float[Tensor, " m"]:
    """The weights in float64, if they are a law on ``count`` things."""
    precise = weights.double()
    if len(precise) != count:
        raise ValueError(f"{count} sequences need {count} weights; got {len(precise)}")
    if not bool((precise >= 0).all()):
        raise ValueError(
            f"probabilities are never negative; the smallest given is {float(precise.min())}"
        )
    total = float(precise.sum())
    if not math.isclose(total, 1, abs_tol=1e-6):
        raise ValueError(f"probabilities sum to 1; those given sum to {total} (divide by it)")
    return precise / total
