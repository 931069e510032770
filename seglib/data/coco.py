"""COCO JSON (Lin et al. 2014) as a data set: the objects of an image are drawn into one mask.

pycocotools draws the polygons and does not check them: a corner far outside of the image exhausts the memory.
So files and shapes are checked here first.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from pycocotools import mask as pycoco
from torch import Tensor
from torchvision.tv_tensors import Image, Mask

from seglib.data.class_lists import is_void
from seglib.data.dataset import Instances, Part, SegmentationDataset, SplitError, by_name
from seglib.data.files import instances_of, match_size, read_image
from seglib.files import listed, naming, read_json
from seglib.labels import VOID, Classes

Entry = dict[str, Any]


_CROWDS = (
    "marked iscrowd: 1, and crowds are void, not objects. Tools that paint with a brush often mark every"
    " object so; load(..., crowds='objects') reads them as objects"
)
_SHARES = (
    "its outlines are shares of the image, 0..1, where COCO has pixels; multiply x by the width and y by the "
    "height of the image"
)
_NO_OUTLINE = "it has no polygon and no run lengths (a box alone is not a mask): draw it, or see notebook 07a"


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
        folders: where the images may be; the first that holds the first and the last image is used.
        divide: take only the images whose file name's hash falls into `split`.
        crowds: "void", or "objects": some tools write every object as a crowd.
        upright: whether shapes are known to lie on the upright photograph.
        page: which image of files that hold several.

    Raises:
        ValueError: the content contradicts itself or the folder; the message names the entry. Reading a
            sample raises ValueError if its size differs or a shape is broken.
    """

    def __init__(
        self, path: Path, split: str, content: Content, folders: Sequence[Path], *, divide: bool = False,
        crowds: str = "void", upright: bool = False, page: int | None = None,
    ) -> None:  # fmt: skip
        images = content.images
        if divide:
            chosen = set(by_name(entry["file_name"] for entry in images)[split])
            images = [entry for entry in images if entry["file_name"] in chosen]
        if not images:
            raise SplitError(f"{path}: there is no image in the split '{split}'")
        self.name, self.path, self.split = path.stem, path, split
        self.crowds, self.upright, self.page = crowds, upright, page
        self.classes, self.class_of = _classes(path, content.categories)
        objects: dict[Any, list[Entry]] = {entry["id"]: [] for entry in content.images}
        for entry in content.annotations:
            objects[entry["image_id"]].append(entry)
        self.objects = [objects[entry["id"]] for entry in images]
        self.folder, names = _image_files(path, folders, [entry["file_name"] for entry in images])
        self.images = [entry | {"file_name": name} for entry, name in zip(images, names)]
        if moved := sum(entry["file_name"].replace("\\", "/") != name for entry, name in zip(images, names)):
            self.note("moved", f"{path}: {moved} file names are found in {self.folder} without their folders")
        crowd = sum(bool(entry.get("iscrowd")) for entry in content.annotations)
        if crowds == "void" and 2 * crowd > len(content.annotations) and not upright:
            self.note("crowds", f"{path}: {crowd} of {len(content.annotations)} objects are {_CROWDS}")
        shapes = [one.get("segmentation") for one in content.annotations]
        if shapes and not any(shapes):
            raise ValueError(f"{self._place(content.annotations[0])}: as all others, {_NO_OUTLINE}")
        if _are_shares(shapes):
            raise ValueError(f"{path}: {_SHARES}")
        if len(shapes) > 9 and all(isinstance(one, list) and _corners(one) == [8] for one in shapes):
            self.note("boxes", f"{path}: every outline has four corners, as boxes have: look at a few")

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
        shapes = [(one.get("segmentation"), self._label(one)) for one in self.objects[index]]
        return f"{len(self.classes)} {entry['height']} {entry['width']} {shapes} ".encode() + image

    def instances(self, index: int) -> Instances:
        """The visible part of every object that is not a crowd."""
        _, numbers, classes = self._read(index)
        objects = torch.arange(len(classes))[1:][classes[1:] != VOID]
        return instances_of(numbers == objects[:, None, None], classes[objects])

    def stated_boxes(self, index: int) -> list[tuple[str, Tensor, Tensor]]:
        """The file's own boxes, which masks and instances do not depend on, each with its whole shape.

        A box that is that of its polygons' corners is left out: they may fill fewer pixels, or leave the
        image, and the box is right.
        """
        found = []
        size = self.images[index]["height"], self.images[index]["width"]
        for one in self.objects[index]:
            if self._label(one) != VOID and one.get("bbox"):
                with naming(self._place(one)):
                    x, y, width, height = finite_numbers(one["bbox"], "bbox", (4,))
                    box = torch.tensor([x, y, x + width, y + height], dtype=torch.float64)
                    if _follows_outline(box, one.get("segmentation"), *size):
                        continue
                name = self.classes.names[self.class_of[one["category_id"]]]
                found.append((f"{name} (annotation {one.get('id')})", box, self._shape(index, one)))
        return found

    def _read(self, index: int) -> tuple[Image, Tensor, Tensor]:
        """The image, the number of the topmost shape at each pixel (0: none), and the numbers' classes."""
        entry = self.images[index]
        photo = self.folder / entry["file_name"]
        image, note = read_image(photo, self.page, self.note), None if self.upright else self.note
        size, source = (entry["height"], entry["width"]), f"{self.path}, image {entry['id']}"
        match_size(torch.zeros(1, 1).expand(size), image, photo, source, note)  # before it takes memory
        shapes = [(self._shape(index, one), self._label(one)) for one in self.objects[index]]
        shapes.sort(key=lambda pair: (pair[1] != VOID, -int(pair[0].sum())))  # crowds, then large to small
        numbers = torch.zeros(size, dtype=torch.int64)
        for number, (shape, _) in enumerate(shapes, 1):
            numbers[shape] = number
        classes = torch.tensor([0, *(category for _, category in shapes)]).byte()
        return image, match_size(numbers, image, photo, source, None), classes

    def _shape(self, index: int, one: Entry) -> Tensor:
        """The pixels of one object, (H, W) bool, whatever covers them."""
        entry = self.images[index]
        with naming(self._place(one)):
            mask = segmentation_mask(one.get("segmentation"), entry["height"], entry["width"])
        return torch.from_numpy(mask)

    def _label(self, one: Entry) -> int:
        """The class of an object; void for a crowd."""
        crowd = one.get("iscrowd") and self.crowds == "void"
        return VOID if crowd else self.class_of[one["category_id"]]

    def _place(self, one: Entry) -> str:
        return f"{self.path}, annotation {one.get('id')}"


