"""What people draw on images: boxes and polygons, each with its class and the seconds it took.

Coordinates are points of a plane in which pixel (x, y) covers x..x+1, y..y+1. So the box of a whole image
is (0, 0, width, height), and the corner x2, y2 of a box is exclusive when it is read in pixels.
"""

import json
import math
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from typing import Any

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from seglib import boxes
from seglib.data import coco
from seglib.data.coco import Entry
from seglib.data.dataset import Instances
from seglib.files import naming, write_text
from seglib.labels import Classes

Point = tuple[float, float]
Box = tuple[float, float, float, float]
SLACK = 1  # pixels that a corner may be outside of its image, because some tools round


@dataclass(frozen=True)
class Annotation:
    """One object.

    Attributes:
        name: its class.
        box: x1 y1 x2 y2, with x1 < x2 and y1 < y2.
        polygons: the outlines of its parts, each three corners (x, y) or more; () if only the box is known.
        seconds: how long a person took to draw it; None if it was not measured.

    Raises:
        ValueError: one of these rules is broken.

    Example:
        >>> Annotation.outline("fish", [(1, 1), (4, 1), (4, 3.5)]).box
        (1, 1, 4, 3.5)
    """

    name: str
    box: Box
    polygons: tuple[tuple[Point, ...], ...] = ()
    seconds: float | None = None

    def __post_init__(self) -> None:
        x1, y1, x2, y2 = self.box
        if not all(map(math.isfinite, chain(self.box, *chain(*self.polygons)))):
            raise ValueError(f"the object '{self.name}' has a coordinate that is not a finite number")
        if x1 >= x2 or y1 >= y2:
            rule = "x1 must be below x2, and y1 below y2"
            raise ValueError(f"the box {self.box} of '{self.name}' has no area or swapped corners: {rule}")
        if (corners := min(map(len, self.polygons), default=3)) < 3:
            raise ValueError(f"a polygon of '{self.name}' has {corners} corners; it needs three or more")
        if self.seconds is not None and not 0 <= self.seconds < math.inf:
            raise ValueError(f"'{self.name}' cannot have taken {self.seconds} seconds")

    @classmethod
    def outline(cls, name: str, *polygons: Sequence[Point], seconds: float | None = None) -> "Annotation":
        """An object drawn as one polygon or several; its box is the tightest around the corners."""
        xs, ys = zip(*((x, y) for polygon in polygons for x, y in polygon))
        parts = tuple(tuple((x, y) for x, y in polygon) for polygon in polygons)
        return cls(name, (min(xs), min(ys), max(xs), max(ys)), parts, seconds)


@dataclass(frozen=True)
class AnnotatedImage:
    """One image and the objects drawn on it.

    Attributes:
        file_name: with "/" between folders.
        width: pixels.
        height: pixels.
        annotations: the objects, in the order in which they were drawn.
        seconds: all the time a person spent on this image, searching included; None if it was not measured.

    Raises:
        ValueError: the size is not positive, or an object leaves the image by more than a pixel.
    """

    file_name: str
    width: int
    height: int
    annotations: tuple[Annotation, ...] = ()
    seconds: float | None = None

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1:
            raise ValueError(f"{self.file_name} cannot be {self.width} pixels wide and {self.height} high")
        for annotation in self.annotations:
            for x, y in [annotation.box[:2], annotation.box[2:], *chain(*annotation.polygons)]:
                if not (-SLACK <= x <= self.width + SLACK and -SLACK <= y <= self.height + SLACK):
                    image = f"{self.file_name}, {self.width} wide and {self.height} high"
                    corner = f"a corner at ({x:g}, {y:g}), outside of {image}"
                    raise ValueError(f"the object '{annotation.name}' has {corner}")

    def boxes(self) -> Tensor:
        """(M, 4) int64 x1 y1 x2 y2 in whole pixels, end-exclusive, inside the image.

        A corner between two pixels is moved outwards, so that the box holds everything that it held.
        """
        boxes = torch.tensor([annotation.box for annotation in self.annotations], dtype=torch.float64)
        corners = boxes.reshape(-1, 2, 2)  # (M, first and second corner, x and y)
        whole = torch.stack([corners[:, 0].floor(), corners[:, 1].ceil()], dim=1).long()
        return whole.clamp_(torch.zeros(2).long(), torch.tensor([self.width, self.height])).reshape(-1, 4)

    def masks(self) -> Tensor:
        """(M, height, width) bool: polygons as COCO's own tools fill them, boxes without a polygon filled."""
        masks = torch.zeros(len(self.annotations), self.height, self.width, dtype=torch.bool)
        boxes = self.boxes().tolist()
        for mask, annotation, (x1, y1, x2, y2) in zip(masks, self.annotations, boxes):
            if annotation.polygons:
                flat = [[*chain(*polygon)] for polygon in annotation.polygons]
                mask |= torch.from_numpy(coco.segmentation_mask(flat, self.height, self.width))
            else:
                mask[y1:y2, x1:x2] = True
        return masks

    def instances(self, classes: Classes) -> Instances:
        """The objects as a data set would give them, one for each annotation, in the same order.

        Raises:
            ValueError: a name is not one of `classes`.
        """
        indices = [classes.index(annotation.name) for annotation in self.annotations]
        return Instances(self.masks(), torch.tensor(indices, dtype=torch.long), self.boxes())


