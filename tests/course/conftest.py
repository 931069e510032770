import sys
import types

import pytest

from seglib.course import content
from seglib.course.lesson import Budget, Exercise, Item, Lesson, Objective, Prediction, Wrong


def double(numbers):
    """The course's own answer."""
    return [2 * number for number in numbers]


def check_double(fn):
    got = fn([1, 2])
    if len(got) != 2:
        raise Wrong(f"because two numbers went in and {len(got)} came out.")
    if got != [2, 4]:
        raise Wrong("because 1, 2 should become 2, 4.")
    return "Ten times ten is still a hundred."


def check_value(value):
    if value != 7:
        raise Wrong("because it is another number.")


def lesson():
    budget = Budget(10, 300)
    return Lesson(
        id="42_towels",
        title="Towels",
        minutes=5,
        question="How much towel?",
        needs="Nothing.",
        budgets={"tiny": budget, "laptop": budget, "gpu": budget},
        objectives=[
            Objective("42.a", "double a number"),
            Objective("42.b", "name a number"),
            Objective("42.c", "guess a number"),
        ],
        exercises={
            "42.1": Exercise("Double", 3, check_double, double, ["Add it to itself.", "Twice."], ["42.a"]),
            "42.2": Exercise("Name", 1, check_value, 7, ["It is odd."], ["42.b"], difficulty=3),
        },
        predictions={
            "42.p1": Prediction("How much?", unit="%"),
            "42.p2": Prediction("Which one?", choices=("Red", "Green", "Blue")),
        },
        quiz=[
            Item("Is `1 < 2`?", ["no", "yes"], 1, ["It is.", "Count on."], ["42.c"]),
            Item("Is 2 even?", ["yes", "no", "odd"], 0, ["2 = 2 * 1.", "It is.", "It is not."], ["42.a"]),
        ],
    )


@pytest.fixture
def towels(monkeypatch, home):
    """A small lesson, the only one, and a home folder of its own; not strict."""
    module = types.ModuleType("seglib.course.content.nb42")
    module.LESSON = lesson()
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(content, "numbers", lambda: ["42"])
    monkeypatch.delenv("SEGLIB_STRICT", raising=False)
    return module.LESSON
