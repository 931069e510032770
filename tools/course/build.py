"""Build the notebooks: `python -m tools.course.build`; with `--check` compare, and write nothing.

`notebooks/source/NN_slug.py` becomes `notebooks/NN_slug.ipynb` (the student's, with stubs),
`notebooks/solutions/NN_slug.ipynb` (executed in the tiny profile) and a chapter of `docs/instructor.md`.
The same source always gives the same bytes: ids come from the cells, and nothing of a run is kept but the
text output of cells tagged `nbval-check-output`.
"""

from __future__ import annotations

import argparse
import difflib
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import nbformat
from joblib import Parallel, delayed
from nbclient import NotebookClient
from nbformat import NotebookNode, v4

from seglib.course import content
from seglib.course.lesson import Lesson
from seglib.machine import cores
from tools.course import render
from tools.course.source import Cell, read_cells, solved, stub

ROOT = Path(__file__).parents[2]
LARGEST = 200_000  # bytes of a notebook
AT_A_TIME = 2  # notebooks that run side by side: each takes a core, and up to 2 GB
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
CHECKED = "nbval-check-output"
SECONDS_PER_CELL = 300
GENERATED = {"card": render.card, "objectives": render.objectives, "recap": render.recap}


def student(cells: list[Cell], lesson: Lesson) -> NotebookNode:
    """The notebook a student opens: stubs for solutions, no instructor's notes."""
    kept = [cell for cell in cells if not cell.tags & {"instructor", "solution-only"}]
    return _notebook([_node(cell, stub(_text(cell, lesson))) for cell in kept])


def solution(cells: list[Cell], lesson: Lesson) -> NotebookNode:
    """The solved notebook, not yet executed; images lie one folder up from it."""
    kept = [cell for cell in cells if "instructor" not in cell.tags]
    texts = [solved(_text(cell, lesson)).replace("](images/", "](../images/") for cell in kept]
    return _notebook([_node(cell, text) for cell, text in zip(kept, texts)])


def notes(cells: list[Cell], lesson: Lesson) -> list[str]:
    """The instructor's notes of one source, each under the heading that it belongs to."""
    found, place = [], "Before it begins"
    for cell in cells:
        text = render.fill(cell.text, lesson)
        if "instructor" in cell.tags:
            found.append(f"### {place}\n\n{text}")
        elif cell.kind == "markdown":
            place = (re.findall(r"^##+ (.+)$", text, re.MULTILINE) or [place])[-1]
    return found


def build(root: Path, out: Path) -> Iterator[str]:
    """Build everything from `root/notebooks/source` into `out`; yields one line a notebook.

    Raises:
        ValueError: a source has no lesson, or a notebook is too large.
        CellExecutionError: a solution does not run, or an answer of the course is not right.
    """
    sources = sorted((root / "notebooks/source").glob("[0-9][0-9]_*.py"))
    chapters = []
    built = Parallel(n_jobs=min(AT_A_TIME, cores()), prefer="threads", return_as="generator")(
        delayed(_build_one)(path, root, out) for path in sources
    )
    for path, (chapter, seconds) in zip(sources, built):
        lesson = content.load(path.stem)
        chapters.append((lesson, chapter))
        budget = lesson.budgets["tiny"].seconds
        yield f"{path.stem}: ran in {seconds:.0f} s of {budget} s" + " (over budget)" * (seconds > budget)
    _write(out / "docs/instructor.md", render.instructor_guide(chapters))


def _build_one(path: Path, root: Path, out: Path) -> tuple[list[str], float]:
    """Both notebooks of one source; returns the instructor's notes, and how long the solution ran."""
    lesson, cells = content.load(path.stem), read_cells(path)
    _write(out / f"notebooks/{path.stem}.ipynb", _text_of(student(cells, lesson)))
    began = time.monotonic()
    ran = run(solution(cells, lesson), folder=root / "notebooks/solutions")
    seconds = time.monotonic() - began
    _write(out / f"notebooks/solutions/{path.stem}.ipynb", _text_of(ran))
    return notes(cells, lesson), seconds