def _classes(path: Path, categories: Iterable[Entry]) -> tuple[Classes, dict[Any, int]]:
    """The classes, "background" first, and category id -> class; void for what is called so."""
    name_of = {entry["id"]: entry["name"] for entry in categories}
    names = ["background", *(name for name in name_of.values() if name != "background" and not is_void(name))]
    with naming(path):
        classes = Classes.of(*names)
    return classes, {key: VOID if is_void(name) else names.index(name) for key, name in name_of.items()}


def _are_shares(shapes: Iterable[Any]) -> bool:
    """Whether polygons hold numbers, but none above 1; it ends at the first that is."""
    numbers = (
        number for one in shapes if isinstance(one, list)
        for polygon in one if isinstance(polygon, list)
        for number in polygon if isinstance(number, int | float)
    )  # fmt: skip
    first = next(numbers, math.inf)
    return first <= 1 and all(number <= 1 for number in numbers)


def _corners(polygons: list[Any]) -> list[int]:
    """How many numbers each polygon of a shape has."""
    return [len(polygon) for polygon in polygons if isinstance(polygon, list)]


def _image_files(path: Path, folders: Sequence[Path], names: list[str]) -> tuple[Path, list[str]]:
    r"""The folder with the images, and their names in it.

    "\\" is read as "/". A name that is not in the folder, or leads out of it, is looked for without its
    folders: files name the places of another machine. A ValueError names those that are missing.
    """
    inside = [name.replace("\\", "/") for name in names]
    plain = [name.rpartition("/")[2] for name in inside]
    safe = [not (name[:1] == "/" or name[1:2] == ":" or ".." in name.split("/")) for name in inside]

    def holds(folder: Path) -> tuple[int, bool, bool]:
        ends = sum(safe[k] and (folder / inside[k]).is_file() for k in (0, -1))
        return ends, (folder / plain[0]).is_file(), folder.is_dir()

    folder = max(folders, key=holds)
    parents = {folder, *((folder / name).parent for name, fits in zip(inside, safe) if fits)}
    there = {file for parent in parents if parent.is_dir() for file in parent.iterdir()}
    found = [
        name if fits and folder / name in there else bare if folder / bare in there else None
        for name, bare, fits in zip(inside, plain, safe)
    ]
    if outside := [name for name, fits, place in zip(names, safe, found) if not fits and not place]:
        raise ValueError(
            f"{path}: the file name {outside[0]!r} leads out of the image folder, and {folder} holds no image"
            " of this name; copy the images there"
        )
    if absent := [name for name, place in zip(names, found) if not place]:
        raise ValueError(
            f"{path}: {len(absent)} of its images are not in {folder} ({listed(absent)}); copy them there, or"
            " remove them from the file"
        )
    if twice := [name for name, count in Counter(found).items() if count > 1]:
        raise ValueError(f"{path}: several of its images are {folder / str(twice[0])}; keep their folders")
    return folder, [str(place) for place in found]


# Whether a file's content is consistent.


