"""One store on disk for what takes long to compute, found again by a hash of all that it depends on.

Counts of classes, scores of blur, region proposals, their features and labels from boxes are all kept here,
in one SQLite file. An entry is a few named arrays. Its key is made of content, never of a path or a date, so
an entry can be missing but not out of date:

    name = key("proposals", image, number, seed, code=("seglib.regions",))
    arrays = load(name)
    if arrays is None:
        arrays = make(image)
        save(name, arrays)

For a whole data set `each` does the same in parallel, with a progress bar, and what it has made is kept when
it is stopped or killed.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.util
import json
import os
import pickle
import sqlite3
import time
import uuid
import warnings
import zlib
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from functools import cache, lru_cache, partial
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import cloudpickle
import cv2
import numpy as np
import platformdirs
from joblib import Parallel, delayed
from numpy.typing import NDArray
from torch import Tensor

from seglib.machine import cores
from seglib.progress import tracked

Arrays = Mapping[str, NDArray[Any]]
Task = TypeVar("Task")

SECONDS_BETWEEN_WRITES = 1.0  # the work that a killed process loses
WORTH_PROCESSES = 30.0  # seconds of work left from which it pays to start processes, which takes seconds
SERIAL_BLOCK, PARALLEL_BLOCK = 32, 1024  # tasks that are looked up at a time
SMALL = 4096  # bytes: entries below this are read many at a time


def folder() -> Path:
    """Where entries are kept: SEGLIB_CACHE, else `cache` in SEGLIB_HOME, else in the user's cache folder.

    It may be deleted at any time; what it held is computed again. Data sets are never downloaded into it.
    """
    if chosen := os.environ.get("SEGLIB_CACHE"):
        return Path(chosen).expanduser()
    if home := os.environ.get("SEGLIB_HOME"):
        return Path(home).expanduser() / "cache"
    return platformdirs.user_cache_path("seglib", appauthor=False) / "computed"


def key(*parts: Any, code: Sequence[str] = ()) -> str:
    """A name for what is computed from `parts` by `code`; it changes when anything of that changes.

    Args:
        parts: everything that the result depends on: strings, bytes, numbers, None, arrays, tensors, and
            tuples, lists, dicts and dataclasses of these.
        code: modules and packages whose source text the result depends on, such as "seglib.regions". The
            versions of NumPy, PyTorch, OpenCV, scikit-image and Pillow always count.

    Returns:
        32 hexadecimal digits.

    Raises:
        TypeError: a part is of another type, so that its content is not known.

    Example:
        >>> key("counts", np.zeros(2)) == key("counts", np.zeros(2))
        True
        >>> key("counts", np.zeros(2)) == key("counts", np.zeros((2, 1)))
        False
    """
    digest = hashlib.blake2b(digest_size=16)
    for name in code:
        digest.update(_source(name))
    digest.update(_versions())
    _add(digest, parts)
    return digest.hexdigest()


def load(key: str) -> dict[str, NDArray[Any]] | None:
    """The arrays that were saved under a key; None where there are none, or where they are damaged."""
    with _Store() as store:
        return store.load(key)


def save(key: str, arrays: Arrays) -> None:
    """Save named arrays under a key, all of them or, if the process dies, none.

    A disk that is full or cannot be written to gives one warning; then nothing is saved.

    Raises:
        TypeError: an array holds Python objects.
    """
    with _Store() as store:
        store.keep(key, arrays)


def each(
    tasks: Sequence[Task],
    make: Callable[[Task], Arrays],
    keys: Iterable[str | None],
    label: str = "",
    jobs: int | None = None,
) -> Iterator[Arrays]:
    """The arrays of every task in order: from the store, or made now, in parallel, and put there.

    What has been made is written about once a second, so a run that is stopped or killed resumes where it
    was. Memory does not grow with the number of tasks.

    Args:
        tasks: anything that `make` takes; a `range` of image numbers, for example.
        make: computes the arrays of a task. It runs in other processes too, where a function at the top of a
            module is found again by its name.
        keys: a key for each task, None for a task whose result is not to be kept. A generator is asked block
            by block.
        label: what the progress bar says; it appears after two seconds.
        jobs: processes. None: one, and all cores from when more than 30 s of work are left. The backend is
            joblib's: within `joblib.parallel_config(backend="dask")` a cluster does the work.

    Raises:
        Exception: what `make` raises; what was made until then is kept.
    """
    with closing(_each(tasks, make, keys, jobs)) as results:
        yield from tracked(results, len(tasks), label)


def _each(
    tasks: Sequence[Task], make: Callable[[Task], Arrays], keys: Iterable[str | None], jobs: int | None
) -> Generator[Arrays, None, None]:
    names, start, run = iter(keys), 0, partial(map, make)
    seconds, made = 0.0, 0  # spent in `make` so far, and for how many tasks
    with _Store() as store:
        while start < len(tasks):
            if jobs is None and made >= 20 and (len(tasks) - start) * seconds / made > WORTH_PROCESSES:
                jobs = cores()
            if jobs not in (None, 1) and isinstance(run, partial):
                run = _processes(make, jobs)
            block = tasks[start : start + (SERIAL_BLOCK if isinstance(run, partial) else PARALLEL_BLOCK)]
            named = list(zip(block, islice(names, len(block)), strict=True))
            known = store.known([name for _, name in named if name])
            work = iter(run([task for task, name in named if name not in known]))
            for task, name in named:
                arrays = (_unpack(known[name]) or store.load(name)) if name in known else None
                if arrays is None:
                    begin = time.perf_counter()
                    arrays = make(task) if name in known else next(work)  # of a known one: it is damaged
                    seconds, made = seconds + time.perf_counter() - begin, made + 1
                    if name:
                        store.keep(name, arrays)
                yield arrays
            start += len(block)


def _processes(make: Callable[[Task], Arrays], jobs: int | None) -> Callable[[list[Task]], Iterator[Arrays]]:
    """What makes the arrays of a list of tasks in other processes."""
    shipped, pool = delayed(_Shipped(make)), Parallel(n_jobs=jobs, return_as="generator")
    return lambda tasks: pool(shipped(task) for task in tasks)


_loaded: dict[str, Callable[[Any], Arrays]] = {}  # in another process: the last function


class _Shipped:
    """A function for other processes, pickled once instead of with every task.

    A data set of 100 000 files takes a second to pickle. As an array joblib writes it to a file that all
    processes share.
    """

    def __init__(self, make: Callable[[Any], Arrays]) -> None:
        self.id, self.pickled = uuid.uuid4().hex, np.frombuffer(cloudpickle.dumps(make), np.uint8)

    def __call__(self, task: Any) -> Arrays:
        if self.id not in _loaded:
            _loaded.clear()
            _loaded[self.id] = pickle.loads(self.pickled.data)
        return _loaded[self.id](task)


_warned: set[Path] = set()


class _Store:
    """The SQLite file, open. It survives a process that is killed while it writes; a damaged one is replaced.

    Use it in a `with`: entries are written about once a second, and at the end, however that comes.
    """

    def __init__(self) -> None:
        self.path = folder() / "cache.sqlite"
        self.fresh: dict[str, bytes] = {}
        self.written = time.monotonic()
        self.base: sqlite3.Connection | None = None

    def __enter__(self) -> _Store:
        try:
            self._open()
        except (OSError, sqlite3.OperationalError) as error:
            self._warn(error)
        except sqlite3.DatabaseError:
            self._replace()
        return self

    def __exit__(self, *_: object) -> None:
        self._write()
        if self.base:
            self.base.close()

    def known(self, keys: Sequence[str]) -> dict[str, bytes | None]:
        """The entries of those keys that have one, all read at once; None for a large entry."""
        marks = ",".join("?" * len(keys))
        small = f"CASE WHEN length(arrays) < {SMALL} THEN arrays END"
        return dict(self._read(f"SELECT key, {small} FROM entries WHERE key IN ({marks})", keys))

    def load(self, key: str) -> dict[str, NDArray[Any]] | None:
        """The arrays of a key; None where there is no entry, or a damaged one."""
        rows = self._read("SELECT arrays FROM entries WHERE key = ?", [key])
        return _unpack(rows[0][0]) if rows else None

    def keep(self, key: str, arrays: Arrays) -> None:
        """Take an entry; it is on the disk at the latest a second after the next one comes."""
        self.fresh[key] = _pack(arrays)
        if time.monotonic() - self.written > SECONDS_BETWEEN_WRITES:
            self._write()

    def _read(self, query: str, values: Sequence[str]) -> list[tuple[Any, ...]]:
        try:
            return self.base.execute(query, values).fetchall() if self.base and values else []
        except sqlite3.OperationalError as error:
            self._warn(error)
        except sqlite3.DatabaseError:
            self._replace()
        return []

    def _write(self) -> None:
        try:
            if self.base and self.fresh:
                with self.base:
                    self.base.executemany("INSERT OR REPLACE INTO entries VALUES (?, ?)", self.fresh.items())
        except sqlite3.Error as error:
            self._warn(error)
        self.fresh.clear()
        self.written = time.monotonic()

    def _open(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.base = sqlite3.connect(self.path, timeout=30, check_same_thread=False)
        self.base.execute("PRAGMA synchronous=OFF")  # safe against a kill; after a power cut it is replaced
        self.base.execute("CREATE TABLE IF NOT EXISTS entries (key TEXT PRIMARY KEY, arrays BLOB)")

    def _replace(self) -> None:
        """Put an empty file in place of one that is damaged or not a database."""
        try:
            if self.base:
                self.base.close()
            self.base = None
            self.path.unlink()
            self._open()
        except (OSError, sqlite3.Error) as error:
            self._warn(error)

    def _warn(self, error: Exception) -> None:
        if self.path not in _warned:
            _warned.add(self.path)
            warnings.warn(
                f"{self.path}: results cannot be kept here ({error}), so they will be computed again next"
                " time; set SEGLIB_CACHE to a folder that you may write to",
                stacklevel=2,
            )


def _pack(arrays: Arrays) -> bytes:
    """Checksum, length of the header, header in JSON, and the arrays' bytes one after the other."""
    header = json.dumps([(name, array.dtype.str, array.shape) for name, array in arrays.items()]).encode()
    if any(array.dtype.hasobject for array in arrays.values()):
        raise TypeError("arrays of Python objects cannot be saved; use numbers or text")
    body = b"".join([len(header).to_bytes(4), header, *(array.tobytes() for array in arrays.values())])
    return zlib.crc32(body).to_bytes(4) + body


