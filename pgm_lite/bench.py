"""How fast three samplers of the same size generate, measured side by side in one process.

The contestants share width, total depth, data shape, schedule and random order:

- ``MDLM``: the published sampler; answers and draws, in float64, at every position of every step.
- ``MDLM gather-first``: the order is blind, so head and draw run at the chosen positions only.
- ``PGM``: only known tokens enter the encoder, only chosen positions the decoder.

Runs alternate, so that whatever else the machine does falls on all three; medians are compared.

The two latencies are what a visitor waits for: one recorded generation, and the app's first page.
"""

import platform
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast
from urllib.error import URLError

import torch

from pgm_lite.checkpoints import build
from pgm_lite.core import Canvas, Conditional, Step, listed
from pgm_lite.draw import categorical, rng
from pgm_lite.models import MDLM, PGM
from pgm_lite.net import Shape
from pgm_lite.orders import random_order
from pgm_lite.samplers import unmask
from pgm_lite.schedules import uniform


@dataclass(frozen=True, slots=True)
class Setting:
    """What is generated, and by how large a network."""

    positions: int
    steps: int
    batch: int
    width: int
    heads: int
    depth: int
    vocab_size: int = 32

    def __str__(self) -> str:
        return (
            f"{self.positions} positions, {self.steps} steps, batch {self.batch}, width "
            f"{self.width}, {self.depth} layers"
        )


SETTINGS = (
    Setting(positions=256, steps=32, batch=8, width=256, heads=4, depth=8),
    Setting(positions=1024, steps=64, batch=2, width=384, heads=6, depth=8),
)


@dataclass(frozen=True, slots=True)
class Result:
    """One contestant in one setting; ratios are MDLM's figure over this one's."""

    contestant: str
    seconds: float
    seconds_all: tuple[float, ...]
    tokens_per_second: float
    speedup: float
    flops: float
    flop_ratio: float
    positions: int


def compare(setting: Setting, *, runs: int = 5, seed: int = 0) -> list[Result]:
    """Time the three contestants in alternation, after one warm-up each."""
    if runs < 1:
        raise ValueError(f"a benchmark needs at least one run; got {runs}")
    shape = Shape(
        setting.vocab_size, 1, setting.positions, setting.width, setting.heads, setting.depth
    )
    mdlm = cast("MDLM", build("mdlm", shape)).eval()
    pgm = cast("PGM", build("pgm", shape)).eval()
    schedule = uniform(setting.positions, setting.steps)

    def gathered(model: Conditional) -> Iterator[Step]:
        canvas = Canvas.blank(setting.batch, setting.positions)
        return unmask(model, canvas, schedule=schedule, order=random_order(), rng=rng(seed))

    contestants: dict[str, Callable[[], Iterator[Step]]] = {
        "MDLM": lambda: draw_everywhere(mdlm, setting, schedule, seed),
        "MDLM gather-first": lambda: gathered(mdlm),
        "PGM": lambda: gathered(pgm),
    }
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    bills: dict[str, tuple[float, int]] = {}
    for run in range(runs + 1):
        for name, start in contestants.items():
            began = time.perf_counter()
            costs = [step.cost for step in start()]
            elapsed = time.perf_counter() - began
            if run > 0:
                seconds[name].append(elapsed)
            bills[name] = (
                sum(float(cost.flops.sum()) for cost in costs),
                sum(int(cost.positions.sum()) for cost in costs),
            )
    slow = statistics.median(seconds["MDLM"])
    return [
        Result(
            contestant=name,
            seconds=(middle := statistics.median(times)),
            seconds_all=tuple(times),
            tokens_per_second=setting.batch * setting.positions / middle,
            speedup=slow / middle,
            flops=bills[name][0],
            flop_ratio=bills["MDLM"][0] / bills[name][0],
            positions=bills[name][1],
        )
        for name, times in seconds.items()
    ]


def draw_everywhere(
    model: Conditional, setting: Setting, schedule: tuple[int, ...], seed: int
) -> Iterator[Step]:
    """MDLM as published: a draw at every position at every step; only the chosen ones are kept."""
    generator = rng(seed)
    canvas = Canvas.blank(setting.batch, setting.positions)
    everywhere = torch.arange(setting.positions).expand(setting.batch, -1)
    order = torch.rand(setting.batch, setting.positions, generator=generator).argsort(1)
    rank = order.argsort(1)
    for done, count in zip(cumulative(schedule), schedule, strict=True):
        with torch.no_grad():
            log_probs = model.log_probs(canvas, everywhere)
        drawn = categorical(log_probs, rng=generator)
        chosen = (rank >= done) & (rank < done + count)
        where = listed(chosen)
        cost = model.cost(canvas, everywhere)
        canvas = canvas.reveal(where, drawn.gather(1, where))
        nothing = torch.zeros(chosen.shape)
        yield Step(
            canvas=canvas,
            queried=torch.ones_like(chosen),
            written=chosen,
            log_prob=nothing,
            entropy=nothing,
            cost=cost,
            note="drawn everywhere",
        )


def cumulative(schedule: tuple[int, ...]) -> list[int]:
    """How many positions are written before each step."""
    return [sum(schedule[:index]) for index in range(len(schedule))]


def waiting(task: Callable[[], object], runs: int) -> list[float]:
    """The seconds ``task`` takes, ``runs`` times after one warm-up."""
    if runs < 1:
        raise ValueError(f"a benchmark needs at least one run; got {runs}")
    seconds: list[float] = []
    for _ in range(runs + 1):
        began = time.perf_counter()
        task()
        seconds.append(time.perf_counter() - began)
    return seconds[1:]


def first_page(*command: str, folder: Path, patience: float = 120.0) -> None:
    """Start the app in ``folder``, wait for the first byte of its page, and stop it again.

    ``command`` starts it; ``--port`` and a free port are added.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    began = time.perf_counter()
    quiet = subprocess.DEVNULL
    with subprocess.Popen(
        [*command, "--port", str(port)], cwd=folder, stdout=quiet, stderr=quiet
    ) as server:
        try:
            while server.poll() is None and time.perf_counter() - began < patience:
                try:
                    with urllib.request.urlopen(f"http://127.0.0.1:{port}/") as page:
                        page.read(1)
                    return
                except URLError:
                    time.sleep(0.02)
        finally:
            server.kill()
    raise ValueError(
        f"{' '.join(command)} in {folder} showed no page within {patience:g} s; run it by hand to "
        "see why"
    )


APP = (sys.executable, "-m", "app", "--no-browser")
"""How the app is started."""


def report(setting: Setting, results: list[Result]) -> dict[str, object]:
    """Setting and results as plain data, for ``--json``."""
    return {
        "setting": asdict(setting),
        "machine": machine(),
        "results": [asdict(r) for r in results],
    }


def machine() -> dict[str, object]:
    """What the figures were measured on."""
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "processor": torch.backends.cpu.get_cpu_capability(),
        "dtype": "float32",
    }
