"""What a trace says about its order: how near left to right, how local, how tied, how regretted.

``analyse`` needs nothing but a trace, also one read from a file. With a model it adds what the
finished sequence says of each commitment; an exact oracle will do, or the network itself.
"""

import math
from dataclasses import dataclass
from typing import cast

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from pgm_lite import samplers
from pgm_lite.core import Canvas, Conditional
from pgm_lite.protocols import DigitConditional, unwrapped
from pgm_lite.samplers.fill import ask
from pgm_lite.trace import Trace

TIED = 1e-9
"""Scores this close count as tied. Of scores near certainty most lie closer than 1e-6."""


@dataclass(frozen=True, slots=True, eq=False)
class OrderReport:
    """Order analytics of each row of a trace; nan where a figure is not defined. Axis s: steps.

    ``step_map``: the step, from 1, that wrote each position; 0 is given, -1 still unknown.
    ``ar_ness``: Kendall's tau-b of step against place over written positions: 1 is left to
    right, -1 right to left. Positions of one step tie, and tau-b takes ties out of its scale; where
    all were written in one step it is not defined.
    ``distance_to_known``: the mean distance from a written position to the nearest one known
    before, ``distance_to_previous`` to the nearest one that the last step that wrote any did.
    In cells: rows apart plus columns apart on a grid. Where tokens were inserted, a place is where
    the token stands in the finished row.
    ``tied``: positions asked about whose score equals that of the last one chosen, where some of
    them were written and some not; 0 where the choice was clear or nothing was ranked. In histories
    from elsewhere, which keep no scores, least entropy is taken for the score. ``leftmost`` marks
    ties from which the leftmost positions were taken.
    ``entropy_left``: the sum of entropies (nats) of positions asked about and not written, a bound
    on the entropy that is left where every unknown position was asked about; elsewhere nan.
    ``asked`` counts positions asked about, ``thrown_away`` those of them that were not written.
    ``surprise``: -log probability (nats) of each token when it was written, ``regret`` the same
    given all the other tokens of the finished sequence; ``regret`` is None without a model.
    """

    step_map: Int[Tensor, "b n"]
    ar_ness: Float[Tensor, " b"]
    distance_to_known: Float[Tensor, " b"]
    distance_to_previous: Float[Tensor, " b"]
    tied: Int[Tensor, "b s"]
    leftmost: Bool[Tensor, "b s"]
    entropy_left: Float[Tensor, "b s"]
    asked: Int[Tensor, "b s"]
    thrown_away: Int[Tensor, "b s"]
    surprise: Float[Tensor, "b n"]
    regret: Float[Tensor, "b n"] | None

    @property
    def warnings(self) -> tuple[str, ...]:
        """What should make a reader doubt the order."""
        steps, left = int((self.tied > 0).sum()), int(self.leftmost.sum())
        if steps == 0:
            return ()
        most = int(self.tied.max())
        said = (
            f"{steps} of {int((self.asked > 0).sum())} steps chose among tied positions (up to "
            f"{most} alike): the score did not decide there; a sampler that breaks "
            "ties by index goes left to right without saying so"
        )
        # By chance the leftmost are taken now and then; half of the time or more is a habit.
        habit = f"; {left} of these {steps} took the leftmost" if 2 * left >= steps else ""
        return (said + habit,)

    def summary(self) -> dict[str, str]:
        """The report in one row: means over rows of the batch, counts a sequence."""
        rows = len(self.ar_ness)
        cells = {
            "AR-ness": _mean(self.ar_ness, "+.3f"),
            "distance to known": _mean(self.distance_to_known, ".2f"),
            "distance to previous": _mean(self.distance_to_previous, ".2f"),
            "tied steps": f"{int((self.tied > 0).sum()) / rows:.1f}",
            "asked": f"{int(self.asked.sum()) / rows:.1f}",
            "thrown away": f"{int(self.thrown_away.sum()) / rows:.1f}",
            "surprise": _mean(self.surprise, ".3f"),
        }
        if self.regret is not None:
            cells["regret"] = _mean(self.regret, ".3f")
        return cells


def analyse(trace: Trace, model: object | None = None) -> OrderReport:
    """Order analytics of a trace; with a model, also the regret of its commitments."""
    step_map, final = trace.step_map(), trace.order_at(len(trace.steps))
    known, previous = _localities(trace, final)
    foreign = trace.header.sampler not in samplers.__all__
    shape = (len(step_map), len(trace.steps))
    tied, asked, thrown = (torch.zeros(shape, dtype=torch.long) for _ in "123")
    leftmost = torch.zeros(shape, dtype=torch.bool)
    left = torch.full(shape, math.nan, dtype=torch.float64)
    surprise = torch.full(step_map.shape, math.nan, dtype=torch.float64)
    for index, step in enumerate(trace.steps):
        score = -step.entropy if step.score is None and foreign else step.score
        if score is not None:
            tied[:, index], leftmost[:, index] = _ties(step.queried, step.written, score)
        waiting = step.queried & ~step.written
        complete = (step.queried | trace.state(index).known).all(1)
        doubt = step.entropy.where(waiting, 0.0).sum(1)
        left[:, index] = doubt.where(complete, math.nan)
        asked[:, index], thrown[:, index] = step.queried.sum(1), waiting.sum(1)
        surprise = (-step.log_prob).where(step.written, surprise)
    return OrderReport(
        step_map=step_map,
        ar_ness=kendall_tau(_as_read(step_map, final)),
        distance_to_known=known,
        distance_to_previous=previous,
        tied=tied,
        leftmost=leftmost,
        entropy_left=left,
        asked=asked,
        thrown_away=thrown,
        surprise=surprise.masked_fill(step_map <= 0, math.nan),
        regret=None if model is None else regret(trace, model),
    )


