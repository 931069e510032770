"""The boxes of each image, known or drawn, and how every scheme paints them into a mask."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor
from torchvision.ops import box_area

from seglib.boxes import check as check_boxes
from seglib.data.annotations import AnnotatedImage, AnnotationSet
from seglib.data.dataset import SegmentationDataset, check_dataset
from seglib.labels import VOID, Classes, check_image

Size = tuple[int, int]
NOT, OBJECT, UNSURE = 0, 1, 2  # what a scheme finds in each pixel of a box


class BoxError(ValueError):
    """A box or annotation cannot be used; the message names the image and the box."""


class BoxAnnotations(NamedTuple):
    """The boxes of an image, the only annotation that the schemes use.

    Attributes:
        boxes: (M, 4) int64 x1 y1 x2 y2, end-exclusive; M may be 0.
        classes: (M,) int64 class of each box.
    """

    boxes: Tensor
    classes: Tensor

    def windows(self) -> list[tuple[tuple[slice, slice], int]]:
        """For each box, the slices that cut it out of a mask (H, W), and its class."""
        pairs = zip(self.boxes.tolist(), self.classes.tolist())
        return [((slice(y1, y2), slice(x1, x2)), index) for (x1, y1, x2, y2), index in pairs]


def load_boxes(
    dataset: SegmentationDataset, annotations: AnnotationSet | None = None
) -> list[BoxAnnotations]:
    """The boxes of every image: those of the data set's instances, or drawn ones.

    Args:
        dataset: its instances are needed without `annotations`; only their boxes are used.
        annotations: one entry per image, matched by the stem of the file name. An entry without objects is an
            image without objects.

    Returns:
        Checked boxes, one `BoxAnnotations` per image.

    Raises:
        BoxError: the data set has no instances, an image has no entry, an entry no image, or a box is
            reversed, empty, outside its image or of an unknown class.

    Example:
        >>> from seglib.scenes import Scenes
        >>> load_boxes(Scenes(length=1))[0].boxes.shape[1]
        4
    """
    check_dataset(dataset)
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


Boxes = Sequence[BoxAnnotations]


def boxes_for(dataset: SegmentationDataset, boxes: Boxes | None) -> Boxes:
    """The boxes that were given, or those of the data set; a BoxError unless there is an entry per image."""
    known = load_boxes(dataset) if boxes is None else boxes
    if len(known) != len(dataset):
        raise BoxError(
            f"{dataset.name} {dataset.split} has {len(dataset)} images, but boxes for {len(known)}; pass "
            "one BoxAnnotations per image, with (0, 4) boxes for an image without objects"
        )
    return known


def check(
    given: BoxAnnotations, size: Size, classes: Classes | None = None, where: str = "the image"
) -> None:
    """Raise a BoxError unless every box has an area inside the image and a class other than background.

    Args:
        given: boxes and classes of one image.
        size: (height, width) of the image.
        classes: of the data set; None accepts any class.
        where: name of the image in the message.

    Example:
        >>> check(BoxAnnotations(torch.tensor([[3, 0, 9, 2]]), torch.tensor([1])), (4, 4), where="cat.jpg")
        Traceback (most recent call last):
            ...
        seglib.weak.boxes.BoxError: cat.jpg, box 0, (3, 0, 9, 2), leaves the image of height 4 and width 4
    """
    if not isinstance(given, BoxAnnotations) or not all(isinstance(part, Tensor) for part in given):
        kind = type(given).__name__
        raise BoxError(
            f"{where}: pass BoxAnnotations(boxes, classes) of two tensors, not a {kind}: {given!r:.60}"
        )
    boxes, indices = given
    if boxes.is_floating_point():
        raise BoxError(f"{where}: boxes must be whole numbers, rows of x1 y1 x2 y2, not {boxes.dtype}")
    if indices.shape != boxes.shape[:1] or indices.is_floating_point():
        got = f"{len(boxes)} boxes and {tuple(indices.shape)} {indices.dtype} classes"
        raise BoxError(f"{where}: {got}; each box needs one class, a whole number")
    try:
        check_boxes(boxes, size)
    except ValueError as error:
        raise BoxError(f"{where}, {error}") from None
    for number, index in enumerate(indices.tolist()):
        if classes and (not 0 <= index < len(classes) or index == classes.background):
            known = f"0..{len(classes) - 1} ({', '.join(classes)})"
            raise BoxError(
                f"{where}, box {number}: its class {index} must be an object's, not the background; the "
                f"classes are {known}"
            )


def checked_image(dataset: SegmentationDataset, index: int, given: BoxAnnotations) -> Tensor:
    """An image (3, H, W) uint8; a ValueError that names it if it or its boxes are wrong."""
    image, name = dataset[index][0].as_subclass(Tensor), image_name(dataset, index)
    check_image(image, name)
    check(given, (image.shape[1], image.shape[2]), dataset.classes, name)
    return image


def paint(
    image: Tensor, boxes: Tensor, classes: Tensor, inside: Callable[[list[int], int], Tensor], background: int
) -> Tensor:
    """Paint what a scheme finds in each box, smaller boxes in front.

    Args:
        image: (3, H, W); only its size matters.
        boxes: (M, 4).
        classes: (M,).
        inside: box x1 y1 x2 y2 and its class -> (h, w) of NOT, OBJECT and UNSURE, of the box's size. NOT
            shows what is behind the box.
        background: the class of pixels outside all boxes.

    Returns:
        (H, W) uint8; 255 where a box is unsure.

    Raises:
        BoxError: a box is reversed, empty or outside the image.
    """
    height, width = image.shape[-2:]
    check(BoxAnnotations(boxes, classes), (height, width))
    mask = torch.full((height, width), background, dtype=torch.uint8)
    for number in back_to_front(boxes):
        box, index = boxes[number].tolist(), int(classes[number])
        x1, y1, x2, y2 = box
        found, place = inside(box, index), mask[y1:y2, x1:x2]
        place[found == OBJECT] = index
        place[found == UNSURE] = VOID
    return mask


def back_to_front(boxes: Tensor) -> list[int]:
    """The indices of the boxes, largest area first: painted in this order, smaller boxes are in front."""
    return box_area(boxes).argsort(descending=True, stable=True).tolist()


def image_name(dataset: SegmentationDataset, index: int) -> str:
    """The name of an image in messages."""
    return f"{dataset.name} {dataset.split}, image {dataset.sample_id(index)}"


def background_of(classes: Classes) -> int:
    """The index of the class "background"; a BoxError where there is none for pixels outside all boxes."""
    if classes.background is None:
        raise BoxError(
            "pseudo-labels from boxes need a class named 'background', for pixels outside every box; "
            f"the classes are {', '.join(classes)}"
        )
    return classes.background


def _by_stem(dataset: SegmentationDataset, annotations: AnnotationSet) -> dict[str, AnnotatedImage]:
    """Stem -> entry; a BoxError unless images and entries match one to one."""
    entries = {Path(image.file_name).stem: image for image in annotations}
    stems = {Path(dataset.sample_id(index)).stem for index in range(len(dataset))}
    name = f"{dataset.name} {dataset.split}"
    if missing := sorted(stems - entries.keys()):
        raise BoxError(
            f"{name}: {len(missing)} images have no boxes ({_few(missing)}); draw them, list an image "
            "without objects if there is nothing in it, or leave it out with subset()"
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
