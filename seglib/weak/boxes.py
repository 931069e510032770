"""The boxes that are given, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor
from torchvision.ops import box_area

from seglib.data.annotations import AnnotationSet
from seglib.data.dataset import SegmentationDataset
from seglib.labels import VOID, Classes

Size = tuple[int, int]

NOT, OBJECT, UNSURE = 0, 1, 2  # what a scheme says about each pixel of a box


class BoxError(ValueError):
    """A box, or what it belongs to, is not what it must be; the sentence names image and box."""


class BoxAnnotations(NamedTuple):
    """All that is known of an image: its boxes.

    Attributes:
        boxes: (M, 4) int64 x1 y1 x2 y2, end-exclusive; M may be 0.
        classes: (M,) int64 class of each box.
    """

    boxes: Tensor
    classes: Tensor


def load_boxes(
    dataset: SegmentationDataset, annotations: AnnotationSet | None = None
) -> list[BoxAnnotations]:
    """The boxes of every image of a data set: its own, or those that somebody drew.

    Args:
        dataset: without `annotations` it must know its instances; only their boxes are taken.
        annotations: one entry an image, found by the file's stem; an entry without objects says that there
            is nothing in the image.

    Returns:
        One `BoxAnnotations` an image, checked.

    Raises:
        BoxError: the data set knows no objects, an image has no entry, an entry no image, or a box is
            reversed, empty, outside of its image or of an unknown class.

    Example:
        >>> from seglib.scenes import Scenes
        >>> load_boxes(Scenes(length=1))[0].boxes.shape[1]
        4
    """
    drawn = None if annotations is None else _by_stem(dataset, annotations)
    found = []
    for index in range(len(dataset)):
        where = image_name(dataset, index)
        size = tuple(dataset[index][1].shape[-2:])
        if drawn is None:
            objects = dataset.instances(index)
            if objects is None:
                raise BoxError(f"{where}: the data set knows no objects; give the boxes that were drawn")
            one = BoxAnnotations(objects.boxes, objects.classes)
        else:
            one = _taken(drawn[Path(dataset.sample_id(index)).stem], size, dataset.classes)
        check(one, size, dataset.classes, where)
        found.append(one)
    return found


def check(one: BoxAnnotations, size: Size, classes: Classes | None = None, where: str = "the image") -> None:
    """See that boxes are boxes, inside the image, each of a class that is not the background.

    Args:
        one: boxes and classes.
        size: (height, width) of the image.
        classes: the names; None to let any class pass.
        where: how a sentence calls the image.

    Raises:
        BoxError: says which box of which image, and what is wrong.

    Example:
        >>> check(BoxAnnotations(torch.tensor([[3, 0, 3, 2]]), torch.tensor([1])), (4, 4), where="cat.jpg")
        Traceback (most recent call last):
            ...
        seglib.weak.boxes.BoxError: cat.jpg, box 0, (3, 0, 3, 2): it has no area; x1 < x2 and y1 < y2
    """
    if not isinstance(one, BoxAnnotations) or not all(isinstance(part, Tensor) for part in one):
        raise BoxError(
            f"{where}: its boxes must be a BoxAnnotations(boxes, classes) of two tensors, not {one!r:.60}"
        )
    boxes, indices = one
    if boxes.ndim != 2 or boxes.shape[1] != 4 or boxes.is_floating_point():
        raise BoxError(
            f"{where}: boxes must be (M, 4) whole numbers, rows of x1 y1 x2 y2, "
            f"not {tuple(boxes.shape)} {boxes.dtype}"
        )
    if indices.shape != boxes.shape[:1] or indices.is_floating_point():
        raise BoxError(
            f"{where}: {len(boxes)} boxes and {tuple(indices.shape)} {indices.dtype} classes; each box needs "
            "one, a whole number"
        )
    for number, (box, index) in enumerate(zip(boxes.tolist(), indices.tolist())):
        if fault := _fault(box, size) or _class_fault(index, classes):
            raise BoxError(f"{where}, box {number}, {tuple(box)}: {fault}")


def back_to_front(boxes: Tensor) -> list[int]:
    """The boxes' numbers, largest area first: the order to paint in, so that the smaller lies in front."""
    return box_area(boxes).argsort(descending=True, stable=True).tolist()


