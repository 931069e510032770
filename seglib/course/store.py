"""Where progress is kept: one small JSON file for each notebook, private, on the student's own disk.

It survives a kernel that is killed while writing, a damaged file, two kernels at once and a disk that cannot
be written. Nothing is ever sent anywhere.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from pathlib import Path
from typing import Any

import platformdirs
from filelock import FileLock

from seglib.course.say import say
from seglib.files import write_text, writing

#: What one file holds: section -> id -> field -> the types it may have. Anything else is a damaged file.
SHAPE: dict[str, dict[str, tuple[type, ...]]] = {
    "checks": {"attempts": (int,), "right": (bool,)},
    "hints": {"shown": (int,)},
    "predictions": {"guess": (int, float, str), "value": (int, float, str), "late": (bool,)},
    "quiz": {"first": (int,), "tries": (int,), "right": (bool,)},
}

Record = dict[str, dict[str, dict[str, Any]]]

_unsaved: dict[str, Record] = {}  # progress that could not be written; lost when the kernel stops


def folder() -> Path:
    """The folder with the progress files: in SEGLIB_HOME, else where this system keeps a user's data."""
    home = os.environ.get("SEGLIB_HOME") or platformdirs.user_data_dir("seglib", appauthor=False)
    return Path(home).expanduser() / "progress"


def read(number: str) -> Record:
    """The record of notebook `number`; empty sections where there is nothing. Never raises for a bad disk."""
    return deepcopy(_unsaved[number]) if number in _unsaved else _load(number)


def update(number: str, change: Callable[[Record], None]) -> Record:
    """Read, let `change` edit the record in place, write. Two kernels take turns, so neither loses anything.

    If the file cannot be written, the record stays in memory and one sentence says so.
    """
    path, before = _files(number)
    record = None
    try:
        folder().mkdir(mode=0o700, parents=True, exist_ok=True)
        with FileLock(folder() / f"{number}.lock", timeout=10):  # freed by the system when a process dies
            record = deepcopy(_unsaved.get(number)) or _load(number, repair=True)
            change(record)
            if path.exists():
                path.replace(before)  # killed between this and the next line: `before` is read
            write_text(path, json.dumps(record, indent=1, sort_keys=True))
            with suppress(OSError):  # some disks have no permissions
                path.chmod(0o600)  # private even in a folder that is not
        _unsaved.pop(number, None)
    except OSError as error:
        if record is None:
            record = read(number)
            change(record)
        if number not in _unsaved:
            say(
                "Your progress cannot be saved on this disk.",
                f"({error.strerror or error}) It is kept until the kernel stops. To save it, set the "
                "variable SEGLIB_HOME to a folder you may write to and restart the kernel. "
                f"Now it is `{folder()}`.",
                kind="wrong",
            )
        _unsaved[number] = record
    return deepcopy(record)


def clear(number: str) -> Path | None:
    """Begin notebook `number` anew: its file is renamed, and the new name returned; None if there was none.

    Raises:
        DiskError: it cannot be renamed; nothing has changed then.
    """
    path, before = _files(number)
    _unsaved.pop(number, None)
    with writing(path):
        if not path.exists() and not before.exists():
            return None
        with FileLock(folder() / f"{number}.lock", timeout=10):
            aside = _unused(path, "earlier")
            (path if path.exists() else before).replace(aside)
            before.unlink(missing_ok=True)
    return aside


def _unused(path: Path, word: str) -> Path:
    """A name next to `path` that no file has: 02.earlier.json, 02.earlier1.json ..."""
    names = (path.with_suffix(f".{word}{n or ''}.json") for n in range(10_000))
    return next(name for name in names if not name.exists())


def empty() -> Record:
    """A record of nothing done yet."""
    return {section: {} for section in SHAPE}


def _files(number: str) -> tuple[Path, Path]:
    """The progress file and the one before it."""
    return folder() / f"{number}.json", folder() / f"{number}.before.json"


def _load(number: str, repair: bool = False) -> Record:
    """The first of the two files that can be read; `repair`, under the lock, renames a damaged one."""
    for path in _files(number):
        try:
            return _parse(path.read_bytes())
        except (ValueError, AttributeError, RecursionError):  # AttributeError: a number in place of a table
            if repair:
                aside = path.rename(_unused(path, "broken"))
                advice = f"It is kept as `{aside}`; the one before it is used if there is one."
                say("A progress file could not be read.", advice, kind="wrong")
        except FileNotFoundError:
            continue
        except OSError:
            if repair:  # it may hold progress: leave it alone
                raise
    return empty()


def _parse(data: bytes) -> Record:
    """A record from the bytes of a file; raises if they are not JSON, or JSON of another shape."""
    record: Record = json.loads(data.decode("utf-8"), parse_constant=int)  # NaN is not JSON, nor an int
    for section, fields in SHAPE.items():
        for entry in record.setdefault(section, {}).values():
            if not all(isinstance(entry.get(name, kinds[0]()), kinds) for name, kinds in fields.items()):
                raise ValueError(f"section {section} has another shape")
    return record
