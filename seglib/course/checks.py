"""`check` says where an answer stands; `checkpoint` lets the notebook go on whatever it said."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from seglib.course import content, store
from seglib.course.guard import guarded, in_short, is_stub, keeps_stub_line, own_line
from seglib.course.lesson import Wrong
from seglib.course.say import say


@dataclass(frozen=True)
class CheckResult:
    """What `check` found; true in an `if` where the answer is right.

    Attributes:
        exercise: "02.1".
        state: "right", "wrong" or "not attempted".
        message: one or two sentences.
    """

    exercise: str
    state: str
    message: str

    def __bool__(self) -> bool:
        """Whether the answer is right."""
        return self.state == "right"

    def _ipython_display_(self) -> None:
        """Nothing: `check` has shown it already, also where it is not the last line of a cell."""


class NotRightError(AssertionError):
    """Raised by `check` only where SEGLIB_STRICT=1: a solution notebook whose answer is not right."""


def check(exercise: str, answer: Any = ...) -> CheckResult:
    """Say whether `answer` solves `exercise`: not attempted, right, or not right because ...

    Never raises because of what the answer does, changes none of its arguments, and gives no solution away.
    An endless loop is ended with Kernel > Interrupt.

    Args:
        exercise: its id, "02.1".
        answer: the student's function or value.
    """
    try:
        result = judge(exercise, answer)
    except ValueError as error:  # no such exercise
        result = CheckResult(str(exercise), "wrong", str(error))
    else:
        _record(result)
    _tell(result)
    if os.environ.get("SEGLIB_STRICT") == "1" and not result:
        raise NotRightError(f"{result.exercise} {result.state}: {result.message}")
    return result


def judge(exercise: str, answer: Any) -> CheckResult:
    """What `check` would say, without showing or recording it.

    Raises:
        ValueError: there is no such exercise.
    """
    asked = content.exercise(exercise)
    if is_stub(answer):
        return CheckResult(
            exercise, "not attempted", "Write your answer in the cell above and run both cells."
        )
    try:
        learned = asked.check(guarded(answer, mutates=asked.mutates))
    except Wrong as wrong:
        reason = _sentence(str(wrong))
    except Exception as error:  # what came back was nothing the check could work with
        reason = f"{in_short(error)}{own_line(error)}. Is that the type and shape asked for?"
    else:
        return CheckResult(exercise, "right", learned or "")
    if keeps_stub_line(answer):
        reason = f"The line `...  # your code here` still stands there. Without your code: {reason}"
        return CheckResult(exercise, "not attempted", reason)
    return CheckResult(exercise, "wrong", reason)


def checkpoint(exercise: str, answer: Any = ...) -> Any:
    """The student's own answer where its check passes, else the course's: the cells below can run.

    Args:
        exercise: its id, "02.1".
        answer: the student's function or value.
    """
    if judge(exercise, answer):
        say(f"{exercise}: going on with your own answer.", kind="right")
        return answer
    say(f"{exercise}: going on with the course's answer.", "Yours takes its place once its check passes.")
    return content.exercise(exercise).reference


def _record(result: CheckResult) -> None:
    def change(record: store.Record) -> None:
        entry = record["checks"].setdefault(result.exercise, {"attempts": 0, "right": False})
        entry["attempts"] += result.state != "not attempted"
        entry["right"] = entry["right"] or bool(result)

    store.update(result.exercise[:2], change)


def _tell(result: CheckResult) -> None:
    titles = {"right": "Right.", "wrong": "Not right yet.", "not attempted": "Not attempted yet."}
    kinds = {"right": "right", "wrong": "wrong", "not attempted": "open"}
    help_ = f'\nStuck? `hint("{result.exercise}")`' if result.state == "wrong" else ""
    say(f"{result.exercise}: {titles[result.state]}", result.message + help_, kind=kinds[result.state])


def _sentence(text: str) -> str:
    """The reason as a sentence: "because it counts void" becomes "It counts void"."""
    text = text.strip().removeprefix("because ").removeprefix("Because ")
    return text[:1].upper() + text[1:]
