"""The bar: nothing for what is quick, something for what is slow, and the items as they were."""

import time

import pytest

from seglib import progress
from seglib.progress import tracked


def test_quick_work_shows_nothing(capsys):
    assert list(tracked("abc", 3, "spelling")) == ["a", "b", "c"]
    assert capsys.readouterr() == ("", "")


def test_slow_work_says_what_it_does(monkeypatch, capsys):
    monkeypatch.setattr(progress, "PATIENCE", 0)
    monkeypatch.setattr(progress, "PAUSE", 0)
    assert list(tracked(range(3), 3, "counting pools")) == [0, 1, 2]
    assert "counting pools" in capsys.readouterr().err


def test_an_error_in_the_loop_comes_through(monkeypatch):
    monkeypatch.setattr(progress, "PATIENCE", 0)

    def fails():
        yield 1
        raise ValueError("the second is broken")

    with pytest.raises(ValueError, match="the second is broken"):
        list(tracked(fails(), 2, "reading"))


def test_stopping_early_stops_the_bar(monkeypatch):
    monkeypatch.setattr(progress, "PATIENCE", 0)
    for item in tracked(range(100), 100, "looking"):
        time.sleep(0.01)
        if item == 2:
            break
    assert item == 2
