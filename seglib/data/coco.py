"""The shape of one COCO object, a polygon or run lengths, as a mask; broken shapes are refused, not drawn.

pycocotools draws. It trusts its input: a polygon with a far-off corner takes all memory, and run lengths that
end too early leave whatever was in memory in the mask. So shapes are checked here first.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from pycocotools import mask as pycoco
from torch import Tensor
from torchvision.tv_tensors import Image, Mask

from seglib.data import dataset as splits
from seglib.data.dataset import FOLDERS, Instances, SegmentationDataset
from seglib.data.files import instances_of
from seglib.data.images import fit, read_image
from seglib.labels import VOID, Classes

Shape = list[list[float]] | dict[str, Any]


def draw(segmentation: Any, height: int, width: int) -> NDArray[np.bool_]:
    """The pixels of a COCO `segmentation`.

    Args:
        segmentation: a list of polygons `[x1, y1, x2, y2, ...]`, or `{"size": [height, width], "counts":
            ...}` with run lengths down the columns, as a list or in COCO's compressed text.
        height: of the image, pixels.
        width: of the image, pixels.

    Returns:
        bool (height, width).

    Raises:
        ValueError: it is none of these, or does not fit the image.

    Example:
        >>> draw({"size": [2, 3], "counts": [2, 3, 1]}, 2, 3).astype(int)
        array([[0, 1, 1],
               [0, 1, 0]])
    """
    if isinstance(segmentation, list) and segmentation:
        for polygon in segmentation:
            _check_polygon(polygon, height, width)
        runs = pycoco.merge(pycoco.frPyObjects(segmentation, height, width))
    elif isinstance(segmentation, dict):
        counts = _check_runs(segmentation, height, width)
        runs = pycoco.frPyObjects({"size": [height, width], "counts": counts}, height, width)
    else:
        raise ValueError("it has no polygon and no run lengths (a box alone is no mask)")
    return pycoco.decode(runs).astype(bool)


def _check_polygon(polygon: Any, height: int, width: int) -> None:
    """Three corners or more, all of them on the image or within one image's size of it."""
    if not isinstance(polygon, list) or len(polygon) < 6 or len(polygon) % 2:
        raise ValueError("a polygon is a list x1, y1, x2, y2, ... of at least three corners")
    for values, size in ((polygon[0::2], width), (polygon[1::2], height)):
        for value in values:
            if (
                not isinstance(value, (int, float))
                or not math.isfinite(value)
                or not -size <= value <= 2 * size
            ):
                raise ValueError(
                    f"the polygon's corner {value!r} is far outside the image of {width}x{height}"
                )


def _check_runs(segmentation: dict[str, Any], height: int, width: int) -> list[int]:
    """The run lengths as numbers that add up to the image."""
    if segmentation.get("size") != [height, width]:
        raise ValueError(f"its size {segmentation.get('size')} is not the image's [{height}, {width}]")
    counts = segmentation.get("counts")
    if isinstance(counts, str):
        counts = _decompress(counts)
    if not isinstance(counts, list) or not all(isinstance(count, int) and count >= 0 for count in counts):
        raise ValueError("its run lengths are neither a list of whole numbers nor COCO's compressed text")
    if sum(counts) != height * width:
        raise ValueError(f"its run lengths add up to {sum(counts)} pixels, the image has {height * width}")
    return counts


def _decompress(text: str) -> list[int]:
    """COCO's compressed text: five-bit digits; the fourth and later numbers add to the last but one."""
    counts: list[int] = []
    value = shift = 0
    for digit in (ord(letter) - 48 for letter in text):
        value |= (digit & 31) << shift
        shift += 5
        if digit & 32:  # more digits follow
            continue
        if digit & 16:  # negative
            value -= 1 << shift
        counts.append(value + counts[-2] if len(counts) > 2 else value)
        value = shift = 0
    return counts


# A COCO file: where it lies, and whether what it says holds together.

Entry = dict[str, Any]


class Found(NamedTuple):
    """A COCO file and the folders in which its images may lie."""

    annotations: Path
    images: tuple[Path, ...]


