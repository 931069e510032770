"""Writing to a disk that may be full or read-only."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_FULL = {errno.ENOSPC, errno.EDQUOT}
_CLOSED = {errno.EROFS, errno.EACCES, errno.EPERM}


class DiskError(OSError):
    """A file cannot be written; the sentence says why and what to do."""


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn the system's errors about a full or read-only disk into one sentence; let others pass.

    Raises:
        DiskError: the disk is full, or `path` cannot be written to.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise DiskError(f"{path}: the disk is full; free some space and run this again") from None
        if error.errno in _CLOSED:
            raise DiskError(
                f"{path}: no permission to write here; choose another folder with root=..."
            ) from None
        raise
