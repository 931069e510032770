"""How many minutes a notebook takes a student; `python -m tools.course.build` prints it section by section.

The estimate is made from the source and the lesson. Nothing is run for it:

* text, the quiz's included: 180 words a minute, the speed of somebody who reads in a second language;
* code that is given: 3 seconds a line to read, and 15 seconds a cell to run it and look at what comes out;
* an exercise: the minutes in its entry of `lesson.toml`, writing and failed checks included;
* a guess: a minute to make it and to compare; a quiz question: half a minute in addition to its words;
* an image: a quarter of a minute; a widget: the minutes of its tasks, in `WIDGETS`;
* waits: seconds measured in the laptop profile, from `waits.json`, which the build fills (`02 --measure
  laptop`) by running the solved notebook. One that was never measured waits as long as its laptop budget
  allows.

The speeds were chosen once, so that the estimates of 00 to 04 come close to what it took a tester who worked
through them with a watch: 25, 65, 75, 105 and 90 minutes. `make lint` demands that the minutes on a card are
within `TOLERANCE` of the estimate.
"""

from __future__ import annotations

import ast
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from nbformat import NotebookNode

from seglib.course import content
from seglib.course.lesson import Lesson
from seglib.files import write_text
from tools.course import render
from tools.course.source import Cell, read_cells, stub

TOLERANCE = 0.2
WORDS_A_MINUTE = 180
LINE, CELL, FIGURE, GUESS, QUESTION = 0.05, 0.25, 0.25, 1.0, 0.5  # minutes each
FIGURES = ("show_images", "bars", "show", "chart")
#: Minutes that the tasks of a widget take.
WIDGETS = {
    "MaskViewer": 2, "linked": 1, "LieDetector": 8, "BalanceBoard": 6, "Annotator": 8, "Monitor": 1,
    "ProposalExplorer": 4, "RefinementExplorer": 4,
}  # fmt: skip
WAITS = Path(__file__).with_name("waits.json")  # notebook -> section -> seconds
OPENING = "Card"  # the section before the first heading
BUDGET = "Waits: never measured, as budgeted"


def estimate(cells: list[Cell], lesson: Lesson) -> dict[str, float]:
    """The minutes of each section, in order; the instructor's notes are left out.

    Args:
        cells: the cells of a source.
        lesson: its lesson.
    """
    minutes: defaultdict[str, float] = defaultdict(float)
    for section, cell in placed(cells, lesson):
        minutes[section] += _text(cell, lesson) if cell.kind == "markdown" else _code(cell, lesson)
    for section, seconds in waiting(lesson).items():
        minutes[section] += seconds / 60
    return dict(minutes)


def waiting(lesson: Lesson) -> dict[str, float]:
    """The seconds that each section of a notebook lets a student wait, as measured, or else as budgeted."""
    measured: dict[str, dict[str, float]] = json.loads(WAITS.read_text(encoding="utf-8"))
    budget = lesson.budgets.get("laptop")
    return measured.get(lesson.id, {BUDGET: budget.seconds} if budget else {})


def placed(cells: list[Cell], lesson: Lesson) -> Iterator[tuple[str, Cell]]:
    """The cells that a student sees, each with the heading `## ...` that it stands under."""
    section = OPENING
    for cell in cells:
        if cell.tags & {"instructor", "solution-only"}:
            continue
        if cell.kind == "markdown":
            section = (
                re.findall(r"^## (.+)$", render.whole(cell.text, cell.tags, lesson), re.MULTILINE)
                or [section]
            )[-1]
        yield section, cell


def report(path: Path) -> list[str]:
    """The lines that the build prints for a source: the whole, then its sections."""
    lesson = content.load(path.stem)
    minutes = estimate(read_cells(path), lesson)
    whole = f"{lesson.id}: about {sum(minutes.values()):.0f} minutes; the card says {lesson.minutes}"
    return [whole, *(f"  {taken:5.1f}  {section}" for section, taken in minutes.items())]


def problem(cells: list[Cell], lesson: Lesson) -> str | None:
    """What is wrong with the minutes on a card, in a sentence."""
    taken = sum(estimate(cells, lesson).values())
    if abs(lesson.minutes - taken) <= TOLERANCE * taken:
        return None
    return (
        f"the card says {lesson.minutes} minutes, the estimate is {taken:.0f}: "
        "`python -m tools.course.build` shows where they go"
    )


def record(path: Path, ran: NotebookNode) -> None:
    """Write the seconds that each section of an executed solution took into `waits.json`.

    Args:
        path: the source.
        ran: its solution, executed, with the times of its cells.
    """
    lesson = content.load(path.stem)
    times = {cell.id: _seconds(cell) for cell in ran.cells if cell.cell_type == "code"}
    seconds: defaultdict[str, float] = defaultdict(float)
    for section, cell in placed(read_cells(path), lesson):
        seconds[section] += times.get(cell.id, 0)
    known = json.loads(WAITS.read_text(encoding="utf-8"))
    known[lesson.id] = {section: round(taken) for section, taken in seconds.items() if taken >= 1}
    write_text(WAITS, json.dumps(known, indent=1, sort_keys=True, ensure_ascii=False) + "\n")


def _text(cell: Cell, lesson: Lesson) -> float:
    shown = render.whole(cell.text, cell.tags, lesson)
    exercises = [name for name in render.PLACEHOLDER.findall(cell.text) if name in lesson.exercises]
    return _reading(shown) + sum(lesson.exercises[name].minutes for name in exercises)


def _code(cell: Cell, lesson: Lesson) -> float:
    """Reading and running a cell, and what its calls ask a student to do; `net.predict(x)` is no guess."""
    called = [ast.unparse(node.func) for node in ast.walk(ast.parse(cell.text)) if isinstance(node, ast.Call)]
    calls = Counter(name.rpartition(".")[2] for name in called)
    lines = [line for line in stub(cell.text).splitlines() if line.strip()]
    tasks = sum(WIDGETS.get(name, 0) * times for name, times in calls.items())
    figures = FIGURE * sum(calls[name] for name in FIGURES)
    quiz = sum(
        QUESTION + _reading(" ".join([item.question, *item.choices, *item.reasons])) for item in lesson.quiz
    )
    return CELL + LINE * len(lines) + tasks + figures + GUESS * called.count("predict") + quiz * calls["quiz"]


def _reading(text: str) -> float:
    return len(re.findall(r"\w[\w'.-]*", re.sub(r"<[^>]+>|\]\([^)]*\)", " ", text))) / WORDS_A_MINUTE


def _seconds(cell: NotebookNode) -> float:
    times = cell.metadata.get("execution", {})
    began, ended = (
        datetime.fromisoformat(times[name].replace("Z", "+00:00"))
        for name in ("iopub.execute_input", "shell.execute_reply")
    )
    return (ended - began).total_seconds()
