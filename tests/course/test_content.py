"""A lesson's folder: what is wrong in it is one sentence that names the file."""

from collections import Counter

import pytest

from seglib.course import content
from tests.course.conftest import forget


def test_texts_over_several_lines_are_folded(towels):
    assert towels.quiz[0].question == "Is `1 < 2`?"
    assert towels.quiz[0].reasons == ("It is.", "Count on.") and towels.quiz[0].answer == 1


FAULTS = {
    "no TOML": ("minutes = 12", "minutes = ", "Invalid value"),
    "a field is missing": ('needs = "Nothing."', "", "the lesson: 'needs' is missing"),
    "a table is missing": ("[objectives]", "[goals]", "'objectives' is missing"),
    "a misspelt field": ("difficulty = 3", "dificulty = 3", "exercise 42.2: there is no 'dificulty'"),
    "a text for a number": ("minutes = 3", 'minutes = "three"', "exercise 42.1: 'minutes' must be a whole"),
    "a list is expected": ('hints = ["It is odd."]', 'hints = "It is odd."', "must be a list of texts"),
    "no such answer": ('answer = "double"', 'answer = "triple"', "has no 'check_triple'"),
    "no answer": ('answer = "number"\n', "", "exercise 42.2: "),
    "a choice without a reason": ('["yes", "Count on."]', '["yes"]', "question 1: `choices` must be pairs"),
    "an answer that is not a choice": ('"It is not."]]\nanswer = "yes"', '"It is not."]]\nanswer = "maybe"',
                                       "question 2: the answer 'maybe' is not one of the choices yes, no"),
    "a unit and choices": ('unit = "%"', 'unit = "%"\nchoices = ["a"]', "a unit or choices"),
    "a text for a table": ('unit = "%"', 'unit = "%"\n[predictions]\n"42.p3" = "How many?"', "lesson.toml: "),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "said"), FAULTS.values(), ids=FAULTS.keys())
def test_each_fault_is_one_sentence(folder, old, new, said):
    path = folder / "lesson.toml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    forget()
    with pytest.raises(ValueError, match=r"nb42/lesson\.toml: ") as error:
        content.load("42")
    assert said in str(error.value) and "\n" not in str(error.value)


def test_a_lesson_without_answers_says_how_to_make_them(folder):
    (folder / "answers.py").unlink()
    with pytest.raises(ValueError, match=r"nb42: there is no .*answers; `make notebooks ONLY=42`"):
        content.load("42")


QUIZZES = [pytest.param(content.load(number).quiz, id=number) for number in content.numbers()]


def place(item):
    """Where the right option stands by its length."""
    lengths = [len(choice) for index, choice in enumerate(item.choices) if index != item.answer]
    right = len(item.choices[item.answer])
    return "longest" if right > max(lengths) else "shortest" if right <= min(lengths) else "between"


@pytest.mark.parametrize("quiz", QUIZZES)
def test_the_longest_option_is_mostly_wrong(quiz):
    assert [place(item) for item in quiz].count("longest") <= max(1, len(quiz) // 2)


def test_the_length_of_an_option_says_nothing_over_the_course():
    places = Counter(place(item) for quiz in QUIZZES for item in quiz.values[0])
    assert all(0.2 <= places[name] / places.total() <= 0.47 for name in ("shortest", "between", "longest"))
