"""The house rules that no other tool keeps."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import pgm_lite

ROOT = Path(__file__).parent.parent
LIBRARY = sorted((ROOT / "pgm_lite").rglob("*.py"))
APP = sorted((ROOT / "app").rglob("*.py"))
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

COLOUR = re.compile(r"#(?:[0-9a-fA-F]{3,4}|[0-9a-fA-F]{6}|[0-9a-fA-F]{8})\b|\b(?:rgb|hsl)a?\(")
DRAWS = {"rand", "randn", "randint", "randperm", "multinomial", "bernoulli", "normal"}


def short(path: Path) -> str:
    return str(path.relative_to(ROOT))


def imports(path: Path) -> Iterator[str]:
    """The full name of every module a file imports, wherever in the file it does."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def stylesheets_and_scripts() -> list[Path]:
    app = ROOT / "app"
    return [path for kind in ("css", "js", "html") for path in sorted(app.rglob(f"*.{kind}"))]


@pytest.mark.parametrize("path", [*APP, ROOT / "pgm_lite" / "cli.py"], ids=short)
def test_app_and_command_line_hold_no_tensors_and_no_sampling(path: Path) -> None:
    forbidden = ("torch", "pgm_lite.samplers", "pgm_lite.models", "pgm_lite.draw")
    found = {
        name
        for name in imports(path)
        if any(name == each or name.startswith(f"{each}.") for each in forbidden)
    }
    assert found == set()


@pytest.mark.parametrize("path", LIBRARY + APP, ids=short)
def test_files_stay_short(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 300


@pytest.mark.parametrize(
    "path",
    [p for p in LIBRARY if "viz" not in p.parts] + APP + stylesheets_and_scripts(),
    ids=short,
)
def test_only_viz_owns_colours(path: Path) -> None:
    assert COLOUR.findall(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", LIBRARY, ids=short)
def test_every_draw_names_its_generator(path: Path) -> None:
    bare = [
        node.lineno
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and ast.unparse(node.func.value) == "torch"
        and node.func.attr in DRAWS
        and "generator" not in {keyword.arg for keyword in node.keywords}
    ]
    assert bare == []


@pytest.mark.parametrize("path", LIBRARY + APP, ids=short)
def test_nothing_is_left_unfinished(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    words = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|XXX|NotImplemented" + r"Error)\b")
    assert words.findall(text) == []
    asserts = [node.lineno for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Assert)]
    assert asserts == [], "users are owed a ValueError that says what to do"


@pytest.mark.parametrize("path", LIBRARY, ids=short)
def test_annotations_are_evaluated(path: Path) -> None:
    # The postponed kind switches the shape checks of the tests off without a word.
    assert "__future__.annotations" not in set(imports(path))


def test_one_version_everywhere() -> None:
    version = PROJECT["version"]
    assert pgm_lite.__version__ == version
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text()
    assert f"\n## {version} " in (ROOT / "CHANGELOG.md").read_text()


def test_the_package_says_that_it_is_typed() -> None:
    assert (ROOT / "pgm_lite" / "py.typed").is_file()


def required(*extras: str) -> list[Requirement]:
    lines = list(PROJECT["dependencies"])
    for extra in extras:
        lines += PROJECT["optional-dependencies"][extra]
    return [Requirement(line) for line in lines]


def test_every_requirement_is_pinned_inside_its_range() -> None:
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    pins = dict(line.split("==") for line in lines if line and not line.startswith("#"))
    ranges = {each.name: each.specifier for each in required("app", "notebooks", "dev")}
    assert set(pins) == set(ranges)
    outside = [f"{name} {pin}" for name, pin in pins.items() if not ranges[name].contains(pin)]
    assert outside == []


def test_the_library_declares_what_it_imports() -> None:
    called = {"PIL": "pillow"}
    gradio_only = ROOT / "pgm_lite" / "viz" / "gradio_player.py"
    declared = {each.name for each in required()}
    for path in LIBRARY:
        roots = {name.split(".")[0] for name in imports(path)}
        foreign = roots - set(sys.stdlib_module_names) - {"pgm_lite"}
        names = {called.get(name, name) for name in foreign}
        allowed = declared | ({"gradio"} if path == gradio_only else set())
        assert names <= allowed, f"{short(path)} imports {sorted(names - allowed)}"


@pytest.mark.parametrize("page", PAGES, ids=short)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8"))
    local = [target for target in targets if "://" not in target]
    assert [target for target in local if not (page.parent / target).exists()] == []


def test_the_tree_stays_light() -> None:
    checkpoints = sorted((ROOT / "assets" / "checkpoints").rglob("*.safetensors"))
    sizes = [path.stat().st_size for path in checkpoints]
    assert max(sizes, default=0) <= 4_000_000
    assert sum(sizes) <= 40_000_000
    screenshots = sorted((ROOT / "assets" / "screenshots").glob("*"))
    assert [short(path) for path in screenshots if path.stat().st_size > 500_000] == []


def test_the_code_of_the_readme_runs() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", readme, flags=re.DOTALL)
    assert blocks, "the README shows how to use the library"
    shared: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, "README.md", "exec"), shared)
