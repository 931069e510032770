"""A generator of steps in a thread of its own, with a gate that it passes between two steps."""

from __future__ import annotations

import asyncio
import atexit
import threading
from collections.abc import Callable, Iterable
from typing import ClassVar

from seglib.training.step import Step

LOOK = 0.05  # seconds between two looks of whoever waits


class Runner:
    """Runs a training, at once or in a thread; between two steps it can be held up or ended.

    Args:
        steps: the training.
        take: is given every step.
        tell: is given each new status: "training", "paused", and at the end "finished", "stopped" or
            "failed".

    Attributes:
        error: what ended the training, if it failed.
    """

    #: the training that runs in a thread; there is one at a time
    running: ClassVar[Runner | None] = None

    def __init__(
        self, steps: Iterable[Step], take: Callable[[Step], None], tell: Callable[[str], None]
    ) -> None:
        self.steps, self.take, self.tell = steps, take, tell
        self.error: BaseException | None = None
        self.open, self.stopping = threading.Event(), threading.Event()
        self.open.set()
        self.thread: threading.Thread | None = None

    def start(self) -> None:
        """Train in a thread. An older training that still runs there is stopped first."""
        if (older := Runner.running) is not None:
            older.stop()
            older.wait()
        Runner.running = self
        self.thread = threading.Thread(target=self.run, name="training", daemon=True)
        atexit.register(self.leave)
        self.thread.start()

    def run(self) -> None:
        """Train here and now; an error is kept."""
        try:
            end = self._run()
        except BaseException as error:  # an interrupt, too: in a thread nobody else would see it
            self.error, end = error, "failed"
        try:
            self.tell(end)
        except BaseException as error:  # what cannot be shown must not be taken for a training that went well
            self.error = self.error or error
        finally:
            atexit.unregister(self.leave)
            if Runner.running is self:
                Runner.running = None

    def _run(self) -> str:
        """The status at the end. The generator is ended in the thread that it ran in."""
        try:
            for step in self.steps:
                self.take(step)
                if self.pass_gate():
                    return "stopped"
            return "finished"
        finally:
            if close := getattr(self.steps, "close", None):
                close()

    def pass_gate(self) -> bool:
        """Wait while paused; whether to stop."""
        if not self.open.is_set():
            self.tell("paused")
            self.open.wait()
            if not self.stopping.is_set():
                self.tell("training")
        return self.stopping.is_set()

    def pause(self) -> None:
        """Hold the training up after this step."""
        self.open.clear()

    def resume(self) -> None:
        """Let it go on."""
        self.open.set()

    def stop(self) -> None:
        """End it after this step; the net can be used, and a checkpoint is written if there is one."""
        self.stopping.set()
        self.open.set()

    def wait(self) -> None:
        """Until it is over."""
        if self.thread is not None:
            while self.thread.is_alive():  # in pieces, so that an interrupt gets through everywhere
                self.thread.join(LOOK)

    async def finished(self) -> None:
        """Until it is over, while other messages to the kernel are served."""
        while self.thread is not None and self.thread.is_alive():
            await asyncio.sleep(LOOK)

    def leave(self) -> None:
        """The process ends."""
        self.stop()
        if self.thread is not None:
            self.thread.join(5)
