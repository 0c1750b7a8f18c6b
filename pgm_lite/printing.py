"""How the command line prints tables and writes figures."""

from json import dumps
from pathlib import Path

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

console = Console()


def print_table(title: str, rows: list[dict[str, str]]) -> None:
    """Rows of named cells as a table; cells a row lacks stay empty.

    No figure is cut: a table wider than the terminal, or than a file is taken to be, keeps its width.
    """
    table = Table(title=title, title_justify="left", title_style="bold")
    columns = list(dict.fromkeys(name for row in rows for name in row))
    for index, column in enumerate(columns):
        table.add_column(column, justify="left" if index == 0 else "right", no_wrap=True)
    for row in rows:
        table.add_row(*(row.get(column, "") for column in columns))
    free = console.options.update(max_width=10_000)
    needed = Measurement.get(console, free, table).maximum
    Console(file=console.file, width=max(needed, console.width)).print(table)


def save(path: Path | None, figures: object) -> None:
    """Write figures as JSON, where a file is named."""
    if path is not None:
        path.write_text(dumps(figures, indent=1) + "\n")


def sentence(problem: str) -> str:
    """An error message as a sentence of its own."""
    return f"{problem[:1].upper()}{problem[1:]}{'' if problem.endswith('.') else '.'}"
