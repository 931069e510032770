"""The committed notebooks are what their sources say; nbval runs them and compares what they print."""

from pathlib import Path

import nbformat
import pytest

from seglib.course import content
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


@sources
def test_the_source_keeps_the_rules(source):
    assert list(lint(source, content.load(source.stem))) == []


@notebooks
def test_it_is_small_valid_and_without_images_or_widgets(name):
    notebook = read(name)
    nbformat.validate(notebook)
    assert (ROOT / "notebooks" / name).stat().st_size <= build.LARGEST
    assert "widgets" not in notebook.metadata
    kinds = {
        kind
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        for kind in output.get("data", {})
    }
    assert all(kind.startswith("text/") for kind in kinds)


@notebooks
def test_only_tagged_cells_of_the_solution_have_outputs_and_each_of_them_has(name):
    for cell in read(name).cells:
        if cell.cell_type == "code":
            compared = name.parent.name == "solutions" and build.CHECKED in cell.metadata.get("tags", [])
            # nbval compares nothing where nothing is stored, and says nothing.
            assert bool(cell.outputs) == compared, cell.source
