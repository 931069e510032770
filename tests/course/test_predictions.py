import re

import pytest
import torch

from seglib.course import predict, progress, reveal, store
from seglib.course.lesson import Prediction
from seglib.course.predictions import calibration, compare, parse_guess

SHARE = Prediction("How much?", unit="%")
RARE = Prediction("How much is rare?", unit="%", naive=10)
FISH = Prediction("How many?", unit="fish", kind="count", high=20)
TIMES = Prediction("How many times?", unit="times", low=1)
GAIN = Prediction("How many points more?", unit="points", kind="difference", spread=2, low=-50, high=50)
COLOR = Prediction("Which?", choices=("Red", "Green", "Blue"))


@pytest.fixture(autouse=True)
def a_laptop(monkeypatch):
    """In the tiny profile nothing is judged."""
    monkeypatch.setenv("SEGLIB_PROFILE", "laptop")


def kept(name="42.p1"):
    return store.read("42")["predictions"].get(name)


def test_three_dots_are_no_guess_yet(towels, capsys):
    predict("42.p1", ...)
    predict("42.p2", ...)
    said = capsys.readouterr().out
    assert "How much?\nIn place of `...` write a number in %, 0 to 100." in said
    assert 'write one letter in quotes: "a" Red, "b" Green, "c" Blue.' in said
    assert kept() is None


def test_a_guess_may_change_before_the_result_and_stays_after_it(towels, capsys):
    predict("42.p1", 70)
    predict("42.p1", 60)
    assert kept() == {"guess": 60.0}
    reveal("42.p1", torch.tensor(96.25))
    assert "it is 96.2 %. You guessed 60 %: 36.2 points too low." in capsys.readouterr().out
    assert kept() == {"guess": 60.0, "value": 96.25}
    predict("42.p1", 96)
    assert "first guess stays: 60 %. You have seen the result. To guess anew" in capsys.readouterr().out
    reveal("42.p1", 95)
    assert kept() == {"guess": 60.0, "value": 95.0}


def test_a_guess_made_after_the_result_does_not_count(towels, capsys):
    reveal("42.p1", 96)
    assert "did not guess" in capsys.readouterr().out
    predict("42.p1", 96)
    reveal("42.p1", 96)
    assert "does not count" in capsys.readouterr().out
    assert calibration([(SHARE, kept())]) == "No guesses yet."


@pytest.mark.parametrize(
    ("asked", "guess", "answer"),
    [
        (COLOR, ("b",), "Green"),
        (COLOR, ("B ",), "Green"),
        (COLOR, ("green",), "Green"),
        (COLOR, ("Red",), "Red"),
        (SHARE, (12, 5), 12.5),
        (SHARE, ("12,5",), 12.5),
        (SHARE, ("30 %",), 30),
        (SHARE, ("30%",), 30),
        (SHARE, (" 7 ",), 7),
        (SHARE, ("0.3 %",), 0.3),
        (SHARE, (torch.tensor(4),), 4),
        (SHARE, (0,), 0),
        (SHARE, (1,), 1),
        (SHARE, ("1e1",), 10),
    ],
)
def test_a_guess_is_read_as_people_write_it(asked, guess, answer):
    assert parse_guess(asked, *guess) == answer