Field = tuple[str, Callable[[Any], bool]]  # what its value must be, in words and as a test
_ID: Field = "an id", lambda value: isinstance(value, (int, str))
_TEXT: Field = "a text of one line", lambda value: is_line(value)
_SIZE: Field = "a size", lambda value: is_side(value)
_FIELDS = {
    "images": {"id": _ID, "file_name": _TEXT, "height": _SIZE, "width": _SIZE},
    "annotations": {"image_id": _ID, "category_id": _ID},
    "categories": {"id": _ID, "name": _TEXT},
}


def read(path: Path) -> Content:
    """The images, annotations and categories of a COCO file; categories by their ids, numbers before text.

    Raises:
        ValueError: the file is incomplete or not COCO, or an entry lacks a field or refers to something that
            does not exist.
    """
    file = read_json(path)
    content = Content(*(_entries(path, file, key) for key in _FIELDS))
    content.categories.sort(key=lambda entry: (str(type(entry["id"])), entry["id"]))
    for field, entries in (("image_id", content.images), ("category_id", content.categories)):
        known, what = {entry["id"] for entry in entries}, field.removesuffix("_id")
        for entry in content.annotations:
            if entry[field] not in known:
                wrong = f"annotation {entry.get('id')} belongs to {what} {entry[field]!r}"
                raise ValueError(f"{path}: {wrong}, but the file lists no such {what}; export it again")
    return content


def _entries(path: Path, file: Any, key: str) -> list[Entry]:
    """One of the three lists; every entry has the required fields, and ids are unique."""
    entries = file.get(key) if isinstance(file, dict) else None
    if not isinstance(entries, list):
        raise ValueError(f'{path}: not a COCO file: it has no list "{key}"')
    for number, entry in enumerate(entries):
        place = f"{path}: {key}[{number}]"
        if not isinstance(entry, dict):
            raise ValueError(f"{place} is not an object but {entry!r:.40}")
        for field, (kind, fits) in _FIELDS[key].items():
            if not fits(entry.get(field)):
                raise ValueError(f'{place} needs "{field}", {kind}; it has {entry.get(field)!r:.40}')
    ids = Counter(entry["id"] for entry in entries if key != "annotations")
    if ids and max(ids.values()) > 1:
        raise ValueError(f"{path}: two of the {key} have the id {ids.most_common(1)[0][0]!r}")
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
    if isinstance(segmentation, dict):
        counts = _run_lengths(segmentation, height, width)
        return np.repeat(np.arange(len(counts)) % 2 == 1, counts).reshape(width, height).T
    _check_polygons(segmentation, height, width)
    return pycoco.decode(pycoco.merge(pycoco.frPyObjects(segmentation, height, width))).astype(bool)


def _follows_outline(box: Tensor, segmentation: Any, height: int, width: int) -> bool:
    """Whether a box x1 y1 x2 y2 is that of all corners of the polygons, give or take a pixel."""
    if isinstance(segmentation, dict):
        return False
    _check_polygons(segmentation, height, width)
    corners = torch.tensor([*chain(*segmentation)], dtype=torch.float64).reshape(-1, 2)
    return bool(((box - torch.cat([corners.amin(0), corners.amax(0)])).abs() <= 1).all())


def _check_polygons(polygons: Any, height: int, width: int) -> None:
    """Each has three corners or more, all of them on the image or within one image's size of it."""
    if not isinstance(polygons, list) or not polygons:
        raise ValueError(_NO_OUTLINE)
    for polygon in polygons:
        if not isinstance(polygon, list) or len(polygon) < 6 or len(polygon) % 2:
            raise ValueError("a polygon is a list x1, y1, x2, y2, ... of at least three corners")
        for value, size in zip(polygon, (width, height) * len(polygon)):
            if not is_finite(value) or not -size <= value <= 2 * size:
                raise ValueError(
                    f"the polygon's corner {value!r} is far outside the image of {width}x{height}"
                )


def is_finite(value: Any) -> bool:
    """Whether a value from a JSON file is a finite number."""
    with suppress(OverflowError):  # a whole number of hundreds of digits
        return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    return False


def is_line(value: Any) -> bool:
    """Whether a value from a JSON file is a text that a message can hold, as a name of a file or a class."""
    return isinstance(value, str) and len(value.splitlines()) == 1


def is_side(value: Any) -> bool:
    """Whether a value from a JSON file can be a width or a height, which torch counts in 64 bits."""
    return type(value) is int and 0 < value < 2**31


def finite_numbers(values: Any, field: str, lengths: Sequence[int]) -> list[float]:
    """The value of a field, a list of finite numbers whose length is one of `lengths`."""
    if not isinstance(values, list) or len(values) not in lengths or not all(map(is_finite, values)):
        expected = listed([*map(str, lengths[:4])], 3)
        raise ValueError(f'"{field}" must be a list of {expected} finite numbers, got {values!r:.60}')
    return values


def _run_lengths(segmentation: dict[str, Any], height: int, width: int) -> list[int]:
    """The run lengths, which must add up to the image."""
    if segmentation.get("size") != [height, width]:
        raise ValueError(f"its size {segmentation.get('size')!r:.40} is not the image's [{height}, {width}]")
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
