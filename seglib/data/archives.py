"""Unpacking downloaded archives: all or nothing, and nothing outside the target folder."""

from __future__ import annotations

import lzma
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO

from seglib.data.disk import writing

BLOCK = 1 << 20
ENTRY = 512  # bytes that an entry costs at least, so that a million empty files are not free

_BROKEN = (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError)


def extract(archives: Sequence[Path], target: Path, *, limit: int) -> Path:
    """Unpack archives (tar, tar.gz, tar.bz2, tar.xz, zip) together into one new folder.

    They are unpacked into a temporary folder beside the target, which gets the target's name only when all is
    there. What an earlier run left behind when it was killed is removed first.

    Args:
        archives: the files.
        target: the folder to make; it must not exist.
        limit: the most bytes that all entries together may unpack to; more is refused as a bomb.

    Returns:
        The target.

    Raises:
        FileExistsError: the target is already there.
        ValueError: an archive is damaged, too large, or has an entry that is a link, a device, or leads out
            of the folder. Nothing is left behind.
        DiskError: the disk is full or read-only.
    """
    if target.exists():
        raise FileExistsError(f"{target} is already there; move it away to unpack the data set anew")
    temporary = target.with_name(f".{target.name}.unpacking")
    with writing(target.parent):
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        try:
            for archive in archives:
                limit = _extract(archive, temporary, limit)
            temporary.rename(target)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    return target


def _extract(archive: Path, folder: Path, limit: int) -> int:
    """Unpack one archive; returns how many bytes of the limit are left."""
    try:
        for name, content in _entries(archive):
            path = _inside(archive, folder, name)
            limit -= ENTRY
            if content is None:
                path.mkdir(parents=True, exist_ok=True)
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            with content, path.open("wb") as file:
                while block := content.read(BLOCK):
                    limit -= len(block)
                    if limit < 0:
                        break
                    file.write(block)
            if limit < 0:
                raise ValueError(f"{archive}: unpacks to more than it should; nothing was kept")
    except _BROKEN as error:
        reason = str(error).partition("\n")[0]
        raise ValueError(f"{archive}: the archive is damaged ({reason}); download it again") from None
    return limit


def _entries(archive: Path) -> Iterator[tuple[str, IO[bytes] | None]]:
    """Name and content of each file, name and None of each folder."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as opened:
            for info in opened.infolist():
                kind = stat.S_IFMT(info.external_attr >> 16)
                if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                    raise ValueError(_refused(archive, info.filename, "is a link or a device"))
                if info.flag_bits & 1:
                    raise ValueError(_refused(archive, info.filename, "is encrypted"))
                yield info.filename, None if info.is_dir() else opened.open(info)
        return
    with tarfile.open(archive) as tar:
        for member in tar:
            if not (member.isreg() or member.isdir()) or member.issparse():
                raise ValueError(_refused(archive, member.name, "is a link or a device"))
            yield member.name, tar.extractfile(member)


def _inside(archive: Path, folder: Path, name: str) -> Path:
    """Where an entry goes; ValueError if that is not inside the folder, on this system or on Windows."""
    parts = PurePosixPath(name.replace("\\", "/")).parts
    windows = PureWindowsPath(name)
    if ".." in parts or windows.drive or windows.root or "\0" in name:
        raise ValueError(_refused(archive, name, "leads out of the folder"))
    return folder.joinpath(*parts)


def _refused(archive: Path, name: str, why: str) -> str:
    return f"{archive}: the entry {name!r} {why}; a data set has no such entry, so nothing was unpacked"