def run(notebook: NotebookNode, folder: Path) -> NotebookNode:
    """Execute every cell, strictly; outputs stay where the cell is tagged `nbval-check-output`.

    The run has a progress folder of its own and no real data sets, so that every machine gets the same.

    Args:
        notebook: changed in place, and returned.
        folder: where the cells run.

    Raises:
        CellExecutionError: a cell raised, or a check did not say "right".
    """
    folder.mkdir(parents=True, exist_ok=True)
    client = NotebookClient(
        notebook,
        timeout=SECONDS_PER_CELL,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
        coalesce_streams=True,
        store_widget_state=False,
        extra_arguments=["--log-level=ERROR"],
    )
    with tempfile.TemporaryDirectory() as home:
        client.execute(env={**os.environ, **environment(home)})
    for cell in notebook.cells:
        if cell.cell_type == "code":
            _strip(cell)
    return notebook


def environment(home: str) -> dict[str, str]:
    """The variables of a run that is to be the same everywhere."""
    return {
        "SEGLIB_PROFILE": "tiny",
        "SEGLIB_STRICT": "1",
        "SEGLIB_HOME": home,
        "SEGLIB_DATA": "none",
        "OMP_NUM_THREADS": "1",
    }


def _strip(cell: NotebookNode) -> None:
    """Drop when it ran; drop what came out, unless it is compared: then keep the text of it."""
    cell.metadata.pop("execution", None)
    if CHECKED not in cell.metadata.get("tags", []):
        cell.outputs, cell.execution_count = [], None
        return
    for output in cell.outputs:
        for kind in [kind for kind in output.get("data", {}) if not kind.startswith("text/")]:
            del output["data"][kind]


def differences(built: Path, committed: Path) -> Iterator[str]:
    """What a rebuild would change, as the first lines of a diff for every file."""
    for path in _products(built) | _products(committed):
        old, new = ([*_lines(root / path)] for root in (committed, built))
        diff = list(difflib.unified_diff(old, new, f"committed {path}", f"rebuilt {path}", n=1, lineterm=""))
        if diff:
            yield "\n".join(diff[:40])


def main(arguments: list[str]) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.course.build", description="Build the notebooks.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a rebuild differs")
    if not parser.parse_args(arguments).check:
        for line in build(ROOT, ROOT):
            print(line, flush=True)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        for line in build(ROOT, Path(folder)):
            print(line, flush=True)
        found = list(differences(Path(folder), ROOT))
    print("\n\n".join(found) or "The notebooks are what their sources say.")
    if found:
        print(f"\n{len(found)} file(s) differ from their source. Run `make notebooks` and commit the result.")
    return 1 if found else 0


def _text(cell: Cell, lesson: Lesson) -> str:
    generated = [make(lesson) for tag, make in GENERATED.items() if tag in cell.tags]
    return render.fill("\n\n".join(filter(None, [*generated, cell.text])), lesson)


def _node(cell: Cell, text: str) -> NotebookNode:
    make = v4.new_code_cell if cell.kind == "code" else v4.new_markdown_cell
    metadata = {"tags": sorted(cell.tags)} if cell.tags else {}
    return make(text, id=cell.id, metadata=metadata)


def _notebook(cells: list[NotebookNode]) -> NotebookNode:
    return v4.new_notebook(cells=cells, metadata=METADATA, nbformat_minor=5)


def _text_of(notebook: NotebookNode) -> str:
    nbformat.validate(notebook)
    return nbformat.writes(notebook) + "\n"


def _write(path: Path, text: str) -> None:
    if len(text.encode()) > LARGEST:
        raise ValueError(f"{path.name} has {len(text.encode())} bytes; a notebook may have {LARGEST}.")
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_text(text, encoding="utf-8", newline="\n")
    fresh.replace(path)


def _products(root: Path) -> set[str]:
    """The generated files below `root`; a committed notebook without a source is one too, and differs."""
    found = [*root.glob("notebooks/*.ipynb"), *root.glob("notebooks/solutions/*.ipynb")]
    return {path.relative_to(root).as_posix() for path in found} | {"docs/instructor.md"}


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
