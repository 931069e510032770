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
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import is_dataclass
from functools import cache, lru_cache
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
PATIENCE = 30.0  # seconds to wait for another writer; a disk that cannot lock is waited for once
WORTH_PROCESSES = 30.0  # seconds of work left from which it pays to start processes, which takes seconds
SERIAL_BLOCK, PARALLEL_BLOCK = 32, 1024  # tasks that are looked up at a time
SMALL = 4096  # bytes: entries below this are read many at a time
_warned: set[Path] = set()
_loaded: dict[str, Callable[[Any], Arrays]] = {}  # in another process: the function that it was sent last


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
    rows = _query("SELECT arrays FROM entries WHERE key = ?", [key])
    return _unpack(rows[0][0]) if rows else None


def save(key: str, arrays: Arrays) -> None:
    """Save named arrays under a key, all of them or, if the process dies, none.

    A disk that is full or cannot be written to gives one warning; then nothing is saved.

    Raises:
        TypeError: an array holds Python objects.
    """
    _write({key: _pack(arrays)})


def each(
    tasks: Sequence[Task],
    make: Callable[[Task], Arrays],
    keys: Iterable[str | None],
    label: str = "",
    jobs: int | None = None,
) -> Iterator[Arrays]:
    """The arrays of every task in order: read from the store, or computed, in parallel, and saved there.

    What has been computed is written about once a second, so a run that is stopped or killed resumes where it
    was. Memory does not grow with the number of tasks.

    Args:
        tasks: anything that `make` takes; a `range` of image numbers, for example.
        make: computes the arrays of a task, in other processes too.
        keys: a key for each task, None for a result that is not to be saved. A generator is asked block by
            block.
        label: of the progress bar, which appears after two seconds.
        jobs: processes. None: one, and all cores as soon as more than 30 s of work are left. The backend is
            joblib's: within `joblib.parallel_config(backend="dask")` a cluster does the work.

    Raises:
        Exception: what `make` raises; what was computed until then is kept.
    """
    return tracked(_each(tasks, make, iter(keys), jobs), len(tasks), label)


def _each(
    tasks: Sequence[Task], make: Callable[[Task], Arrays], keys: Iterator[str | None], jobs: int | None
) -> Iterator[Arrays]:
    sent: Callable[[Task], Any] | None = None
    fresh: dict[str, bytes] = {}
    found: Arrays | None
    start, written, seconds, made = 0, time.monotonic(), 0.0, 0  # seconds in `make`, for how many tasks
    try:
        while start < len(tasks):
            if jobs is None and made >= 20 and (len(tasks) - start) * seconds / made > WORTH_PROCESSES:
                jobs = cores()
            parallel = jobs not in (None, 1)
            block = tasks[start : start + (PARALLEL_BLOCK if parallel else SERIAL_BLOCK)]
            named = list(zip(block, islice(keys, len(block)), strict=True))
            known = _known([key for _, key in named if key])
            missing = [task for task, key in named if key not in known]
            if parallel:
                sent = sent or delayed(_Sent(make))
                work = iter(Parallel(n_jobs=jobs, return_as="generator")(map(sent, missing)))
            else:
                work = map(make, missing)
            for task, key in named:
                found = (_unpack(known[key]) or load(key)) if key and key in known else None
                if found is None:
                    begin = time.monotonic()
                    found = make(task) if key in known else next(work)  # a known entry is damaged
                    seconds, made = seconds + time.monotonic() - begin, made + 1
                    if key:
                        fresh[key] = _pack(found)
                if fresh and time.monotonic() - written > SECONDS_BETWEEN_WRITES:
                    _write(fresh)
                    fresh, written = {}, time.monotonic()
                yield found
            start += len(block)
    finally:
        _write(fresh)


class _Sent:
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


def _known(keys: Sequence[str]) -> dict[str, bytes | None]:
    """The entries of those keys that have one, all read at once; None for a large entry."""
    marks = ",".join("?" * len(keys))
    small = f"CASE WHEN length(arrays) < {SMALL} THEN arrays END"
    return dict(_query(f"SELECT key, {small} FROM entries WHERE key IN ({marks})", keys) if keys else [])


def _write(entries: Mapping[str, bytes]) -> None:
    if entries:
        _query("INSERT OR REPLACE INTO entries VALUES (?, ?)", list(entries.items()), many=True)


def _query(sql: str, values: Sequence[Any], *, many: bool = False) -> list[tuple[Any, ...]]:
    """The rows that a statement gives; none, and one warning, where the file cannot be used.

    The file survives a process that is killed while it writes; a damaged one is deleted.
    """
    path = folder() / "cache.sqlite"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(path, 0 if path in _warned else PATIENCE)) as base, base:
            base.execute("PRAGMA synchronous=OFF")  # safe against a kill; damaged by a power cut
            base.execute("CREATE TABLE IF NOT EXISTS entries (key TEXT PRIMARY KEY, arrays BLOB)")
            return (base.executemany if many else base.execute)(sql, values).fetchall()
    except (OSError, sqlite3.OperationalError) as error:
        if path not in _warned:
            _warned.add(path)
            warnings.warn(
                f"{path}: results cannot be kept here ({error}), so they will be computed again next time;"
                " set SEGLIB_CACHE to a folder that you may write to",
                stacklevel=2,
            )
    except (sqlite3.DatabaseError, UnicodeDecodeError):  # the latter: SQLite quotes what is damaged
        with suppress(OSError):
            path.unlink()
    return []


def _pack(arrays: Arrays) -> bytes:
    """Checksum, length of the header, header in JSON, and the arrays' bytes one after the other."""
    if any(array.dtype.hasobject for array in arrays.values()):
        raise TypeError("arrays of Python objects cannot be saved; use numbers or text")
    header = json.dumps([(name, array.dtype.str, array.shape) for name, array in arrays.items()]).encode()
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
    if isinstance(part, str | int | float | None):
        digest.update(f"{part!r} ".encode())
    elif isinstance(part, bytes):
        digest.update(b"bytes %d " % len(part))
        digest.update(part)
    elif isinstance(part, tuple | list):
        digest.update(b"list %d " % len(part))
        for item in part:
            _add(digest, item)
    elif isinstance(part, np.ndarray) and not part.dtype.hasobject:
        digest.update(f"array {part.dtype.str} {part.shape} ".encode())
        digest.update(np.ascontiguousarray(part))
    elif isinstance(part, Tensor):
        _add(digest, part.detach().cpu().numpy())
    elif isinstance(part, Mapping):
        _add(digest, list(part.items()))
    elif is_dataclass(part) and not isinstance(part, type):
        _add(digest, list(vars(part).items()))
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
