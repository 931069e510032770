"""A check says where an answer stands, whatever the answer does."""

import numpy as np
import pytest
import torch

from seglib.course import check, checkpoint, content, hint, store
from seglib.course.checks import NotRightError, judge, solution_source
from seglib.course.guard import Guarded, OtherKindError, in_words, like
from seglib.course.lesson import Exercise, Wrong


def attempts():
    return store.read("42")["checks"].get("42.1", {}).get("attempts", 0)


def test_right_stays_right_and_wrong_says_why(towels, capsys):
    assert check("42.1", lambda numbers: [number + number for number in numbers])
    assert "42.1: Right. Ten times ten is still a hundred." in capsys.readouterr().out
    assert store.read("42")["checks"]["42.1"] == {"attempts": 1, "right": True}
    result = check("42.1", lambda numbers: numbers)
    assert not result and (result.state, result.message) == ("wrong", "1, 2 should become 2, 4.")
    assert 'Stuck? `hint("42.1")`' in capsys.readouterr().out
    assert store.read("42")["checks"]["42.1"] == {"attempts": 2, "right": True}


def stub(numbers):
    """Double every number."""
    ...  # noqa: PIE790


def one_line_missing(numbers):
    result = []
    ...  # noqa: PIE790
    return result


@pytest.mark.parametrize("answer", [..., None, stub, one_line_missing])
def test_not_attempted(towels, answer):
    assert check("42.1", answer).state == "not attempted"
    assert attempts() == 0


def divides(numbers):
    zero = 0
    return numbers[0] / zero


def test_an_exception_is_told_with_the_students_own_line_and_the_input(towels):
    message = judge("42.1", divides).message
    line = divides.__code__.co_firstlineno + 2
    assert f"ZeroDivisionError (division by zero) in line {line}: `return numbers[0] / zero`" in message
    assert "The input was numbers = [1, 2]." in message
    assert "Traceback" not in message


def deep(numbers):
    return torch.zeros(2, 3) @ torch.zeros(2, 3)


def again(numbers):
    return again(numbers)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda: 3, "TypeError"),
        (lambda numbers: exit(), "SystemExit"),
        (lambda numbers: 1 / 0, "ZeroDivisionError"),
        (lambda numbers: divides(numbers, numbers), "TypeError"),
        (lambda numbers: 5, "should return a list (each a whole number); yours is a whole number: 5."),
        (lambda numbers: None if numbers else 1, "returned nothing"),
        (deep, "`return torch.zeros(2, 3) @ torch.zeros(2, 3)`"),  # the student's line, not one of torch
        (again, "RecursionError"),
        ("a string", "A function is asked for; this is 'a string'."),
        (3.0, "A function is asked for; this is 3.0."),
        (0, "A function is asked for; this is 0."),
        ([], "A function is asked for; this is []."),
        (torch.zeros(3), "A function is asked for; this is [0.0, 0.0, 0.0]."),
        (torch, "A function is asked for"),
        ((number for number in [1]), "A function is asked for"),
        (type("Strange", (), {"__call__": lambda self, numbers: {}[1]})(), "KeyError"),
    ],
)
def test_nothing_an_answer_does_gets_out(towels, answer, said):
    result = check("42.1", answer)
    assert result.state == "wrong" and said in result.message
    assert len(result.message.splitlines()) <= 2


def test_an_endless_loop_can_be_interrupted(towels):
    def interrupted(numbers):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check("42.1", interrupted)


def double(array):
    return array * 2


def clears(array):
    array[0] = 0
    return array


def resizes(array):
    return array.unsqueeze_(0)


def asks_for_a_gradient(array):
    return array.requires_grad_().detach()


ARRAYS = [
    torch.ones(3),
    np.ones(3),
    torch.tensor([1.0, torch.nan]),
    torch.ones(3, dtype=torch.bfloat16),
    torch.tensor([True, False]),
]


