"""How far, and how long yet: one bar for everything that takes longer than two seconds."""

from __future__ import annotations

import html
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from typing import TypeVar

from seglib.machine import is_interactive, kernel

T = TypeVar("T")
PATIENCE = 2.0  # seconds before a bar is worth showing
PAUSE = 0.25  # seconds between two updates


def tracked(
    items: Iterable[T], total: int, what: str, share: Callable[[T], float] | None = None
) -> Iterator[T]:
    """The items one by one; after two seconds with a bar that says what is being done and for how long yet.

    In a notebook that a person runs the bar is a plain HTML element, not a widget, so that nothing stays
    behind. Elsewhere it is a line on stderr, where stderr is a terminal.

    Args:
        items: what the loop is over.
        total: how many there are.
        what: a few words, "counting pets train".
        share: how much of the work is done at an item, 0..1, where the items' number does not say; then
            `total` is 1, and the bar shows percent.

    Example:
        >>> sum(tracked([1, 2, 3], 3, "adding"))
        6
    """
    begin = last = time.monotonic()
    bar: NotebookBar | TerminalBar | None = None
    with ExitStack() as stack:
        for done, item in enumerate(items):
            now = time.monotonic()
            if bar is None and now - begin > PATIENCE:
                bar = _bar(what, total)
                stack.enter_context(bar)
            if bar is not None and now - last > PAUSE:
                bar.update(share(item) if share else done)
                last = now
            yield item


def _bar(what: str, total: int) -> NotebookBar | TerminalBar:
    """In a notebook that nobody looks at there is none: an output that only slow machines have."""
    return NotebookBar(what, total) if is_interactive() else TerminalBar(what, total)


class NotebookBar:
    """A `<progress>` element below the cell, replaced by one quiet line when the work is done."""

    def __init__(self, what: str, total: int) -> None:
        from IPython.display import display

        self.what, self.total, self.begin = what, total, time.monotonic()
        self.handle = display(self._content(0), raw=True, display_id=True)

    def __enter__(self) -> NotebookBar:
        return self

    def update(self, done: float) -> None:
        """`done` items, or that share of the only one, are finished."""
        self.handle.update(self._content(done), raw=True)

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self.handle.update({"text/html": "", "text/plain": ""}, raw=True)

    def _content(self, done: float) -> dict[str, str]:
        what = html.escape(self.what)
        left = (time.monotonic() - self.begin) * (self.total - done) / done if done else None
        much = f"{100 * done:.0f} %" if self.total == 1 else f"{done} of {self.total}"
        words = f"{what}: {much}" + (f", {left:.0f} s left" if left is not None else "")
        element = f'<progress max="{self.total}" value="{done}" aria-label="{what}"></progress>'
        return {"text/html": f"{element} {words}", "text/plain": self.what}


class TerminalBar:
    """The same as one line on stderr."""

    def __init__(self, what: str, total: int) -> None:
        from rich.console import Console
        from rich.progress import Progress

        console = Console(stderr=True, force_jupyter=False)
        seen = console.is_terminal and kernel() is None  # rich may take a kernel's for a terminal
        self.progress = Progress(console=console, transient=True, disable=not seen)
        self.task = self.progress.add_task(what, total=total)

    def __enter__(self) -> TerminalBar:
        self.progress.start()
        return self

    def update(self, done: float) -> None:
        """`done` items, or that share of the only one, are finished."""
        self.progress.update(self.task, completed=done)

    def __exit__(self, *_: object) -> None:
        self.progress.stop()
