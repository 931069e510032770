"""COCO JSON (Lin et al. 2014) as a data set: the objects of an image are drawn into one mask.

pycocotools draws. It trusts its input: a polygon with a far-off corner takes all memory, and run lengths that
end too early leave whatever was in memory in the mask. So files and shapes are checked here first.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from pycocotools import mask as pycoco
from torch import Tensor
from torchvision.tv_tensors import Image, Mask

from seglib.data.dataset import FOLDERS, Instances, Part, SegmentationDataset, SplitError, by_name
from seglib.data.files import instances_of, listed
from seglib.data.images import match_size, read_image
from seglib.files import read_json
from seglib.labels import VOID, Classes

Entry = dict[str, Any]


class Content(NamedTuple):
    """What a COCO file holds."""

    images: list[Entry]
    annotations: list[Entry]
    categories: list[Entry]


class Coco(SegmentationDataset):
    """The images of a COCO file; class 0 is "background", the categories follow in the order of their ids.

    Where objects overlap, the smaller one is on top; crowd regions (`iscrowd`) are void where there is no
    object. Images are read when they are accessed.

    Args:
        path: where the annotations come from, for messages.
        split: "train", "val" or "test".
        content: images, annotations and categories, of all splits if `divide`.
        folders: where the images may be; the first that has them counts.
        divide: take only the images whose file name's hash falls into `split`.

    Raises:
        ValueError: the content contradicts itself or the folder; the message names the entry. Reading a
            sample raises ValueError if its size differs or a shape is broken.
    """

    def __init__(
        self, path: Path, split: str, content: Content, folders: Sequence[Path], *, divide: bool = False
    ) -> None:
        images = content.images
        if divide:
            chosen = set(by_name(entry["file_name"] for entry in images)[split])
            images = [entry for entry in images if entry["file_name"] in chosen]
        if not images:
            raise SplitError(f"{path}: there is no image in the split '{split}'")
        self.name, self.path, self.split, self.images = path.stem, path, split, images
        self.classes, self.class_of = _classes(path, content.categories)
        self.objects: dict[Any, list[Entry]] = {}
        for entry in content.annotations:
            self.objects.setdefault(entry["image_id"], []).append(entry)
        self.folder = _image_folder(path, folders, [entry["file_name"] for entry in images])

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Image, Mask]:
        image, numbers, classes = self._read(index)
        return image, Mask(classes[numbers])

    def sample_id(self, index: int) -> str:
        """The stem of the image's file."""
        return Path(self.images[index]["file_name"]).stem

    def source_bytes(self, index: int, part: Part) -> bytes:
        """The image's file (for a mask too: its rotation is the image's), and the shapes on it."""
        entry = self.images[index]
        image = (self.folder / entry["file_name"]).read_bytes()
        if part == "image":
            return image
        shapes = [
            (one.get("segmentation"), one.get("iscrowd"), self.class_of[one["category_id"]])
            for one in self.objects.get(entry["id"], [])
        ]
        return f"{len(self.classes)} {entry['height']} {entry['width']} {shapes} ".encode() + image

    def instances(self, index: int) -> Instances:
        """The visible part of every object that is not a crowd."""
        _, numbers, classes = self._read(index)
        objects = [k for k in range(1, len(classes)) if classes[k] != VOID]
        masks = torch.stack([numbers == k for k in objects]) if objects else numbers[None][:0] > 0
        return instances_of(masks, classes[objects])

    def stated_boxes(self, index: int) -> list[tuple[str, Tensor, Tensor]]:
        """The file's own boxes, which masks and instances do not depend on, each with its whole shape."""
        entry, found = self.images[index], []
        for one in self.objects.get(entry["id"], []):
            if one.get("iscrowd") or not one.get("bbox"):
                continue
            box = one["bbox"]
            if not isinstance(box, list) or len(box) != 4 or not all(map(is_finite, box)):
                raise ValueError(f'{self._place(one)}: "bbox" must be four finite numbers, got {box!r:.60}')
            corners = torch.tensor([*box[:2], box[0] + box[2], box[1] + box[3]], dtype=torch.float64)
            name = f"{self.classes.names[self.class_of[one['category_id']]]} (annotation {one.get('id')})"
            found.append((name, corners, self._shape(one, entry)))
        return found

    def _read(self, index: int) -> tuple[Image, Tensor, Tensor]:
        """The image, the number of the topmost shape at each pixel (0: none), and the numbers' classes."""
        entry = self.images[index]
        photo = self.folder / entry["file_name"]
        image = read_image(photo)
        size, source = (entry["height"], entry["width"]), f"{self.path}, image {entry['id']}"
        match_size(torch.zeros(1, 1).expand(size), image, photo, source)  # before memory for it is allocated
        shapes = [
            (self._shape(one, entry), VOID if one.get("iscrowd") else self.class_of[one["category_id"]])
            for one in self.objects.get(entry["id"], [])
        ]
        shapes.sort(key=lambda pair: (pair[1] != VOID, -int(pair[0].sum())))  # crowds, then large to small
        numbers = torch.zeros(size, dtype=torch.int64)
        for number, (shape, _) in enumerate(shapes, 1):
            numbers[shape] = number
        classes = torch.tensor([0, *(category for _, category in shapes)]).byte()
        return image, match_size(numbers, image, photo, source), classes

    def _shape(self, one: Entry, entry: Entry) -> Tensor:
        """The pixels of one object, (H, W) bool, whatever covers them."""
        try:
            mask = segmentation_mask(one.get("segmentation"), entry["height"], entry["width"])
        except ValueError as error:
            raise ValueError(f"{self._place(one)}: {error}") from None
        return torch.from_numpy(mask)

    def _place(self, one: Entry) -> str:
        return f"{self.path}, annotation {one.get('id')}"


