"""Labels that look at the boxes alone, and the way in which every scheme paints its boxes."""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt

import torch
from torch import Tensor

from seglib.labels import VOID
from seglib.weak.given import Given, Size, back_to_front, check

NOT, OBJECT, UNSURE = 0, 1, 2  # what a scheme says about each pixel of a box


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
    check(Given(boxes, classes), size)
    mask = torch.full(size, background, dtype=torch.uint8)
    for number in back_to_front(boxes):
        x1, y1, x2, y2 = boxes[number].tolist()
        says, place = inside(number), mask[y1:y2, x1:x2]
        place[says == OBJECT] = int(classes[number])
        place[says == UNSURE] = VOID
    return mask


def rectangles(image: Tensor, boxes: Tensor, classes: Tensor, *, background: int = 0) -> Tensor:
    """The naive label: every pixel of a box is the object, the smaller box in front.

    Args:
        image: (3, H, W) uint8; only its size matters.
        boxes: (M, 4) int64, end-exclusive.
        classes: (M,) int64.
        background: the class of what is in no box.

    Returns:
        (H, W) uint8.

    Raises:
        BoxError: a box is reversed, empty or outside of the image.

    Reference:
        Khoreva, Benenson, Hosang, Hein, Schiele, "Simple Does It", 2017, section 3.1, "naive".

    Example:
        >>> rectangles(torch.zeros(3, 2, 4), torch.tensor([[1, 0, 2, 1], [0, 0, 3, 2]]), torch.tensor([2, 1]))
        tensor([[1, 2, 1, 0],
                [1, 1, 1, 0]], dtype=torch.uint8)
    """
    return paint(_size(image), boxes, classes, lambda number: _full(boxes[number], OBJECT), background)


def inner_rectangles(
    image: Tensor, boxes: Tensor, classes: Tensor, *, share: float = 0.2, background: int = 0
) -> Tensor:
    """Box-i: the innermost part of a box is the object, the rest of the box is ignored.

    Args:
        image: (3, H, W) uint8; only its size matters.
        boxes: (M, 4) int64, end-exclusive.
        classes: (M,) int64.
        share: of the box's *area*. Of its sides it is the root: 20 % of the area is 45 % of each side, while
            20 % of each side would be 4 % of the area.
        background: the class of what is in no box.

    Returns:
        (H, W) uint8 with 255 for ignored; every box keeps a core of at least one pixel.

    Raises:
        BoxError: a box is reversed, empty or outside of the image.
        ValueError: `share` is not in 0..1.

    Reference:
        Khoreva et al., "Simple Does It", 2017, section 3.1, "Box-i".

    Example:
        >>> inner_rectangles(torch.zeros(3, 3, 5), torch.tensor([[0, 0, 5, 3]]), torch.tensor([1]))
        tensor([[255, 255, 255, 255, 255],
                [255,   1,   1,   1, 255],
                [255, 255, 255, 255, 255]], dtype=torch.uint8)
    """
    if not 0 <= share <= 1:
        raise ValueError(f"share {share} must be between 0 and 1: the part of a box's area that is kept")

    def inside(number: int) -> Tensor:
        says = _full(boxes[number], UNSURE)
        rows, columns = (_middle(length, sqrt(share)) for length in says.shape)
        says[rows, columns] = OBJECT
        return says

    return paint(_size(image), boxes, classes, inside, background)


def _middle(length: int, share: float) -> slice:
    """The middle part of a side, as near to `share` of it as lies in the middle: at least one pixel."""
    edge = min(round(length * (1 - share) / 2), (length - 1) // 2)
    return slice(edge, length - edge)


def _full(box: Tensor, value: int) -> Tensor:
    x1, y1, x2, y2 = box.tolist()
    return torch.full((y2 - y1, x2 - x1), value, dtype=torch.uint8)


def _size(image: Tensor) -> Size:
    return image.shape[-2], image.shape[-1]
