"""What a network is worth on a split of a data set: bound or likelihood, and surrogate."""

import torch
from torch import Tensor

from pgm_lite import objectives
from pgm_lite.bounds import Bound, digit_bound, exact_likelihood, held_out_bound, over_strata
from pgm_lite.checkpoints import Figure, Model
from pgm_lite.core import Canvas
from pgm_lite.datasets.dataset import Dataset
from pgm_lite.digits import Digits
from pgm_lite.models import AR, Insertion, Prime, SelfSpec
from pgm_lite.oracle import HalfKnown, Support


def measure(network: Model, dataset: Dataset, *, rows: int) -> dict[str, Figure]:
    """Bound or likelihood, and surrogate where there is one, on validation and test, without labels.

    The bound of a self-speculative model is that of its drafts. Where sequences differ in length,
    figures are per token that is there, and the bound includes what saying where they end costs.
    """
    figures: dict[str, Figure] = {}
    for split in ("validation", "test"):
        bound = bound_on(network, dataset, split, rows=rows)
        name = "negative log-likelihood" if bound.exact else "bound"
        figures[f"{split} {name}"] = figure(bound)
        surrogate = surrogate_on(network, dataset, split, rows=rows)
        if surrogate is not None:
            figures[f"{split} surrogate"] = figure(surrogate)
    return figures


def figure(bound: Bound) -> Figure:
    """A measured figure as a card has it."""
    return Figure(
        value=round(bound.nats, 5),
        standard_error=round(bound.standard_error, 5),
        samples=bound.rows,
        unit="nats per position",
    )


def bound_on(network: Model, dataset: Dataset, split: str, *, rows: int, seed: int = 0) -> Bound:
    """The bound or likelihood on the first ``rows`` rows of a split, repeated to fill them."""
    tokens, source = held_out_rows(dataset, split, rows)
    if isinstance(network, AR):
        with torch.no_grad():
            return exact_likelihood(network, tokens[:source])
    rng = torch.Generator().manual_seed(seed)
    if isinstance(network, Insertion):
        row_length = float((tokens >= 0).sum(1).double().mean())
        return average(objectives.insertion(row_length), network, tokens, rng=rng)
    if isinstance(network, Prime):
        return digit_bound(network, tokens, rng=rng)
    return held_out_bound(network, tokens, rng=rng)


def surrogate_on(
    network: Model, dataset: Dataset, split: str, *, rows: int, seed: int = 0
) -> Bound | None:
    """What Prime's joint loss or self-speculation's causal term says; None for other families."""
    tokens, _ = held_out_rows(dataset, split, rows)
    rng = torch.Generator().manual_seed(seed)
    if isinstance(network, Prime):
        return average(objectives.joint(network.digits), network, tokens, rng=rng)
    if isinstance(network, SelfSpec):
        return average(objectives.SPECULATION, network, tokens, rng=rng)
    return None


def perfect(dataset: Dataset, digits: Digits, *, rows: int, seed: int = 0) -> tuple[Bound, Bound]:
    """Bound and joint loss of the exact law as a model of half-known tokens.

    For data sets of which every sequence is in the training split, equally likely: shidoku. The
    bound comes out as the entropy, the joint loss below it.
    """
    source = dataset.splits["train"]
    every, _ = source.batch(torch.arange(source.rows))
    law = HalfKnown(Support(every, dataset.vocab_size), digits)

    def answers(spelled: Tensor, known: Tensor, label: Tensor | None) -> Tensor:
        del label
        where = torch.arange(dataset.seq_len).expand(len(spelled), -1)
        return law.log_probs(Canvas(spelled, known), where)

    tokens = every[torch.arange(rows) % source.rows]
    rng = torch.Generator().manual_seed(seed)
    surrogate = average(objectives.joint(digits), answers, tokens, rng=rng)
    return digit_bound(law, tokens, rng=rng), surrogate


def held_out_rows(dataset: Dataset, split: str, rows: int) -> tuple[Tensor, int]:
    """Rows of a split, repeated to fill ``rows``, and how many are different."""
    source = dataset.splits[split]
    tokens, _ = source.batch(torch.arange(rows) % source.rows)
    return tokens, source.rows


@torch.no_grad()
def average(
    objective: objectives.Objective,
    network: objectives.Network,
    tokens: Tensor,
    *,
    rng: torch.Generator,
) -> Bound:
    """The mean of an objective's last term over rows at stratified times."""
    count = len(tokens)
    times = objectives.stratified(count, rng=rng).sort().values
    shuffled = tokens[torch.randperm(count, generator=rng)]
    nats: list[Tensor] = []
    for start in range(0, count, 64):
        chosen = slice(start, start + 64)
        terms = objective.loss(network, shuffled[chosen], None, t=times[chosen], rng=rng)
        nats.append(terms.view(len(terms), -1)[:, -1].double())
    return over_strata(torch.cat(nats))