def find(path: Path) -> dict[str, Found]:
    """Split -> COCO file, in a folder or for a file itself; the split is "" where the file is not divided.

    Known are COCO's own `annotations/instances_train2017.json` with `train2017/`, the labelling services'
    `train/_annotations.coco.json`, and a single .json file with `images/` beside it.
    """
    if path.is_file():
        return (
            {"": Found(path, _folders(path.parent, "images", "../images", "."))}
            if path.suffix == ".json"
            else {}
        )
    found = {}
    for split, names in FOLDERS.items():
        for name in names:
            if (file := path / name / "_annotations.coco.json").is_file():
                found[split] = Found(file, (path / name,))
            for file in sorted((path / "annotations").glob(f"instances_{name}*.json")):
                year = file.stem.removeprefix("instances_")
                found[split] = Found(
                    file, _folders(path, year, f"images/{year}", name, f"images/{name}", "images")
                )
    files = [file for folder in (path, path / "annotations") for file in folder.glob("*.json")]
    if not found and len(files) == 1:
        found[""] = Found(files[0], _folders(path, "images", "."))
    return found


def read(path: Path) -> tuple[list[Entry], list[Entry], list[Entry]]:
    """The images, annotations and categories of a COCO file.

    Raises:
        ValueError: the file breaks off, is not COCO, or an entry lacks a field or names what does not exist.
    """
    try:
        content = json.loads(path.read_bytes())
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"{path}: not JSON, or it breaks off ({error}); export or copy it again") from None
    images, annotations, categories = (_entries(path, content, key) for key in _FIELDS)
    _check_links(path, annotations, "image_id", {entry["id"] for entry in images})
    _check_links(path, annotations, "category_id", {entry["id"] for entry in categories})
    return images, annotations, categories


def classes_of(path: Path, categories: Iterable[Entry]) -> tuple[Classes, dict[int, int]]:
    """The classes, "background" first, and category id -> class."""
    categories = sorted(
        categories, key=lambda entry: (str(type(entry["id"])), entry["id"])
    )  # numbers before texts
    names = ["background", *(entry["name"] for entry in categories if entry["name"] != "background")]
    try:
        return Classes.of(*names), {entry["id"]: names.index(entry["name"]) for entry in categories}
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def by_image(annotations: Iterable[Entry]) -> dict[Any, list[Entry]]:
    """Image id -> its annotations."""
    groups = defaultdict(list)
    for entry in annotations:
        groups[entry["image_id"]].append(entry)
    return dict(groups)


def image_folder(found: Found, names: list[str]) -> Path:
    """The folder in which the images `names` lie.

    Raises:
        ValueError: a name leads out of the folder, or an image is missing; the sentence says which.
    """
    if outside := [name for name in names if Path(name).is_absolute() or ".." in Path(name).parts]:
        raise ValueError(f"{found.annotations}: the file name {outside[0]!r} leads out of the image folder")
    folder = next((folder for folder in found.images if (folder / names[0]).is_file()), found.images[0])
    there: set[Path] = set()
    for parent in {Path(name).parent for name in names}:
        if (folder / parent).is_dir():
            there.update(parent / entry.name for entry in (folder / parent).iterdir())
    if absent := [name for name in names if Path(name) not in there]:
        shown = ", ".join(absent[:5]) + (" ..." if len(absent) > 5 else "")
        raise ValueError(f"{found.annotations}: {len(absent)} of its images are not in {folder} ({shown})")
    return folder


_FIELDS: dict[str, dict[str, str]] = {
    "images": {"id": "an id", "file_name": "a text", "height": "a size", "width": "a size"},
    "annotations": {"image_id": "an id", "category_id": "an id"},
    "categories": {"id": "an id", "name": "a text"},
}
_KINDS: dict[str, Callable[[Any], bool]] = {
    "an id": lambda value: isinstance(value, (int, str)),
    "a text": lambda value: isinstance(value, str) and value != "",
    "a size": lambda value: isinstance(value, int) and value > 0,
}


def _entries(path: Path, content: Any, key: str) -> list[Entry]:
    """One of the three lists; every entry has the fields that are needed, no id comes twice."""
    entries = content.get(key) if isinstance(content, dict) else None
    if not isinstance(entries, list):
        raise ValueError(f'{path}: not a COCO file: it has no list "{key}"')
    for number, entry in enumerate(entries):
        place = f"{path}: {key}[{number}]"
        if not isinstance(entry, dict):
            raise ValueError(f"{place} is not an object but {entry!r:.40}")
        for field, kind in _FIELDS[key].items():
            if not _KINDS[kind](entry.get(field)):
                raise ValueError(f'{place} needs "{field}", {kind}; it has {entry.get(field)!r:.40}')
    if key != "annotations":
        _check_ids(path, key, [entry["id"] for entry in entries])
    return entries


