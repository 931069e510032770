"""What the notebooks teach: a folder `nbNN` for each, with `lesson.toml`, `checks.py` and `answers.py`.

`lesson.toml` holds the text that is not in the notebook itself: card, objectives, exercises with their hints,
predictions, quiz. `checks.py` judges the answers of students: `check_area` judges the function `area`.
`answers.py` holds the course's own answers; `make notebooks` takes them from `notebooks/source/NN_*.py`.
"""

from __future__ import annotations

import functools
import importlib
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, TypeVar

from seglib.course.lesson import Budget, Exercise, Item, Lesson, Objective, Prediction

T = TypeVar("T")
KINDS: dict[str, tuple[Any, str]] = {
    "str": (str, "a text"),
    "int": (int, "a whole number"),
    "float": (int | float, "a number"),
    "bool": (bool, "true or false"),
    "Sequence[str]": (list, "a list of texts"),
}


def numbers() -> list[str]:
    """The numbers of all lessons, in order: ["00", "01", ...]; reads none of them."""
    return sorted(path.parent.name[2:] for path in Path(__path__[0]).glob("nb*/lesson.toml"))


def load(name: str) -> Lesson:
    """The lesson with this number ("02") or id ("02_metrics").

    Raises:
        ValueError: there is no such lesson, and the message lists those there are; or its folder is at fault.
    """
    number = str(name).partition("_")[0]
    lesson = read(number) if number in numbers() else None
    if lesson is None or name not in (lesson.number, lesson.id):
        known = ", ".join(repr(read(number).id) for number in numbers())
        raise ValueError(f"There is no lesson {name!r}. The lessons are {known}.")
    return lesson


def exercise(name: str) -> Exercise:
    """The exercise with this id, "02.1"; ValueError listing the known ids if there is none."""
    return _choose(load(str(name).partition(".")[0]).exercises, name, "exercise")


def prediction(name: str) -> Prediction:
    """The prediction with this id, "02.p1"; ValueError listing the known ids if there is none."""
    return _choose(load(str(name).partition(".")[0]).predictions, name, "prediction")


def _choose(known: Mapping[str, T], name: str, kind: str) -> T:
    if name not in known:
        raise ValueError(f"This lesson has no {kind} {name!r}. It has {', '.join(known) or 'none'}.")
    return known[name]


@functools.cache
def read(number: str) -> Lesson:
    """Read the folder of a lesson.

    Raises:
        ValueError: one sentence that names the file and what is wrong in it.
    """
    folder = Path(__path__[0]) / f"nb{number}"
    try:
        table = tomllib.loads((folder / "lesson.toml").read_text(encoding="utf-8"))
        return _lesson(number, table)
    except ModuleNotFoundError as error:
        advice = f"`make notebooks ONLY={number}` writes answers.py"
        raise ValueError(f"{folder.name}: there is no {error.name}; {advice}") from error
    except (ValueError, AttributeError, TypeError) as error:  # TypeError: a text where a table should be
        raise ValueError(f"{folder.name}/lesson.toml: {error}") from error


def _lesson(number: str, table: dict[str, Any]) -> Lesson:
    if missing := [name for name in ("budgets", "objectives", "exercises", "quiz") if name not in table]:
        raise ValueError(f"the lesson: {missing[0]!r} is missing.")
    modules = [importlib.import_module(f"{__name__}.nb{number}.{name}") for name in ("checks", "answers")]
    parts = {
        "budgets": {name: _make(Budget, f"budget {name}", given) for name, given in table["budgets"].items()},
        "objectives": [Objective(name, _fold(text)) for name, text in table["objectives"].items()],
        "exercises": {
            name: _exercise(f"exercise {name}", given, *modules) for name, given in table["exercises"].items()
        },
        "predictions": {
            name: _make(Prediction, f"prediction {name}", given)
            for name, given in table.get("predictions", {}).items()
        },
        "quiz": [_item(f"question {k}", given) for k, given in enumerate(table["quiz"], 1)],
    }
    return _make(Lesson, "the lesson", table, **parts)


def _exercise(where: str, table: dict[str, Any], checks: Any, answers: Any) -> Exercise:
    """`answer = "area"` names the answer `area` and the check `check_area`."""
    name = table.get("answer", "")
    for module, wanted in ((checks, f"check_{name}"), (answers, name)):
        if not hasattr(module, str(wanted)):
            raise ValueError(f"{where}: {module.__name__} has no {wanted!r}.")
    given = {key: value for key, value in table.items() if key != "answer"}
    return _make(
        Exercise, where, given, check=getattr(checks, f"check_{name}"), reference=getattr(answers, name)
    )


def _item(where: str, table: dict[str, Any]) -> Item:
    """`choices` are pairs of a choice and its reason, `answer` is the choice that is right, word for word."""
    pairs = [[_fold(text) for text in pair] for pair in table.get("choices", [])]
    if not pairs or any(len(pair) != 2 for pair in pairs):
        raise ValueError(f"{where}: `choices` must be pairs: a choice, and why it is right or wrong.")
    choices, reasons = zip(*pairs)
    answer = _fold(table.get("answer", ""))
    if answer not in choices:
        raise ValueError(f"{where}: the answer {answer!r} is not one of the choices {', '.join(choices)}.")
    given = {key: value for key, value in table.items() if key not in ("choices", "answer")}
    return _make(Item, where, given, choices=choices, reasons=reasons, answer=choices.index(answer))


def _make(cls: type[T], where: str, table: dict[str, Any], **ready: Any) -> T:
    """A dataclass from a table: every field there, none too many, each of its type, texts folded."""
    known = {field.name: field for field in fields(cls)}  # type: ignore[arg-type]
    if extra := [name for name in table if name not in known]:
        raise ValueError(f"{where}: there is no {extra[0]!r}; it has {', '.join(set(known) - set(ready))}.")
    for name, field in known.items():
        if name in ready or name not in table:
            if name not in ready and field.default is MISSING and field.default_factory is MISSING:
                raise ValueError(f"{where}: {name!r} is missing.")
            continue
        kind, expected = KINDS[str(field.type)]
        if not isinstance(table[name], kind) or (kind is not bool and isinstance(table[name], bool)):
            raise ValueError(f"{where}: {name!r} must be {expected}, got {table[name]!r}.")
    return cls(**{name: _fold(value) for name, value in table.items() if name not in ready} | ready)


def _fold(value: Any) -> Any:
    """A text over several lines as one line; lists element by element; everything else as it is."""
    if isinstance(value, list):
        return [_fold(each) for each in value]
    return " ".join(value.split()) if isinstance(value, str) else value