@pytest.mark.parametrize(
    ("changes", "array"),
    [
        *((clears, array) for array in (*ARRAYS, [torch.ones(3)])),
        (resizes, torch.ones(3)),
        (asks_for_a_gradient, torch.ones(3)),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_a_changed_argument_is_noticed_and_harmless(changes, array):
    before = str(array)
    with pytest.raises(Wrong, match="changes `array`"):
        Guarded(changes, lambda array: array)(array)
    assert str(array) == before


@pytest.mark.parametrize("array", [*ARRAYS, torch.ones(3, requires_grad=True)], ids=str)
def test_an_unchanged_argument_is_fine(array):
    assert len(Guarded(double, double)(array)) == len(array)


def test_an_exercise_may_ask_for_the_change():
    array = torch.ones(3)
    Guarded(clears, clears, mutates=True)(array)
    assert array.tolist() == [0, 1, 1]


def test_a_value_is_copied_too(towels, monkeypatch):
    monkeypatch.setitem(towels.exercises, "42.2", Exercise("", 1, list.clear, [1], ["?"], []))
    mine = [1, 2]
    check("42.2", mine)
    assert mine == [1, 2]


def test_strict_raises_unless_right(towels, monkeypatch):
    monkeypatch.setenv("SEGLIB_STRICT", "1")
    assert check("42.2", 7)
    with pytest.raises(NotRightError, match="wrong: It is another number"):
        check("42.2", 8)
    with pytest.raises(NotRightError, match="not attempted"):
        check("42.2", ...)


@pytest.mark.parametrize("call", [lambda name: check(name, 1), hint])
def test_an_unknown_exercise_is_one_sentence(towels, capsys, call):
    assert not call("42.9") and not call("77.1") and not call(3)
    said = capsys.readouterr().out
    assert "no exercise '42.9'. It has 42.1, 42.2." in said
    assert "There is no lesson '77'. The lessons are '42_towels'." in said


def test_checkpoint_hands_out_what_is_right(towels, capsys):
    def mine(numbers):
        return [number * 2 for number in numbers]

    assert checkpoint("42.1", mine) is mine
    assert "your own answer" in capsys.readouterr().out
    for other in (stub, lambda numbers: numbers, ...):
        assert checkpoint("42.1", other) is content.exercise("42.1").reference
        assert "the course's answer" in capsys.readouterr().out
    assert checkpoint("42.2", 8) == 7
    assert attempts() == 0


@pytest.mark.parametrize(
    "mine",
    [tuple, np.array, torch.tensor, lambda numbers: [np.int64(n) for n in numbers]],
    ids=["tuple", "array", "tensor", "NumPy numbers"],
)
def test_what_check_converts_checkpoint_hands_on_converted(towels, mine):
    double = checkpoint("42.1", lambda numbers: mine([2.0 * number for number in numbers]))
    assert repr(double([1, 2, 4])) == "[2, 4, 8]"
    number = checkpoint("42.2", np.float32(7))
    assert repr(number) == "7"


def test_a_check_that_fails_itself_says_so_and_blames_nobody(towels, monkeypatch, capsys):
    asked = towels.exercises["42.1"]
    broken = Exercise("", 1, lambda fn: fn([3]) and {}["gone"], asked.reference, ["?"], [])
    monkeypatch.setitem(towels.exercises, "42.1", broken)
    result = check("42.1", lambda numbers: [6])
    assert result.state == "not judged" and not result and attempts() == 0
    said = "42.1: The check itself failed. It stopped with KeyError ('gone'), which is not your mistake."
    assert f"{said} Last, the input was numbers = [3], the answer [6]." in capsys.readouterr().out


MAP = torch.zeros(1, 2, dtype=torch.uint8)


@pytest.mark.parametrize(
    ("value", "model", "expected"),
    [
        ([[1.0, 2.0]], MAP, "tensor([[1, 2]], dtype=torch.uint8)"),
        (torch.tensor([[1.0, 255.0]]), MAP, "tensor([[  1, 255]], dtype=torch.uint8)"),
        (np.array([[1, 2]]), MAP, "tensor([[1, 2]], dtype=torch.uint8)"),
        ([torch.tensor([1, 2])], MAP, "tensor([[1, 2]], dtype=torch.uint8)"),
        (torch.tensor([[256, 0]]), MAP, None),
        ([[-1, 0]], MAP, None),
        ([[0.5, 0]], MAP, None),
        ([[torch.nan, 0]], MAP, None),
        ([[True, False]], MAP, None),
        ([1, 2], MAP, None),
        ([[1], [1, 2]], MAP, None),
        (MAP, MAP.bool(), None),
        ([1, 2], torch.zeros(2), "tensor([1., 2.])"),
        ([1, 2], torch.zeros(3), None),
        ([1, 2], torch.zeros(3).long(), "tensor([1, 2])"),
        (torch.ones(1), torch.zeros(()), "tensor(1.)"),
        (2.5, torch.zeros(()), "tensor(2.5000)"),
        (torch.tensor([3.0]), 1, "3"),
        (np.float32(0.5), 1.0, "0.5"),
        (2, 1.0, "2.0"),
        (2.5, 1, None),
        (True, 1, None),
        (1, True, None),
        (torch.tensor(True), False, "True"),
        ([torch.tensor(1), 2], (0, 0), "(1, 2)"),
        ([1, 2, 3], (0, 0), None),
        ("ab", (0, 0), None),
        ("ab", [0], None),
        (["a"], {"b"}, "{'a'}"),
        ("a", {"b"}, None),
        (None, 1, None),
        ("1", 1, None),
    ],
    ids=str,
)
def test_nothing_is_converted_that_changes_by_it(value, model, expected):
    if expected is None:
        with pytest.raises(OtherKindError):
            like(value, model)
        return
    found = like(value, model)
    assert repr(found) == expected
    assert like(found, model) is found


def test_a_gradient_survives_the_conversion():
    weights = torch.ones(2, dtype=torch.float64, requires_grad=True)
    assert like([weights.sum(), weights.mean()], torch.zeros(2)).requires_grad


def test_a_checkpoint_does_not_judge_again_what_check_has_just_judged(towels, monkeypatch):
    judged = []

    def mine(numbers):
        judged.append(numbers)
        return [number * 2 for number in numbers]

    check("42.1", mine)
    assert checkpoint("42.1", mine) is mine and len(judged) == 1
    # Run again later: what it calls may have changed.
    assert checkpoint("42.1", mine) is mine and len(judged) == 2


def test_values_in_words():
    assert in_words(np.zeros((2, 2), np.uint8)) == "[[0, 0], [0, 0]]"
    assert in_words(torch.zeros(0, 4)) == "a float32 tensor of shape (0, 4)"
    assert in_words("x" * 500).endswith("…")
    both = torch.zeros(5, 6, dtype=torch.int64)
    assert in_words([(both, 1)]) == "[(an int64 tensor of shape (5, 6), 1)]"
    table = type("Table", (), {"__repr__": lambda self: "tensor([[178, 178, " * 50})()
    assert in_words(table) == "a Table"


@pytest.fixture
def hinted(towels, capsys):
    """Asks for a hint, and returns what was shown."""

    def ask(exercise="42.1"):
        capsys.readouterr()
        hint(exercise)
        return capsys.readouterr().out

    return ask


def test_hints_climb_and_the_solution_waits_for_an_attempt(hinted):
    assert "hint 1 of 2. Add it to itself." in hinted()
    assert "hint 2 of 2. Twice." in hinted()
    said = hinted()
    assert "after an attempt" in said and "return" not in said
    assert store.read("42")["hints"] == {"42.1": {"shown": 2}}
    check("42.1", ...)
    assert "return" not in hinted()
    check("42.1", lambda numbers: numbers)
    assert "return [2 * number for number in numbers]" in hinted()


def test_an_attempt_skips_no_hint_and_who_has_it_right_sees_the_course_s_way(hinted):
    check("42.1", lambda numbers: numbers)
    assert "hint 1 of 2" in hinted()
    check("42.2", 7)
    said = hinted("42.2")
    assert "you have it right" in said and said.endswith("7\n")
    assert "42.2" not in store.read("42")["hints"]


class Small:
    size = 1


def test_a_class_and_a_value_can_be_shown():
    assert solution_source(7) == "7"
    assert solution_source(Small) == "class Small:\n    size = 1"
