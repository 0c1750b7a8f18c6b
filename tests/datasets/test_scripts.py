import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def make_austen() -> ModuleType:
    path = Path(__file__).resolve().parents[2] / "scripts" / "make_austen.py"
    spec = importlib.util.spec_from_file_location("make_austen", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("raw", "plain"),
    [
        ('"What!" said _he_; "No?"', '"what." said he; "no."'),
        ("Emma's aunt--an\nold  maid:", "emmas aunt-an old maid;"),
        ("she (poor thing) sat (there).", "she-poor thing-sat-there."),
        ("the 8th, &c., 10 & £2", "the eight th, etc., one zero and pounds two"),
        ("declared,* it [To Mrs. W.]", "declared, it to mrs. w."),
    ],
)
def test_what_has_no_symbol_is_written_with_what_has_one(
    make_austen: ModuleType, raw: str, plain: str
) -> None:
    assert make_austen.normalise(raw) == plain


def test_headings_and_notes_are_not_part_of_the_novel(make_austen: ModuleType) -> None:
    raw = "EMMA\n\nBy Jane\n\nVOLUME I\nCHAPTER I\n\nOne.\n* * *\n\nChapter 2\nTwo.\nFINIS\nNote"
    assert make_austen.body(raw).split() == ["One.", "Two."]


def test_a_changed_raw_file_is_refused(make_austen: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "sense_and_sensibility.txt").write_text("not the novel")
    with pytest.raises(ValueError, match=r"sense_and_sensibility\.txt has sha256 .* expected"):
        make_austen.main(tmp_path)
    assert "make_austen" not in sys.modules
