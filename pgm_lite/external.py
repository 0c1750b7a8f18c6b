"""What comes from elsewhere: the history of any sampler as a trace, any network as a conditional."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import cast

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from pgm_lite.core import Canvas, Cost, Layout, Step, gather_positions
from pgm_lite.model_info import ModelInfo
from pgm_lite.trace import Header, Shown, Trace

__all__ = ["Adapted", "adapt", "history"]

Flops = float | Callable[[int], float]
"""The FLOPs of one row: a number, or a function of the number of positions."""


def history(
    states: Iterable[object],
    *,
    mask_id: int,
    symbols: Sequence[str] | None = None,
    dataset: Shown | None = None,
    layout: Layout | None = None,
    name: str = "foreign",
    family: str | None = None,
    row: int = 0,
) -> Trace:
    """The trace of a generation made elsewhere, from what the sequence was after each step.

    ``states`` are tensors, arrays or lists of token ids, [n] or [b n] of which ``row`` is taken; the
    first is the start, and ``mask_id`` stands where nothing is known. A token in place of the mask
    was written, a mask in place of a token reopened. A token in place of another one was reopened
    and written in the same step, which is all that the two states tell. What a history does not hold
    stays unknown: the trace has no probabilities and no entropies (nan), says of no position that it
    was asked about, has a bill of zero, took zero seconds, and its model ``reads`` "unknown".

    Show it as a data set is, or give the ``symbols``, one a token, and a ``layout`` (a line, if left
    out); with neither, tokens are shown as numbers. ``family`` is what the player calls the model:
    ``name``, if left out.
    """
    rows = _rows(states, row)
    known = rows != mask_id
    if bool(known.all()):
        raise ValueError(
            f"mask_id {mask_id} is in none of the {len(rows)} states, whose tokens are "
            f"{int(rows.min())} to {int(rows.max())}; expected the id that stands where nothing is "
            "known yet, with the sequence before the first step as the first state"
        )
    symbols, layout, shown = _appearance(rows, known, symbols, dataset, layout)
    _check_tokens(rows, known, len(symbols), mask_id)
    canvases = [
        Canvas(tokens.where(there, 0)[None], there[None])
        for tokens, there in zip(rows, known, strict=True)
    ]
    header = Header(
        model=ModelInfo(family or name, name, reads="unknown"),
        dataset=shown,
        sampler="imported history",
        knobs={},
        seed=None,
        label=None,
        symbols=symbols,
        layout=layout,
        probabilities=False,
    )
    steps = tuple(
        _step(before, after, number) for number, (before, after) in enumerate(pairwise(canvases), 1)
    )
    return Trace(header, canvases[0], steps, (0.0,) * len(steps))


def adapt(
    logits: Callable[[Int[Tensor, "b n"]], Tensor],
    *,
    mask_id: int,
    vocab_size: int,
    seq_len: int | None = None,
    name: str = "adapted",
    flops: Flops = 0.0,
) -> "Adapted":
    """A network from elsewhere as a ``Conditional``, which the samplers of this library can ask.

    ``logits(tokens [b n]) -> [b n v']`` gets every position, the unknown ones as ``mask_id``, and
    scores at least the tokens 0 to ``vocab_size`` - 1 at each; further scores, and that of the mask,
    are dropped. With ``seq_len``, canvases of another length are refused. ``flops`` is what one row
    costs, a number or a function of the number of positions; 0, if left out, means not counted, so
    compare such a model at equal calls or positions.
    """
    if vocab_size < 1 or (vocab_size == 1 and mask_id == 0):
        raise ValueError(
            f"vocab_size {vocab_size} leaves no token besides the mask ({mask_id}); give the number "
            "of tokens the network can write"
        )
    if seq_len is not None and seq_len < 1:
        raise ValueError(f"seq_len must be at least 1, or left out; got {seq_len}")
    return Adapted(logits, mask_id, vocab_size, seq_len, name, flops)


@dataclass(frozen=True, slots=True, eq=False)
class Adapted:
    """Somebody else's network, asked as an MDLM is; ``adapt`` makes one."""

    logits: Callable[[Int[Tensor, "b n"]], Tensor]
    mask_id: int
    vocab_size: int
    seq_len: int | None
    family: str
    flops: Flops
    reads: str = "everything"

    def log_probs(self, canvas: Canvas, where: Int[Tensor, "b q"]) -> Float[Tensor, "b q v"]:
        """Log-probabilities (nats) at ``where``; known positions are answered with certainty."""
        self._check(canvas)
        answer = self.logits(canvas.tokens.masked_fill(canvas.unknown, self.mask_id))
        self._check_answer(answer, canvas)
        found = gather_positions(answer, where)[..., : self.vocab_size]
        found = found if found.dtype == torch.float64 else found.float()
        if 0 <= self.mask_id < self.vocab_size:
            mask = torch.arange(self.vocab_size, device=found.device) == self.mask_id
            found = found.masked_fill(mask, -torch.inf)
        laws = found.log_softmax(-1)
        known = canvas.known.gather(1, where.clamp(min=0))
        _check_laws(laws, where, (where >= 0) & ~known)
        tokens = canvas.tokens.gather(1, where.clamp(min=0)).where(known, 0)
        certain = torch.full_like(laws, -torch.inf).scatter(-1, tokens[..., None], 0.0)
        return certain.where(known[..., None], laws)

    def cost(self, canvas: Canvas, where: Int[Tensor, "b q"]) -> Cost:
        """One call of all positions for each row that is asked about something."""
        busy, n = (where >= 0).any(1).long().cpu(), canvas.seq_len
        each = self.flops(n) if callable(self.flops) else self.flops
        return Cost(busy.double(), busy * n, busy * 0, busy.double() * each)

    def _check(self, canvas: Canvas) -> None:
        if self.seq_len is not None and canvas.seq_len != self.seq_len:
            raise ValueError(
                f"the canvas has {canvas.seq_len} positions, but {self.family} has {self.seq_len}; "
                f"give a canvas of as many, such as Canvas.blank(batch, {self.seq_len})"
            )
        tokens = canvas.tokens
        outside = (tokens < 0) | (tokens >= self.vocab_size) | (tokens == self.mask_id)
        if bad := _first(outside & canvas.known):
            row, place = bad
            raise ValueError(
                f"row {row} of the canvas is known to hold {int(tokens[row, place])} at position "
                f"{place}; expected tokens of 0 to {self.vocab_size - 1} other than the mask "
                f"({self.mask_id}), and known = False where there is none yet"
            )

    def _check_answer(self, answer: object, canvas: Canvas) -> None:
        wanted = f"[{canvas.batch}, {canvas.seq_len}, {self.vocab_size} or more]"
        if not isinstance(answer, Tensor):
            remedy = " as logits=lambda tokens: network(tokens).logits" * hasattr(answer, "logits")
            raise ValueError(
                f"{self.family} answered with {type(answer).__name__}; expected a tensor of logits "
                f"{wanted}{remedy and f', which it has inside: hand it over{remedy}'}"
            )
        right = answer.ndim == 3 and answer.shape[:2] == canvas.tokens.shape
        if not right or answer.shape[2] < self.vocab_size or not answer.is_floating_point():
            raise ValueError(
                f"{self.family} answered {list(answer.shape)} of {answer.dtype}; expected a score for "
                f"each token at each position, floats of {wanted}"
            )


def _rows(states: Iterable[object], row: int) -> Int[Tensor, "s n"]:
    """One sequence as it was after each step."""
    found = [_row(state, index, row) for index, state in enumerate(states)]
    if len(found) < 2:
        raise ValueError(
            f"{len(found)} states make no history; expected the sequence before the first step and "
            "after each one: collect them in a list, states.append(tokens.clone())"
        )
    for index, each in enumerate(found):
        if len(each) != len(found[0]):
            raise ValueError(
                f"states[{index}] has {len(each)} positions, states[0] has {len(found[0])}; expected "
                "one length throughout: pad the prompt with masks up to the full length"
            )
    return torch.stack(found)


def _row(state: object, index: int, row: int) -> Int[Tensor, " n"]:
    wanted = "expected token ids, [n] or [b n], as a tensor, an array or a list"
    try:
        tokens = torch.as_tensor(state).detach().cpu()
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"states[{index}] holds no whole numbers ({error}); {wanted}") from error
    if tokens.ndim not in (1, 2) or tokens.numel() == 0:
        raise ValueError(f"states[{index}] has the shape {list(tokens.shape)}; {wanted}")
    if tokens.is_floating_point() or tokens.is_complex() or tokens.dtype == torch.bool:
        raise ValueError(f"states[{index}] is of {tokens.dtype}; {wanted}")
    batch = tokens if tokens.ndim == 2 else tokens[None]
    if not 0 <= row < len(batch):
        raise ValueError(f"states[{index}] has rows 0 to {len(batch) - 1}; got row {row}")
    return batch[row].long()