@dataclass(frozen=True)
class AnnotationSet:
    """Images and the objects drawn on them, as one file of annotations holds them.

    Attributes:
        names: the classes, in the order in which formats number them.
        images: one entry per image, also if nothing was drawn on it.

    Raises:
        ValueError: two classes or two images have one name, or an object has a class that is not listed.
    """

    names: tuple[str, ...]
    images: tuple[AnnotatedImage, ...]

    def __post_init__(self) -> None:
        files = [image.file_name for image in self.images]
        for what, names in (("classes", self.names), ("images", files)):
            if twice := [name for name, number in Counter(names).items() if number > 1]:
                raise ValueError(f"two {what} are called '{twice[0]}'; names must differ")
        for image in self.images:
            if unknown := {annotation.name for annotation in image.annotations} - {*self.names}:
                known = ", ".join(self.names) or "none"
                raise ValueError(f"{image.file_name}: the classes are {known}, not '{min(unknown)}'")

    @property
    def seconds_per_object(self) -> float:
        """The time spent on all images, searching included, for each timed object; NaN without any.

        The time spent on images without an object is included.
        """
        timed = sum(one.seconds is not None for image in self.images for one in image.annotations)
        return sum(image.seconds or 0 for image in self.images) / timed if timed else math.nan

    def __len__(self) -> int:
        """How many images there are."""
        return len(self.images)

    def __getitem__(self, index: int) -> AnnotatedImage:
        """Image number `index`."""
        return self.images[index]

    def __iter__(self) -> Iterator[AnnotatedImage]:
        """The images in order."""
        return iter(self.images)


# Annotations in a COCO file (Lin et al. 2014). "seconds", of an annotation or an image, is this course's own
# field, which other readers ignore.


def read_coco(path: Path) -> AnnotationSet:
    """The boxes and outlines in a COCO file; classes in the order of their ids.

    Regions stored as run lengths (crowds, brush strokes) have no outline: they are left out with a warning.
    `seglib.data.catalog.load` reads them, as masks.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not COCO JSON, or an entry is broken; the message names the entry and the field.
    """
    content = coco.read(path)
    names = {entry["id"]: entry["name"] for entry in content.categories}
    objects: dict[Any, list[Annotation]] = {entry["id"]: [] for entry in content.images}
    runs = 0
    for number, entry in enumerate(content.annotations):
        if not _has_outline(entry):
            runs += 1
            continue
        with naming(f"{path}: annotations[{number}]"):
            objects[entry["image_id"]].append(_annotation(entry, names[entry["category_id"]]))
    if runs:
        what = f"{runs} objects stored as run lengths, which have no outline"
        advice = "`load` reads them as masks, and what writes onto this file keeps them"
        warnings.warn(f"{path}: left out {what}; {advice}", stacklevel=2)
    images = []
    for number, entry in enumerate(content.images):
        with naming(f"{path}: images[{number}]"):
            size, drawn = (entry["width"], entry["height"]), tuple(objects[entry["id"]])
            images.append(AnnotatedImage(entry["file_name"], *size, drawn, _seconds(entry)))
    with naming(path):
        return AnnotationSet(tuple(names.values()), tuple(images))


