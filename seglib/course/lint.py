"""The course's own lint: `python -m seglib.course.lint` prints `file:line: sentence` for every problem."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from seglib.course import content, rules, style_rules
from seglib.course.lesson import Lesson
from seglib.course.rules import Page, Rule
from seglib.course.source import read_cells

ROOT = Path(__file__).parents[2]
AIM = 3  # lines of a typical code cell

RULES: tuple[Rule, ...] = (
    rules.parses, rules.sections, rules.setup, rules.objectives, rules.exercises, rules.predictions,
    rules.known_ids, rules.asks_quiz, rules.images,
    style_rules.budgets, style_rules.short_cells, style_rules.short_texts, style_rules.no_plumbing,
    style_rules.no_pyplot, style_rules.no_semicolons,
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
    for line, sentence in sorted(problem for rule in RULES for problem in rule(page)):
        yield f"{path.name}:{line}: {sentence}"


def sizes(path: Path) -> str:
    """How long the code cells of a source are, in words."""
    lines = [style_rules.code_lines(cell.text) for cell in read_cells(path) if cell.kind == "code"]
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
    print("\n".join(problems) or "No problem found.")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
