"""`check` judges an answer, `hint` helps, `checkpoint` lets the notebook continue whatever was written."""

from __future__ import annotations

import inspect
import os
from dataclasses import dataclass, field, replace
from typing import Any

from seglib.course import content, store
from seglib.course.guard import (
    Guarded,
    as_asked,
    converting,
    copied,
    in_short,
    in_words,
    is_stub,
    keeps_stub_line,
)
from seglib.course.lesson import Exercise, Wrong
from seglib.course.say import say

TITLES = {
    "right": "Right.",
    "wrong": "Not right yet.",
    "not attempted": "Not attempted yet.",
    "not judged": "The check itself failed.",
}
_last: dict[str, tuple[Any, CheckResult]] = {}  # what `check` judged last, for the `checkpoint` below it


@dataclass(frozen=True)
class CheckResult:
    """What `check` found; true in an `if` where the answer is right.

    Attributes:
        exercise: "02.1".
        state: "right", "wrong", "not attempted", or "not judged" where the check itself failed.
        message: one or two sentences.
        answer: what was judged, with results of the type that was asked for; what `checkpoint` hands on.
    """

    exercise: str
    state: str
    message: str
    answer: Any = field(default=None, repr=False, compare=False)

    def __bool__(self) -> bool:
        """Whether the answer is right."""
        return self.state == "right"

    def _ipython_display_(self) -> None:
        """Show nothing: `check` has shown the result, even where it is not the last line of a cell."""


class NotRightError(AssertionError):
    """Raised by `check` only with SEGLIB_STRICT=1: an answer in a solution notebook is not right."""


def check(exercise: str, answer: Any = ...) -> CheckResult:
    """Say whether `answer` solves `exercise`: not attempted, right, or not right because ...

    Never raises because of what the answer does, changes none of its arguments, and does not give the
    solution away. An endless loop is stopped with Kernel > Interrupt.

    Args:
        exercise: its id, "02.1".
        answer: the student's function or value.
    """
    try:
        result = judge(exercise, answer)
    except ValueError as error:  # no such exercise
        result = CheckResult(str(exercise), "wrong", str(error))
    else:
        _last[exercise] = answer, result
        store.update(exercise.partition(".")[0], lambda record: _count(record, result))
    if result and (twin := content.exercise(exercise).twin):
        result = replace(result, message=f"{result.message} The library's own: `seglib.{twin}`.".lstrip())
    stuck = f'\nStuck? `hint("{result.exercise}")`' if result.state == "wrong" else ""
    say(f"{result.exercise}: {TITLES[result.state]}", result.message + stuck, kind=result.state)
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
        advice = "Write your answer in the cell above and run both cells."
        return CheckResult(exercise, "not attempted", advice)
    try:
        return CheckResult(exercise, *_learned(asked, answer))
    except Wrong as wrong:
        reason = str(wrong).strip()
    if keeps_stub_line(answer):
        advice = f"The line `...  # your code here` is still there. Without your code: {reason}"
        return CheckResult(exercise, "not attempted", advice)
    return CheckResult(exercise, "wrong", reason)


def _learned(asked: Exercise, answer: Any) -> tuple[str, str, Any]:
    """State and message of an answer that is not wrong, and the answer as it is handed on.

    Raises:
        Wrong: it is wrong.
    """
    if not callable(asked.reference):
        given: Any = as_asked(copied(answer), asked.reference, "This should be")
    elif callable(answer):
        given = Guarded(answer, asked.reference, mutates=asked.mutates)
    else:
        raise Wrong(f"A function is asked for; this is {in_words(answer)}.")
    try:
        learned = asked.check(given)
    except Wrong:
        raise
    except Exception as error:  # what the answer does is reported as Wrong; so it was the check
        last = given.last if isinstance(given, Guarded) else f"the answer was {in_words(given)}"
        return "not judged", f"{in_short(error)}, which is not your mistake. Last, {last}.", None
    if isinstance(given, Guarded):
        return "right", learned or "", converting(answer, asked.reference) if given.converted else answer
    return "right", learned or "", as_asked(answer, asked.reference, "This should be")


def checkpoint(exercise: str, answer: Any = ...) -> Any:
    """The student's own answer if its check passes, else the course's, so that the cells below can run.

    What the check converted, say a list to a tensor, is converted in the cells below as well.

    Args:
        exercise: its id, "02.1".
        answer: the student's function or value.
    """
    judged, result = _last.pop(exercise, (None, None))
    if result is None or judged is not answer or not inspect.isfunction(answer):  # a value may have changed
        result = judge(exercise, answer)
    if result:
        say(f"{exercise}: continuing with your own answer.", kind="right")
        return result.answer
    say(f"{exercise}: continuing with the course's answer.", "Yours is used as soon as its check passes.")
    return content.exercise(exercise).reference


def hint(exercise: str) -> None:
    """Show the next hint. After the last one, and after an attempt, show the course's own answer.

    Args:
        exercise: its id, "02.1".
    """
    try:
        asked = content.exercise(exercise)
    except ValueError as error:
        say("No such exercise.", str(error), kind="wrong")
        return
    number = exercise.partition(".")[0]
    state = store.read(number)
    shown = state["hints"].get(exercise, {}).get("shown", 0)
    tried = state["checks"].get(exercise, {})
    if tried.get("right"):
        said = f"{exercise}: you have it right. This is the course's answer:"
        say(said, code=solution_source(asked.reference))
    elif shown < len(asked.hints):
        store.update(number, lambda record: record["hints"].update({exercise: {"shown": shown + 1}}))
        say(f"{exercise}: hint {shown + 1} of {len(asked.hints)}.", asked.hints[shown])
    elif tried.get("attempts"):
        say(f"{exercise}: one answer. Read it, then write your own:", code=solution_source(asked.reference))
    else:
        again = f'The solution comes after an attempt: run `check("{exercise}", ...)` on a try of your own.'
        say(f"{exercise}: that was the last hint.", f"{asked.hints[-1]}\n{again}")


def solution_source(reference: Any) -> str:
    """The reference as text: the source of a function or class, any other value as Python writes it."""
    if inspect.isroutine(reference) or inspect.isclass(reference):
        return inspect.getsource(reference).strip()
    return repr(reference)


def _count(record: store.Record, result: CheckResult) -> None:
    entry = record["checks"].setdefault(result.exercise, {"attempts": 0, "right": False})
    entry["attempts"] += result.state in ("right", "wrong")
    entry["right"] = entry["right"] or bool(result)
