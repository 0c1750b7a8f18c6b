"""Where the committed data lie, and what to say when they do not."""

from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "assets" / "data"
"""The data folder of the checkout that this package was imported from."""


def asset(name: str) -> Path:
    """The path of a committed data file."""
    path = FOLDER / name
    if not path.is_file():
        raise ValueError(
            f"the data file {name} is not at {path}; the data sets are read from the project's "
            f"own checkout, so install it in place (pip install -e .) and keep assets/data "
            f"beside pgm_lite"
        )
    return path