def _unpack(entry: bytes | None) -> dict[str, NDArray[Any]] | None:
    """What `_pack` packed, writable; None if there is nothing, or the checksum does not fit."""
    if not entry or zlib.crc32(memoryview(entry)[4:]) != int.from_bytes(entry[:4]):
        return None
    start, content, arrays = 8 + int.from_bytes(entry[4:8]), bytearray(entry), {}
    for name, dtype, shape in _header(entry[8:start]):
        arrays[name] = np.ndarray(shape, dtype, content, start)
        start += arrays[name].nbytes
    return arrays


@lru_cache(16)
def _header(text: bytes) -> list[tuple[str, np.dtype[Any], tuple[int, ...]]]:
    return [(name, np.dtype(dtype), tuple(shape)) for name, dtype, shape in json.loads(text)]


def _add(digest: Any, part: Any) -> None:
    """Add a part to the hash, with its type and length, so that no two contents read the same."""
    if isinstance(part, np.generic):
        part = part.item()
    if isinstance(part, bytes):
        digest.update(b"bytes %d " % len(part))
        digest.update(part)
    elif isinstance(part, str | int | float | None):
        digest.update(f"{part!r} ".encode())
    elif isinstance(part, tuple | list):
        digest.update(b"list %d " % len(part))
        for item in part:
            _add(digest, item)
    elif isinstance(part, Mapping):
        _add(digest, list(part.items()))
    elif isinstance(part, Tensor):
        _add(digest, part.detach().cpu().numpy())
    elif isinstance(part, np.ndarray):
        digest.update(f"array {part.dtype.str} {part.shape} ".encode())
        digest.update(np.ascontiguousarray(part))
    elif dataclasses.is_dataclass(part) and not isinstance(part, type):
        _add(digest, [(field.name, getattr(part, field.name)) for field in dataclasses.fields(part)])
    else:
        raise TypeError(f"a {type(part).__name__} cannot be part of a key: {part!r:.60}; give its numbers")


@cache
def _versions() -> bytes:
    """The libraries whose arithmetic results depend on."""
    parts = [version(name) for name in ("numpy", "torch", "scikit-image", "pillow")]
    return " ".join([cv2.__version__, *parts]).encode()


@cache
def _source(name: str) -> bytes:
    """A hash of the text of a module, or of all modules of a package."""
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"there is no module {name}", name=name)
    path = Path(spec.origin)
    paths = sorted(path.parent.rglob("*.py")) if path.name == "__init__.py" else [path]
    text = b"".join(path.name.encode() + path.read_bytes() for path in paths)
    return hashlib.blake2b(text, digest_size=16).digest()