def _annotation(entry: Entry, name: str) -> Annotation:
    parts = entry.get("segmentation") or []
    parts = parts if isinstance(parts, list) else [parts]  # an error below
    flat = [coco.finite_numbers(part, "segmentation", range(6, 10**6, 2)) for part in parts]
    polygons = tuple(tuple(zip(values[0::2], values[1::2])) for values in flat)
    if polygons and entry.get("bbox") is None:
        return Annotation.outline(name, *polygons, seconds=_seconds(entry))
    x, y, width, height = coco.finite_numbers(entry.get("bbox"), "bbox", (4,))
    return Annotation(name, (x, y, x + width, y + height), polygons, _seconds(entry))


def _seconds(entry: Entry) -> float | None:
    seconds = entry.get("seconds")
    if seconds is not None and not coco.is_finite(seconds):
        raise ValueError(f'"seconds" must be a finite number, got {seconds!r:.60}')
    return seconds


def write_coco(path: Path, annotations: AnnotationSet, *, onto: Entry | None = None) -> None:
    """Write a COCO file; ids count from 1, an object without an outline has an empty "segmentation".

    Args:
        path: the file.
        annotations: what it shall hold.
        onto: the content of a COCO file that this one continues; it is changed. Of it, only the boxes and
            outlines of the images in `annotations` change. Everything else stays: ids, other images, objects
            stored as run lengths, fields that only other tools know. An object whose shape or class has
            changed is recognised by its place among the objects of its image.

    Raises:
        DiskError: the file cannot be written; an older file of that name is unchanged.
    """
    content = {"images": [], "annotations": [], "categories": []} | dict(onto or {})
    _add_names(content["categories"], "name", annotations.names, lambda name: {})
    sizes = {one.file_name: {"width": one.width, "height": one.height} for one in annotations}
    _add_names(content["images"], "file_name", sizes, sizes.__getitem__)
    categories = {entry["name"]: entry["id"] for entry in content["categories"]}
    image_of = {entry["file_name"]: entry for entry in content["images"]}
    before: dict[Any, list[Entry]] = {entry["id"]: [] for entry in content["images"]}
    for entry in filter(_has_outline, content["annotations"]):
        before[entry["image_id"]].append(entry)
    replaced: dict[int, Entry | None] = {}  # address of an entry -> the one in its place; None: deleted
    ids, added = _new_ids(content["annotations"]), []
    for image in annotations:
        entry = image_of[image.file_name]
        entry |= _timed(entry, image.seconds or None)
        there = before[entry["id"]]
        replaced |= {id(old): None for old in there}
        for one, old in zip(image.annotations, _continued(image.annotations, there, categories)):
            place = {"image_id": entry["id"], "category_id": categories[one.name]}
            if old is None:
                new = {"id": next(ids)} | place | _shape(one) | {"iscrowd": 0}
                added.append(new | _timed(new, one.seconds))
            else:
                moved = {} if _key(one, categories) == _entry_key(old) else place | _shape(one)
                replaced[id(old)] = old | moved | _timed(old, one.seconds)
    kept = [replaced.get(id(entry), entry) for entry in content["annotations"]]
    content["annotations"] = [entry for entry in kept if entry is not None] + added
    write_text(path, json.dumps(content, indent=1, ensure_ascii=False))


def _add_names(entries: list[Entry], field: str, names: Iterable[str], more: Callable[[str], Entry]) -> None:
    """An entry, with an id that no other has, for every name that has none."""
    there = {entry[field] for entry in entries}
    for name, id_ in zip([name for name in names if name not in there], _new_ids(entries)):
        entries.append({"id": id_, field: name} | more(name))


def _new_ids(entries: Sequence[Entry]) -> Iterator[int]:
    """Ids that no entry has."""
    return count(1 + max((one["id"] for one in entries if isinstance(one.get("id"), int)), default=0))


def _has_outline(entry: Entry) -> bool:
    """Whether `read_coco` reads this object."""
    return not isinstance(entry.get("segmentation"), dict)


def _key(one: Annotation, category: Mapping[str, Any]) -> tuple[Any, ...]:
    """What makes an object the same: its class, and its outline or, without one, its box."""
    return category[one.name], one.polygons or one.box


def _entry_key(entry: Entry) -> tuple[Any, ...]:
    return _key(_annotation(entry, ""), {"": entry["category_id"]})


def _continued(
    drawn: Sequence[Annotation], there: Sequence[Entry], category: Mapping[str, Any]
) -> list[Entry | None]:
    """For each drawn object the entry that it continues: an equal one, else what was at its place."""
    equal: dict[tuple[Any, ...], list[Entry]] = {}
    for entry in reversed(there):
        equal.setdefault(_entry_key(entry), []).append(entry)
    found = [known.pop() if (known := equal.get(_key(one, category))) else None for one in drawn]
    taken = {id(entry) for entry in found}
    for number, entry in enumerate(there[: len(drawn)]):
        if found[number] is None and id(entry) not in taken:
            found[number] = entry
    return found


