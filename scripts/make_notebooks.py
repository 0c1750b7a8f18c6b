"""Run the notebooks from their .py sources and write them with outputs and still pictures.

    python scripts/make_notebooks.py [NAME ...]

A code cell whose header carries picture="NAME" ends with a player or a plotly figure; what
it shows is saved as notebooks/images/NAME.gif or NAME.png, for places where nothing runs.
"""

import argparse
import io
import json
import os
import shutil
import time
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell
from PIL import Image

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"
IMAGES = NOTEBOOKS / "images"

# Runs in the kernel right after a picture's cell; Out holds what cells displayed.
SAVE = """
import json as _json
from pgm_lite.viz import save_gif as _save_gif
_last = list(Out.values())[-1]
if hasattr(_last, "to_plotly_json"):
    open({figure!r}, "w").write(_last.to_json())
else:
    _traces = zip(_last.trace["names"], _last.trace["traces"])
    _shown = {{name: _json.dumps(trace) for name, trace in _traces}}
    _save_gif({gif!r}, _shown, clock=_last.trace["clock"])
"""


def main() -> None:
    """Make the notebooks named, or all."""
    parser = argparse.ArgumentParser(description="Run the notebooks and keep their outputs.")
    parser.add_argument("names", nargs="*", help="such as 00_start_here; all if none is given")
    names = parser.parse_args().names or [path.stem for path in sorted(NOTEBOOKS.glob("*.py"))]
    IMAGES.mkdir(exist_ok=True)
    for name in names:
        started = time.perf_counter()
        make(NOTEBOOKS / f"{name}.py")
        print(f"{name}: {time.perf_counter() - started:.0f} s")


def make(source: Path) -> None:
    """Run one notebook and write it beside its source."""
    notebook = jupytext.read(source)
    for index, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{index:02d}"
    run = nbformat.from_dict({**notebook, "cells": with_savers(notebook.cells)})
    environment = {key: value for key, value in os.environ.items() if key != "PGM_LITE_FAST"}
    client = NotebookClient(run, timeout=3600, resources={"metadata": {"path": str(NOTEBOOKS)}})
    client.execute(env=environment)
    run.cells = [cell for cell in run.cells if not cell["id"].startswith("save-")]
    for figure in sorted(IMAGES.glob("*.json")):
        draw(figure)
    strip(run)
    nbformat.validate(run)
    nbformat.write(run, source.with_suffix(".ipynb"))


def with_savers(cells: list[nbformat.NotebookNode]) -> list[nbformat.NotebookNode]:
    """The cells, each picture's followed by one that saves it."""
    every = []
    for cell in cells:
        every.append(cell)
        if name := cell.metadata.get("picture"):
            paths = {"figure": f"images/{name}.json", "gif": f"images/{name}.gif"}
            every.append(new_code_cell(SAVE.format(**paths), id=f"save-{name}"))
    return every


def strip(notebook: nbformat.NotebookNode) -> None:
    """Leave out what differs between two runs or belongs to this machine."""
    notebook.metadata.pop("widgets", None)
    notebook.metadata["kernelspec"] = {
        "display_name": "Python 3",
        "language": "python",
        "name": "python3",
    }
    notebook.metadata["language_info"] = {"name": "python"}
    count = 0
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            # nbval takes a cell without a count for one that never ran.
            cell.execution_count = count = count + 1
            cell.outputs = joined(cell.outputs)
            for output in cell.outputs:
                if "execution_count" in output:
                    output.execution_count = count
                # A player that no kernel holds any more would only say so.
                output.get("data", {}).pop("application/vnd.jupyter.widget-view+json", None)


def joined(outputs: list[nbformat.NotebookNode]) -> list[nbformat.NotebookNode]:
    """The outputs with printed lines that follow each other as one."""
    whole: list[nbformat.NotebookNode] = []
    for output in outputs:
        if whole and output.get("name") == whole[-1].get("name", "") == "stdout":
            whole[-1].text += output.text
        else:
            whole.append(output)
    return whole


def draw(figure: Path, width: int = 760) -> None:
    """A plotly figure's JSON as a PNG, drawn by a browser, in place of the JSON."""
    from playwright.sync_api import sync_playwright
    from plotly.offline import get_plotlyjs

    drawn = json.loads(figure.read_text())
    drawn["layout"] |= {"width": width, "height": drawn["layout"].get("height", 420)}
    with sync_playwright() as playwright:
        chromium = shutil.which("chromium") or shutil.which("chromium-browser")
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(
            viewport={"width": width + 40, "height": 800}, device_scale_factor=2
        )
        page.set_content(f"<!doctype html><div id='figure' style='width:{width}px'></div>")
        page.add_script_tag(content=get_plotlyjs())
        page.evaluate(
            "figure => Plotly.newPlot('figure', figure.data, figure.layout, {staticPlot: true})",
            drawn,
        )
        picture = page.locator("#figure").screenshot()
        browser.close()
    image = Image.open(io.BytesIO(picture)).convert("RGB").quantize(64, dither=0)
    image.save(figure.with_suffix(".png"), optimize=True)
    figure.unlink()


if __name__ == "__main__":
    main()
