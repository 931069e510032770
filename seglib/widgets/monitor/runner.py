"""A generator of steps run in a thread, which can be paused and stopped between two steps."""

from __future__ import annotations

import asyncio
import atexit
import threading
from collections.abc import Callable, Iterable
from typing import ClassVar

from seglib.training.progress import Step

POLL = 0.05  # seconds between two checks while waiting


class Runner:
    """Runs a training run, at once or in a thread; it can be paused and stopped between two steps.

    Args:
        steps: what `train` returns.
        take: called with every step.
        report: called with each new status: "training", "paused", and at the end "finished", "stopped" or
            "failed".

    Attributes:
        error: what ended the run, if it failed.
    """

    #: the run in a thread; there is at most one at a time
    running: ClassVar[Runner | None] = None

    def __init__(
        self, steps: Iterable[Step], take: Callable[[Step], None], report: Callable[[str], None]
    ) -> None:
        self.steps, self.take, self.report = steps, take, report
        self.error: BaseException | None = None
        self.open, self.stopping = threading.Event(), threading.Event()
        self.open.set()
        self.thread = threading.Thread(target=self.run, name="training", daemon=True)

    def start(self) -> None:
        """Train in a thread. A run that is still in a thread is stopped first."""
        if (older := Runner.running) is not None:
            older.stop()
            older.wait()
        Runner.running = self
        atexit.register(self.leave)
        self.thread.start()

    def run(self) -> None:
        """Train in the calling thread; an error is kept."""
        try:
            end = self._run()
        except BaseException as error:  # also an interrupt: in a thread nothing else would report it
            self.error, end = error, "failed"
        try:
            self.report(end)
        except BaseException as error:  # a run whose end cannot be shown did not succeed
            self.error = self.error or error
        finally:
            atexit.unregister(self.leave)
            if Runner.running is self:
                Runner.running = None

    def _run(self) -> str:
        """Return the status at the end. The generator is closed in the thread that it ran in."""
        try:
            for step in self.steps:
                self.take(step)
                if not self.open.is_set():
                    self.report("paused")
                    self.open.wait()
                    if not self.stopping.is_set():
                        self.report("training")
                if self.stopping.is_set():
                    return "stopped"
            return "finished"
        finally:
            if close := getattr(self.steps, "close", None):
                close()

    def pause(self) -> None:
        """Pause after this step."""
        self.open.clear()

    def resume(self) -> None:
        """Resume."""
        self.open.set()

    def stop(self) -> None:
        """Stop after this step; the net can be used, and a checkpoint is written if one was asked for."""
        self.stopping.set()
        self.open.set()

    def wait(self) -> None:
        """Wait until it is over."""
        while self.thread.is_alive():  # with a timeout, so that an interrupt is noticed on every system
            self.thread.join(POLL)

    async def finished(self) -> None:
        """Wait until it is over, while other messages to the kernel are handled."""
        while self.thread.is_alive():
            await asyncio.sleep(POLL)

    def leave(self) -> None:
        """Stop when the process ends."""
        self.stop()
        self.thread.join(5)
