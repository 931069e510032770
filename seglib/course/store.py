"""Where progress is kept: one small JSON file for each notebook, private, on the student's own disk.

It survives a kernel that is killed while writing, a damaged file, two kernels at once and a disk that cannot
be written. Nothing is ever sent anywhere.
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
from seglib.files import write_text

#: What one file holds: section -> id -> field -> the types it may have. Anything else is a damaged file.
SHAPE: dict[str, dict[str, tuple[type, ...]]] = {
    "checks": {"attempts": (int,), "right": (bool,)},
    "hints": {"shown": (int,)},
    "predictions": {"guess": (int, float, str), "value": (int, float, str), "late": (bool,)},
    "quiz": {"first": (int,), "tries": (int,), "right": (bool,)},
}

Record = dict[str, dict[str, dict[str, Any]]]

_unsaved: dict[str, Record] = {}  # progress that the disk refused; lives as long as the kernel
_said: set[Path] = set()  # folders about which one complaint was made


def folder() -> Path:
    """The folder with the progress files: in SEGLIB_HOME, else where this system keeps a user's data."""
    home = os.environ.get("SEGLIB_HOME") or platformdirs.user_data_dir("seglib", appauthor=False)
    return Path(home).expanduser() / "progress"


def read(number: str) -> Record:
    """The record of notebook `number`; empty sections where there is nothing. Never raises for a bad disk."""
    if number in _unsaved:
        return deepcopy(_unsaved[number])
    try:
        with _locked(number):
            return _load(number, repair=True)
    except OSError:
        return _load(number)  # cannot lock, perhaps can still read


def update(number: str, change: Callable[[Record], None]) -> Record:
    """Read, let `change` edit the record in place, write. Two kernels take turns, so neither loses anything.

    If the disk refuses, the record stays in memory and one sentence says so.
    """
    try:
        with _locked(number):
            record = _unsaved.get(number) or _load(number, repair=True)
            change(record)
            path, before = _files(number)
            text = json.dumps(record, indent=1, sort_keys=True, allow_nan=False)
            if path.exists():
                path.replace(before)  # killed between this and the next line: `before` is read
            write_text(path, text)
            path.chmod(0o600)  # private, also where the folder is not
    except OSError as error:
        record = _unsaved.get(number) or _load(number)
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
    with FileLock(folder() / f"{number}.lock", timeout=10):  # the system frees it when a process dies
        yield


def _load(number: str, repair: bool = False) -> Record:
    """The first of the two files that can be read; `repair` moves a damaged one aside, under the lock."""
    for path in _files(number):
        try:
            return parse(path.read_bytes())
        except FileNotFoundError:
            continue
        except ValueError:
            if repair:
                _set_aside(path)
        except OSError:
            if repair:
                raise
    return empty()


def _set_aside(path: Path) -> None:
    names = (path.with_suffix(f".broken{n or ''}.json") for n in range(10_000))
    aside = next(name for name in names if not name.exists())
    path.rename(aside)
    say(
        "A progress file could not be read.",
        f"It is kept as `{aside}`; the one before it is used if there is one.",
        kind="wrong",
    )


def parse(data: bytes) -> Record:
    """A record from the bytes of a file.

    Raises:
        ValueError: the bytes are not JSON, or JSON of another shape.
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
    raise ValueError(f"{constant} is not JSON")


def _fits(entry: Any, fields: dict[str, tuple[type, ...]]) -> bool:
    return isinstance(entry, dict) and all(isinstance(entry.get(k, t[0]()), t) for k, t in fields.items())


def _complain_once(error: OSError) -> None:
    if folder() not in _said:
        _said.add(folder())
        say(
            "Your progress cannot be saved on this disk.",
            f"({error.strerror or error}) It is kept until the kernel stops. To save it, set the variable "
            f"SEGLIB_HOME to a folder you may write to and restart the kernel. Now it is `{folder()}`.",
            kind="wrong",
        )
