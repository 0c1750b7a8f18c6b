"""The notebooks as files: in step with their scripts, small, clean, and readable where nothing runs."""

import re
from pathlib import Path

import jupytext
import nbformat
import pytest

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"
PATHS = sorted(NOTEBOOKS.glob("*.ipynb"))
PICTURE = re.compile(r"!\[([^\]]+)\]\((images/[^)]+)\)")
FIGURE = "application/vnd.plotly.v1+json"

pytestmark = pytest.mark.parametrize("path", PATHS, ids=[path.stem for path in PATHS])


def test_every_script_has_its_notebook(path: Path):
    assert path.with_suffix(".py").exists()
    assert {script.stem for script in NOTEBOOKS.glob("0*.py")} == {each.stem for each in PATHS}


def test_notebook_and_script_say_the_same(path: Path):
    script = jupytext.read(path.with_suffix(".py"))
    notebook = nbformat.read(path, as_version=4)
    assert [(cell.cell_type, cell.source) for cell in notebook.cells] == [
        (cell.cell_type, cell.source) for cell in script.cells
    ]


def test_outputs_are_committed_and_clean(path: Path):
    assert path.stat().st_size < 300_000
    notebook = nbformat.read(path, as_version=4)
    assert "widgets" not in notebook.metadata
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        if "NBVAL_CHECK_OUTPUT" in cell.source:
            assert cell.outputs, cell.source
        for output in cell.outputs:
            assert output.output_type != "error", cell.source
            assert output.get("name") != "stderr", output.text
            for kind, content in output.get("data", {}).items():
                assert len(str(content)) < 50_000, kind
            written = str(output)
            assert not re.search(r"/(home|root|tmp|work|Users)/", written), written[:300]
            assert "Warning" not in written


def test_four_cells_or_more_are_checked(path: Path):
    notebook = nbformat.read(path, as_version=4)
    assert sum("NBVAL_CHECK_OUTPUT" in cell.source for cell in notebook.cells) >= 4


def test_what_moves_has_a_still_picture_with_alternative_text(path: Path):
    notebook = nbformat.read(path, as_version=4)
    shown = 0
    for cell, following in zip(notebook.cells, notebook.cells[1:], strict=False):
        moving = cell.cell_type == "code" and any(
            "<TokenPlayer" in output.get("data", {}).get("text/plain", "")
            or FIGURE in output.get("data", {})
            for output in cell.outputs
        )
        if moving:
            found = PICTURE.match(following.source.replace("\n", " "))
            assert found, f"no picture after: {cell.source}"
            assert len(found.group(1)) > 40
            assert (NOTEBOOKS / found.group(2)).stat().st_size < 1_000_000
            shown += 1
    assert shown >= 2
