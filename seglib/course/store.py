"""Where progress is kept: one small JSON file a notebook, private, on the student's own disk.

It survives a kernel that dies while writing, a file that was cut short, two kernels at once and a disk that
cannot be written. Nothing is ever sent anywhere.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any

import platformdirs
from filelock import FileLock

from seglib.course.say import say

#: What one file holds: section -> id -> field -> the types it may have. Anything else is a broken file.
SHAPE: dict[str, dict[str, tuple[type, ...]]] = {
    "checks": {"attempts": (int,), "right": (bool,)},
    "hints": {"shown": (int,)},
    "predictions": {"guess": (int, float, str), "value": (int, float, str), "late": (bool,)},
    "quiz": {"first": (int,), "tries": (int,), "right": (bool,)},
}

Record = dict[str, dict[str, dict[str, Any]]]

_unsaved: dict[str, Record] = {}  # progress that the disk refused; lives as long as the kernel
_told: set[str] = set()  # a complaint is made once


def folder() -> Path:
    """The folder with the progress files: in SEGLIB_HOME, else where this system keeps a user's data."""
    home = os.environ.get("SEGLIB_HOME") or platformdirs.user_data_dir("seglib", appauthor=False)
    return Path(home).expanduser() / "progress"


def read(number: str) -> Record:
    """What is known about notebook `number`; empty sections where nothing is. Never raises for a bad disk."""
    if number in _unsaved:
        return deepcopy(_unsaved[number])
    try:
        with _locked(number):
            return _read(number)
    except OSError:
        return _read_first(number, _files(number))  # cannot lock, perhaps can still read


def update(number: str, change: Callable[[Record], None]) -> Record:
    """Read, let `change` edit the record in place, write. Two kernels take turns, so neither loses anything.

    Where the disk refuses, the record stays in memory and one sentence says so.
    """
    try:
        with _locked(number):
            record = _unsaved.get(number) or _read(number)
            change(record)
            _write(number, record)
    except OSError as error:
        record = _unsaved.get(number) or _read_first(number, _files(number))
        change(record)
        _unsaved[number] = record
        _complain_once(error)
        return deepcopy(record)
    _unsaved.pop(number, None)
    return record


def empty() -> Record:
    """A record of nothing done yet."""
    return {section: {} for section in SHAPE}


def _files(number: str) -> tuple[Path, Path]:
    """The progress file and the one before it."""
    return folder() / f"{number}.json", folder() / f"{number}.before.json"


@contextmanager
def _locked(number: str) -> Iterator[None]:
    folder().mkdir(mode=0o700, parents=True, exist_ok=True)
    # The system lets go of the lock when a process dies, however it dies.
    with FileLock(folder() / f"{number}.lock", timeout=10):
        yield


def _read(number: str) -> Record:
    """Read under the lock; a broken file is moved aside, kept, and its predecessor used."""
    for path in _files(number):
        try:
            return parse(path.read_bytes())
        except FileNotFoundError:
            continue
        except ValueError:
            aside = _free_name(path)
            path.rename(aside)
            say(
                "A progress file could not be read.",
                f"It is kept as `{aside}`; the one before it is used where there is one.",
                kind="wrong",
            )
    return empty()


def _read_first(number: str, paths: tuple[Path, ...]) -> Record:
    """The first of `paths` that can be read as a record; nothing is moved or said."""
    for path in paths:
        try:
            return parse(path.read_bytes())
        except (OSError, ValueError):
            continue
    return empty()


def parse(data: bytes) -> Record:
    """A record from the bytes of a file.

    Raises:
        ValueError: the bytes are no JSON, or JSON of another shape.
    """
    try:
        record = json.loads(data.decode("utf-8"), parse_constant=_refuse)
    except RecursionError as error:
        raise ValueError("nested without end") from error
    if not isinstance(record, dict):
        raise ValueError("not a record")
    for section, fields in SHAPE.items():
        entries = record.setdefault(section, {})
        if not isinstance(entries, dict) or not all(_fits(entry, fields) for entry in entries.values()):
            raise ValueError(f"section {section} has another shape")
    return record


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number")


def _fits(entry: Any, fields: dict[str, tuple[type, ...]]) -> bool:
    return isinstance(entry, dict) and all(isinstance(entry.get(k, t[0]()), t) for k, t in fields.items())


def _write(number: str, record: Record) -> None:
    """Write under the lock: a new file is finished and on the disk before it takes the old one's place."""
    path, before = _files(number)
    new = path.with_suffix(".new")
    new.touch(mode=0o600)  # private: only the student reads it
    with new.open("w", encoding="utf-8") as file:
        json.dump(record, file, indent=1, sort_keys=True, allow_nan=False)
        file.flush()
        os.fsync(file.fileno())
    if path.exists():
        path.replace(before)  # killed between these two lines: `before` is read
    new.replace(path)


def _free_name(path: Path) -> Path:
    names = (path.with_suffix(f".broken{n or ''}.json") for n in range(10_000))
    return next(name for name in names if not name.exists())


def _complain_once(error: OSError) -> None:
    if "disk" not in _told:
        _told.add("disk")
        say(
            "Your progress cannot be saved on this disk.",
            f"({error.strerror or error}) It is kept until the kernel stops. To save it, set the variable "
            f"SEGLIB_HOME to a folder you may write to and restart the kernel. Now it is `{folder()}`.",
            kind="wrong",
        )