def paint(
    size: Size, boxes: Tensor, classes: Tensor, inside: Callable[[int], Tensor], background: int = 0
) -> Tensor:
    """Paint what a scheme says about every box, the smaller box in front.

    Args:
        size: (height, width) of the image.
        boxes: (M, 4).
        classes: (M,).
        inside: number of a box -> (h, w) of NOT, OBJECT and UNSURE, of the box's size. Where it is NOT, what
            lies behind is seen.
        background: the class of what is in no box.

    Returns:
        (H, W) uint8; 255 where a box is unsure.

    Raises:
        BoxError: a box is reversed, empty or outside of the image.
    """
    check(BoxAnnotations(boxes, classes), size)
    mask = torch.full(size, background, dtype=torch.uint8)
    for number in back_to_front(boxes):
        x1, y1, x2, y2 = boxes[number].tolist()
        says, place = inside(number), mask[y1:y2, x1:x2]
        place[says == OBJECT] = int(classes[number])
        place[says == UNSURE] = VOID
    return mask


def image_name(dataset: SegmentationDataset, index: int) -> str:
    """What a sentence calls an image."""
    return f"{dataset.name} {dataset.split}, image {dataset.sample_id(index)}"


def background_of(classes: Classes) -> int:
    """The index of the class "background".

    Raises:
        BoxError: there is none, so nobody could say what lies outside of the boxes.
    """
    if classes.background is None:
        raise BoxError(
            f"no class is called background ({', '.join(classes)}), and what is in no box must be of one; "
            "see seglib.weak.objects for the objects of such a data set"
        )
    return classes.background


def _fault(box: Sequence[int], size: Size) -> str:
    x1, y1, x2, y2 = box
    if x1 > x2 or y1 > y2:
        return "its corners are swapped; x1 < x2 and y1 < y2"
    if x1 == x2 or y1 == y2:
        return "it has no area; x1 < x2 and y1 < y2"
    if x1 < 0 or y1 < 0 or x2 > size[1] or y2 > size[0]:
        return f"it leaves the image, which is {size[1]} wide and {size[0]} high"
    return ""


def _class_fault(index: int, classes: Classes | None) -> str:
    if classes is None:
        return ""
    if not 0 <= index < len(classes):
        return f"there is no class {index}; the classes are 0..{len(classes) - 1} ({', '.join(classes)})"
    return "a box of the background says nothing; leave it out" if index == classes.background else ""


def _by_stem(dataset: SegmentationDataset, annotations: AnnotationSet) -> dict:
    """Stem -> entry, or one sentence about what has no partner."""
    entries = {Path(image.file_name).stem: image for image in annotations}
    stems = {Path(dataset.sample_id(index)).stem: index for index in range(len(dataset))}
    whole = f"{dataset.name} {dataset.split}"
    if lonely := [stem for stem in stems if stem not in entries]:
        raise BoxError(
            f"{whole}: {len(lonely)} images have no boxes ({_few(lonely)}); draw them, list the image "
            "with no objects if nothing is in it, or leave it out with subset()"
        )
    if lost := [image.file_name for stem, image in entries.items() if stem not in stems]:
        raise BoxError(
            f"{whole}: boxes of {len(lost)} images that are not in the data set ({_few(lost)}); "
            "correct the file names, or leave these entries out"
        )
    return entries


def _taken(image, size: Size, classes: Classes) -> BoxAnnotations:
    """The boxes of an entry, if it is of an image of this size and knows the classes."""
    if (image.height, image.width) != size:
        raise BoxError(
            f"{image.file_name}: its boxes were drawn on {image.width} x {image.height} pixels, but "
            f"the image has {size[1]} x {size[0]}; draw them on the image that is trained on"
        )
    for number, annotation in enumerate(image.annotations):
        if annotation.name not in classes.names:
            raise BoxError(
                f"{image.file_name}, box {number}, {annotation.box}: no class is called "
                f"'{annotation.name}'; the classes are {', '.join(classes)}"
            )
    indices = [classes.index(annotation.name) for annotation in image.annotations]
    return BoxAnnotations(image.boxes(), torch.tensor(indices, dtype=torch.int64))


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (" ..." if len(names) > 3 else "")
