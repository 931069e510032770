"""Fetching one large file: several mirrors, going on where it stopped, nothing kept whose hash is wrong."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import BinaryIO, NamedTuple
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from seglib.data.disk import DiskError, writing
from seglib.progress import tracked

BLOCK = 1 << 20
MEGABYTE = 1_000_000
PATIENCE = 30  # seconds without a byte until a mirror is given up


class Remote(NamedTuple):
    """A file on the internet.

    Attributes:
        urls: where it is offered, best first.
        size: in bytes.
        sha256: of the whole file, 64 hexadecimal digits.
    """

    urls: tuple[str, ...]
    size: int
    sha256: str


class DownloadError(OSError):
    """No mirror delivered; the message names each one's reason and the way to do it by hand."""


def fetch(remote: Remote, target: Path) -> Path:
    """The file, downloaded if it is not yet there, with the right hash.

    Bytes are collected in `target` + ".part"; a run that was stopped, by whatever, goes on from there, on any
    mirror. Mirrors are tried in order, and again as long as they bring more. The file gets its name when its
    hash is right, so a file of that name is complete.

    Args:
        remote: what to fetch.
        target: where to; a file that was put there by hand is taken if its hash is right.

    Returns:
        The target.

    Raises:
        DownloadError: all mirrors failed. What has arrived is kept for the next run.
        DiskError: the disk is full or read-only.
    """
    if target.is_file() and _sha256(target) == remote.sha256:
        return target
    part = target.with_name(target.name + ".part")
    with writing(target.parent):
        target.parent.mkdir(parents=True, exist_ok=True)
    before = -1
    problems: dict[str, str] = {}
    while _size(part) > before:
        before = _size(part)
        for url in remote.urls:
            try:
                _complete(url, remote, part)
                with writing(target):
                    return part.replace(target)
            except DiskError:
                raise
            except (OSError, HTTPException, _WrongFileError) as error:
                problems[url] = _reason(error)
    raise DownloadError(_by_hand(remote, target, part, problems))


class _WrongFileError(Exception):
    """A mirror offers something else."""


def _complete(url: str, remote: Remote, part: Path) -> None:
    """Fetch what is missing of the part and check the whole; a wrong whole is thrown away."""
    for resumed in (_size(part) > 0, False):
        if _size(part) < remote.size:
            _transfer(url, remote, part)
        if _sha256(part) == remote.sha256:
            return
        part.unlink()
        if not resumed:  # else the beginning may have been at fault: once more from the start
            raise _WrongFileError("the file's SHA-256 is wrong")


def _transfer(url: str, remote: Remote, part: Path) -> None:
    """Append what is missing to the part; start over where the mirror cannot go on from the middle."""
    start = _size(part)
    headers = {"User-Agent": "seglib"} | ({"Range": f"bytes={start}-"} if start else {})
    with urlopen(Request(url, headers=headers), timeout=PATIENCE) as response:
        if not response.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
            start = 0
        _check_room(response, remote.size - start, part)
        with writing(part), part.open("ab" if start else "wb") as file:
            megabytes = _append(response, file)
            for _ in tracked(megabytes, (remote.size - start) // MEGABYTE, f"downloading {part.stem}, MB"):
                pass
            file.flush()
            os.fsync(file.fileno())
    if _size(part) < remote.size:
        raise _WrongFileError(f"the connection broke after {_size(part)} of {remote.size} bytes")


def _check_room(response: HTTPResponse, expected: int, part: Path) -> None:
    """The mirror must offer as many bytes as expected, and the disk must have room for them."""
    offered = response.headers.get("Content-Length")
    if offered != str(expected):
        raise _WrongFileError(f"it offers {offered or 'an unknown number of'} bytes instead of {expected}")
    if shutil.disk_usage(part.parent).free < expected:
        raise DiskError(
            f"{part.parent}: no room for {expected / 1e6:.1f} MB; free some space and run this again"
        )


def _append(response: HTTPResponse, file: BinaryIO) -> Iterator[None]:
    """Write all that comes; yields once a megabyte."""
    written = 0
    while block := response.read1(BLOCK):  # what has come, not what was asked for: nothing is lost in a stall
        file.write(block)
        before, written = written, written + len(block)
        yield from [None] * (written // MEGABYTE - before // MEGABYTE)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _reason(error: Exception) -> str:
    """Why a mirror failed, in a few words."""
    if isinstance(error, HTTPError):
        return f"HTTP {error.code} {error.reason}"
    if isinstance(error, TimeoutError) or isinstance(getattr(error, "reason", None), TimeoutError):
        return f"no answer for {PATIENCE} s"
    return str(error.reason) if isinstance(error, URLError) else str(error) or type(error).__name__


def _by_hand(remote: Remote, target: Path, part: Path, problems: dict[str, str]) -> str:
    """What happened and the way out."""
    told = "\n".join(f"  {url}: {problem}" for url, problem in problems.items())
    kept = f"{_size(part) / 1e6:.1f} MB have arrived and are kept. " if _size(part) else ""
    return (
        f"{target.name} could not be downloaded:\n{told}\n{kept}Try again later or on another network; or"
        f" download it with a browser, save it as {target} and run this again (its SHA-256 must be"
        f" {remote.sha256})."
    )
