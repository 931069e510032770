"""A progress bar for everything that takes longer than two seconds."""

from __future__ import annotations

import contextvars
import html
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from seglib.machine import is_interactive, kernel

T = TypeVar("T")
PATIENCE = 2.0  # seconds before the bar appears
PAUSE = 0.25  # seconds between two updates


def tracked(
    items: Iterable[T], total: int, label: str, fraction: Callable[[T], float] | None = None
) -> Iterator[T]:
    """The items one by one; after two seconds with a bar that shows progress and the time left.

    In a notebook that a person runs, the bar is a plain HTML element, not a widget, and it disappears when
    the work is done. Elsewhere it is a line on stderr, if stderr is a terminal. It also appears while the
    first item is still being computed.

    Args:
        items: what the loop is over.
        total: how many there are.
        label: a few words, "counting pets train".
        fraction: item -> how much of the work is done, 0..1, if the number of items does not tell; then
            `total` is 1, and the bar shows per cent.

    Example:
        >>> sum(tracked([1, 2, 3], 3, "adding"))
        6
    """
    bar = (NotebookBar if is_interactive() else TerminalBar)(label, total)
    try:
        for done, item in enumerate(items):
            bar.update(fraction(item) if fraction else done)
            yield item
    finally:
        bar.close()


class Bar:
    """What both bars share: they appear after `PATIENCE` seconds and change at most every `PAUSE` seconds."""

    def __init__(self, label: str, total: int) -> None:
        self.label, self.total = label, total
        self.done, self.begin, self.drawn = 0.0, time.monotonic(), 0.0
        self.shown, self.lock = False, threading.Lock()
        # In this thread's context: Jupyter finds the cell that output belongs to in a context variable.
        self.timer = threading.Timer(PATIENCE, contextvars.copy_context().run, [self._show_first])
        self.timer.daemon = True
        self.timer.start()

    def update(self, done: float) -> None:
        """This number of items, or this fraction of the work, is done."""
        self.done = done
        if self.shown and time.monotonic() - self.drawn > PAUSE:
            with self.lock:
                self.draw()
            self.drawn = time.monotonic()

    def close(self) -> None:
        """The work is over, completed or not."""
        self.timer.cancel()
        with self.lock:
            if self.shown:
                self.remove()
            self.timer = None  # type: ignore[assignment]  # a timer that has just fired shows nothing any more

    def _show_first(self) -> None:
        with self.lock:
            if self.timer is not None:
                self.show()
                self.shown = True

    def show(self) -> None:
        """Appear."""
        raise NotImplementedError

    def draw(self) -> None:
        """Show `done`."""
        raise NotImplementedError

    def remove(self) -> None:
        """Disappear."""
        raise NotImplementedError


class NotebookBar(Bar):
    """A `<progress>` element below the cell."""

    def show(self) -> None:
        """Add it to the cell's output."""
        from IPython.display import display

        self.handle = display(self.content(), raw=True, display_id=True)

    def draw(self) -> None:
        """Replace it."""
        self.handle.update(self.content(), raw=True)

    def remove(self) -> None:
        """Leave an empty output."""
        self.handle.update({"text/html": "", "text/plain": ""}, raw=True)

    def content(self) -> dict[str, str]:
        """The element, with its label and the time left, and a text for front ends without HTML."""
        label = html.escape(self.label)
        left = (time.monotonic() - self.begin) * (self.total - self.done) / self.done if self.done else None
        amount = f"{100 * self.done:.0f} %" if self.total == 1 else f"{self.done:.0f} of {self.total}"
        words = f"{label}: {amount}" + (f", {left:.0f} s left" if left is not None else "")
        element = f'<progress max="{self.total}" value="{self.done}" aria-label="{label}"></progress>'
        return {"text/html": f"{element} {words}", "text/plain": self.label}


class TerminalBar(Bar):
    """The same as one line on stderr."""

    def show(self) -> None:
        """Start the line."""
        from rich.console import Console
        from rich.progress import Progress

        console = Console(stderr=True, force_jupyter=False)
        seen = console.is_terminal and kernel() is None  # rich may take a kernel's stderr for a terminal
        self.progress = Progress(console=console, transient=True, disable=not seen)
        self.task = self.progress.add_task(self.label, total=self.total)
        self.draw()
        self.progress.start()

    def draw(self) -> None:
        """Move it."""
        self.progress.update(self.task, completed=self.done)

    def remove(self) -> None:
        """Delete the line."""
        self.progress.stop()
