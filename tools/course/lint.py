"""The course's own lint: `python -m tools.course.lint` prints `file:line: sentence` for every problem.

A rule takes a `Page`, one notebook source, and yields `(line, sentence)`.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, pairwise
from pathlib import Path
from statistics import median

from benchmarks import render as measured
from seglib.course import content
from seglib.course.lesson import Lesson
from tools.course import minutes
from tools.course.render import PLACEHOLDER, met_by
from tools.course.source import Cell, read_cells, solved, stub

ROOT = Path(__file__).parents[2]
Problem = tuple[int, str]
Rule = Callable[["Page"], Iterator[Problem]]

#: The first cell of each section carries its tag; this is their order. Sections between look and clinic mix.
BEFORE = ("card", "question", "objectives", "recall", "setup", "look")
MIDDLE = ("concept", "exercise", "train", "measure")
AFTER = ("clinic", "recap", "quiz", "further")
OPTIONAL = ("train", "measure")
AIM = 3  # lines of a typical code cell
LONGEST_CELL = 15  # lines
LONGEST_TEXT = 250  # words
PROFILES = ("tiny", "laptop", "gpu")
TINY_SECONDS = 90
LONGEST = {"09": 90}  # minutes of a notebook; 75 for all others
IMAGES = ("show", "show_images", "bars", "draw.show", "draw.show_images", "draw.bars")
#: What no cell may import, and what no line of code may be: pattern -> why not.
IMPORTS = {  # no pyplot: its state breaks in callbacks
    r"(os|sys|subprocess|shutil|urllib|requests|importlib|warnings)\b": "is plumbing; it belongs in seglib",
    r"seglib\.course\.content": "holds answers; what a cell needs belongs elsewhere in seglib",
    r"matplotlib\.pyplot|pylab": "is not for a notebook: draw on a Figure, then show(figure, alt=...)",
}
LINES = {
    "code": {
        r"\s*[!%]|.*\b(pip3? install|wget|curl) ": "is plumbing; it belongs in seglib",
        r".*;\s*$": "ends in a semicolon, which JupyterLab and nbval read differently",
    },
    "markdown": {
        r"\s*\d{4}\. ": "begins with a year and a point, which Markdown takes for an item of a list"
    },
}


@dataclass(frozen=True)
class Page:
    """One source: its lesson, its cells, and the calls in them."""

    lesson: Lesson
    cells: list[Cell]

    @property
    def code(self) -> list[Cell]:
        """The code cells."""
        return [cell for cell in self.cells if cell.kind == "code"]

    def calls(self, *names: str) -> Iterator[tuple[int, ast.Call]]:
        """Every call of one of `names`, with its line in the file; `net.predict(x)` is not one."""
        for cell in self.code:
            for node in ast.walk(ast.parse(cell.text)):
                if isinstance(node, ast.Call) and ast.unparse(node.func) in names:
                    yield cell.line + node.lineno, node

    def mentions(self, call: str, name: str) -> bool:
        """Whether `call("name"` is in a code cell, or in a comment of one."""
        pattern = re.compile(rf"""\b{call}\(\s*["']{re.escape(name)}["']""")
        return any(pattern.search(cell.text) for cell in self.code)


def parses(page: Page) -> Iterator[Problem]:
    """Every code cell is Python, solved and as the student finds it; else RULES are not tried."""
    for cell in page.code:
        try:
            ast.parse(cell.text)
            ast.parse(stub(cell.text))
        except (SyntaxError, ValueError) as error:
            yield cell.line, f"the cell is not Python: {error}"


def sections(page: Page) -> Iterator[Problem]:
    """All sections are there, in order."""
    order = [*((tag,) for tag in BEFORE), MIDDLE, *((tag,) for tag in AFTER)]
    ranks = {tag: rank for rank, tags in enumerate(order) for tag in tags}
    found = [(ranks[tag], tag, cell.line) for cell in page.cells for tag in cell.tags if tag in ranks]
    for (before, first, _), (after, second, line) in pairwise(found):
        if after < before:
            yield line, f"section '{second}' comes after section '{first}'"
    present = {tag for _, tag, _ in found}
    for tag in (*BEFORE, *MIDDLE, *AFTER):
        if tag not in present and tag not in OPTIONAL:
            yield 1, f"section '{tag}' is missing: give that tag to its first cell"


def setup(page: Page) -> Iterator[Problem]:
    """The notebook starts itself, under its own name."""
    started = [_first(call) for _, call in page.calls("start")]
    if started != [page.lesson.id]:
        yield 1, f'one cell must call start("{page.lesson.id}"); found {started or "none"}'


def objectives(page: Page) -> Iterator[Problem]:
    """Three to five objectives, each met by an exercise or a quiz item; nothing meets what is not there."""
    known = [objective.id for objective in page.lesson.objectives]
    if not 3 <= len(known) <= 5:
        yield 1, f"a notebook has 3 to 5 objectives, this one {len(known)}"
    for name in known:
        if not met_by(page.lesson, name):
            yield 1, f"objective {name} is met by no exercise and no quiz item"
    met = [e.meets for e in page.lesson.exercises.values()] + [item.meets for item in page.lesson.quiz]
    for name in sorted(set(chain(*met)) - set(known)):
        yield 1, f"something meets objective {name}, which is not declared"


def exercises(page: Page) -> Iterator[Problem]:
    """Each exercise has its heading, a check and a hint."""
    shown = {name for cell in page.cells for name in PLACEHOLDER.findall(cell.text)}
    for name in page.lesson.exercises:
        if name not in shown:
            yield 1, f"exercise {name} has no heading: put [[{name}]] on a line of its own"
        for call in ("check", "hint"):
            if not page.mentions(call, name):
                yield 1, f'exercise {name} has no {call}("{name}")'


def predictions(page: Page) -> Iterator[Problem]:
    """Each prediction is asked, left open for the student, and revealed afterwards."""
    asked = {_first(call): (line, call) for line, call in page.calls("predict")}
    revealed = {_first(call): line for line, call in page.calls("reveal")}
    for name in page.lesson.predictions:
        if name not in asked or name not in revealed:
            yield 1, f'prediction {name} needs both predict("{name}", ...) and reveal("{name}", value)'
        elif asked[name][0] > revealed[name]:
            yield revealed[name], f"prediction {name} is revealed before it is asked"
        elif ast.unparse(asked[name][1]) != f"predict('{name}', ...)":
            yield asked[name][0], f'write predict("{name}", ...): the guess is the student\'s'


def known_ids(page: Page) -> Iterator[Problem]:
    """Ids in the source are the lesson's."""
    ids = {*page.lesson.exercises, *page.lesson.predictions}
    for line, call in page.calls("check", "checkpoint", "predict", "reveal"):
        if _first(call) not in ids:
            yield line, f"the lesson has no {_first(call)!r}"
    for cell in page.cells:
        for name in PLACEHOLDER.findall(cell.text):
            if name not in ids:
                yield cell.line, f"the lesson has no [[{name}]]"
        for name in measured.PLACE.findall(cell.text):
            if name not in measured.known():
                yield cell.line, f"there is no table [[table:{name}]]; benchmarks/render.py lists them"


def asks_quiz(page: Page) -> Iterator[Problem]:
    """The quiz is in a cell, and has questions."""
    if not page.mentions("quiz", page.lesson.number) or not page.lesson.quiz:
        yield 1, f'the notebook needs a quiz with questions and a cell quiz("{page.lesson.number}")'


def images(page: Page) -> Iterator[Problem]:
    """Every image is described for those who cannot see it."""
    for line, call in page.calls(*IMAGES):
        alts = [word.value for word in call.keywords if word.arg == "alt"]
        if not alts or (isinstance(alts[0], ast.Constant) and not str(alts[0].value or "").strip()):
            yield line, f"{ast.unparse(call.func)}(...) needs alt=, a description in words"
    for cell in page.cells:
        if cell.kind == "markdown" and re.search(r'!\[\s*\]\(|<img(?![^>]*alt="[^"])', cell.text):
            yield cell.line, "an image in the text has no alt text"


def _first(call: ast.Call) -> object:
    return call.args[0].value if call.args and isinstance(call.args[0], ast.Constant) else None


def budgets(page: Page) -> Iterator[Problem]:
    """Seconds and memory are declared for every profile; the tiny one stays under 90 s."""
    for name in PROFILES:
        budget = page.lesson.budgets.get(name)
        if budget is None or budget.seconds <= 0 or budget.megabytes <= 0:
            yield 1, f"the budget for profile {name} is not declared"
        elif name == "tiny" and budget.seconds > TINY_SECONDS:
            yield 1, f"the tiny profile may take {TINY_SECONDS} s; this notebook declares {budget.seconds}"


def times(page: Page) -> Iterator[Problem]:
    """The card's minutes are near the estimate, and no notebook is longer than a lesson."""
    with suppress(ValueError):  # a heading or a table that is not there: another rule says so
        if wrong := minutes.problem(page.cells, page.lesson):
            yield 1, wrong
    if page.lesson.minutes > LONGEST.get(page.lesson.number, 75):
        yield 1, f"the card says {page.lesson.minutes} minutes: split the notebook"


def lengths(page: Page) -> Iterator[Problem]:
    """A code cell has at most 15 lines, a text cell at most 250 words."""
    for cell in page.cells:
        lines, words = code_lines(cell.text), len(cell.text.split())
        if cell.kind == "code" and lines > LONGEST_CELL:
            yield cell.line, f"the code cell has {lines} lines; at most {LONGEST_CELL}"
        if cell.kind == "markdown" and words > LONGEST_TEXT:
            yield cell.line, f"the text has {words} words; at most {LONGEST_TEXT}, then something to do"


def imports(page: Page) -> Iterator[Problem]:
    """Cells say what is being learned: no paths, no environment, no answers, no pyplot."""
    for cell in page.code:
        for node in ast.walk(ast.parse(cell.text)):
            if not isinstance(node, ast.Import | ast.ImportFrom):
                continue
            source = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
            for name in (f"{source}{alias.name}" for alias in node.names):
                for pattern, why in IMPORTS.items():
                    if re.match(pattern, name):
                        yield cell.line + node.lineno, f"`{name}` {why}"


def lines(page: Page) -> Iterator[Problem]:
    """No installing, fetching or shell; no line that JupyterLab or Markdown reads otherwise."""
    for cell in page.cells:
        for number, text in enumerate(cell.text.splitlines(), 1):
            for pattern, why in LINES[cell.kind].items():
                if re.match(pattern, text):
                    yield cell.line + number, f"`{text.strip()}` {why}"


def code_lines(text: str) -> int:
    """How many lines of code a student reads, empty lines and comments included, fences not."""
    return len(solved(text).strip().splitlines())


RULES: tuple[Rule, ...] = (
    sections, setup, objectives, exercises, predictions, known_ids, asks_quiz, images, budgets, times,
    lengths, imports,
)  # fmt: skip


def lint(path: Path, lesson: Lesson) -> Iterator[str]:
    """The problems of one source, as `file:line: sentence`, in the order of their lines.

    Args:
        path: the source file.
        lesson: what it should teach.
    """
    try:
        page = Page(lesson, read_cells(path))
    except ValueError as error:
        yield f"{path.name}:1: {error}"
        return
    found = [*parses(page), *lines(page)] or [problem for rule in RULES for problem in rule(page)]
    for line, sentence in sorted(found):
        yield f"{path.name}:{line}: {sentence}"


def sizes(path: Path) -> str:
    """How long the code cells of a source are, in words."""
    lines = [code_lines(cell.text) for cell in read_cells(path) if cell.kind == "code"]
    middle, longest = median(lines or [0]), max(lines, default=0)
    return f"{path.name}: {len(lines)} code cells, median {middle:g} lines (aim {AIM}), longest {longest}"


def main(root: Path = ROOT) -> int:
    """Lint every source; returns 1 when there is a problem, else 0."""
    problems: list[str] = []
    for path in sorted((root / "notebooks/source").glob("*.py")):
        try:
            problems += lint(path, content.load(path.stem))
            print(sizes(path))
        except ValueError as error:  # a source without a lesson
            problems.append(f"{path.name}:1: {error}")
    for path in measured.documents(root):
        for _, name, _ in measured.BLOCK.findall(path.read_text(encoding="utf-8")):
            if name not in measured.known():
                problems.append(f"{path.name}: there is no table {name!r}; benchmarks/render.py lists them")
    print("\n".join(problems) or "No problem found.")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
