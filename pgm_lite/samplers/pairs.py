"""What samplers that ask two models have in common: do the two fit, and the steps they make."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from pgm_lite.core import NOBODY, Canvas, Cost, DraftStep, Step, positions_mask, scatter
from pgm_lite.draw import entropy_of
from pgm_lite.protocols import size_of, unwrapped
from pgm_lite.samplers.fill import Draws


def check_pair(model: object, companion: object) -> None:
    """Two models that judge each other's tokens write the same tokens at the same positions."""
    for size, words in (("seq_len", "positions"), ("vocab_size", "tokens")):
        one, other = (size_of(unwrapped(each), size) for each in (model, companion))
        if one is not None and other is not None and one != other:
            raise ValueError(
                f"the model has {one} {words}, its companion {other}: two models that judge each "
                "other's tokens have to be trained on the same data set; take a companion of it"
            )


def span(known: Int[Tensor, " b"], counts: Int[Tensor, " b"]) -> Int[Tensor, "b q"]:
    """The first ``counts`` positions after the known ones of each row."""
    offsets = torch.arange(max(int(counts.max()), 1), device=known.device)
    return (known[:, None] + offsets).where(offsets < counts[:, None], NOBODY)


def drafting(
    canvas: Canvas, draws: Draws, laws: Float[Tensor, "b q v"], cost: Cost, note: str
) -> Step:
    """The step that proposes ``draws`` from ``laws`` and writes nothing."""
    n = canvas.seq_len
    asked = positions_mask(draws.where, n)
    none = torch.zeros_like(asked)
    return Step(
        canvas=canvas,
        queried=asked,
        written=none,
        log_prob=none.double(),
        entropy=scatter(draws.where, entropy_of(laws), n),
        cost=cost,
        note=note,
        draft=DraftStep(
            tokens=scatter(draws.where, draws.tokens, n),
            drafted=asked,
            accepted=none,
            rejected=none,
            draft_log_prob=scatter(draws.where, draws.log_prob, n),
            target_log_prob=none.double(),
        ),
    )


def judging(
    canvas: Canvas,
    where: Int[Tensor, "b q"],
    drafts: Draws,
    chosen: Int[Tensor, "b q"],
    targets: Float[Tensor, "b q v"],
    *,
    accepted: Bool[Tensor, "b q"],
    refused: Bool[Tensor, "b q"],
    written: Bool[Tensor, "b q"],
    cost: Cost,
    note: str,
) -> Step:
    """The step that asked about ``where`` and wrote ``chosen`` wherever ``written`` says."""
    n = canvas.seq_len
    places, judged = where.where(written, NOBODY), where.where(accepted | refused, NOBODY)
    said = targets.gather(-1, chosen[..., None])[..., 0]
    of_draft = targets.gather(-1, drafts.tokens[..., None])[..., 0]
    return Step(
        canvas=canvas.reveal(places, chosen),
        queried=positions_mask(where, n),
        written=positions_mask(places, n),
        log_prob=scatter(places, said, n),
        entropy=scatter(where, entropy_of(targets), n),
        cost=cost,
        note=note,
        draft=DraftStep(
            tokens=scatter(drafts.where, drafts.tokens, n),
            drafted=torch.zeros_like(canvas.known),
            accepted=positions_mask(where.where(accepted, NOBODY), n),
            rejected=positions_mask(where.where(refused, NOBODY), n),
            draft_log_prob=scatter(drafts.where, drafts.log_prob, n),
            target_log_prob=scatter(judged, of_draft, n),
        ),
    )
