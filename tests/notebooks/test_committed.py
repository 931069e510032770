"""The committed notebooks are what their sources say; nbval runs them and compares what they print."""

from pathlib import Path

import nbformat
import pytest

from seglib.course import content
from tools import checks
from tools.course import build
from tools.course.lint import lint

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "notebooks/source").glob("*.py"))
BOTH = [folder / f"{path.stem}.ipynb" for path in SOURCES for folder in (Path(), Path("solutions"))]

sources = pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
notebooks = pytest.mark.parametrize("name", BOTH, ids=str)


def read(name):
    return nbformat.read(ROOT / "notebooks" / name, as_version=4)


def test_everything_is_built_from_its_source():
    assert build.stale(ROOT) == [], "run `make notebooks`"


@pytest.mark.parametrize(
    ("chromium", "data", "ran"),
    [("", "none", SOURCES), ("", "/data", SOURCES), ("/bin/chromium", "none", []),
     ("/bin/chromium", "/data", [path for path in SOURCES if ".photographs(" in path.read_text("utf-8")])],
)  # fmt: skip
def test_nbval_opens_what_the_browser_does_not(monkeypatch, chromium, data, ran):
    seen = []
    monkeypatch.setattr(checks, "pytest", lambda name, given, **_: seen.extend(given) or checks.Result(name))
    monkeypatch.setattr(checks, "find_chromium", lambda: chromium)
    monkeypatch.setenv("SEGLIB_DATA", data)
    assert bool(checks.students().skipped) == (data == "none")
    assert [Path(path).stem for path in seen if path.endswith(".ipynb")] == [path.stem for path in ran]


@sources
def test_the_source_keeps_the_rules(source):
    assert list(lint(source, content.load(source.stem))) == []


@notebooks
def test_it_is_small_valid_and_without_images_or_widgets(name):
    notebook = read(name)
    nbformat.validate(notebook)
    assert (ROOT / "notebooks" / name).stat().st_size <= build.LARGEST
    assert "widgets" not in notebook.metadata
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert all(kind.startswith("text/") for output in outputs for kind in output.get("data", {}))


@notebooks
def test_only_tagged_cells_of_the_solution_have_outputs_and_each_of_them_has(name):
    for cell in read(name).cells:
        if cell.cell_type == "code":
            compared = name.parent.name == "solutions" and build.CHECKED in cell.metadata.get("tags", [])
            # nbval compares nothing where nothing is stored, and says nothing.
            assert bool(cell.outputs) == compared, cell.source