def _shape(one: Annotation) -> Entry:
    x1, y1, x2, y2 = one.box
    area = sum(map(_area, one.polygons)) if one.polygons else (x2 - x1) * (y2 - y1)
    segmentation = [[*chain(*polygon)] for polygon in one.polygons]
    return {"bbox": [x1, y1, x2 - x1, y2 - y1], "segmentation": segmentation, "area": area}


def _timed(entry: Entry, seconds: float | None) -> Entry:
    """The field for a time that was measured and is not there yet."""
    return {} if seconds is None or entry.get("seconds") == seconds else {"seconds": seconds}


def _area(polygon: tuple[Point, ...]) -> float:
    """The area of a polygon, by the shoelace formula."""
    after = (*polygon[1:], polygon[0])
    return abs(sum(x * v - u * y for (x, y), (u, v) in zip(polygon, after))) / 2


# How well drawn objects agree with the true ones.


@dataclass(frozen=True)
class Agreement:
    """Drawn objects compared with the true ones.

    Attributes:
        iou: (M,) float32 in 0..1, of each drawn object with the true one it is paired with; 0 without a pair.
        match: (M,) int64 number of that true object, -1 without a pair.
        right_class: (M,) bool, whether both have the same class.
        missed: numbers of the true objects that were not drawn.
    """

    iou: Tensor
    match: Tensor
    right_class: Tensor
    missed: tuple[int, ...]

    def __str__(self) -> str:
        if not len(self.iou):
            return f"nothing drawn; {len(self.missed)} objects missed"
        mean, worst = float(self.iou.mean()), float(self.iou.min())
        return (
            f"{len(self.iou)} drawn: mean IoU {mean:.2f}, worst {worst:.2f}, "
            f"{int(self.right_class.sum())} with the right class; {len(self.missed)} missed"
        )


def agreement(drawn: Instances, truth: Instances, *, by: str = "masks") -> Agreement:
    """Pair every drawn object with at most one true one, so that the sum of the IoUs is largest.

    The pairing ignores the classes, so that a box with the wrong class is still paired with its object.

    Args:
        drawn: M objects of an image, as `Image.instances` gives them.
        truth: N objects of the same image.
        by: "masks" compares pixels, "boxes" only the boxes.

    Raises:
        ValueError: `by` is neither, or the masks differ in size.

    Example:
        >>> truth = Instances(torch.ones(1, 2, 4).bool(), torch.tensor([1]), torch.tensor([[0, 0, 4, 2]]))
        >>> drawn = Instances(torch.ones(1, 2, 4).bool(), torch.tensor([2]), torch.tensor([[0, 0, 2, 2]]))
        >>> agreement(drawn, truth, by="boxes").iou, agreement(drawn, truth).right_class
        (tensor([0.5000]), tensor([False]))
    """
    if by not in ("masks", "boxes"):
        raise ValueError(f"by must be 'masks' or 'boxes', not {by!r}")
    overlap = boxes.iou(drawn.boxes, truth.boxes) if by == "boxes" else _mask_iou(drawn.masks, truth.masks)
    rows, columns = linear_sum_assignment(overlap.numpy(), maximize=True)
    iou, match = torch.zeros(len(drawn)), torch.full((len(drawn),), -1)
    iou[rows], match[rows] = overlap[rows, columns], torch.from_numpy(columns)
    match[iou == 0] = -1
    right = drawn.classes == torch.cat([truth.classes, torch.tensor([-1])])[match]  # -1: no such class
    missed = set(range(len(truth))) - set(match.tolist())
    return Agreement(iou, match, right, tuple(sorted(missed)))


def _mask_iou(masks: Tensor, others: Tensor) -> Tensor:
    """IoU of each of (M, H, W) with each of (N, H, W) bool masks: (M, N)."""
    if masks.shape[1:] != others.shape[1:]:
        raise ValueError(f"the drawn masks are {tuple(masks.shape[1:])}, the true {tuple(others.shape[1:])}")
    flat, flat_others = masks.flatten(1).float(), others.flatten(1).float()
    shared = flat @ flat_others.T
    union = flat.sum(1)[:, None] + flat_others.sum(1) - shared
    return shared / union.clamp(min=1)
