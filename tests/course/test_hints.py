from seglib.course import check, hint, store
from seglib.course.hints import solution_source


def said(capsys):
    return capsys.readouterr().out


def test_hints_climb_and_the_solution_waits_for_an_attempt(towels, capsys):
    hint("42.1")
    assert "hint 1 of 2. Add it to itself." in said(capsys)
    hint("42.1")
    assert "hint 2 of 2. Twice." in said(capsys)
    hint("42.1")
    text = said(capsys)
    assert "after an attempt" in text and "return" not in text
    assert store.read("42")["hints"] == {"42.1": {"shown": 2}}
    check("42.1", ...)
    hint("42.1")
    assert "return" not in said(capsys)[-200:]
    check("42.1", lambda numbers: numbers)
    hint("42.1")
    assert "return [2 * number for number in numbers]" in said(capsys)


def test_an_attempt_does_not_skip_the_hints(towels, capsys):
    check("42.1", lambda numbers: numbers)
    said(capsys)
    hint("42.1")
    assert "hint 1 of 2" in said(capsys)


def test_who_has_it_right_sees_the_course_s_way(towels, capsys):
    check("42.2", 7)
    hint("42.2")
    text = said(capsys)
    assert "you have it right" in text and text.endswith("7\n")
    assert store.read("42")["hints"] == {}


def test_an_unknown_exercise_is_one_sentence(towels, capsys):
    hint("42.9")
    hint("nonsense")
    assert "has no exercise '42.9'. It has 42.1, 42.2." in said(capsys)


class Small:
    size = 1


def test_a_class_and_a_value_can_be_shown():
    assert solution_source(7) == "7"
    assert solution_source(Small) == "class Small:\n    size = 1"
