"""Every check of every lesson: the course's answer is right, and each wrong answer is told why it is wrong.

The wrong answers of lesson NN are in `WRONG` of `test_nbNN.py`.
"""

import functools
import importlib
import inspect
import re
import runpy
from pathlib import Path

import numpy as np
import pytest
import torch

from seglib.course import content
from seglib.course.checks import judge, solution_source

EXERCISES = [name for number in content.numbers() for name in content.load(number).exercises]
FILES = sorted(Path(__file__).parent.glob("test_nb[0-9][0-9]*.py"))
WRONG = {name: answers for path in FILES for name, answers in runpy.run_path(str(path))["WRONG"].items()}
CASES = [
    pytest.param(exercise, name, id=f"{exercise}: {name}")
    for exercise, answers in WRONG.items()
    for name in answers
]


@functools.cache
def judged(exercise, name):
    return judge(exercise, WRONG[exercise][name][0])


def raises(*_, **__):
    raise ZeroDivisionError("division by zero")


def stub(*_):
    """As the student finds it."""
    ...  # noqa: PIE790


NONSENSE = {
    "raises": raises,
    "no argument": lambda: 0,
    "nothing": lambda *args, **kwargs: None,
    "a string": lambda *args, **kwargs: "42",
    "an empty list": lambda *args, **kwargs: [],
    "a tuple of strings": lambda *args, **kwargs: ("a", "b"),
    "an empty tensor": lambda *args, **kwargs: torch.zeros(0),
    "NaN": lambda *args, **kwargs: torch.full((3, 4), torch.nan),
    "an array of objects": lambda *args, **kwargs: np.array([None, "x"], dtype=object),
    "an object": lambda *args, **kwargs: object(),
    "a value": "neither function nor answer",
    "a number": float("nan"),
    "a class": dict,
}


@pytest.mark.parametrize("exercise", EXERCISES)
def test_the_course_s_answer_is_right(exercise):
    reference = content.exercise(exercise).reference
    assert judge(exercise, reference).state == "right", judge(exercise, reference).message


@pytest.mark.parametrize("exercise", [name for name in EXERCISES if content.exercise(name).twin])
def test_the_room_of_the_library_that_does_the_same_is_there(exercise):
    module, _, name = f"seglib.{content.exercise(exercise).twin}".rpartition(".")
    assert hasattr(importlib.import_module(module), name)


@pytest.mark.parametrize("exercise", EXERCISES)
def test_each_exercise_has_a_hint_and_three_named_wrong_answers_that_are_told_apart(exercise):
    assert len(WRONG.get(exercise, {})) >= 3
    assert content.exercise(exercise).hints
    told = {judged(exercise, name).message for name in WRONG[exercise]}
    assert len(told) >= 2, "the check says the same to every mistake"


def test_no_wrong_answers_without_an_exercise():
    assert set(WRONG) <= set(EXERCISES)


@pytest.mark.parametrize(("exercise", "name"), CASES)
def test_a_wrong_answer_is_told_why_and_the_same_twice(exercise, name):
    answer, said = WRONG[exercise][name]
    result = judged(exercise, name)
    assert judge(exercise, answer) == result
    assert result.state == "wrong"
    assert said in result.message
    assert not re.search(r"(?<![.])[.?!,;:][.?!;](?![.])", result.message), "two marks"
    assert not result.message[0].islower(), "begins with a capital letter"
    for line in solution_source(content.exercise(exercise).reference).splitlines():
        assert len(line.strip()) < 20 or line.strip() not in result.message, "gives the answer away"


@pytest.mark.parametrize("nonsense", NONSENSE.values(), ids=NONSENSE.keys())
@pytest.mark.parametrize("exercise", EXERCISES)
def test_nonsense_gets_one_sentence(exercise, nonsense):
    result = judge(exercise, nonsense)
    assert result.state in ("wrong", "not attempted")
    assert 10 < len(result.message) < 700 and "Traceback" not in result.message


@pytest.mark.parametrize("exercise", EXERCISES)
def test_an_answer_not_written_yet(exercise):
    reference = content.exercise(exercise).reference
    empty = stub if inspect.isfunction(reference) else ...
    assert judge(exercise, empty).state == "not attempted"
