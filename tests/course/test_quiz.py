import re

import pytest
from traitlets import TraitError

from seglib.course import progress, quiz, store

pytest.importorskip("anywidget")


def record():
    return store.read("42")["quiz"]


def test_the_first_choice_is_kept_and_right_once_is_right(towels):
    asked = quiz("42")
    assert repr(asked) == "Quiz 42: 2 questions, 0 right."
    asked.chosen = {"42.q1": 0}
    assert record() == {"42.q1": {"first": 0, "tries": 1, "right": False}}
    asked.chosen = {"42.q1": 1, "42.q2": 2}
    assert repr(asked) == "Quiz 42: 2 questions, 1 right."
    asked.chosen = {"42.q1": 0, "42.q2": 2}
    assert record()["42.q1"] == {"first": 0, "tries": 3, "right": True}
    assert record()["42.q2"] == {"first": 2, "tries": 1, "right": False}


def test_what_was_answered_comes_back_and_is_not_counted_again(towels, capsys):
    quiz("42").chosen = {"42.q1": 0, "42.q2": 0}
    quiz("42").chosen = {"42.q1": 1, "42.q2": 0}
    before = record()
    again = quiz("42")
    assert again.chosen == {"42.q1": 1, "42.q2": 0} and repr(again) == "Quiz 42: 2 questions, 2 right."
    assert record() == before and before["42.q1"]["tries"] == 2
    progress()  # clicking through the choices is not knowing
    assert re.search(r"42 Towels +\d of 2 +1 of 2 ", capsys.readouterr().out)


@pytest.mark.parametrize("chosen", [{"42.q9": 0}, {"42.q1": 2}, {"42.q1": -1}, {"42.q1": "yes"}])
def test_a_choice_that_is_none_reaches_the_student_and_the_caller(towels, chosen):
    asked = quiz("42")
    with pytest.raises(TraitError, match="quiz 42 has no choice"):
        asked.chosen = chosen
    with pytest.raises(TraitError, match="quiz 42 has no choice"):
        asked.set_state({"chosen": chosen})  # as it comes from the browser
    assert "quiz 42 has no choice" in asked.error
    asked.set_state({"chosen": {"42.q1": 1}})
    assert asked.error == "" and record()["42.q1"]["right"]


def test_an_error_while_recording_reaches_the_student_too(towels, monkeypatch):
    asked = quiz("42")
    monkeypatch.setattr(store, "update", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        asked.set_state({"chosen": {"42.q1": 1}})
    assert asked.error.startswith("ZeroDivisionError")


def test_without_a_kernel_each_choice_unfolds_to_its_reason(towels):
    page = quiz("42").to_html()
    assert page.count("<details>") == 5 and page.count("<strong>Right.</strong>") == 2
    assert "Is <code>1 &lt; 2</code>?" in page and "<script" not in page
    bundle, _ = quiz("42")._repr_mimebundle_()
    assert bundle["text/html"] == page and bundle["text/plain"] == "Quiz 42: 2 questions, 0 right."


def test_an_unknown_quiz_is_one_sentence(towels, capsys):
    assert quiz("77") is None
    assert "There is no lesson '77'" in capsys.readouterr().out