def _appearance(
    rows: Int[Tensor, "s n"],
    known: Bool[Tensor, "s n"],
    symbols: Sequence[str] | None,
    dataset: Shown | None,
    layout: Layout | None,
) -> tuple[tuple[str, ...], Layout, str | None]:
    """Symbols, layout and the data set's name."""
    if dataset is not None and (symbols is not None or layout is not None):
        raise ValueError("a data set brings its symbols and layout; give it, or those, not both")
    n = rows.shape[1]
    if dataset is not None:
        symbols, layout = dataset.symbols, dataset.layout
    elif symbols is None:
        most = int(rows[known].max()) if bool(known.any()) else 0
        symbols = [str(token) for token in range(most + 1)]
    layout = layout or Layout("line", 1, n)
    if layout.rows * layout.columns != n:
        raise ValueError(
            f"the states have {n} positions, the layout {layout.rows} x {layout.columns}; give one "
            'of as many cells, such as Layout("line", 1, ' + f"{n})"
        )
    if not symbols:
        raise ValueError("there are no symbols; give one for each token, in the order of their ids")
    if layout.palette is not None and len(layout.palette) != len(symbols):
        raise ValueError(f"{len(layout.palette)} colours for {len(symbols)} symbols; give one each")
    wrong = [each for each in cast("Sequence[object]", symbols) if not isinstance(each, str)]
    if wrong:
        raise ValueError(f"symbols are strings, one a token; got {wrong[0]!r}")
    return tuple(symbols), layout, None if dataset is None else dataset.name


