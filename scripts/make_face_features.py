"""Make assets/data/face_features.safetensors: the features by which portraits are compared.

A small network learns two things of the training portraits: to name the generator's parts and
colours, and to tell how many cells were replaced. Its last hidden layer, standardised over
clean portraits, is the feature space. Features learnt from names alone are blind to noise,
because names survive it: they put 5 % replaced cells at 1.6 where as many real portraits stand
at 1.0.
"""

import math
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from pgm_lite.datasets.faces import VALIDATION, faces, parts
from pgm_lite.metrics.face_features import FEATURES, WEIGHTS, FaceFeatures

RESULT = Path(__file__).resolve().parents[1] / "assets" / "data" / WEIGHTS
EPOCHS, BATCH, PEAK_RATE, HELD_BACK = 12, 128, 3e-3, 800
RATES = torch.tensor([0.0, 0.01, 0.04, 0.15])
NOISE_WEIGHT = 4.0


def initialise(module: nn.Module, rng: torch.Generator) -> None:
    """Draw every weight anew from the given generator."""
    for weight in module.parameters():
        if weight.ndim > 1:
            nn.init.kaiming_normal_(weight, nonlinearity="relu", generator=rng)
        else:
            nn.init.zeros_(weight)


def spoil(clean: Tensor, level: Tensor, everyone: Tensor, rng: torch.Generator) -> Tensor:
    """Portraits with some cells replaced, at the rate each one's ``level`` names.

    Half of the portraits get colours at random, the other half what a stranger has in the same
    cell: the mistake of a model that writes its cells independently.
    """
    stranger = torch.randint(len(everyone), clean.shape, generator=rng)
    borrowed = everyone[stranger, torch.arange(clean.shape[1])]
    colours = torch.randint(faces().vocab_size, clean.shape, generator=rng)
    wild = torch.rand(len(clean), 1, generator=rng) < 0.5
    replaced = torch.rand(clean.shape, generator=rng) < RATES[level][:, None]
    return torch.where(replaced, torch.where(wild, colours, borrowed), clean)


def main() -> None:
    """Train, standardise, save."""
    rng = torch.Generator().manual_seed(0)
    tokens, labels = faces().splits["train"].batch(torch.arange(VALIDATION.start))
    answers = torch.cat([labels[:, :3], parts().drawn], dim=1)
    choices: list[int] = [*(answers.amax(0) + 1).tolist(), len(RATES)]

    network = FaceFeatures()
    heads = nn.Linear(FEATURES, sum(choices))
    initialise(network, rng)
    initialise(heads, rng)
    weights = [*network.parameters(), *heads.parameters()]
    optimiser = torch.optim.AdamW(weights, lr=PEAK_RATE, weight_decay=1e-3)

    def losses(rows: Tensor) -> tuple[Tensor, Tensor]:
        level = torch.randint(len(RATES), (len(rows),), generator=rng)
        hidden = network(spoil(tokens[rows], level, tokens, rng))
        logits = heads(torch.relu(hidden)).split(choices, dim=1)
        truth = [*answers[rows].T, level]
        each = torch.stack([cross_entropy(z, y) for z, y in zip(logits, truth, strict=True)])
        right = [(z.argmax(1) == y).double().mean() for z, y in zip(logits, truth, strict=True)]
        return each[:-1].sum() + NOISE_WEIGHT * each[-1], torch.stack(right)

    trained = VALIDATION.start - HELD_BACK
    steps, step = EPOCHS * (trained // BATCH), 0
    for epoch in range(EPOCHS):
        for rows in torch.randperm(trained, generator=rng)[: trained // BATCH * BATCH].split(BATCH):
            optimiser.param_groups[0]["lr"] = PEAK_RATE * math.cos(math.pi / 2 * step / steps)
            loss, _ = losses(rows)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            step += 1
        with torch.no_grad():
            loss, right = losses(torch.arange(trained, VALIDATION.start))
        shown = " ".join(f"{share:.3f}" for share in right.tolist())
        sys.stdout.write(f"epoch {epoch + 1}: loss {loss.item():.3f}, held-back right {shown}\n")

    with torch.no_grad():
        features = torch.cat([network(rows) for rows in tokens.split(512)])
    network.get_buffer("mean").copy_(features.mean(0))
    network.get_buffer("spread").copy_(features.std(0))
    save_file({k: v.half().contiguous() for k, v in network.state_dict().items()}, RESULT)
    sys.stdout.write(f"{RESULT.name}: {RESULT.stat().st_size:,} bytes\n")


if __name__ == "__main__":
    main()
