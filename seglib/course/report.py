"""`progress`: what has been done so far, from the files on this disk."""

from __future__ import annotations

from html import escape

from seglib.course import content, store
from seglib.course.lesson import Lesson
from seglib.course.predictions import calibration
from seglib.course.say import show_bundle

HEAD = ("notebook", "exercises", "quiz", "guesses")


def progress() -> None:
    """Show, for every notebook, how much is right and how good the guesses were."""
    lessons = {number: content.load(number) for number in content.numbers()}
    records = {number: store.read(number) for number in lessons}
    rows = [row(lesson, records[number]) for number, lesson in lessons.items()]
    summary = calibration(
        [
            (asked, records[number]["predictions"].get(name, {}))
            for number, lesson in lessons.items()
            for name, asked in lesson.predictions.items()
        ]
    )
    lines = [f"{title}: " + ", ".join(map(" ".join, zip(HEAD[1:], counts))) for title, *counts in rows]
    show_bundle({"text/html": _table(rows, summary), "text/plain": "\n".join([*lines, summary])})


def row(lesson: Lesson, record: store.Record) -> list[str]:
    """Title, and "2 of 4" for exercises, quiz and guesses; what the lesson no longer has is not counted."""
    quiz = [name for name in lesson.questions if record["quiz"].get(name, {}).get("right")]
    guessed = [name for name in lesson.predictions if "guess" in record["predictions"].get(name, {})]
    return [
        f"{lesson.number} {lesson.title}",
        f"{len(solved(lesson, record))} of {len(lesson.exercises)}",
        f"{len(quiz)} of {len(lesson.quiz)}",
        f"{len(guessed)} of {len(lesson.predictions)}",
    ]


def solved(lesson: Lesson, record: store.Record) -> list[str]:
    """The ids of the exercises that are right."""
    return [name for name in lesson.exercises if record["checks"].get(name, {}).get("right")]


def _table(rows: list[list[str]], summary: str) -> str:
    head = "".join(f'<th scope="col">{name}</th>' for name in HEAD)
    body = "".join(
        f'<tr><th scope="row" style="text-align:left">{escape(title)}</th>'
        f"{''.join(f'<td>{count}</td>' for count in counts)}</tr>"
        for title, *counts in rows
    )
    caption = '<caption style="text-align:left"><strong>Your progress</strong> (kept on this disk)</caption>'
    return (
        f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table><p>{escape(summary)}</p>"
    )
