"""Time that counts, and interrupts that wait for the end of a step."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from seglib.training.distributed import broadcast

PAUSE = 1.0  # seconds: whoever keeps the training waiting for longer than this has paused it


class Clock:
    """How long a training has taken, alike in all processes, without the pauses.

    Args:
        seconds: what it took before it was interrupted.
    """

    def __init__(self, seconds: float = 0.0) -> None:
        self.left_at = time.monotonic()
        self.begin = self.left_at - seconds

    def seconds(self) -> float:
        """Seconds so far."""
        return broadcast(time.monotonic() - self.begin)

    def leave(self) -> None:
        """It is somebody else's turn: what takes longer than a second is not counted."""
        self.left_at = time.monotonic()

    def come_back(self) -> None:
        """That turn is over."""
        away = time.monotonic() - self.left_at
        self.begin += away if away > PAUSE else 0

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Somebody else's turn, from beginning to end."""
        self.leave()
        try:
            yield
        finally:
            self.come_back()


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold an interrupt (Ctrl-C, a notebook's stop button) back until the block is done.

    Between half of the weights' update and the other half a net is neither one thing nor the other. A second
    interrupt is not held back. Outside of the main thread no interrupt arrives; one that the process was
    told to ignore, as by `nohup`, stays ignored.
    """
    previous = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or previous is signal.SIG_IGN:
        yield
        return
    came: list[object] = []

    def hold(number: int, frame: object) -> None:
        if came:
            raise KeyboardInterrupt
        came.append(frame)

    signal.signal(signal.SIGINT, hold)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)
    if came:
        raise KeyboardInterrupt
