"""Boxes: (M, 4) rows of x1 y1 x2 y2 in pixels, where x2 and y2 are the first column and row outside the box.

So the width is x2 - x1 without a "+ 1", a box around one pixel has area 1, and two adjacent boxes do not
overlap. `torchvision.ops` treats corners as points of a plane: for these boxes its IoU is that of the pixels.
"""

import torch
from torch import Tensor
from torchvision.ops import box_area, box_iou, masks_to_boxes

from seglib.labels import check_tensors


def from_mask(mask: Tensor) -> Tensor:
    """The tightest box around a shape.

    Args:
        mask: (H, W) bool, true in at least one pixel.

    Returns:
        (4,) int64.

    Raises:
        ValueError: the mask is empty.

    Example:
        >>> from_mask(torch.tensor([[0, 0, 0, 0], [0, 1, 1, 0], [0, 0, 1, 0]]).bool())
        tensor([1, 1, 3, 3])
    """
    check_tensors(mask=mask)
    return from_masks(mask[None])[0]


def from_masks(masks: Tensor) -> Tensor:
    """The tightest box around each of M shapes.

    Args:
        masks: (M, H, W) bool, each true in at least one pixel.

    Returns:
        (M, 4) int64.

    Raises:
        ValueError: the masks are not (M, H, W), or one is empty.
    """
    check_tensors(masks=masks)
    if masks.ndim != 3:
        raise ValueError(f"masks must be (M, H, W), not {tuple(masks.shape)}")
    if not (filled := masks.flatten(1).any(dim=1)).all():
        raise ValueError(f"mask {int(filled.int().argmin())} of {len(masks)} is empty, so it has no box")
    boxes = masks_to_boxes(masks).long()  # its x2, y2 are the last column and row inside
    return boxes + boxes.new_tensor([0, 0, 1, 1])


def iou(boxes: Tensor, others: Tensor) -> Tensor:
    """Intersection over union of every box with every other one.

    Args:
        boxes: (M, 4).
        others: (N, 4).

    Returns:
        (M, N) float32 in 0..1: exactly the IoU of the boxes drawn as masks, since x2 and y2 are exclusive.

    Raises:
        ValueError: a box is not x1 y1 x2 y2 with x1 < x2 and y1 < y2.

    Example:
        >>> iou(torch.tensor([[0, 0, 2, 2]]), torch.tensor([[1, 0, 3, 2], [2, 0, 4, 2]]))
        tensor([[0.3333, 0.0000]])
    """
    check(boxes)
    check(others)
    return box_iou(boxes.double(), others.double()).float()


def rasterise(boxes: Tensor, classes: Tensor, size: tuple[int, int], *, background: int = 0) -> Tensor:
    """Draw boxes as a mask, each filled with its class; where boxes overlap, the smaller one is in front.

    Args:
        boxes: (M, 4) integers inside the image.
        classes: (M,) class index of each box.
        size: (height, width).
        background: the class of pixels in no box.

    Returns:
        (H, W) uint8 class indices on the boxes' device.

    Raises:
        ValueError: a box is reversed, empty or outside the image, or there is not one class per box.

    Reference:
        Khoreva, Benenson, Hosang, Hein, Schiele, "Simple Does It: Weakly Supervised Instance and Semantic
        Segmentation", 2017, section 3.1.

    Example:
        >>> rasterise(torch.tensor([[1, 0, 2, 1], [0, 0, 3, 2]]), torch.tensor([2, 1]), size=(2, 4))
        tensor([[1, 2, 1, 0],
                [1, 1, 1, 0]], dtype=torch.uint8)
    """
    check(boxes, size)
    if len(boxes) != len(classes):
        raise ValueError(f"{len(boxes)} boxes and {len(classes)} classes; each box needs one")
    mask = torch.full(size, background, dtype=torch.uint8, device=boxes.device)
    for index in box_area(boxes).argsort(descending=True, stable=True).tolist():
        x1, y1, x2, y2 = boxes[index].tolist()
        mask[y1:y2, x1:x2] = int(classes[index])
    return mask


def loosen(boxes: Tensor, factor: float, size: tuple[int, int]) -> Tensor:
    """Boxes as a careless annotator draws them: `factor` times as wide and high, with the same centre.

    Args:
        boxes: (M, 4) integers inside the image.
        factor: 1 leaves a box as it is; 1.2 makes it 20 % wider and higher; below 1 it shrinks.
        size: (height, width) to which the boxes are clipped.

    Returns:
        (M, 4) int64; sides move by whole pixels, and every box keeps at least one pixel.

    Raises:
        ValueError: `factor` is not positive, or a box is reversed, empty or outside the image.

    Example:
        >>> loosen(torch.tensor([[2, 2, 6, 6], [0, 0, 4, 4]]), 1.5, size=(8, 8))
        tensor([[1, 1, 7, 7],
                [0, 0, 5, 5]])
    """
    check(boxes, size)
    if factor <= 0:
        raise ValueError(f"factor {factor} must be above 0; 1 leaves the boxes as they are")
    extent = boxes[:, 2:] - boxes[:, :2]
    move = ((factor - 1) / 2 * extent.double()).round().long()
    move = move.maximum(-((extent - 1) // 2))  # shrinking stops at one pixel, or two where a side is even
    height, width = size
    return torch.cat([boxes[:, :2] - move, boxes[:, 2:] + move], dim=1).clamp_(
        torch.zeros(4, dtype=torch.long), torch.tensor([width, height, width, height])
    )


def check(boxes: Tensor, size: tuple[int, int] | None = None) -> None:
    """Raise a ValueError about the first box without an area or, given (height, width), outside the image."""
    check_tensors(boxes=boxes)
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(f"boxes must be (M, 4), rows of x1 y1 x2 y2, not {tuple(boxes.shape)}")
    for index, (x1, y1, x2, y2) in enumerate(boxes.tolist()):
        if x1 >= x2 or y1 >= y2:
            raise ValueError(
                f"box {index}, {x1, y1, x2, y2}, has no area or swapped corners: x1 < x2, y1 < y2"
            )
        if size and (x1 < 0 or y1 < 0 or x2 > size[1] or y2 > size[0]):
            raise ValueError(
                f"box {index}, {x1, y1, x2, y2}, leaves the image of height {size[0]} and width {size[1]}"
            )
