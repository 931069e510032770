"""`hint` climbs: a nudge, a firmer one, and after an attempt the course's own answer."""

from __future__ import annotations

import inspect
from typing import Any

from seglib.course import content, store
from seglib.course.say import box, code_block, say, show_bundle


def hint(exercise: str) -> None:
    """Show the next hint; each call climbs one step. The solution comes last, and only after an attempt.

    Args:
        exercise: its id, "02.1".
    """
    try:
        asked = content.exercise(exercise)
    except ValueError as error:
        say("No such exercise.", str(error), kind="wrong")
        return
    state = store.read(exercise[:2])
    shown = state["hints"].get(exercise, {}).get("shown", 0)
    tried = state["checks"].get(exercise, {})
    if tried.get("right"):
        _show_solution(f"{exercise}: you have it right. The course writes it so:", asked.reference)
    elif shown < len(asked.hints):
        store.update(exercise[:2], lambda record: record["hints"].update({exercise: {"shown": shown + 1}}))
        say(f"{exercise}: hint {shown + 1} of {len(asked.hints)}.", asked.hints[shown])
    elif tried.get("attempts"):
        _show_solution(f"{exercise}: one answer. Read it, close it, write your own:", asked.reference)
    else:
        again = f'The solution comes after an attempt: run `check("{exercise}", ...)` on a try of your own.'
        say(f"{exercise}: that was the last hint.", f"{asked.hints[-1]}\n{again}")


def _show_solution(title: str, reference: Any) -> None:
    source = solution_source(reference)
    shown = box(title, extra_html=code_block(source))
    show_bundle({"text/html": shown, "text/plain": f"▸ {title}\n{source}"})


def solution_source(reference: Any) -> str:
    """The reference as text: a function's or class's source, any other value as Python writes it."""
    if inspect.isroutine(reference) or inspect.isclass(reference):
        return inspect.getsource(reference).strip()
    return repr(reference)
