"""The boxes of each image, given or drawn; and how every scheme paints what it finds in them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor
from torchvision.ops import box_area

from seglib.data.annotations import AnnotatedImage, AnnotationSet
from seglib.data.dataset import SegmentationDataset
from seglib.labels import VOID, Classes

Size = tuple[int, int]
NOT, OBJECT, UNSURE = 0, 1, 2  # what a scheme says about each pixel of a box


class BoxError(ValueError):
    """A box is wrong, or belongs to nothing; the message names the image and the box."""


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
    """The boxes of every image: those that the data set knows, or those that somebody drew.

    Args:
        dataset: without `annotations` it must know its instances; only their boxes are used.
        annotations: one entry per image, matched by the stem of the file name. An entry without objects means
            that there is nothing in the image.

    Returns:
        Checked boxes, one `BoxAnnotations` per image.

    Raises:
        BoxError: the data set knows no objects, an image has no entry, an entry no image, or a box is
            reversed, empty, outside its image or of an unknown class.

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
        if drawn is not None:
            here = _drawn(drawn[Path(dataset.sample_id(index)).stem], size, dataset.classes)
        elif (objects := dataset.instances(index)) is not None:
            here = BoxAnnotations(objects.boxes, objects.classes)
        else:
            raise BoxError(f"{where}: this data set has no instances; pass the boxes that were drawn")
        check(here, size, dataset.classes, where)
        found.append(here)
    return found


def check(
    given: BoxAnnotations, size: Size, classes: Classes | None = None, where: str = "the image"
) -> None:
    """Raise a BoxError unless every box has an area inside the image and a class other than background.

    Args:
        given: boxes and classes of one image.
        size: (height, width) of the image.
        classes: the names; None accepts any class.
        where: how the message calls the image.

    Example:
        >>> check(BoxAnnotations(torch.tensor([[3, 0, 3, 2]]), torch.tensor([1])), (4, 4), where="cat.jpg")
        Traceback (most recent call last):
            ...
        seglib.weak.boxes.BoxError: cat.jpg, box 0, (3, 0, 3, 2): it has no area; x1 < x2 and y1 < y2
    """
    if not isinstance(given, BoxAnnotations) or not all(isinstance(part, Tensor) for part in given):
        raise BoxError(f"{where}: pass BoxAnnotations(boxes, classes) of two tensors, not {given!r:.60}")
    boxes, indices = given
    if boxes.ndim != 2 or boxes.shape[1] != 4 or boxes.is_floating_point():
        raise BoxError(
            f"{where}: boxes must be (M, 4) whole numbers, rows of x1 y1 x2 y2, "
            f"not {tuple(boxes.shape)} {boxes.dtype}"
        )
    if indices.shape != boxes.shape[:1] or indices.is_floating_point():
        raise BoxError(
            f"{where}: {len(boxes)} boxes and {tuple(indices.shape)} {indices.dtype} classes; each box needs "
            "one class, a whole number"
        )
    for number, (box, index) in enumerate(zip(boxes.tolist(), indices.tolist())):
        if fault := _box_fault(box, size) or _class_fault(index, classes):
            raise BoxError(f"{where}, box {number}, {tuple(box)}: {fault}")


def paint(
    size: Size, boxes: Tensor, classes: Tensor, inside: Callable[[int], Tensor], background: int = 0
) -> Tensor:
    """Paint what a scheme says about each box, smaller boxes in front.

    Args:
        size: (height, width) of the image.
        boxes: (M, 4).
        classes: (M,).
        inside: number of a box -> (h, w) of NOT, OBJECT and UNSURE, of the box's size. NOT shows what is
            behind the box.
        background: the class of pixels outside all boxes.

    Returns:
        (H, W) uint8; 255 where a box is unsure.

    Raises:
        BoxError: a box is reversed, empty or outside the image.
    """
    check(BoxAnnotations(boxes, classes), size)
    mask = torch.full(size, background, dtype=torch.uint8)
    for number in back_to_front(boxes):
        x1, y1, x2, y2 = boxes[number].tolist()
        says, place = inside(number), mask[y1:y2, x1:x2]
        place[says == OBJECT] = int(classes[number])
        place[says == UNSURE] = VOID
    return mask


def back_to_front(boxes: Tensor) -> list[int]:
    """The numbers of the boxes, largest area first: painted in this order, smaller boxes are in front."""
    return box_area(boxes).argsort(descending=True, stable=True).tolist()


def image_name(dataset: SegmentationDataset, index: int) -> str:
    """How messages call an image."""
    return f"{dataset.name} {dataset.split}, image {dataset.sample_id(index)}"


def background_of(classes: Classes) -> int:
    """The index of the class "background"; a BoxError where there is none for pixels outside all boxes."""
    if classes.background is None:
        raise BoxError(
            "boxes can only teach data sets with a class named 'background', for pixels outside every box; "
            f"the classes are {', '.join(classes)}"
        )
    return classes.background


def _box_fault(box: Sequence[int], size: Size) -> str:
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
    return "boxes are for objects, this one is of the background; remove it" * (index == classes.background)


def _by_stem(dataset: SegmentationDataset, annotations: AnnotationSet) -> dict[str, AnnotatedImage]:
    """Stem -> entry; a BoxError unless images and entries match one to one."""
    entries = {Path(image.file_name).stem: image for image in annotations}
    stems = {Path(dataset.sample_id(index)).stem for index in range(len(dataset))}
    name = f"{dataset.name} {dataset.split}"
    if missing := sorted(stems - entries.keys()):
        raise BoxError(
            f"{name}: {len(missing)} images have no boxes ({_few(missing)}); draw them, list the image "
            "without objects if nothing is in it, or leave it out with subset()"
        )
    if unmatched := [image.file_name for stem, image in entries.items() if stem not in stems]:
        raise BoxError(
            f"{name}: {len(unmatched)} entries are of images that are not in the data set "
            f"({_few(unmatched)}); correct the file names, or remove these entries"
        )
    return entries


def _drawn(image: AnnotatedImage, size: Size, classes: Classes) -> BoxAnnotations:
    """The boxes of an entry; a BoxError if it is of another image size or has an unknown class."""
    if (image.height, image.width) != size:
        raise BoxError(
            f"{image.file_name}: its boxes were drawn on {image.width} x {image.height} pixels, but the "
            f"image has {size[1]} x {size[0]}; draw them on the image that is trained on"
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
    return ", ".join(names[:3]) + " ..." * (len(names) > 3)