@pytest.mark.parametrize(
    ("asked", "guess", "said"),
    [
        (SHARE, (0.3,), 'if you mean 30 %, write 30. If it is 0.3 %, write "0.3 %" with its quotes.'),
        (SHARE, ("0,3",), "if you mean 30 %, write 30."),
        (FISH, (7.5,), "This is a number of fish: write a whole number. You wrote 7.5."),
        (TIMES, ("1,000",), "a number (times), 1 or more. You wrote '1,000'."),
        (TIMES, (1, 000), "You wrote '1,0'."),
        (TIMES, (1, 2, 3), "You wrote '1,2,3'."),
        (TIMES, ("30 %",), "You wrote '30 %'."),
        (COLOR, (12, 5), '"a" Red, "b" Green, "c" Blue. You wrote \'12,5\'.'),
    ],
)
def test_what_can_be_read_in_two_ways_is_asked(asked, guess, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        parse_guess(asked, *guess)


NUMBER, LETTER = "write a number in %, 0 to 100", '"a" Red, "b" Green, "c" Blue'
NO_ANSWERS = [
    *(
        ("42.p1", guess, NUMBER)
        for guess in ("many", -1, 101, torch.nan, torch.inf, True, [1], None, "", "%")
    ),
    ("42.p1", torch.zeros(3), NUMBER),
    *(("42.p2", guess, LETTER) for guess in ("d", "", 1, "purple")),
    ("42.p9", 1, "no prediction '42.p9'. It has 42.p1, 42.p2."),
]


@pytest.mark.parametrize(("name", "guess", "said"), NO_ANSWERS)
def test_what_is_no_answer_is_told_how_and_not_recorded(towels, capsys, name, guess, said):
    predict(name, guess)
    assert said in capsys.readouterr().out
    assert kept(name) is None


@pytest.mark.parametrize(
    ("profile", "value", "said"),
    [
        ("tiny", 96, "it is 96 %. In the tiny profile no guess is judged"),
        *(
            ("laptop", value, "cannot be compared")
            for value in (torch.nan, torch.inf, torch.tensor(torch.nan))
        ),
    ],
)
def test_a_result_that_is_not_judged_spoils_no_guess(towels, monkeypatch, capsys, profile, value, said):
    monkeypatch.setenv("SEGLIB_PROFILE", profile)
    predict("42.p1", 60)
    reveal("42.p1", value)
    shown = capsys.readouterr().out
    assert said in shown and "points" not in shown and kept() == {"guess": 60.0}


def test_a_result_that_is_no_choice_is_the_author_s_mistake(towels):
    with pytest.raises(ValueError, match="not one of the choices Red, Green, Blue"):
        reveal("42.p2", "purple")


@pytest.mark.parametrize(
    ("asked", "guess", "value", "said", "kind"),
    [
        (SHARE, 95.5, 96.0, "close enough", "right"),
        (SHARE, 94.0, 96.0, "2 points too low. Near.", "note"),
        (SHARE, 86.0, 96.0, "10 points too low. Ask", "wrong"),  # 4 % are left, not 14 %
        (SHARE, 96.0, 30.0, "3.2 times too high. Ask", "wrong"),
        (SHARE, 0.0, 7.4, "7.4 points too low. Ask", "wrong"),
        (SHARE, 12.0, 7.4, "4.6 points too high. Ask", "wrong"),
        (RARE, 10.0, 0.86, "11.6 times too high. Ask", "wrong"),
        (RARE, 1.0, 0.86, "close enough", "right"),
        (RARE, 10.0, 8.0, "2 points too high. Ask", "wrong"),  # near, but the naive answer
        (RARE, 10.0, 10.0, "close enough", "right"),
        (TIMES, 303.0, 153.0, "150 times too high. Ask", "wrong"),
        (TIMES, 100.0, 153.0, "53 times too low. Near.", "note"),
        (TIMES, 3.2, 153.0, "47.8 times too low. Ask", "wrong"),
        (FISH, 4.0, 5.0, "1 fish too low. Near.", "note"),
        (FISH, 9.0, 4.0, "2.25 times too high. Ask", "wrong"),
        (FISH, 0.0, 0.0, "close enough", "right"),
        (FISH, 1.0, 0.0, "1 fish too high. Ask", "wrong"),
        (GAIN, -1.0, 0.5, "close enough", "right"),
        (GAIN, 4.0, 0.5, "3.5 points too high. Near.", "note"),
        (GAIN, 5.0, -5.0, "10 points too high. Ask", "wrong"),
        (FISH, None, 4.0, "did not guess", "note"),
        (COLOR, "Red", "Red", "That was your guess", "right"),
        (COLOR, "Red", "Blue", "You guessed: Red", "wrong"),
        (COLOR, None, "Blue", "did not guess", "note"),
    ],
)
def test_comparing(asked, guess, value, said, kind):
    _, text, found = compare(asked, guess, value)
    assert said in text and found == kind


@pytest.mark.parametrize(
    "given",
    [
        {"unit": "points", "kind": "difference"},
        {"unit": "%", "spread": 2.0},
        {"unit": "%", "kind": "choice"},
        {"choices": ("a", "b"), "kind": "share"},
        {"choices": ("a", "b"), "unit": "%"},
        {},
    ],
)
def test_a_prediction_of_no_kind_is_the_author_s_mistake(given):
    with pytest.raises(ValueError, match=r"^Prediction 'How\?'"):
        Prediction("How?", **given)


def test_calibration_over_the_course():
    numbers = [(SHARE, 60.0, 90.0), (SHARE, 50.0, 45.0), (FISH, 10.0, 6.0)]
    choices = [(COLOR, "Red", "Red"), (COLOR, "Red", "Blue")]
    pairs = [(asked, {"guess": guess, "value": value}) for asked, guess, value in numbers + choices]
    pairs += [(FISH, {"guess": 10.0}), (SHARE, {"guess": 1.0, "value": 1.0, "late": True})]
    said = "Your guesses: 1 of 2 choices right; 1 of 3 numbers right or near, 2 too high."
    assert calibration(pairs) == said


def test_progress_counts_what_there_is(towels, capsys):
    predict("42.p1", 60)
    progress()
    *_, head, row, guesses = capsys.readouterr().out.splitlines()
    assert re.split("  +", head.strip()) == ["notebook", "exercises", "quiz at first try", "guesses"]
    assert re.split("  +", row) == ["42 Towels", "0 of 2", "0 of 2", "1 of 2"]
    assert guesses == "No guesses yet."