def _check_tokens(
    rows: Int[Tensor, "s n"], known: Bool[Tensor, "s n"], count: int, mask_id: int
) -> None:
    if bad := _first(known & ((rows < 0) | (rows >= count))):
        index, place = bad
        raise ValueError(
            f"states[{index}] holds {int(rows[index, place])} at position {place}; expected tokens "
            f"of 0 to {count - 1}, one for each symbol, or mask_id ({mask_id}) where nothing is known"
        )


def _check_laws(
    laws: Float[Tensor, "b q v"], where: Int[Tensor, "b q"], asked: Bool[Tensor, "b q"]
) -> None:
    if bad := _first(laws.isnan().any(-1) & asked):
        row, slot = bad
        raise ValueError(
            f"the logits at position {int(where[row, slot])} of row {row} give no probabilities: they "
            "hold nan or plus infinity, or rule out every token; expected finite numbers, or minus "
            "infinity for tokens that are impossible"
        )


def _first(mask: Bool[Tensor, "b n"]) -> list[int]:
    """Where the first true entry is; empty if there is none."""
    return [int(part[0]) for part in mask.nonzero(as_tuple=True)] if bool(mask.any()) else []


def _step(before: Canvas, after: Canvas, number: int) -> Step:
    """What must have happened between two states, and nothing else."""
    changed = before.known & after.known & (before.tokens != after.tokens)
    reopened = (before.known & after.unknown) | changed
    written = (before.unknown & after.known) | changed
    nobody_knows = torch.full(after.tokens.shape, torch.nan, dtype=torch.float64)
    replaced, fresh = int(changed.sum()), int(written.sum())
    lost = int(reopened.sum()) - replaced
    said = [f"{fresh - replaced} of {int(before.unknown.sum())} unknown tokens written"]
    said += [f"{replaced} replaced by others"] * bool(replaced) + [f"{lost} reopened"] * bool(lost)
    return Step(
        canvas=after,
        queried=torch.zeros_like(after.known),
        written=written,
        log_prob=nobody_knows.masked_fill(~written, 0.0),
        entropy=torch.zeros_like(nobody_knows),
        cost=Cost.zero(1),
        note=f"step {number}: {', '.join(said)}",
        reopened=reopened,
    )
