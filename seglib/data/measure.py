"""A row of numbers for every sample: in parallel, remembered, with progress, resumable."""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from typing import NamedTuple

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray

from seglib.data.dataset import SegmentationDataset
from seglib.data.fingerprint import Part, fingerprints
from seglib.data.memory import Memory, Row
from seglib.profiles import cores
from seglib.progress import tracked

WORTH_WORKERS = 30.0  # seconds of work left, from which processes that take seconds to start pay
TASK = 0.25  # seconds of work handed to a process at a time


class Measure(NamedTuple):
    """What is measured on a sample.

    Attributes:
        row: (dataset, index) -> (width,) float64; a function at the top of a module, so that workers find it.
        name: tells its rows from other rows.
        part: what it looks at, "image" or "mask" (with the objects).
        width: numbers in a row.
    """

    row: Callable[[SegmentationDataset, int], Row]
    name: str
    part: Part
    width: int


def measure(
    dataset: SegmentationDataset, what: Measure, *, jobs: int | None = None, label: str = ""
) -> NDArray[np.float64]:
    """Measure every sample of a data set.

    Rows that were measured before, on the same content, come from the disk (see `fingerprint`, `memory`).
    What is measured is written there about once a second: a run that was interrupted or killed goes on.

    Args:
        dataset: any data set.
        what: the measurement.
        jobs: processes. None: one, and all cores as soon as more than 30 s of work are left. The backend is
            joblib's; inside `joblib.parallel_config(backend="dask")` a cluster does it.
        label: what the progress bar says; it appears after 2 s, on stderr.

    Returns:
        (N, width) float64. Beside it, memory does not grow with N.

    Raises:
        ValueError: a sample cannot be read; what was measured until then is kept.
    """
    rows = np.full((len(dataset), what.width), np.nan)
    with closing(_measured(dataset, what, jobs)) as work:
        for index, row in tracked(work, len(dataset), label):
            rows[index] = row
    return rows


def _measured(
    dataset: SegmentationDataset, what: Measure, jobs: int | None
) -> Generator[tuple[int, Row], None, None]:
    """(index, row) of every sample: block by block, first those that are known, then the others."""
    key_of = fingerprints(dataset, what.name, what.part)
    with Memory() as memory, closing(_Workers(dataset, what, jobs)) as workers:
        start = 0
        while start < len(dataset):
            block = range(start, min(start + workers.block, len(dataset)))
            keys = {index: key for index in block if (key := key_of(index))}
            known = memory.recall(keys.values())
            yield from ((index, known[key]) for index, key in keys.items() if key in known)
            todo = [index for index in block if keys.get(index) not in known]
            for index, row in workers.run(todo, left=len(dataset) - start):
                if index in keys:
                    memory.keep(keys[index], row)
                yield index, row
            start = block.stop


class _Workers:
    """Does the work, in this process until it is known that the rest is worth others."""

    def __init__(self, dataset: SegmentationDataset, what: Measure, jobs: int | None) -> None:
        self.dataset, self.what, self.jobs = dataset, what, jobs
        self.pool: Parallel | None = None
        self.busy, self.done = 0.0, 0  # seconds, samples

    def close(self) -> None:
        """Let the other processes go."""
        if self.pool:
            self.pool.__exit__(None, None, None)

    @property
    def block(self) -> int:
        """How many samples to look up at a time: enough to keep all processes busy for two seconds."""
        return min(max(64, 8 * self._task() * cores()), 8192) if self.pool else 512

    def run(self, indices: Sequence[int], *, left: int) -> Iterator[tuple[int, Row]]:
        """(index, row) of each index, in order; `left` is how many samples there are still to come."""
        indices = list(indices)
        while indices and not self._worth_it(left):
            index = indices.pop(0)
            start = time.perf_counter()
            row = self.what.row(self.dataset, index)
            self.busy, self.done, left = self.busy + time.perf_counter() - start, self.done + 1, left - 1
            yield index, row
        if indices:
            yield from self._run_in_pool(indices)

    def _worth_it(self, left: int) -> bool:
        if self.jobs is not None or self.pool:
            return self.jobs != 1
        return self.done > 20 and left * self.busy / self.done > WORTH_WORKERS and cores() > 1

    def _run_in_pool(self, indices: list[int]) -> Iterator[tuple[int, Row]]:
        if self.pool is None:
            self.shipped = _pack(self.dataset)
            self.pool = Parallel(n_jobs=self.jobs or cores(), return_as="generator", batch_size=1)
            self.pool.__enter__()
        size = self._task()
        tasks = [indices[start : start + size] for start in range(0, len(indices), size)]
        results = self.pool(delayed(_work)(self.shipped, self.what, task) for task in tasks)
        for task, (rows, seconds) in zip(tasks, results):
            self.busy, self.done = self.busy + seconds, self.done + len(task)
            yield from zip(task, rows)

    def _task(self) -> int:
        """How many samples make a task."""
        return min(max(int(TASK * self.done / self.busy), 1), 1000) if self.busy else 16


def _work(shipped: object, what: Measure, indices: list[int]) -> tuple[NDArray[np.float64], float]:
    """The rows of some samples, and the seconds they took; runs in another process."""
    dataset = _unpack(shipped)
    start = time.perf_counter()
    rows = np.stack([what.row(dataset, index) for index in indices])
    return rows, time.perf_counter() - start


def _pack(dataset: SegmentationDataset) -> object:
    """A data set for the way to other processes.

    A list of 100 000 files takes a second to pickle: it is done once, into an array, which joblib shares
    instead of sending it with each task. A class from a notebook only joblib itself can send.
    """
    library = type(dataset.origin(0)[0]).__module__.startswith("seglib.")
    return np.frombuffer(pickle.dumps(dataset), np.uint8) if library else dataset


_unpacked: dict[int, SegmentationDataset] = {}  # in a worker: the data set of the last task


def _unpack(shipped: object) -> SegmentationDataset:
    if isinstance(shipped, SegmentationDataset):
        return shipped
    assert isinstance(shipped, np.ndarray)
    name = hash(shipped.tobytes())
    if name not in _unpacked:
        _unpacked.clear()
        _unpacked[name] = pickle.loads(shipped.tobytes())
    return _unpacked[name]