def _check_ids(path: Path, key: str, ids: list[Any]) -> None:
    if len(set(ids)) < len(ids):
        twice = next(one for index, one in enumerate(ids) if one in ids[:index])
        raise ValueError(f"{path}: two of the {key} have the id {twice!r}")


def _check_links(path: Path, annotations: Iterable[Entry], field: str, known: set[Any]) -> None:
    for entry in annotations:
        if entry[field] not in known:
            what = field.removesuffix("_id")
            raise ValueError(
                f"{path}: annotation {entry.get('id')} belongs to {what} {entry[field]!r}, but the file lists"
                f" no such {what}; export it again"
            )


def _folders(path: Path, *names: str) -> tuple[Path, ...]:
    """Those of the folders that exist; the first, for a message, where none does."""
    folders = [path / name for name in names]
    return tuple(folder for folder in folders if folder.is_dir()) or (folders[0],)


# COCO JSON (Lin et al. 2014) as a data set: objects drawn into one mask.


class Coco(SegmentationDataset):
    """The images of a COCO file; class 0 is "background", the categories follow in the order of their ids.

    Where objects overlap the smaller one lies on top; crowd regions (`iscrowd`) are void where no object is.
    The file is read when the data set is opened, images when they are asked for.

    Args:
        found: the file, and where its images may lie.
        split: "train", "val" or "test".
        divide: the file is not one split: take those images whose file name's hash falls into `split`.

    Raises:
        ValueError: the file is not COCO JSON, breaks off, or contradicts itself or the folder; the sentence
            names the entry. Reading a sample raises ValueError when its size differs or a shape is broken.
    """

    def __init__(self, found: Found, split: str, *, divide: bool = False) -> None:
        self.path = found.annotations
        images, annotations, categories = read(self.path)
        if divide:
            chosen = set(splits.by_name(entry["file_name"] for entry in images)[split])
            images = [entry for entry in images if entry["file_name"] in chosen]
        if not images:
            raise splits.SplitError(f"{self.path}: there is no image in the split '{split}'")
        self.name, self.split, self.images = self.path.stem, split, images
        self.classes, self.class_of = classes_of(self.path, categories)
        self.objects = by_image(annotations)
        self.folder = image_folder(found, [entry["file_name"] for entry in images])

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Image, Mask]:
        image, numbers, classes = self._read(index)
        return image, Mask(classes[numbers])

    def sample_id(self, index: int) -> str:
        """The stem of the image's file."""
        return Path(self.images[index]["file_name"]).stem

    def instances(self, index: int) -> Instances:
        """The visible part of every object that is not a crowd."""
        _, numbers, classes = self._read(index)
        objects = [k for k in range(1, len(classes)) if classes[k] != VOID]
        masks = (
            torch.stack([numbers == k for k in objects]) if objects else numbers[None][:0] > 0
        )  # (M, H, W)
        return instances_of(masks, classes[objects])

    def _read(self, index: int) -> tuple[Image, Tensor, Tensor]:
        """The image, the number of the topmost shape at each pixel (0: none), and the numbers' classes."""
        entry = self.images[index]
        photo = self.folder / entry["file_name"]
        image = read_image(photo)
        size, source = (entry["height"], entry["width"]), f"{self.path}, image {entry['id']}"
        fit(torch.zeros(1, 1).expand(size), image, photo, source)  # before room is made for a lie
        classes, numbers = [0], np.zeros(size, np.int64)
        for shape, category in self._shapes(entry):
            numbers[shape] = len(classes)
            classes.append(category)
        return image, fit(torch.from_numpy(numbers), image, photo, source), torch.tensor(classes).byte()

    def _shapes(self, entry: dict[str, Any]) -> list[tuple[NDArray[np.bool_], int]]:
        """The shapes of an image with their classes: crowds first, then objects from large to small."""
        shapes = []
        for one in self.objects.get(entry["id"], []):
            try:
                shape = draw(one.get("segmentation"), entry["height"], entry["width"])
            except ValueError as error:
                raise ValueError(f"{self.path}, annotation {one.get('id')}: {error}") from None
            shapes.append((shape, VOID if one.get("iscrowd") else self.class_of[one["category_id"]]))
        return sorted(shapes, key=lambda pair: (pair[1] != VOID, -int(pair[0].sum())))
