"""What the order of a run looked like, in a few figures below its curves."""

from pgm_lite import catalog, viz
from pgm_lite.analytics import OrderReport, analyse
from pgm_lite.trace import Trace

LINES = {
    "AR-ness": "Left to right is +1, right to left -1",
    "distance to known": "Cells to the nearest known position",
    "distance to previous": "Cells to the nearest one written just before",
    "tied steps": "Steps that chose among equal scores",
    "asked": "Questions asked",
    "thrown away": "Answers thrown away",
    "surprise": "Surprise of a token when it was written, nats",
    "regret": "Surprise of the same token, all others being known",
}
"""The figures of a report, in plain words."""


def told(traces: list[str]) -> str:
    """A table in Markdown, one column a run, and what should make a reader doubt an order."""
    reports = {
        name.replace("|", "/"): judged(Trace.from_json(text))
        for name, text in zip(viz.payload(traces)["names"], traces, strict=True)
    }
    cells = {name: report.summary() for name, report in reports.items()}
    rows = [
        f"| {words} | {' | '.join(each.get(figure, '') for each in cells.values())} |"
        for figure, words in LINES.items()
        if any(figure in each for each in cells.values())
    ]
    warnings = [f"- {name}: {line}." for name, each in reports.items() for line in each.warnings]
    head = [f"| The order | {' | '.join(cells)} |", f"|---|{'---:|' * len(cells)}"]
    return "\n".join([*head, *rows, "", *warnings])


def judged(trace: Trace) -> OrderReport:
    """The report, with regret where the model is one of ours and knows both sides of a token."""
    try:
        return analyse(trace, catalog.model_of(trace))
    except ValueError:
        return analyse(trace)
