"""What was measured once is not measured again: rows of numbers on disk, found by their key."""

from __future__ import annotations

import os
import pickle
import sqlite3
import time
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import numpy as np
import platformdirs
from joblib import Parallel, delayed
from numpy.typing import NDArray

from seglib.data.dataset import SegmentationDataset
from seglib.data.fingerprint import Part, fingerprints
from seglib.machine import cores
from seglib.progress import tracked

Row = NDArray[np.float64]
SECONDS = 1.0  # between two writes: the work that a killed process loses


def folder() -> Path:
    """Where rows are kept: SEGLIB_CACHE, else `cache` in SEGLIB_HOME, else the user's cache folder.

    It may be deleted at any time; what it held is measured again.
    """
    if chosen := os.environ.get("SEGLIB_CACHE"):
        return Path(chosen).expanduser()
    if home := os.environ.get("SEGLIB_HOME"):
        return Path(home).expanduser() / "cache"
    return platformdirs.user_cache_path("seglib", appauthor=False)


class Memory:
    """Rows of numbers in one SQLite file, which survives a process that is killed while it writes.

    A file that is damaged is begun anew; a disk that cannot be written gives one warning and no memory.
    Use it in a `with`: rows are written about once a second, and at the end, however that comes.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or folder() / "measured.sqlite"
        self.fresh: dict[bytes, Row] = {}
        self.written = time.monotonic()
        self.base: sqlite3.Connection | None = None

    def __enter__(self) -> Memory:
        try:
            self.base = self._open()
        except (OSError, sqlite3.OperationalError) as error:
            self._complain(error)
        except sqlite3.DatabaseError:
            self._begin_anew()
        return self

    def __exit__(self, *_: object) -> None:
        self.write()
        if self.base:
            self.base.close()

    def recall(self, keys: Iterable[bytes]) -> dict[bytes, Row]:
        """The rows that are known, of those asked for."""
        wanted = list(keys)
        if not (self.base and wanted):
            return {}
        marks = ",".join("?" * len(wanted))
        try:
            found = self.base.execute(f"SELECT key, row FROM rows WHERE key IN ({marks})", wanted).fetchall()
        except sqlite3.OperationalError as error:
            self._complain(error)
            return {}
        except sqlite3.DatabaseError:
            self._begin_anew()
            return {}
        return {key: np.frombuffer(row) for key, row in found}

    def keep(self, key: bytes, row: Row) -> None:
        """Remember a row; it is on the disk at the latest a second after the next one comes."""
        self.fresh[key] = row
        if time.monotonic() - self.written > SECONDS:
            self.write()

    def write(self) -> None:
        """Write what is new, all of it or, if the process dies, nothing."""
        if self.base and self.fresh:
            try:
                with self.base:
                    rows = [(key, row.tobytes()) for key, row in self.fresh.items()]
                    self.base.executemany("INSERT OR REPLACE INTO rows VALUES (?, ?)", rows)
            except sqlite3.Error as error:
                self._complain(error)
        self.fresh.clear()
        self.written = time.monotonic()

    def _open(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        base = sqlite3.connect(self.path, timeout=30)
        base.execute("PRAGMA synchronous=OFF")  # safe against a kill; after a power cut it is begun anew
        base.execute("CREATE TABLE IF NOT EXISTS rows (key BLOB PRIMARY KEY, row BLOB) WITHOUT ROWID")
        return base

    def _begin_anew(self) -> None:
        """Put an empty file in the place of one that is no database, or a damaged one."""
        if self.base:
            self.base.close()
        self.path.unlink()
        self.base = self._open()

    def _complain(self, error: Exception) -> None:
        self.base = None
        warnings.warn(
            f"{self.path}: measurements cannot be kept here ({error}), so next time they are made again;"
            " set SEGLIB_CACHE to a folder you may write to",
            stacklevel=2,
        )


# A row of numbers for every sample: in parallel, remembered, with progress, resumable.

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
