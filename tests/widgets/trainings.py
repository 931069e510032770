"""Trainings that only say they are, for the tests of the live monitor; also imported by notebooks."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from seglib.evaluate import Scores
from seglib.labels import Classes
from seglib.metrics import confusion_matrix
from seglib.training.progress import History, Preview, Step
from seglib.widgets.monitor.record import Record

CLASSES = Classes.of("background", "square", "edge")
TRUTH = torch.tensor([[0, 0, 1], [2, 2, 255]], dtype=torch.uint8)


def steps(count: int, every: int = 2, pred: Tensor | None = None) -> Iterator[Step]:
    """A training that only says it was one: loss 1/n, a validation every so many steps."""
    history = History()
    for number in range(1, count + 1):
        history.losses.append(1 / number)
        scores = preview = None
        if every and number % every == 0:
            guess = TRUTH.clamp(max=2) if pred is None else pred
            matrix = confusion_matrix(guess, TRUTH, 3)
            scores = Scores("net", "val", CLASSES, matrix, images=1, seconds=0.1)
            history.scores[number] = scores
            preview = Preview(torch.zeros(1, 3, 2, 3, dtype=torch.uint8), TRUTH[None], guess[None])
        message = "Out of memory." if number == 3 else ""
        times = 0.5 * number, 0.5 * (count - number)
        yield Step(number, count, *times, 40.0, 0.001, history, scores, preview, message)


def recorded(*args: Any, **settings: Any) -> Record:
    record = Record()
    for step in steps(*args, **settings):
        record.take(step)
    return record


def until(condition: Any, seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "too late"
        time.sleep(0.005)
