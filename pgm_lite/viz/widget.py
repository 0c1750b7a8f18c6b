"""The player in Jupyter."""

from functools import partial
from typing import Any

import anywidget
import traitlets

from pgm_lite.viz.curious import answers, shown_in
from pgm_lite.viz.module import player_module
from pgm_lite.viz.record import Traces, payload


class TokenPlayer(anywidget.AnyWidget):
    """Plays one trace, or several on one clock.

    ``step`` is the step at which the (first) trace stands, reported when the player comes to
    rest and followed when set from Python; before anything was played it is None and the player
    shows a step from the middle.

    Where a position is pinned, the player asks what else could have stood there (``asked``), and the
    model answers (``told``): ``model``, or the shipped checkpoint that the trace names.
    """

    _esm = player_module()
    trace = traitlets.Dict().tag(sync=True)
    step = traitlets.Int(None, allow_none=True).tag(sync=True)
    autoplay = traitlets.Bool(False).tag(sync=True)
    interval_ms = traitlets.Int(0).tag(sync=True)
    loop = traitlets.Bool(False).tag(sync=True)
    curious = traitlets.Bool(True).tag(sync=True)
    asked = traitlets.Any().tag(sync=True)
    told = traitlets.Any().tag(sync=True)
    model: object = None

    @traitlets.observe("asked")
    def _answer(self, change: dict[str, Any]) -> None:
        shown: dict[str, Any] = self.trace
        self.told = answers(change["new"], partial(shown_in, shown), self.model)

    def __repr__(self) -> str:
        shown: dict[str, Any] = self.trace
        traces = zip(shown.get("names", ()), shown.get("traces", ()), strict=True)
        parts = (f"{name} L={t['seq_len']} T={len(t['steps'])}" for name, t in traces)
        return f"<TokenPlayer {', '.join(parts)}>"


def show(
    traces: Traces, *, row: int = 0, step: int | None = None, model: object = None
) -> TokenPlayer:
    """A player of one trace, or of several side by side, step by step.

    ``row`` chooses the sequence of a batch; ``step`` the one to open at. ``model`` answers what else
    could have stood at a position that is pinned; traces of shipped checkpoints do without it.
    """
    return _player(payload(traces, "steps", row), model, step=step)


def race(
    traces: Traces, *, clock: str = "flops", row: int = 0, model: object = None
) -> TokenPlayer:
    """Traces side by side on one clock: steps, calls, positions, flops or seconds."""
    return _player(payload(traces, clock, row), model)


def _player(given: dict[str, Any], model: object, step: int | None = None) -> TokenPlayer:
    player = TokenPlayer(trace=given, step=step)
    player.model = model
    return player
