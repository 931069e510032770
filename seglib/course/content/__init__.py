"""What the notebooks teach, one module a notebook: `nb02.LESSON` belongs to `notebooks/source/02_*.py`."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from typing import TypeVar

from seglib.course.lesson import Exercise, Lesson, Prediction

T = TypeVar("T")


def numbers() -> list[str]:
    """The numbers of all lessons, in order: ["00", "01", ...]; imports none of them."""
    return sorted(
        module.name[2:] for module in pkgutil.iter_modules(__path__) if module.name.startswith("nb")
    )


def load(name: str) -> Lesson:
    """The lesson with this number ("02") or id ("02_metrics").

    Raises:
        ValueError: there is no such lesson; the message lists those there are.
    """
    lesson = _module(name[:2]) if isinstance(name, str) and name[:2] in numbers() else None
    if lesson is None or name not in (lesson.number, lesson.id):
        known = ", ".join(repr(_module(number).id) for number in numbers())
        raise ValueError(f"There is no lesson {name!r}. The lessons are {known}.")
    return lesson


def exercise(name: str) -> Exercise:
    """The exercise with this id, "02.1"; ValueError with the known ids where there is none."""
    return _pick(load(str(name)[:2]).exercises, name, "exercise")


def prediction(name: str) -> Prediction:
    """The prediction with this id, "02.p1"; ValueError with the known ids where there is none."""
    return _pick(load(str(name)[:2]).predictions, name, "prediction")


def _pick(known: Mapping[str, T], name: str, kind: str) -> T:
    if name not in known:
        raise ValueError(f"This lesson has no {kind} {name!r}. It has {', '.join(known) or 'none'}.")
    return known[name]


def _module(number: str) -> Lesson:
    lesson: Lesson = importlib.import_module(f"{__name__}.nb{number}").LESSON
    return lesson
