"""What was measured once is not measured again: rows of numbers on disk, found by their key."""

from __future__ import annotations

import os
import sqlite3
import time
import warnings
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import platformdirs
from numpy.typing import NDArray

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
