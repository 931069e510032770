"""Losses that nobody has looked at yet: on a GPU each look waits for it."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

LOOK = 20  # steps between two looks at the losses on a GPU


class Unread:
    """Looks at losses, one by one or together, and stops a training that has one that is no number.

    Args:
        at_once: whether each is looked at when it comes, as on a CPU, where it costs nothing.
        seen: takes those that are numbers, in the order of their steps.
        explain: value and step -> what to say of one that is none.

    Attributes:
        healthy: whether all so far were numbers.

    Example:
        >>> unread = Unread(True, seen := [], lambda value, step: f"{value} at step {step}")
        >>> unread.add(torch.tensor(0.5))
        >>> unread.add(torch.tensor(torch.nan))
        Traceback (most recent call last):
        ValueError: nan at step 2
        >>> seen, unread.healthy
        ([0.5], False)
    """

    def __init__(self, at_once: bool, seen: list[float], explain: Callable[[float, int], str]) -> None:
        self.at_once, self.seen, self.explain = at_once, seen, explain
        self.waiting: list[Tensor] = []
        self.healthy = True

    def add(self, loss: Tensor) -> None:
        """Note a loss, and look at it now or together with later ones."""
        self.waiting.append(loss)
        if self.at_once or len(self.waiting) >= LOOK:
            self.read()

    def read(self) -> None:
        """Look at those that wait.

        Raises:
            ValueError: one of them is not a finite number.
        """
        if not self.waiting:
            return
        values, self.waiting = torch.stack(self.waiting).tolist(), []
        for value in values:
            if not math.isfinite(value):
                self.healthy = False
                raise ValueError(self.explain(value, len(self.seen) + 1))
            self.seen.append(value)
