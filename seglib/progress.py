"""A progress bar for everything that takes longer than two seconds."""

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
    bar = Bar(label, total)
    try:
        for done, item in enumerate(items):
            bar.update(fraction(item) if fraction else done)
            yield item
    finally:
        bar.close()


class Bar:
    """The bar of one loop: it appears after `PATIENCE` seconds and changes at most every `PAUSE` seconds."""

    def __init__(self, label: str, total: int) -> None:
        self.label, self.total, self.done = label, total, 0.0
        self.begin, self.drawn = time.monotonic(), 0.0
        self.draw: Callable[[], object] | None = None  # None while there is no bar
        self.remove: Callable[[], object] = lambda: None
        self.open, self.lock = True, threading.Lock()
        # In this thread's context: Jupyter finds the cell that output belongs to in a context variable.
        self.timer = threading.Timer(PATIENCE, contextvars.copy_context().run, [self.show])
        self.timer.daemon = True
        self.timer.start()

    def show(self) -> None:
        """Appear, if the work is not over already."""
        with self.lock:
            if self.open:
                self.draw, self.remove = (in_notebook if is_interactive() else in_terminal)(self)

    def update(self, done: float) -> None:
        """This number of items, or this fraction of the work, is done."""
        self.done = done
        if self.draw and time.monotonic() - self.drawn > PAUSE:
            self.draw()
            self.drawn = time.monotonic()

    def close(self) -> None:
        """The work is over, completed or not."""
        self.timer.cancel()
        with self.lock:
            self.open = False
            self.remove()


def in_notebook(bar: Bar) -> tuple[Callable[[], object], Callable[[], object]]:
    """Show the bar below the cell; returns what draws it again and what removes it."""
    from IPython.display import display

    handle = display(element(bar), raw=True, display_id=True)
    nothing = {"text/html": "", "text/plain": ""}
    return lambda: handle.update(element(bar), raw=True), lambda: handle.update(nothing, raw=True)


def element(bar: Bar) -> dict[str, str]:
    """A `<progress>` element with its label and the time left, and a text for front ends without HTML."""
    label, done = html.escape(bar.label), bar.done
    amount = f"{100 * done:.0f} %" if bar.total == 1 else f"{done:.0f} of {bar.total}"
    left = f", {(time.monotonic() - bar.begin) * (bar.total - done) / done:.0f} s left" if done else ""
    markup = f'<progress max="{bar.total}" value="{done}" aria-label="{label}"></progress> '
    return {"text/html": f"{markup}{label}: {amount}{left}", "text/plain": bar.label}


def in_terminal(bar: Bar) -> tuple[Callable[[], object], Callable[[], object]]:
    """Show the bar as a line on stderr; returns what draws it again and what removes it."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True, force_jupyter=False)
    seen = console.is_terminal and kernel() is None  # rich may take a kernel's stderr for a terminal
    progress = Progress(console=console, transient=True, disable=not seen)
    task = progress.add_task(bar.label, total=bar.total)
    progress.start()
    return lambda: progress.update(task, completed=bar.done), progress.stop
