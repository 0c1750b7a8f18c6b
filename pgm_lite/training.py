"""The training loop: a generator that yields its progress and can be killed at any moment.

Everything random in step k comes from a generator seeded by (seed, k), and the state on disk is
always whole (``pgm_lite.states``), so a run that was killed and resumed ends with the weights of one
that was not.
"""

import hashlib
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

import torch
from accelerate import Accelerator
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from pgm_lite.objectives import Network, Objective, stratified
from pgm_lite.recipes import Recipe
from pgm_lite.states import StateFolder


@runtime_checkable
class Split(Protocol):
    """Rows of a data set, as training asks for them."""

    @property
    def rows(self) -> int:
        """How many rows there are."""
        ...

    def batch(self, indices: Int[Tensor, " b"]) -> tuple[Int[Tensor, "b n"], Int[Tensor, "b a"]]:
        """Tokens and labels of some rows."""
        ...


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run stands: ``nats`` per token is averaged since the last report.

    ``kind`` says what they mean (see ``Objective``). An objective that has parts names them in
    ``parts``, and ``terms`` gives the nats of each.
    """

    step: int
    steps: int
    nats: float
    seconds: float
    kind: Literal["bound", "surrogate"]
    parts: tuple[str, ...] = ()
    terms: tuple[float, ...] = ()

    @property
    def remaining(self) -> float:
        """Estimated seconds to the end."""
        return self.seconds / max(self.step, 1) * (self.steps - self.step)

    @property
    def loss(self) -> str:
        """The loss and what it is: "1.2000 nats per token (surrogate: 0.7000 joint + ...)"."""
        parts = [f"{each:.4f} {name}" for name, each in zip(self.parts, self.terms, strict=True)]
        meaning = f"{self.kind}: {' + '.join(parts)}" if parts else self.kind
        return f"{self.nats:.4f} nats per token ({meaning})"


def train(
    network: nn.Module,
    objective: Objective,
    split: Split,
    recipe: Recipe,
    *,
    seed: int = 0,
    folder: Path | None = None,
    save_every: float = 60.0,
    report_every: int = 10,
    compiled: bool = False,
    start_from: str = "",
) -> Iterator[Progress]:
    """Train ``network`` in place; at the end it holds the averaged (EMA) weights.

    With ``folder`` the state is saved there every ``save_every`` seconds, at the end, and when the
    loop is interrupted or closed; an existing state is resumed if it is of the same run, to which
    ``start_from``, a name or hash of the weights it began with, belongs. Attribute by attribute, labels are
    dropped with a probability drawn afresh for each row, so every subset of a label is trained.
    ``compiled`` spends a minute on torch.compile (it needs a C++ compiler) to save a quarter later.
    """
    state = None
    if folder is not None:
        what = identity(network, objective, split, recipe, seed, start_from)
        state = StateFolder(folder, what)
    run = Run(network, recipe, state, compiled=compiled)
    return run.loop(objective, split, seed, save_every, report_every)


class Run:
    """The moving parts of one training run."""

    def __init__(
        self, network: nn.Module, recipe: Recipe, state: StateFolder | None, *, compiled: bool
    ) -> None:
        self.network, self.recipe, self.state = network, recipe, state
        self.accelerator = Accelerator(
            mixed_precision=precision(), step_scheduler_with_optimizer=False
        )
        average = averaging(recipe.ema)
        self.ema = AveragedModel(network, multi_avg_fn=average).to(self.accelerator.device)
        self.model: nn.Module = self.accelerator.prepare_model(network)
        self.forward: Network = self.model
        if compiled:
            self.forward = torch.compile(self.model)  # pyright: ignore[reportUnknownArgumentType]
        plain = optimizers(network, recipe)
        self.optimizers = [self.accelerator.prepare_optimizer(each) for each in plain]
        self.clock = Clock()
        self.accelerator.register_for_checkpointing(self.ema, self.clock)
        if state is not None:
            state.resume(lambda path: self.accelerator.load_state(str(path)))
        # After resuming, which puts new groups in the place of the old ones.
        self.groups: list[dict[str, Any]] = [g for each in plain for g in each.param_groups]

    def loop(
        self,
        objective: Objective,
        split: Split,
        seed: int,
        save_every: float,
        report_every: int,
    ) -> Iterator[Progress]:
        """The training loop proper."""
        recipe, clock = self.recipe, self.clock
        self.model.train()
        total = torch.zeros(max(1, len(objective.parts)))
        started, saved = time.perf_counter() - clock.seconds, time.monotonic()
        last_report = clock.step
        try:
            while clock.step < recipe.steps:
                total += self.step(objective, split, seed)
                clock.step += 1
                clock.seconds = time.perf_counter() - started
                if clock.step % report_every == 0 or clock.step == recipe.steps:
                    mean = total / (clock.step - last_report)
                    terms: list[float] = mean.numpy().tolist() if objective.parts else []
                    total, last_report = torch.zeros_like(total), clock.step
                    yield Progress(
                        clock.step,
                        recipe.steps,
                        float(mean.sum()),
                        clock.seconds,
                        objective.kind,
                        objective.parts,
                        tuple(terms),
                    )
                if time.monotonic() - saved > save_every:
                    self.save()
                    saved = time.monotonic()
        finally:
            self.save()
        self.accelerator.unwrap_model(self.model, keep_fp32_wrapper=False)
        self.network.load_state_dict(self.ema.module.state_dict())
        self.network.eval()

    def step(self, objective: Objective, split: Split, seed: int) -> Float[Tensor, " p"]:
        """One update; returns the terms of the loss in nats per token, one if it has no parts."""
        recipe, device = self.recipe, self.accelerator.device
        # Seeds of neighbouring steps must not be neighbours for simple generators: spread them.
        spread = (seed * 1_000_003 + self.clock.step) * 2_654_435_761 % 2**63
        rng = torch.Generator().manual_seed(spread)
        tokens, label = split.batch(torch.randint(split.rows, (recipe.batch,), generator=rng))
        label = dropped(label, rng=rng).to(device)
        device_rng = torch.Generator(device).manual_seed(spread + 1)
        for group in self.groups:
            group["lr"] = group["peak"] * rate(self.clock.step, recipe)
        with self.accelerator.autocast():
            terms = objective.loss(
                self.forward,
                tokens.to(device),
                label,
                t=stratified(recipe.batch, rng=device_rng),
                rng=device_rng,
            ).mean(0)
        loss = terms.sum()
        if not torch.isfinite(loss):
            raise ValueError(
                f"the loss at step {self.clock.step} is {loss.item()}; lower the learning rates "
                f"({recipe.matrix_rate} and {recipe.vector_rate}) or the clip ({recipe.clip})"
            )
        self.accelerator.backward(loss)
        self.accelerator.clip_grad_norm_(self.model.parameters(), recipe.clip)
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad()
        self.ema.update_parameters(self.network)
        return terms.detach().float().cpu().view(-1)

    def save(self) -> None:
        """Keep the state, where there is a folder for it."""
        if self.state is not None:
            self.state.save(lambda path: self.accelerator.save_state(str(path)))


class Clock:
    """Steps and seconds so far, saved with the rest of the state."""

    def __init__(self) -> None:
        self.step = 0
        self.seconds = 0.0

    def state_dict(self) -> dict[str, float]:
        """What to save."""
        return {"step": self.step, "seconds": self.seconds}

    def load_state_dict(self, state: dict[str, float]) -> None:
        """Take it up again."""
        self.step, self.seconds = int(state["step"]), float(state["seconds"])


def identity(
    network: nn.Module, objective: Objective, split: Split, recipe: Recipe, seed: int, start: str
) -> dict[str, object]:
    """All that decides a run: going on from a state with anything else would mix two."""
    weights = list(network.parameters())
    trained = sum(each.numel() for each in weights if each.requires_grad)
    # A thousand rows spread over the split tell data sets apart, and are read at once.
    tokens, label = split.batch(torch.arange(1000) * split.rows // 1000)
    data = hashlib.sha256(tokens.numpy().tobytes() + label.numpy().tobytes())
    return {
        "network": f"{type(network).__name__}, {sum(each.numel() for each in weights)} weights",
        "trained": f"{trained} weights",
        "objective": objective.name,
        "data": f"{split.rows} rows, {data.hexdigest()[:16]}",
        "seed": seed,
        "start_from": start,
        **asdict(recipe),
    }


def optimizers(network: nn.Module, recipe: Recipe) -> list[torch.optim.Optimizer]:
    """Muon for the matrices between hidden states, AdamW for all else."""
    if not hasattr(torch.optim, "Muon"):
        raise ValueError(
            f"training needs torch.optim.Muon, which came with torch 2.9; this is torch "
            f"{torch.__version__} (loading and sampling work from 2.8 on)"
        )
    matrices: list[dict[str, Any]] = []
    others: list[nn.Parameter] = []
    for name, parameter in network.named_parameters():
        inner = parameter.ndim == 2 and not any(
            word in name for word in ("embedding", "query_position", "head.")
        )
        if inner:
            matrices.append({"params": [parameter]})
        else:
            others.append(parameter)
    muon = torch.optim.Muon(matrices, lr=recipe.matrix_rate, momentum=0.95, weight_decay=0.0)
    adam = torch.optim.AdamW(others, lr=recipe.vector_rate, betas=(0.9, 0.98), weight_decay=0.0)
    for optimizer in (muon, adam):
        for group in optimizer.param_groups:
            group["peak"] = group["lr"]
    return [muon, adam]


Tensors = list[Tensor] | tuple[Tensor, ...]


def averaging(decay: float) -> Callable[[Tensors, Tensors, Tensor | int], None]:
    """Exponential averaging whose decay grows to ``decay``: the first weights are forgotten."""

    def average(mean: Tensors, current: Tensors, count: Tensor | int) -> None:
        weight = 1 - min(decay, (1 + float(count)) / (10 + float(count)))
        for old, new in zip(mean, current, strict=True):
            old.lerp_(new.to(old.dtype), weight)

    return average


def rate(step: int, recipe: Recipe) -> float:
    """The learning rate at a step as a share of its peak: linear warm-up, then a cosine."""
    if step < recipe.warmup:
        return (step + 1) / recipe.warmup
    through = (step - recipe.warmup) / max(1, recipe.steps - recipe.warmup)
    return recipe.last_rate + (1 - recipe.last_rate) * (1 + math.cos(math.pi * through)) / 2


def dropped(label: Int[Tensor, "b a"], *, rng: torch.Generator) -> Int[Tensor, "b a"]:
    """Labels with attributes replaced by -1, each row with its own probability u ~ U(0, 1)."""
    u = torch.rand(label.shape[0], 1, generator=rng)
    return label.masked_fill(torch.rand(label.shape, generator=rng) < u, -1)


def precision() -> str:
    """bf16 where the processor multiplies it natively, full precision elsewhere."""
    if torch.cuda.is_available():
        return "bf16" if torch.cuda.is_bf16_supported() else "no"
    return "bf16" if getattr(torch.cpu, "_is_avx512_bf16_supported", bool)() else "no"
