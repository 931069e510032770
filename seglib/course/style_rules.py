"""The rules that keep a notebook short and free of plumbing."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from seglib.course.rules import Page, Problem, tree
from seglib.course.source import solved

LONGEST_CELL = 15  # lines
LONGEST_TEXT = 250  # words
PROFILES = ("tiny", "laptop", "gpu")
TINY_SECONDS = 90
PLUMBING = {"os", "sys", "subprocess", "shutil", "urllib", "requests", "importlib", "warnings", "pip"}


def budgets(page: Page) -> Iterator[Problem]:
    """Seconds and memory are declared for every profile; the tiny one stays under 90 s."""
    for name in PROFILES:
        budget = page.lesson.budgets.get(name)
        if budget is None or budget.seconds <= 0 or budget.megabytes <= 0:
            yield 1, f"the budget for profile {name} is not declared"
        elif name == "tiny" and budget.seconds > TINY_SECONDS:
            yield (
                1,
                f"the tiny profile may take {TINY_SECONDS} s, and this notebook asks for {budget.seconds}",
            )


def short_cells(page: Page) -> Iterator[Problem]:
    """A code cell has at most 15 lines."""
    for cell in page.code:
        lines = code_lines(cell.text)
        if lines > LONGEST_CELL:
            yield cell.line, f"the code cell has {lines} lines; at most {LONGEST_CELL}"


def short_texts(page: Page) -> Iterator[Problem]:
    """A text cell has at most 250 words."""
    for cell in page.cells:
        words = len(cell.text.split())
        if cell.kind == "markdown" and words > LONGEST_TEXT:
            yield cell.line, f"the text has {words} words; at most {LONGEST_TEXT}, then something to do"


def no_plumbing(page: Page) -> Iterator[Problem]:
    """Cells say what is being learned: no installing, fetching, paths, environment or shell."""
    for line, name in _imports(page):
        if name.partition(".")[0] in PLUMBING:
            yield line, f"`import {name}` is plumbing; it belongs in seglib"
    for cell in page.code:
        for number, text in enumerate(cell.text.splitlines(), 1):
            if re.match(r"\s*[!%]|.*\b(pip3? install|wget|curl) ", text):
                yield cell.line + number, f"`{text.strip()}` is plumbing; it belongs in seglib"


def no_pyplot(page: Page) -> Iterator[Problem]:
    """Figures come from matplotlib.figure.Figure and seglib.draw.show: pyplot's state breaks in callbacks."""
    for line, name in _imports(page):
        if name in ("matplotlib.pyplot", "pylab"):
            yield line, "no pyplot: draw on a matplotlib.figure.Figure, then show(fig, alt=...)"


def no_semicolons(page: Page) -> Iterator[Problem]:
    """A trailing semicolon hides an output in JupyterLab and not in nbval."""
    for cell in page.code:
        for number, line in enumerate(cell.text.splitlines(), 1):
            if line.rstrip().endswith(";"):
                yield (
                    cell.line + number,
                    "the line ends in a semicolon; let the cell show something or nothing",
                )


def code_lines(text: str) -> int:
    """How many lines of code a student reads, empty lines and comments included, fences not."""
    return len(solved(text).strip().splitlines())


def _imports(page: Page) -> Iterator[tuple[int, str]]:
    """Each imported module with its line; `from matplotlib import pyplot` is "matplotlib.pyplot" as well."""
    for cell in page.code:
        for node in ast.walk(tree(cell.text)):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)]
            else:
                continue
            yield from ((cell.line + node.lineno, name) for name in names)
