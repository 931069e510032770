"""Opening data sets by name, `load("pets")`, and listing those on this machine, `found()`."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import platformdirs

import seglib
from seglib.data.dataset import SegmentationDataset
from seglib.data.download import install
from seglib.data.layouts import open_folder
from seglib.data.photographs import Pets, Photo, Voc, camvid
from seglib.scenes import Scenes


class Entry(NamedTuple):
    """A data set on disk: how to open it, what its folder may be called, and a path that only it has."""

    open: Callable[..., SegmentationDataset]
    folders: tuple[str, ...]
    evidence: str


VOC_TREE = "VOCdevkit/VOC2012"
ENTRIES = {
    "pets": Entry(Pets, ("oxford-iiit-pet", "pets"), "annotations/trimaps"),
    "camvid": Entry(camvid, ("camvid", "CamVid"), "trainannot"),
    "voc": Entry(Voc, (f"voc/{VOC_TREE}", VOC_TREE, "VOC2012", "voc"), "ImageSets/Segmentation"),
}
NAMES = ("scenes", "photo", *ENTRIES)
NOWHERE = "none"  # the value of SEGLIB_DATA that hides all data sets on disk


def load(
    name: str | Path, split: str = "train", *,
    root: Path | str | None = None, download: bool = False, **options: Any,
) -> SegmentationDataset:  # fmt: skip
    """Open a data set by its name, or a folder of your own.

    Args:
        name: "scenes" (drawn) and "photo" (one annotated photograph) are built in; "pets", "camvid" and "voc"
            are downloaded once; anything else is a folder or a COCO file, see `layouts.open_folder`.
        split: "train", "val" or "test".
        root: a folder that holds the data set, or is it; without it, the places that `found` looks in.
        download: fetch the data set if it is not there: into `root`, or the first place `found` looks in.
        options: for "scenes" all that `Scenes` takes (`length`, `size`, `seed`, `dials`); for "pets" also
            `classes`.

    Raises:
        FileNotFoundError: the data set is not on this machine; the message says what to do.
        ValueError: there is no data set of this name, or it has no such split.
        FileExistsError: the folder to download into is already there.
        DownloadError, DiskError: the download failed; what has arrived is kept.

    Example:
        >>> image, mask = load("photo")[0]
        >>> image.shape, mask.shape
        (torch.Size([3, 375, 500]), torch.Size([375, 500]))
    """
    if not isinstance(name, (str, Path)):
        raise ValueError(f"name={name!r:.60} must be a data set's name or a path; try load('scenes')")
    if name == "scenes":
        return Scenes(split=split, **options)
    if name == "photo":
        return Photo(split, **options)
    path = Path(name).expanduser()
    if isinstance(name, Path) or (name not in ENTRIES and path.exists()):
        return open_folder(path, split, **options)
    if name not in ENTRIES:
        raise ValueError(f"{name}: no such folder, and no data set of this name; there is {', '.join(NAMES)}")
    place = found(root).get(name)
    if place is None and download and (places := roots(root)):
        install(name, places[0])
        place = found(root).get(name)
    if place is None:
        looked = ", ".join(map(str, roots(root))) or f"no folder, because SEGLIB_DATA={NOWHERE}"
        raise FileNotFoundError(
            f"the data set '{name}' is not on this machine (looked in {looked}): call"
            f" load('{name}', download=True), set SEGLIB_DATA to the folder that holds it, or use"
            " load('scenes'), which is built in"
        )
    return ENTRIES[name].open(place, split, **options)


def found(root: Path | str | None = None) -> dict[str, Path]:
    """The real data sets on this machine and where they are; nothing is read or downloaded.

    Looks only in `root` if it is given. Otherwise in the folder that SEGLIB_DATA names, the project's `data/`
    and a folder for the user's data, in this order; with SEGLIB_DATA=none nowhere. Each may hold the data
    sets or be one.

    Example:
        >>> found("/nowhere")
        {}
    """
    places: dict[str, Path] = {}
    for name, entry in ENTRIES.items():
        for parent in roots(root):
            for folder in (parent, *(parent / folder for folder in entry.folders)):
                if (folder / entry.evidence).is_dir():
                    places.setdefault(name, folder)
    return places


def roots(root: Path | str | None = None) -> list[Path]:
    """The folders where data sets may be, best first: only `root` if it is given, see `found`."""
    named = os.environ.get("SEGLIB_DATA")
    if root is None and named == NOWHERE:
        return []
    project = Path(seglib.__file__).parents[1]
    checkout = (project / "pyproject.toml").is_file()  # not an installed package
    # Not the cache folder, which may be deleted at any time.
    home = os.environ.get("SEGLIB_HOME") or platformdirs.user_data_path("seglib", appauthor=False)
    places = [named, project / "data" if checkout else None, Path(home) / "data"] if root is None else [root]
    return [Path(place).expanduser() for place in places if place]