def _classes(path: Path, categories: Iterable[Entry]) -> tuple[Classes, dict[Any, int]]:
    """The classes, "background" first, and category id -> class."""
    categories = sorted(categories, key=id_order)
    names = ["background", *(entry["name"] for entry in categories if entry["name"] != "background")]
    try:
        return Classes.of(*names), {entry["id"]: names.index(entry["name"]) for entry in categories}
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def id_order(entry: Entry) -> tuple[str, Any]:
    """Sorts entries by their ids: numbers before text."""
    return str(type(entry["id"])), entry["id"]


def _image_folder(path: Path, folders: Sequence[Path], names: list[str]) -> Path:
    """The folder with the images `names`; a ValueError names those that are missing or outside of it."""
    if outside := [name for name in names if Path(name).is_absolute() or ".." in Path(name).parts]:
        raise ValueError(f"{path}: the file name {outside[0]!r} leads out of the image folder")
    folder = next((folder for folder in folders if (folder / names[0]).is_file()), folders[0])
    there: set[Path] = set()
    for parent in {Path(name).parent for name in names}:
        if (folder / parent).is_dir():
            there.update(parent / entry.name for entry in (folder / parent).iterdir())
    if absent := [name for name in names if Path(name) not in there]:
        raise ValueError(f"{path}: {len(absent)} of its images are not in {folder} ({listed(absent)})")
    return folder


# Where a COCO file is, and whether its content is consistent.


class Found(NamedTuple):
    """A COCO file and the folders in which its images may be."""

    annotations: Path
    images: tuple[Path, ...]


def find(path: Path) -> dict[str, Found]:
    """Split -> COCO file, in a folder or for a file itself; the split is "" where the file is not divided.

    Known are COCO's own `annotations/instances_train2017.json` with `train2017/`, the labelling services'
    `train/_annotations.coco.json`, and a single .json file with `images/` next to it.
    """
    if path.is_file():
        images = _folders(path.parent, "images", "../images", ".")
        return {"": Found(path, images)} if path.suffix == ".json" else {}
    found = {}
    for split, names in FOLDERS.items():
        for name in names:
            if (file := path / name / "_annotations.coco.json").is_file():
                found[split] = Found(file, (path / name,))
            for file in sorted((path / "annotations").glob(f"instances_{name}*.json")):
                year = file.stem.removeprefix("instances_")
                images = _folders(path, year, f"images/{year}", name, f"images/{name}", "images")
                found[split] = Found(file, images)
    files = [file for folder in (path, path / "annotations") for file in folder.glob("*.json")]
    if not found and len(files) == 1:
        found[""] = Found(files[0], _folders(path, "images", "."))
    return found


