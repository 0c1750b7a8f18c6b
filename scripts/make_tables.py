"""Write the README's tables from the cards of the shipped checkpoints and a benchmark's JSON.

python scripts/make_tables.py [bench.json]
"""

import json
import math
import re
import sys
from pathlib import Path

from pgm_lite.catalog import CHECKPOINTS, card, checkpoint_names
from pgm_lite.checkpoints import Card
from pgm_lite.evaluation import DRAFTS

ROOT = Path(__file__).parent.parent


def checkpoints() -> str:
    """One line a checkpoint: size, training, held-out bound."""
    lines = [
        "| checkpoint | parameters | updates x batch | minutes | held-out bound (test split) |",
        "|---|---|---|---|---|",
    ]
    for name in checkpoint_names():
        its = card(name)
        label, figure = next((k, f) for k, f in its.figures.items() if k.startswith("test"))
        positions = its.rows * its.columns
        value, error = figure.value, figure.standard_error or 0.0
        match its.dataset:
            case "shidoku":
                shown = f"{value * positions:.3f} ± {error * positions:.3f} nats a grid"
            case "faces":
                shown = f"{value:.4f} ± {error:.4f} nats a position"
            case _:
                shown = f"{value / math.log(2):.3f} ± {error / math.log(2):.3f} bits a character"
        exact = "" if label.startswith("test bound") else " (exact)"
        drafts = DRAFTS if its.objective == "speculation" else ""
        lines.append(
            f"| `{name}` | {its.parameters / 1e6:.2f} M | {updates(its)} | "
            f"{its.seconds / 60:.0f} | {'' if exact else '<= '}{shown}{exact}{drafts} |"
        )
    size = sum(path.stat().st_size for path in CHECKPOINTS.glob("*/*.safetensors"))
    return "\n".join([*lines, "", f"All of them together weigh {size / 1e6:.1f} MB (float16)."])


def updates(its: Card) -> str:
    """How it was trained, runs it started from included."""
    own = f"{its.steps} x {its.batch}"
    before = [run.removeprefix(f"{its.family} ") for run in its.updates_before]
    return " + ".join([*before, own])


def bench(path: Path) -> str:
    """The benchmark as two tables, with the machine."""
    blocks: list[str] = []
    for report in json.loads(path.read_text()):
        setting, machine = report["setting"], report["machine"]
        blocks.append(
            f"{setting['positions']} positions, {setting['steps']} steps, batch {setting['batch']}, "
            f"width {setting['width']}, {setting['depth']} layers ({setting['depth'] // 2} + "
            f"{setting['depth'] // 2} for PGM), random order, {machine['dtype']}, "
            f"{machine['threads']} threads, {machine['processor']}, torch {machine['torch']}:\n\n"
            "| sampler | median s | tokens/s | speed-up | FLOP ratio | positions |\n"
            "|---|---|---|---|---|---|"
        )
        for result in report["results"]:
            blocks[-1] += (
                f"\n| {result['contestant']} | {result['seconds']:.2f} | "
                f"{result['tokens_per_second']:.0f} | {result['speedup']:.2f}x | "
                f"{result['flop_ratio']:.2f}x | {result['positions']} |"
            )
    return "\n\n".join(blocks)


def fill(text: str, marker: str, content: str) -> str:
    """The text with what stands between two markers replaced."""
    between = re.compile(f"(<!-- {marker} -->).*(<!-- /{marker} -->)", re.DOTALL)
    if not between.search(text):
        raise ValueError(f"README.md has no place marked <!-- {marker} -->")
    return between.sub(lambda found: f"{found[1]}\n{content}\n{found[2]}", text)


def main() -> None:
    """Fill in what can be filled in."""
    readme = ROOT / "README.md"
    text = fill(readme.read_text(), "checkpoints", checkpoints())
    if len(sys.argv) > 1:
        text = fill(text, "bench", bench(Path(sys.argv[1])))
    readme.write_text(text)


if __name__ == "__main__":
    main()