def _as_read(step_map: Int[Tensor, "b n"], final: Int[Tensor, "b n"]) -> Int[Tensor, "b n"]:
    """The step of each token as they are read in the end; -1 where there is none."""
    return step_map.gather(1, final.clamp(min=0)).masked_fill(final < 0, -1)


def kendall_tau(step_map: Int[Tensor, "b n"]) -> Float[Tensor, " b"]:
    """Kendall's tau-b of step against position, over the positions that a step wrote.

    (concordant - discordant) / sqrt(pairs x pairs written in different steps); positions never tie.
    Not defined (nan) for less than two positions, or where one step wrote all of them.
    """
    written = step_map > 0
    pairs = (written[:, :, None] & written[:, None, :]).triu(1)
    sign = (step_map[:, None, :] - step_map[:, :, None]).sign() * pairs
    count, apart = pairs.sum((1, 2)).double(), sign.abs().sum((1, 2)).double()
    return sign.sum((1, 2)) / (count * apart).sqrt()


@torch.no_grad()
def regret(trace: Trace, model: object, batch: int = 64) -> Float[Tensor, "b n"]:
    """-log probability (nats) of each written token given all other known tokens at the end.

    One question a written position; nan where a position was given or is unknown. An oracle that
    finds the other tokens impossible answers as it does elsewhere: uniformly, or with an error.
    """
    inner = unwrapped(model)
    code = inner.digits if isinstance(inner, DigitConditional) else None
    if not isinstance(inner, Conditional):
        raise ValueError(
            f"regret asks about a token given all others, on both sides of it, and "
            f"{type(inner).__name__} has no law of that; hand over a conditional, such as an MDLM, a "
            "PGM, Prime or an oracle"
        )
    final, written = trace.final, trace.step_map() > 0
    rows, places = written.nonzero(as_tuple=True)
    found = torch.full(written.shape, math.nan, dtype=torch.float64)
    for row, place in zip(torch.split(rows, batch), torch.split(places, batch), strict=True):
        canvas = Canvas(final.tokens[row], final.known[row]).reopen(place[:, None])
        canvas = canvas if code is None else code.spell(canvas)
        laws = ask(cast("Conditional", model), canvas, place[:, None]).laws[:, 0]
        token = final.tokens[row, place]
        found[row, place] = -laws.gather(1, token[:, None])[:, 0].to(found.device)
    return found


def _ties(
    queried: Bool[Tensor, "b n"], written: Bool[Tensor, "b n"], score: Float[Tensor, "b n"]
) -> tuple[Int[Tensor, " b"], Bool[Tensor, " b"]]:
    """How many positions tie with the last of the best ones written, and whether the leftmost won."""
    chosen = queried & written
    edge = score.masked_fill(~chosen, math.inf).amin(1, keepdim=True)
    tie = queried & ((score - edge).abs() <= TIED)
    # Without a position of that score left behind the order went by something else, or nothing was
    # left to choose from.
    undecided = (tie & written).any(1) & (tie & ~written).any(1)
    place = torch.arange(queried.shape[1], device=queried.device)
    last = place.masked_fill(~(tie & written), -1).amax(1)
    first = place.masked_fill(~(tie & ~written), queried.shape[1]).amin(1)
    return tie.sum(1).where(undecided, 0), undecided & (last < first)


def _localities(
    trace: Trace, final: Int[Tensor, "b n"]
) -> tuple[Float[Tensor, " b"], Float[Tensor, " b"]]:
    """Mean distances from written positions to the nearest known one, and to the last written."""
    batch, n = final.shape
    columns = trace.header.layout.columns
    place = torch.arange(n, device=final.device).expand(batch, -1)
    if any(step.insert is not None for step in trace.steps):
        # Positions are names; those that stay unknown are put aside in the last slot.
        slots = torch.zeros(batch, n + 1, dtype=torch.long, device=final.device)
        place = slots.scatter(1, final.where(final >= 0, n), place)[:, :n]
    row, column = place // columns, place % columns
    apart = (row[:, :, None] - row[:, None]).abs() + (column[:, :, None] - column[:, None]).abs()
    apart = apart.double()
    sums = torch.zeros(2, batch, dtype=torch.float64, device=final.device)
    counts = torch.zeros_like(sums)
    previous = torch.zeros_like(trace.init.known)
    for index, step in enumerate(trace.steps):
        for kind, others in enumerate((trace.state(index).known, previous)):
            nearest = apart.masked_fill(~others[:, None, :], math.inf).amin(2)
            counted = step.written & nearest.isfinite()
            sums[kind] += nearest.where(counted, 0.0).sum(1)
            counts[kind] += counted.sum(1)
        previous = step.written.where(step.written.any(1, keepdim=True), previous)
    known, last = sums / counts
    return known, last


def _mean(values: Float[Tensor, "..."], form: str) -> str:
    mean = float(values.nanmean())
    return "undefined" if math.isnan(mean) else format(mean, form)
