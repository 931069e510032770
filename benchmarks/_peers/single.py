"""One training run of one peer: how many steps fit, then a fresh net for that many, then its scores."""

from __future__ import annotations

import importlib
import random
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from _peers import OURS, PEERS
from _peers.task import Clock, Judged, Task, write_masks
from seglib.data.catalog import load
from seglib.evaluate import Constant, Segmenter, evaluate

WARM_UP = 12.0  # seconds of the trial that is thrown away, and at least
FEWEST = 4  # steps of it
MOST_STEPS = 18  # of it; twice the parts of fastai's `fine_tune`, so that all of them are timed

Pace = dict[str, float]  # worker processes; seconds of the first step, and of each step after it


def run(
    name: str, data: str, split: str, weights: str, seconds: float, seed: int, pace: Pace | None = None
) -> dict[str, Any]:
    """Train and judge; the scores, steps and seconds. A `pace` that is known already is not found again."""
    train, judge = load(data, "train"), load(data, split)
    with tempfile.TemporaryDirectory() as folder:
        files = write_masks(train, Path(folder))
        task = Task(data, weights, seconds, seed, train.classes, files)
        clock = Clock(seconds)
        sow(seed)
        if name == OURS:
            from _peers import ours

            segmenter: Segmenter = ours.train(task, clock)
        else:
            pace = pace or trial(name, task)
            task = replace(task, workers=int(pace["workers"]))
            sow(seed)
            segmenter = Judged(name, function(name)(task, fitting(pace, seconds), clock))
    scores = evaluate(segmenter, judge)
    steps = len(clock.ends)
    return {
        "miou": scores.mean_iou, "boundary": scores.mean_boundary_iou, "steps": steps,
        "used": clock.seconds, "rate": steps * task.batch / clock.seconds, "workers": task.workers,
        "lazy": evaluate(Constant(0), judge, boundary=False).mean_iou, "images": len(judge), "pace": pace,
    }  # fmt: skip


def sow(seed: int) -> None:
    """Seed everything that a peer may draw from."""
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - peers use it
    torch.manual_seed(seed)


def function(name: str) -> Any:
    """The peer's training."""
    peer = PEERS[name]
    return getattr(importlib.import_module(f"_peers.{peer.module}"), peer.function)


def trial(name: str, task: Task) -> Pace:
    """With or without worker processes, whichever is faster, and how long its steps take.

    The trial's net is thrown away and its time is not counted.
    """
    trials = []
    for workers in (0, 2):
        clock, tried = Clock(WARM_UP, FEWEST), replace(task, workers=workers)
        function(name)(tried, MOST_STEPS, clock)
        first, last, count = clock.ends[0], clock.ends[-1], len(clock.ends)
        trials.append({"workers": workers, "first": first, "step": (last - first) / (count - 1)})
    return min(trials, key=lambda tried: tried["step"])


def fitting(pace: Pace, seconds: float) -> int:
    """How many steps fit into the seconds.

    >>> fitting({"workers": 0, "first": 2.0, "step": 0.5}, 10.0)
    17
    """
    return max(2, 1 + int((seconds - pace["first"]) / pace["step"]))
