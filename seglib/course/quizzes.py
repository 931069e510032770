"""`quiz`: the last questions of a notebook, with a reason for every choice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seglib.course import content
from seglib.course.say import say

if TYPE_CHECKING:
    from seglib.course.quiz_widget import Quiz


def quiz(number: str) -> Quiz | None:
    """The quiz of a notebook, as the last line of a cell.

    Args:
        number: "02".
    """
    from seglib.course.quiz_widget import Quiz  # here, so that checks and hints need no widgets

    try:
        return Quiz(content.load(number))
    except ValueError as error:
        say("No such quiz.", str(error), kind="wrong")
        return None
