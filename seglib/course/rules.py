"""The course's rules for a notebook source. A rule takes a `Page` and yields `(line, sentence)`."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain, pairwise

from seglib.course.lesson import Lesson
from seglib.course.render import PLACEHOLDER, met_by
from seglib.course.source import Cell, solved, stub

Problem = tuple[int, str]
Rule = Callable[["Page"], Iterator[Problem]]

#: The first cell of each section carries its tag; this is their order. Sections between look and clinic mix.
BEFORE = ("card", "question", "objectives", "recall", "setup", "look")
MIDDLE = ("concept", "exercise", "train", "measure")
AFTER = ("clinic", "recap", "quiz", "further")
OPTIONAL = ("train", "measure")
IMAGES = ("show", "show_images", "bars", "draw.show", "draw.show_images", "draw.bars")


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
        """Every call of one of `names`, with its line in the file; `net.predict(x)` is none."""
        for cell in self.code:
            for node in ast.walk(tree(cell.text)):
                if isinstance(node, ast.Call) and ast.unparse(node.func) in names:
                    yield cell.line + node.lineno, node

    def mentions(self, call: str, name: str) -> bool:
        """Whether `call("name"` stands in a code cell, or in a comment of one."""
        pattern = re.compile(rf"""\b{call}\(\s*["']{re.escape(name)}["']""")
        return any(pattern.search(cell.text) for cell in self.code)


def tree(text: str) -> ast.AST:
    """The solved cell as a tree, lines counted as in the source; an empty one where it is no Python."""
    try:
        return ast.parse(text)
    except SyntaxError:
        return ast.Module([], [])


def parses(page: Page) -> Iterator[Problem]:
    """Every code cell is Python, solved and as the student finds it."""
    for cell in page.code:
        try:
            ast.parse(solved(cell.text))
            ast.parse(stub(cell.text))
        except (SyntaxError, ValueError) as error:
            yield cell.line, f"the cell is no Python: {error}"


def sections(page: Page) -> Iterator[Problem]:
    """All sections are there, in order."""
    ranks = {tag: rank for rank, tag in enumerate(BEFORE)}
    ranks |= {tag: len(BEFORE) for tag in MIDDLE}
    ranks |= {tag: len(BEFORE) + 1 + rank for rank, tag in enumerate(AFTER)}
    found = [(ranks[tag], tag, cell.line) for cell in page.cells for tag in cell.tags if tag in ranks]
    for (before, first, _), (after, second, line) in pairwise(found):
        if after < before:
            yield line, f"section '{second}' stands after section '{first}'"
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
    for calls, ids in (
        (("check", "checkpoint"), page.lesson.exercises),
        (("predict", "reveal"), page.lesson.predictions),
    ):
        for line, call in page.calls(*calls):
            if _first(call) not in ids:
                yield line, f"the lesson has no {_first(call)!r}"
    for cell in page.cells:
        for name in PLACEHOLDER.findall(cell.text):
            if name not in {*page.lesson.exercises, *page.lesson.predictions}:
                yield cell.line, f"the lesson has no [[{name}]]"


def asks_quiz(page: Page) -> Iterator[Problem]:
    """The quiz is asked, and has questions."""
    if not page.mentions("quiz", page.lesson.number) or not page.lesson.quiz:
        yield 1, f'the notebook needs a quiz with questions and a cell quiz("{page.lesson.number}")'


def images(page: Page) -> Iterator[Problem]:
    """Every image is described for those who cannot see it."""
    for line, call in page.calls(*IMAGES):
        alts = [word.value for word in call.keywords if word.arg == "alt"]
        if not alts or (isinstance(alts[0], ast.Constant) and not str(alts[0].value or "").strip()):
            yield line, f"{ast.unparse(call.func)}(...) needs alt=: what is to be seen, in words"
    for cell in page.cells:
        if cell.kind == "markdown" and re.search(r'!\[\s*\]\(|<img(?![^>]*alt="[^"])', cell.text):
            yield cell.line, "an image in the text has no alt text"


def _first(call: ast.Call) -> object:
    return call.args[0].value if call.args and isinstance(call.args[0], ast.Constant) else None
