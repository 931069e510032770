"""`progress`: what has been done so far, from the files on this disk."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from seglib.course import content, store
from seglib.course.lesson import Lesson
from seglib.course.predictions import calibration
from seglib.course.say import show_bundle


@dataclass(frozen=True)
class Row:
    """One lesson's line: done of all, for exercises, quiz items and predictions."""

    title: str
    exercises: tuple[int, int]
    quiz: tuple[int, int]
    guesses: tuple[int, int]


def progress() -> None:
    """Show, for every notebook, what is right and how good the guesses were."""
    lessons = {number: content.load(number) for number in content.numbers()}
    records = {number: store.read(number) for number in lessons}
    rows = [row(lesson, records[number]) for number, lesson in lessons.items()]
    pairs = [
        (asked, records[number]["predictions"].get(name, {}))
        for number, lesson in lessons.items()
        for name, asked in lesson.predictions.items()
    ]
    summary = calibration(pairs)
    show_bundle({"text/html": _table(rows, summary), "text/plain": _lines(rows, summary)})


def row(lesson: Lesson, record: store.Record) -> Row:
    """Count what is right in one lesson; what the lesson no longer has is not counted."""
    quiz = [name for name in item_ids(lesson) if record["quiz"].get(name, {}).get("right")]
    guessed = [name for name in lesson.predictions if "guess" in record["predictions"].get(name, {})]
    return Row(
        f"{lesson.number} {lesson.title}",
        (len(solved(lesson, record)), len(lesson.exercises)),
        (len(quiz), len(lesson.quiz)),
        (len(guessed), len(lesson.predictions)),
    )


def solved(lesson: Lesson, record: store.Record) -> list[str]:
    """The ids of the exercises that are right."""
    return [name for name in lesson.exercises if record["checks"].get(name, {}).get("right")]


def item_ids(lesson: Lesson) -> list[str]:
    """The ids of the quiz items: "02.q1", "02.q2" ..."""
    return [f"{lesson.number}.q{index}" for index in range(1, len(lesson.quiz) + 1)]


def _lines(rows: list[Row], summary: str) -> str:
    lines = [
        f"{r.title}: exercises {_of(r.exercises)}, quiz {_of(r.quiz)}, guesses {_of(r.guesses)}" for r in rows
    ]
    return "\n".join([*lines, summary])


def _table(rows: list[Row], summary: str) -> str:
    head = "".join(f'<th scope="col">{name}</th>' for name in ("notebook", "exercises", "quiz", "guesses"))
    body = "".join(
        f'<tr><th scope="row" style="text-align:left">{escape(r.title)}</th>'
        f"<td>{_of(r.exercises)}</td><td>{_of(r.quiz)}</td><td>{_of(r.guesses)}</td></tr>"
        for r in rows
    )
    caption = '<caption style="text-align:left"><strong>Your progress</strong> (kept on this disk)</caption>'
    return (
        f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table><p>{escape(summary)}</p>"
    )


def _of(pair: tuple[int, int]) -> str:
    return f"{pair[0]} of {pair[1]}"
