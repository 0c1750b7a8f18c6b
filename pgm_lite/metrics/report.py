"""What a judge hands back: its figures, each under a name that says what it is."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Figure:
    """One name a report may use: its unit, which way is better, and what it means.

    ``match`` is for figures that should equal the one of real data, neither above nor below it.
    """

    unit: str
    better: Literal["higher", "lower", "match", "reference"]
    meaning: str


FIGURES: dict[str, Figure] = {
    # shidoku
    "validity": Figure(
        "share", "higher", "grids whose rows, columns and boxes hold all four digits"
    ),
    "coverage": Figure("grids of 288", "higher", "different valid grids reached"),
    "total_variation": Figure("0 to 1", "lower", "distance to the uniform law over the 288 grids"),
    "noise_floor": Figure(
        "0 to 1", "reference", "total variation expected of as many exact samples"
    ),
    "grid_entropy": Figure("nats", "match", "entropy of how often each grid was drawn"),
    "grid_entropy_real": Figure("nats", "reference", "the same expected of as many exact samples"),
    # faces
    "eyes": Figure("share", "higher", "samples whose eyes have a shape some training face has"),
    "mouth": Figure("share", "higher", "samples whose mouth has a shape some training face has"),
    "hair": Figure("share", "higher", "samples whose top of the head has a known shape"),
    "clothes": Figure("share", "higher", "samples whose shoulders have a known shape"),
    "skin": Figure("share", "higher", "samples whose cheeks and nose are all one skin tone"),
    "all_parts": Figure("share", "higher", "samples that pass all five checks at once"),
    "frechet": Figure(
        "features", "lower", "Fréchet distance to the training faces in learned features"
    ),
    "frechet_real": Figure(
        "features", "reference", "the same of as many real test faces, 600 at most"
    ),
    "novelty": Figure("share", "match", "samples that are no training face, cell for cell"),
    "nearest": Figure("cells of 256", "match", "cells in which the nearest training face differs"),
    "distinct": Figure("share", "higher", "different samples among the samples"),
    "entropy": Figure("nats", "match", "entropy of the symbols inside one sample, averaged"),
    "entropy_real": Figure("nats", "reference", "the same of the real test split"),
    # text
    "spelling": Figure("share", "higher", "whole words that occur in the training split"),
    "new_words": Figure(
        "share", "match", "different words that do not occur in the training split"
    ),
    "ngram_bits": Figure("bits/char", "match", "the samples under a 7-gram of the training split"),
    "ngram_bits_real": Figure("bits/char", "reference", "the same of the real test split"),
    "distinct_3": Figure("share", "match", "different runs of three words among all such runs"),
    "copied": Figure("share", "lower", "runs of 36 characters found in the training split"),
    # sentences
    "length": Figure("characters", "match", "length of a sample, averaged"),
    "length_real": Figure("characters", "reference", "the same of the real test split"),
    "length_spread": Figure("characters", "match", "standard deviation of the length"),
    "length_spread_real": Figure("characters", "reference", "the same of the real test split"),
    "ends": Figure(
        "share", "match", "samples that end with a full stop, a quotation mark after it or not"
    ),
    "ends_real": Figure("share", "reference", "the same of the real test split"),
    "copied_rows": Figure("share", "match", "samples that are a sentence of the training split"),
    "copied_rows_real": Figure("share", "reference", "the same of the real test split"),
}
"""Every figure any judge reports."""


@dataclass(frozen=True, slots=True)
class Report(Mapping[str, float]):
    """The figures of a judge, read like a dictionary, and how many samples they rest on."""

    samples: int
    figures: dict[str, float]

    def __getitem__(self, name: str) -> float:
        return self.figures[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.figures)

    def __len__(self) -> int:
        return len(self.figures)

    def __str__(self) -> str:
        lines = [
            f"{name:16} {value:10.4f}  {FIGURES[name].unit:13} {FIGURES[name].better:9}  "
            f"{FIGURES[name].meaning}"
            for name, value in self.figures.items()
        ]
        return "\n".join([f"{self.samples:,} samples", *lines])