def _folders(path: Path, *names: str) -> tuple[Path, ...]:
    """Those of the folders that exist; the first, for a message, if none does."""
    folders = [path / name for name in names]
    return tuple(folder for folder in folders if folder.is_dir()) or (folders[0],)


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


def read(path: Path) -> Content:
    """The images, annotations and categories of a COCO file.

    Raises:
        ValueError: the file is incomplete or not COCO, or an entry lacks a field or refers to something that
            does not exist.
    """
    file = read_json(path)
    content = Content(*(_entries(path, file, key) for key in _FIELDS))
    for field, entries in (("image_id", content.images), ("category_id", content.categories)):
        known, what = {entry["id"] for entry in entries}, field.removesuffix("_id")
        for entry in content.annotations:
            if entry[field] not in known:
                raise ValueError(
                    f"{path}: annotation {entry.get('id')} belongs to {what} {entry[field]!r}, but the file"
                    f" lists no such {what}; export it again"
                )
    return content


def _entries(path: Path, file: Any, key: str) -> list[Entry]:
    """One of the three lists; every entry has the required fields, and ids are unique."""
    entries = file.get(key) if isinstance(file, dict) else None
    if not isinstance(entries, list):
        raise ValueError(f'{path}: not a COCO file: it has no list "{key}"')
    ids = set()
    for number, entry in enumerate(entries):
        place = f"{path}: {key}[{number}]"
        if not isinstance(entry, dict):
            raise ValueError(f"{place} is not an object but {entry!r:.40}")
        for field, kind in _FIELDS[key].items():
            if not _KINDS[kind](entry.get(field)):
                raise ValueError(f'{place} needs "{field}", {kind}; it has {entry.get(field)!r:.40}')
        if key != "annotations":
            if entry["id"] in ids:
                raise ValueError(f"{path}: two of the {key} have the id {entry['id']!r}")
            ids.add(entry["id"])
    return entries


# The shape of one object.


def segmentation_mask(segmentation: Any, height: int, width: int) -> NDArray[np.bool_]:
    """The pixels of a COCO `segmentation`.

    Args:
        segmentation: a list of polygons `[x1, y1, x2, y2, ...]`, or `{"size": [height, width], "counts":
            ...}` with run lengths down the columns, as a list or in COCO's compressed text.
        height: of the image, pixels.
        width: of the image, pixels.

    Returns:
        bool (height, width).

    Raises:
        ValueError: it has another form, or does not fit the image.

    Example:
        >>> segmentation_mask({"size": [2, 3], "counts": [2, 3, 1]}, 2, 3).astype(int)
        array([[0, 1, 1],
               [0, 1, 0]])
    """
    if isinstance(segmentation, list) and segmentation:
        for polygon in segmentation:
            _check_polygon(polygon, height, width)
        runs = pycoco.merge(pycoco.frPyObjects(segmentation, height, width))
    elif isinstance(segmentation, dict):
        counts = _run_lengths(segmentation, height, width)
        runs = pycoco.frPyObjects({"size": [height, width], "counts": counts}, height, width)
    else:
        raise ValueError("it has no polygon and no run lengths (a box alone is not a mask)")
    return pycoco.decode(runs).astype(bool)


def _check_polygon(polygon: Any, height: int, width: int) -> None:
    """Three corners or more, all of them on the image or within one image's size of it."""
    if not isinstance(polygon, list) or len(polygon) < 6 or len(polygon) % 2:
        raise ValueError("a polygon is a list x1, y1, x2, y2, ... of at least three corners")
    for values, size in ((polygon[0::2], width), (polygon[1::2], height)):
        for value in values:
            if not is_finite(value) or not -size <= value <= 2 * size:
                raise ValueError(
                    f"the polygon's corner {value!r} is far outside the image of {width}x{height}"
                )


def is_finite(value: Any) -> bool:
    """Whether a value from a JSON file is a finite number."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _run_lengths(segmentation: dict[str, Any], height: int, width: int) -> list[int]:
    """The run lengths, which must add up to the image."""
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
