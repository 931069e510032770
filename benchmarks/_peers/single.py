"""One training of one peer: how many steps fit, then a fresh net for so many, then the judge."""

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
from seglib.evaluate import evaluate
from seglib.segmenters import Constant, Segmenter

WARM_UP = 12.0  # seconds of the trial that is thrown away, and at least
FEWEST = 4  # steps of it
MOST_STEPS = 18  # of it; twice the parts of fastai's `fine_tune`, so that all of them are timed


def run(name: str, data: str, split: str, weights: str, seconds: float, seed: int) -> dict[str, Any]:
    """Train and judge; the scores, steps and seconds."""
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
            task, planned = plan(name, task)
            sow(seed)
            segmenter = Judged(name, function(name)(task, planned, clock))
    scores = evaluate(segmenter, judge)
    steps = len(clock.ends)
    return {
        "miou": scores.mean_iou, "boundary": scores.mean_boundary_iou, "steps": steps,
        "used": clock.seconds, "rate": steps * task.batch / clock.seconds, "workers": task.workers,
        "lazy": evaluate(Constant(0), judge, boundary=False).mean_iou, "pictures": len(judge),
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


def plan(name: str, task: Task) -> tuple[Task, int]:
    """With or without worker processes, whichever is faster, and how many steps fit into the seconds.

    The trial's net is thrown away and its time is not counted.
    """
    trials = {}
    for workers in (0, 2):
        clock, tried = Clock(WARM_UP, FEWEST), replace(task, workers=workers)
        function(name)(tried, MOST_STEPS, clock)
        first, last, count = clock.ends[0], clock.ends[-1], len(clock.ends)
        trials[workers] = ((last - first) / (count - 1), first)
    workers = min(trials, key=lambda number: trials[number][0])
    pace, first = trials[workers]
    return replace(task, workers=workers), max(2, 1 + int((task.seconds - first) / pace))
