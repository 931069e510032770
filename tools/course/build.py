"""Build the notebooks: `python -m tools.course.build`, or some: `python -m tools.course.build 02 05`.

`notebooks/source/NN_slug.py` becomes `notebooks/NN_slug.ipynb` (the student's, with stubs),
`notebooks/solutions/NN_slug.ipynb` (executed in the tiny profile), `answers.py` in the lesson's folder and a
chapter of `docs/instructor.md`. The same source always gives the same bytes: ids come from the cells, and of
a run only the text output of cells tagged `nbval-check-output` is kept. `--check` runs and writes nothing;
`--text` writes everything and runs nothing, for changes of text and of tables. `--measure laptop` (or gpu)
runs solutions in another profile, prints seconds and memory, and writes only how long a student waits for
each section on a laptop. Every build prints how many minutes the notebook takes a student.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
from ipykernel.ipkernel import IPythonKernel
from joblib import Parallel, delayed
from nbclient import NotebookClient
from nbformat import NotebookNode, v4

from seglib.course import content
from seglib.course.lesson import Lesson
from seglib.files import write_text
from seglib.machine import cores
from tools.course import minutes, render
from tools.course.source import Cell, answers, read_cells, solved, stub

ROOT = Path(__file__).parents[2]
LARGEST = 200_000  # bytes of a notebook
AT_A_TIME = 2  # notebooks that run at the same time: each takes a core, and up to 2 GB
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    # What a kernel tells JupyterLab, which would add what is missing and call an untouched notebook unsaved.
    # The version is that of the Python the course is built with; with another the notebook is still marked.
    "language_info": IPythonKernel.language_info | {"version": "3.11.7"},
}
CHECKED = "nbval-check-output"
SECONDS_PER_CELL = 300
PEAK = (  # in KB; what getrusage says on Linux begins with the memory of the process that started the kernel
    "import re, resource\n"
    "from pathlib import Path\n"
    "status = Path('/proc/self/status')\n"
    "int(re.findall(r'VmHWM:\\s+(\\d+)', status.read_text())[0]) if status.exists() else "
    "resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024"
)


def sources(root: Path, only: list[str] | None = None) -> list[Path]:
    """The sources, or those whose name begins with one of `only`: "07" means 07a, 07b and 07c.

    Raises:
        ValueError: there is no source of this name.
    """
    found = sorted((root / "notebooks/source").glob("[0-9][0-9]*_*.py"))
    there = ", ".join(path.stem for path in found)
    for name in only or []:
        if not any(path.stem.startswith(name) for path in found):
            raise ValueError(f"There is no source {name!r}; there are {there}.")
    return [path for path in found if not only or path.stem.startswith(tuple(only))]


def student(cells: list[Cell], lesson: Lesson) -> NotebookNode:
    """The notebook a student opens: stubs for solutions, no instructor's notes."""
    kept = [cell for cell in cells if not cell.tags & {"instructor", "solution-only"}]
    return _notebook([_node(cell, stub(render.whole(cell.text, cell.tags, lesson))) for cell in kept])


def solution(cells: list[Cell], lesson: Lesson) -> NotebookNode:
    """The solved notebook, not yet executed; images lie one folder up from it."""

    def text(cell: Cell) -> str:
        return solved(render.whole(cell.text, cell.tags, lesson)).replace("](images/", "](../images/")

    return _notebook([_node(cell, text(cell)) for cell in cells if "instructor" not in cell.tags])


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


def written(root: Path) -> dict[Path, str]:
    """Everything that is made of the sources without running a cell: file -> text.

    Answers come first, since a lesson reads them when it is loaded.
    """
    paths = sources(root)
    cells = {path: read_cells(path) for path in paths}
    made = {_answers_file(root, path): answers(cells[path], path.name) for path in paths}
    lessons = {path: content.load(path.stem) for path in paths}
    for path in paths:
        made[root / f"notebooks/{path.stem}.ipynb"] = _dump(student(cells[path], lessons[path]))
    chapters = [(lessons[path], notes(cells[path], lessons[path])) for path in paths]
    return made | {root / "docs/instructor.md": render.instructor_guide(chapters)}


