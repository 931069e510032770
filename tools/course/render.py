"""The parts of a notebook that come from its lesson: card, objectives, recap, headings, guide."""

from __future__ import annotations

import re

from benchmarks import render as measured
from seglib.course.lesson import Exercise, Lesson

PLACEHOLDER = re.compile(r"^\[\[(\d\d[a-z]?\.p?\d+)\]\]$", re.MULTILINE)
DIFFICULTY = {1: "easy", 2: "needs thought", 3: "hard"}


def card(lesson: Lesson) -> str:
    """Title, minutes, needs and budgets; the first cell of the notebook."""
    rows = "\n".join(
        f"| {name} | {budget.seconds} s | {budget.megabytes / 1000:.1f} GB |"
        for name, budget in lesson.budgets.items()
    )
    return (
        f"# {lesson.number} · {lesson.title}\n\n"
        f"**{lesson.minutes} minutes.** Needs: {lesson.needs}\n\n"
        "<details><summary>What it asks of your machine</summary>\n\n"
        f"| profile | at most | memory |\n|---|---|---|\n{rows}\n\n"
        "Your profile is picked by what your machine has; the first code cell names it.\n"
        "</details>"
    )


def objectives(lesson: Lesson) -> str:
    """What the student can do afterwards."""
    lines = "\n".join(f"* {objective.text} ({objective.id})" for objective in lesson.objectives)
    return f"## By the end you can\n\n{lines}"


def recap(lesson: Lesson) -> str:
    """The objectives once more, in the same words, with the places where they were met."""
    lines = "\n".join(f"* {o.text} ({', '.join(met_by(lesson, o.id))})" for o in lesson.objectives)
    return f"## Recap\n\nYou can now\n\n{lines}"


GENERATED = {"card": card, "objectives": objectives, "recap": recap}  # what the cell of a tag begins with


def met_by(lesson: Lesson, objective: str) -> list[str]:
    """The exercises and quiz questions that meet an objective: ["exercise 02.1", "quiz 3"]."""
    exercises = [f"exercise {name}" for name, e in lesson.exercises.items() if objective in e.meets]
    return exercises + [f"quiz {k}" for k, item in enumerate(lesson.quiz, 1) if objective in item.meets]


def whole(text: str, tags: frozenset[str], lesson: Lesson) -> str:
    """The text of a cell as a student sees it, with what its tags and its places stand for."""
    generated = [make(lesson) for tag, make in GENERATED.items() if tag in tags]
    return fill("\n\n".join(filter(None, [*generated, text])), lesson)


def fill(text: str, lesson: Lesson) -> str:
    """Replace `[[02.1]]`, `[[02.p1]]` and `[[table:R2]]` by the heading, the question and the table.

    Raises:
        ValueError: the lesson has no such exercise or prediction, or there is no such table.
    """

    def block(match: re.Match[str]) -> str:
        name = match[1]
        if name in lesson.exercises:
            return heading(name, lesson.exercises[name])
        if name in lesson.predictions:
            return f"**Your guess first.** {lesson.predictions[name].question}"
        raise ValueError(f"the source of {lesson.id} has [[{name}]], but the lesson has no {name}.")

    return measured.fill(PLACEHOLDER.sub(block, text))


def heading(name: str, exercise: Exercise) -> str:
    """The heading of an exercise."""
    return (
        f"### Exercise {name} · {exercise.title}\n\n"
        f"*{exercise.minutes} minutes, {DIFFICULTY[exercise.difficulty]}*"
    )


def machines(lessons: list[Lesson]) -> str:
    """The memory and the time that each notebook may take, by profile, and which run in 2 GB."""
    profiles = list(lessons[0].budgets)
    head = "".join(f" {name} |" for name in profiles)
    lines = [
        f"| {lesson.id} |"
        + "".join(f" {b.megabytes / 1000:.1f} GB, {b.seconds} s |" for b in lesson.budgets.values())
        for lesson in lessons
    ]
    small = [one.number for one in lessons if min(b.megabytes for b in one.budgets.values()) <= 2000]
    return (
        "## What a machine needs\n\nMemory of the kernel and waiting time, at most, by profile. Those of "
        f"tiny and laptop were measured on two cores; gpu is a guess. In 2 GB run: {', '.join(small)}.\n\n"
        f"| notebook |{head}\n|---|{'---|' * len(profiles)}\n" + "\n".join(lines) + "\n"
    )


def instructor_guide(chapters: list[tuple[Lesson, list[str]]]) -> str:
    """`docs/instructor.md`: for each lesson its timing and the notes of its `instructor` cells.

    Args:
        chapters: (lesson, notes) in order.
    """
    parts = [
        "# Instructor guide\n\n"
        "Made by `make notebooks` from the cells tagged `instructor` in `notebooks/source/`.\n",
        machines([lesson for lesson, _ in chapters]),
    ]
    for lesson, notes in chapters:
        working = sum(exercise.minutes for exercise in lesson.exercises.values())
        timing = f"{lesson.minutes} minutes, of which {working} are exercises."
        table = "\n".join(f"| {n} | {e.title} | {e.minutes} |" for n, e in lesson.exercises.items())
        parts.append(
            f"## {lesson.number} · {lesson.title}\n\n{timing}\n\n"
            f"| exercise | | minutes |\n|---|---|---|\n{table}\n\n" + "\n\n".join(notes).strip() + "\n"
        )
    return "\n".join(parts)
