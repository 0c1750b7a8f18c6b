"""A shelf of tiny random checkpoints that look like the shipped ones."""

from pathlib import Path

from networks import stirred

from pgm_lite import catalog
from pgm_lite.checkpoints import FAMILIES, Card, save_card, save_weights
from pgm_lite.net import Shape


def put(folder: Path, name: str) -> None:
    """Write "dataset/model" below ``folder``: random weights, but the shape of the data set.

    The model is a family, or one called "small"; both have the same weights.
    """
    dataset, family = name.removesuffix("_small").split("/")
    data = catalog.dataset(dataset)
    shape = Shape(
        vocab_size=data.vocab_size,
        rows=data.layout.rows,
        columns=data.layout.columns,
        width=8,
        heads=1,
        depth=2,
        labels=tuple(len(attribute.values) for attribute in data.attributes),
        digits=2 if family == "prime" else 1,
        causal=1 if family == "self_spec" else 0,
    )
    network = stirred(FAMILIES[family], shape)
    digest = save_weights(network, folder / f"{name}.safetensors")
    card = Card(
        library="0.1.0",
        dataset=dataset,
        family=family,
        vocab_size=shape.vocab_size,
        rows=shape.rows,
        columns=shape.columns,
        width=shape.width,
        heads=shape.heads,
        depth=shape.depth,
        labels=shape.labels,
        digits=shape.digits,
        causal=shape.causal,
        parameters=sum(p.numel() for p in network.parameters()),
        objective="none",
        data_sha256=data.fingerprint(),
        weights_sha256=digest,
        steps=0,
        batch=1,
        seed=0,
        seconds=0.0,
        hardware="none",
        commit="",
        recipe={},
    )
    save_card(card, folder / f"{name}.json")
