"""The progress bar: nothing for quick work, a bar for slow work, and the items unchanged."""

import threading
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from seglib import progress
from seglib.progress import Bar, element, in_terminal, tracked

SEEN: list[object] = []


class Clock:
    """Time and timers that the test moves."""

    def __init__(self) -> None:
        self.now, self.timers = 0.0, []

    def timer(self, seconds: float, call, arguments) -> SimpleNamespace:
        started = SimpleNamespace(start=lambda: self.timers.append((seconds, call, arguments)))
        started.cancel = lambda: self.timers.clear()
        return started

    def pass_(self, seconds: float) -> None:
        self.now += seconds
        due = [timer for timer in self.timers if timer[0] <= self.now]
        self.timers = [timer for timer in self.timers if timer[0] > self.now]
        for _, call, arguments in due:
            call(*arguments)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    SEEN.clear()
    clock = Clock()
    monkeypatch.setattr(threading, "Timer", clock.timer)
    monkeypatch.setattr(progress.time, "monotonic", lambda: clock.now)

    def recorder(bar: progress.Bar):
        SEEN.append("show")
        return lambda: SEEN.append(bar.done), lambda: SEEN.append("remove")

    monkeypatch.setattr(progress, "in_terminal", recorder)
    return clock


def test_quick_work_shows_nothing(clock, capsys):
    letters = []
    for letter in tracked("abc", 3, "spelling"):
        letters.append(letter)
        clock.pass_(0.6)
    clock.pass_(10)
    assert letters == ["a", "b", "c"] and not SEEN and capsys.readouterr() == ("", "")


def test_the_bar_appears_after_two_seconds_and_changes_four_times_a_second(clock):
    for _ in tracked(range(40), 40, "counting"):
        clock.pass_(0.1)
    assert SEEN[0] == "show" and SEEN[-1] == "remove"
    assert SEEN[1:4] == [20, 23, 26]  # shown at 2.0 s, then at the first item after .25 s each


def test_the_bar_appears_while_the_first_item_is_still_computed(clock):
    def slow() -> Iterator[int]:
        clock.pass_(60)
        assert SEEN == ["show"]
        yield 1

    assert list(tracked(slow(), 1, "reading")) == [1]


def test_a_fraction_in_place_of_the_number_of_items(clock):
    for _ in tracked([0.5, 0.75], 1, "training", fraction=lambda item: item):
        clock.pass_(3)
    assert SEEN == ["show", 0.75, "remove"]


@pytest.mark.parametrize("end", ["error", "break"])
def test_an_early_end_removes_the_bar_and_an_error_comes_through(clock, end):
    def items() -> Iterator[int]:
        yield 1
        clock.pass_(3)
        yield 2
        raise ValueError("the third is broken")

    if end == "error":
        with pytest.raises(ValueError, match="third is broken"):
            list(tracked(items(), 3, "reading"))
    else:
        loop = tracked(items(), 3, "reading")
        next(loop), next(loop)
        loop.close()
    assert SEEN[0] == "show" and SEEN[-1] == "remove"
    clock.pass_(10)
    assert SEEN.count("show") == 1


def test_in_a_notebook_it_is_an_element_with_a_label(clock):
    bar = Bar("counting <pools>", 4)
    bar.done, clock.now = 2, 6.0
    shown = element(bar)
    assert shown["text/plain"] == "counting <pools>"
    assert 'aria-label="counting &lt;pools&gt;"' in shown["text/html"]
    assert "2 of 4, 6 s left" in shown["text/html"]


@pytest.mark.parametrize("answers", [True, False])
def test_a_notebook_that_nobody_watches_gets_no_output(clock, answers, monkeypatch, capsys):
    """JupyterLab offers to answer input(); nbval does not, and would refuse such output."""
    kernel = SimpleNamespace(get_parent=lambda: {"content": {"allow_stdin": answers}})
    monkeypatch.setattr("IPython.core.getipython.get_ipython", lambda: SimpleNamespace(kernel=kernel))
    displayed: list[dict[str, str]] = []
    handle = SimpleNamespace(update=lambda content, raw: displayed.append(content))
    monkeypatch.setattr("IPython.display.display", lambda content, **_: displayed.append(content) or handle)
    monkeypatch.setattr(progress, "in_terminal", in_terminal)
    for _ in tracked(range(2), 2, "counting"):
        clock.pass_(3)
    assert bool(displayed) == answers
    assert not answers or displayed[-1]["text/html"] == ""
    assert capsys.readouterr() == ("", "")
