"""The bar: nothing for what is quick, something for what is slow, and the items as they were."""

import time
from types import SimpleNamespace
from typing import ClassVar

import pytest

from seglib import progress
from seglib.progress import tracked


def test_quick_work_shows_nothing(capsys):
    assert list(tracked("abc", 3, "spelling")) == ["a", "b", "c"]
    assert capsys.readouterr() == ("", "")


def test_slow_work_says_how_far_it_is(monkeypatch):
    class Recorder(progress.TerminalBar):
        seen: ClassVar = []

        def update(self, done):
            self.seen.append((self.progress.tasks[0].description, done))

    monkeypatch.setattr(progress, "PATIENCE", 0)
    monkeypatch.setattr(progress, "PAUSE", 0)
    monkeypatch.setattr(progress, "_bar", Recorder)
    assert list(tracked(range(3), 3, "counting pools")) == [0, 1, 2]
    assert Recorder.seen == [("counting pools", 0), ("counting pools", 1), ("counting pools", 2)]


def test_in_a_notebook_it_is_an_element_with_a_label():
    content = progress.NotebookBar._content
    bar = progress.NotebookBar.__new__(progress.NotebookBar)
    bar.what, bar.total, bar.begin = "counting <pools>", 4, time.monotonic()
    shown = content(bar, 2)
    assert shown["text/plain"] == "counting <pools>"
    assert 'aria-label="counting &lt;pools&gt;"' in shown["text/html"] and "2 of 4" in shown["text/html"]


@pytest.mark.parametrize(("answers", "kind"), [(True, "NotebookBar"), (False, "TerminalBar")])
def test_a_notebook_that_nobody_looks_at_gets_no_output(answers, kind, monkeypatch):
    """JupyterLab offers to answer input(), nbval does not: it would refuse what only slow machines show."""
    kernel = SimpleNamespace(get_parent=lambda: {"content": {"allow_stdin": answers}})
    monkeypatch.setattr("IPython.core.getipython.get_ipython", lambda: SimpleNamespace(kernel=kernel))
    displayed = []
    monkeypatch.setattr("IPython.display.display", lambda *_, **__: displayed.append(1))
    bar = progress._bar("counting", 3)
    assert type(bar).__name__ == kind and len(displayed) == answers
    assert answers or bar.progress.disable


def test_outside_of_jupyter_it_is_a_line():
    assert isinstance(progress._bar("counting", 3), progress.TerminalBar)


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