def build(root: Path, only: list[str] | None = None, *, execute: bool = True) -> Iterator[str]:
    """Write everything that the sources say, and run the solutions, all or some; yields lines to print.

    Args:
        root: the project.
        only: numbers or names of notebooks; None for all.
        execute: False to keep the outputs of the last run, where only text has changed.

    Raises:
        ValueError: a source has no lesson, or a notebook is too large.
        CellExecutionError: a solution does not run, or an answer of the course is not right.
    """
    chosen = sources(root, only)
    for path in sources(root):  # before a lesson is loaded
        _write(_answers_file(root, path), answers(read_cells(path), path.name))
    for path, text in written(root).items():
        if path.suffix != ".ipynb" or path.stem in [each.stem for each in chosen]:
            _write(path, text)
    if execute:
        pool = Parallel(n_jobs=min(AT_A_TIME, cores()), prefer="threads", return_as="generator")
        for path, (seconds, megabytes) in zip(
            chosen, pool(delayed(_run_solution)(root, path) for path in chosen)
        ):
            yield cost(path, "tiny", seconds, megabytes)
            yield from minutes.report(path)
    else:
        for path in chosen:
            _write(_solution_file(root, path), _dump(_with_outputs(root, path)))
            yield from minutes.report(path)


def measure(root: Path, only: list[str], profile: str) -> Iterator[str]:
    """Run solutions one by one in another profile, and note a laptop's waits; yields lines to print."""
    for path in sources(root, only):
        notebook, began = solution(read_cells(path), content.load(path.stem)), time.monotonic()
        megabytes = executed(notebook, root / "notebooks/solutions", profile)
        yield cost(path, profile, time.monotonic() - began, megabytes)
        if profile == "laptop":
            minutes.record(path, notebook)
            yield from minutes.report(path)


def cost(path: Path, profile: str, seconds: float, megabytes: float) -> str:
    """What a run took of its budget, in a line."""
    budget = content.load(path.stem).budgets[profile]
    over = " (over budget)" * (seconds > budget.seconds or megabytes > budget.megabytes)
    return (
        f"{path.stem}: {seconds:.0f} s of {budget.seconds} s, "
        f"{megabytes:.0f} MB of {budget.megabytes} MB{over}, profile {profile}"
    )


def run(notebook: NotebookNode, folder: Path) -> float:
    """Execute every cell, strictly; outputs stay where the cell is tagged `nbval-check-output`.

    Args:
        notebook: changed in place.
        folder: where the cells run.

    Returns:
        The most memory that the kernel had, in megabytes.

    Raises:
        CellExecutionError: a cell raised, or a check did not say "right".
    """
    megabytes = executed(notebook, folder)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            _strip(cell)
    return megabytes


