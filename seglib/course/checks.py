"""`check` judges an answer, `hint` helps, `checkpoint` lets the notebook continue whatever was written."""

from __future__ import annotations

import inspect
import os
from dataclasses import dataclass
from typing import Any

from seglib.course import content, store
from seglib.course.guard import guarded, in_short, is_stub, keeps_stub_line, own_line
from seglib.course.lesson import Wrong
from seglib.course.say import box, code_block, say, show_bundle

TITLES = {"right": "Right.", "wrong": "Not right yet.", "not attempted": "Not attempted yet."}
_last: dict[str, tuple[Any, CheckResult]] = {}  # what `check` judged last, for the `checkpoint` below it


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
        learned = asked.check(guarded(answer, mutates=asked.mutates))
    except Wrong as wrong:
        reason = str(wrong).strip().removeprefix("because ")
        reason = reason[:1].upper() + reason[1:]
    except Exception as error:  # the check cannot work with what the answer returned
        reason = f"{in_short(error)}{own_line(error)}. Is that the type and shape asked for?"
    else:
        return CheckResult(exercise, "right", learned or "")
    if keeps_stub_line(answer):
        advice = f"The line `...  # your code here` is still there. Without your code: {reason}"
        return CheckResult(exercise, "not attempted", advice)
    return CheckResult(exercise, "wrong", reason)


def checkpoint(exercise: str, answer: Any = ...) -> Any:
    """The student's own answer if its check passes, else the course's, so that the cells below can run.

    Args:
        exercise: its id, "02.1".
        answer: the student's function or value.
    """
    judged, result = _last.pop(exercise, (None, None))
    if result is None or judged is not answer or not inspect.isfunction(answer):  # a value may have changed
        result = judge(exercise, answer)
    if result:
        say(f"{exercise}: continuing with your own answer.", kind="right")
        return answer
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
        _show_solution(f"{exercise}: you have it right. This is the course's answer:", asked.reference)
    elif shown < len(asked.hints):
        store.update(number, lambda record: record["hints"].update({exercise: {"shown": shown + 1}}))
        say(f"{exercise}: hint {shown + 1} of {len(asked.hints)}.", asked.hints[shown])
    elif tried.get("attempts"):
        _show_solution(f"{exercise}: one answer. Read it, close it, write your own:", asked.reference)
    else:
        again = f'The solution comes after an attempt: run `check("{exercise}", ...)` on a try of your own.'
        say(f"{exercise}: that was the last hint.", f"{asked.hints[-1]}\n{again}")


def solution_source(reference: Any) -> str:
    """The reference as text: the source of a function or class, any other value as Python writes it."""
    if inspect.isroutine(reference) or inspect.isclass(reference):
        return inspect.getsource(reference).strip()
    return repr(reference)


def _show_solution(title: str, reference: Any) -> None:
    source = solution_source(reference)
    shown = box(title, extra_html=code_block(source))
    show_bundle({"text/html": shown, "text/plain": f"▸ {title}\n{source}"})


def _count(record: store.Record, result: CheckResult) -> None:
    entry = record["checks"].setdefault(result.exercise, {"attempts": 0, "right": False})
    entry["attempts"] += result.state != "not attempted"
    entry["right"] = entry["right"] or bool(result)