def executed(notebook: NotebookNode, folder: Path, profile: str = "tiny") -> float:
    """Execute every cell, strictly, and keep all that comes out, and when.

    The run has a progress folder of its own and no real data sets, so that every machine gets the same.

    Args:
        notebook: changed in place.
        folder: where the cells run.
        profile: how much work is done.

    Returns:
        The most memory that the kernel had, in megabytes.

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
    own = {"SEGLIB_PROFILE": profile, "SEGLIB_STRICT": "1", "SEGLIB_DATA": "none"}
    if profile == "tiny":
        own["OMP_NUM_THREADS"] = "1"
    notebook.cells.append(v4.new_code_cell(PEAK, id="peak"))
    with tempfile.TemporaryDirectory() as home:
        client.execute(env={**os.environ, **own, "SEGLIB_HOME": home})
    return int(notebook.cells.pop().outputs[0].data["text/plain"]) / 1000


def stale(root: Path) -> list[str]:
    """The generated files that are not what their source says, a sentence for each; nothing is executed.

    Of a solution cells, tags and ids are compared. `nbval` runs it and compares the outputs.
    """
    made = written(root)
    found = [path for path, text in made.items() if not path.exists() or path.read_text("utf-8") != text]
    for source in sources(root):
        path, wanted = _solution_file(root, source), solution(read_cells(source), content.load(source.stem))
        made[path] = ""
        if not path.exists() or _shape(nbformat.read(path, as_version=4)) != _shape(wanted):
            found.append(path)
    notebooks = {*root.glob("notebooks/*.ipynb"), *root.glob("notebooks/solutions/*.ipynb")}
    said = [(path, "is not what its source says.") for path in found]
    said += [(path, "has no source.") for path in sorted(notebooks - made.keys())]
    return [f"{path.relative_to(root).as_posix()} {problem}" for path, problem in said]


def main(arguments: list[str]) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.course.build", description="Build the notebooks.")
    add = parser.add_argument
    add("only", nargs="*", metavar="NN", help="numbers of notebooks; all are built by default")
    add("--check", action="store_true", help="run and write nothing; fail when a file is stale")
    add("--text", action="store_true", help="run nothing: only text or tables have changed")
    add("--measure", choices=("laptop", "gpu"), help="only run in this profile, and say the cost")
    options = parser.parse_args(arguments)
    if options.check:
        found = stale(ROOT)
        print("\n".join(found) or "The notebooks are what their sources say.")
        if found:
            print("Run `make notebooks` (ONLY=02 for one) and commit the result.")
        return 1 if found else 0
    try:
        if options.measure:
            lines = measure(ROOT, options.only, options.measure)
        else:
            lines = build(ROOT, options.only, execute=not options.text)
        for line in lines:
            print(line, flush=True)
    except ValueError as error:
        print(error)
        return 2
    return 0


def _run_solution(root: Path, source: Path) -> tuple[float, float]:
    """Write the executed solution of one source; returns the seconds and the megabytes that it took."""
    began = time.monotonic()
    notebook = solution(read_cells(source), content.load(source.stem))
    megabytes = run(notebook, folder=root / "notebooks/solutions")
    _write(_solution_file(root, source), _dump(notebook))
    return time.monotonic() - began, megabytes


def _with_outputs(root: Path, source: Path) -> NotebookNode:
    """The solution of one source, with the outputs that the same code cells had before."""
    made = solution(read_cells(source), content.load(source.stem))
    before = nbformat.read(_solution_file(root, source), as_version=4)
    known = {cell.source: cell for cell in before.cells if cell.cell_type == "code"}
    for cell in (cell for cell in made.cells if cell.cell_type == "code"):
        if cell.source not in known:
            raise ValueError(f"{source.stem}: code has changed; build it without --text:\n{cell.source}")
        cell.outputs, cell.execution_count = known[cell.source].outputs, known[cell.source].execution_count
    return made


def _answers_file(root: Path, source: Path) -> Path:
    return root / f"seglib/course/content/nb{source.stem.partition('_')[0]}/answers.py"


def _solution_file(root: Path, source: Path) -> Path:
    return root / f"notebooks/solutions/{source.stem}.ipynb"


def _strip(cell: NotebookNode) -> None:
    """Drop when it ran; drop what came out, unless it is compared: then keep the text of it."""
    cell.metadata.pop("execution", None)
    if CHECKED not in cell.metadata.get("tags", []):
        cell.outputs, cell.execution_count = [], None
        return
    for output in cell.outputs:
        for kind in [kind for kind in output.get("data", {}) if not kind.startswith("text/")]:
            del output["data"][kind]


def _node(cell: Cell, text: str) -> NotebookNode:
    make = v4.new_code_cell if cell.kind == "code" else v4.new_markdown_cell
    metadata = {"tags": sorted(cell.tags)} if cell.tags else {}
    return make(text, id=cell.id, metadata=metadata)


def _notebook(cells: list[NotebookNode]) -> NotebookNode:
    return v4.new_notebook(cells=cells, metadata=METADATA, nbformat_minor=5)


def _shape(notebook: NotebookNode) -> list[tuple[Any, ...]]:
    return [(cell.id, cell.cell_type, cell.source, dict(cell.metadata)) for cell in notebook.cells]


def _dump(notebook: NotebookNode) -> str:
    nbformat.validate(notebook)
    return nbformat.writes(notebook) + "\n"


def _write(path: Path, text: str) -> None:
    if len(text.encode()) > LARGEST:
        raise ValueError(f"{path.name} has {len(text.encode())} bytes; a notebook may have {LARGEST}.")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, text)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
