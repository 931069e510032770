"""The checks of notebook 01."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np
import torch
from torch import Tensor
from torchvision.ops import box_convert

from seglib.course.content.nb01.answers import semantic, tight_boxes
from seglib.course.lesson import Wrong, refuse
from seglib.data import catalog

Color = tuple[int, int, int]


def _squares() -> Tensor:
    """Two objects on 6 rows and 8 columns: a 2 x 3 block at the upper left, an L at the lower right."""
    masks = torch.zeros(2, 6, 8, dtype=torch.bool)
    masks[0, 0:2, 1:4] = masks[1, 2:6, 6] = masks[1, 5, 4:7] = True
    return masks


def check_tight_boxes(fn: Callable[[Tensor], Tensor]) -> str:
    """01.1: order of the coordinates, the exclusive end, shape."""
    masks = _squares()
    got, expected = fn(masks), tight_boxes(masks)
    if torch.equal(got, expected):
        _check_parts(fn)
        return "x2 - x1 is the width and y2 - y1 the height. No +1 anywhere else."
    last, swap = expected - torch.tensor([0, 0, 1, 1]), [1, 0, 3, 2]
    for boxes in (expected, last):
        sizes = box_convert(boxes, "xyxy", "xywh")
        known = {
            "Your boxes end on the last pixel; here the end is exclusive. Width 3 is x2 - x1 = 3.": last,
            "The x and y are swapped. A mask is indexed [y, x], a box is x1 y1 x2 y2.": boxes[:, swap],
            "That is x, y, width, height. The two corners were asked for: x1 y1 x2 y2.": sizes,
        }
        refuse(got, known)
    number = int((got != expected).any(1).nonzero()[0])
    covers = ("first object covers rows 0-1, columns 1-3", "second object covers rows 2-5, columns 4-6")
    raise Wrong(f"In the check's masks the {covers[number]}. You say {got[number].tolist()}.")


def _check_parts(fn: Callable[[Tensor], Tensor]) -> None:
    """An object in two parts, the upper of which is widest in the middle, as is a hidden one."""
    masks = torch.zeros(1, 9, 6, dtype=torch.bool)
    masks[0, 1, 3] = masks[0, 2, 1:6] = masks[0, 3, 2] = masks[0, 6:8, 3] = True
    got, expected = fn(masks)[0].tolist(), tight_boxes(masks)[0].tolist()
    if got != expected:
        raise Wrong(
            "An object may be widest in its middle, and something in front may cut it into parts. One has "
            f"a part in rows 1-3, columns 1-5, and another in rows 6-7, column 3: {expected}. You say {got}."
        )


def check_semantic(fn: Callable[[Tensor, Tensor], Tensor]) -> str:
    """01.2: class indices, not object numbers; background 0; the whole image."""
    masks, class_ids = _squares(), torch.tensor([7, 3])
    got, expected = fn(masks, class_ids), semantic(masks, class_ids)
    if torch.equal(got, expected):
        three, ids = torch.cat([masks, masks[:1].flip(1)]), torch.tensor([3, 200, 3])
        if not torch.equal(fn(three, ids), semantic(three, ids)):
            raise Wrong("Of three objects of the classes 3, 200 and 3 each must carry its class's index.")
        return "There is no way back: which pixel belonged to which object is lost."
    if (got[~masks.any(0)] != 0).any():
        raise Wrong("Pixels that belong to no object must be 0, background.")
    if set(got[masks.any(0)].tolist()) in ({0, 1}, {1, 2}):
        raise Wrong("You wrote the number of the object. A semantic mask holds its class, here 7 and 3.")
    if set(got.unique().tolist()) == {0, 3, 7}:
        raise Wrong("The classes are right, their places are not: the block at the upper left is of class 7.")
    raise Wrong(f"Expected the values [0, 3, 7]; your map holds {got.unique().tolist()}.")


def check_blobs(fn: Callable[[Tensor, int], int]) -> str:
    """01.3: one class at a time, corners touch, a class that is not there."""
    mask = torch.tensor([[1, 0, 0, 2, 2], [0, 1, 0, 0, 2], [0, 2, 0, 0, 0], [2, 0, 1, 1, 255]])
    mask = mask.to(torch.uint8)
    one, two, none = fn(mask, 1), fn(mask, 2), fn(mask, 3)
    if none != 0:
        raise Wrong(f"Class 3 is not in the mask: 0 blobs. You count {none}.")
    if (one, two) == (4, 5):
        raise Wrong("You count pixels. Pixels that touch belong to one blob.")
    if (one, two) in ((3, 2), (2, 3), (3, 3)):
        raise Wrong("Pixels of one class that meet at a corner touch here, along either diagonal.")
    if (one, two) != (2, 2):
        raise Wrong(f"There are 2 blobs of class 1 and 2 of class 2. You count {one} and {two}.")
    if (background := fn(mask, 0)) != 1:
        raise Wrong(f"Class 0 counts like any other: here it is 1 blob. You count {background}.")
    rows = [[1, 0, 1, 0, 255, 0], [1, 0, 1, 0, 255, 0], [1, 1, 1, 0, 255, 1]]
    for k, count, what in ((1, 2, "a U and a single pixel"), (0, 3, "kept apart by the U and by void")):
        if (said := fn(torch.tensor(rows, dtype=torch.uint8), k)) != count:
            raise Wrong(f"In {rows} class {k} has {count} blobs, {what}. You count {said}.")
    return "scikit-image calls them connected components. Its `connectivity=2` lets corners touch."


def check_labels_from_colors(fn: Callable[[Tensor, Sequence[Color], Color], Tensor]) -> str:
    """01.4, the bug clinic: void stays void, also where a colour shares channels with another."""
    colors = (0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 0), (0, 0, 128)
    truth = torch.tensor([[0, 1, 2, 3], [255, 3, 255, 1], [2, 4, 0, 255]])
    got = _read(fn, truth, colors, (224, 224, 192))
    void = truth == 255
    if torch.equal(got, truth):
        got = _read(fn, truth, colors, (128, 128, 128))
        if torch.equal(got, truth):
            return "Now no net has to learn that the outline of a cat is background."
        if (got[void] != 255).any():
            raise Wrong("Another data set has another colour for void, (128, 128, 128): use `void_color`.")
    if (got[void] == 0).all():
        raise Wrong("The void pixels became 0, background. They have no class: 255.")
    if (got[void] != 255).any():
        raise Wrong(f"Void pixels must be 255. Yours hold {sorted(set(got[void].tolist()))}.")
    wrong = got != truth
    expected, said = int(truth[wrong][0]), int(got[wrong][0])
    raise Wrong(f"A pixel of the colour {colors[expected]} is of class {expected}; you say {said}.")


def _read(fn: Callable[..., Tensor], truth: Tensor, colors: Sequence[Color], void_color: Color) -> Tensor:
    """What is read from the mask in these colours."""
    table = torch.tensor([*colors, void_color], dtype=torch.uint8)
    image = table[torch.where(truth == 255, len(colors), truth)].permute(2, 0, 1)  # (3, H, W)
    return fn(image, colors, void_color).long()


CLICKS, AGREEMENT = 15, 0.9  # what the cheap outline may cost, and what it must keep


def check_tolerance(tolerance: float) -> str:
    """01.5, the open task: few clicks, and still the man with the hat."""
    if not 0 <= tolerance < 1000:
        raise Wrong(f"A tolerance is a number of pixels, at least 0; yours is {tolerance:g}.")
    instances = catalog.load("photo").instances(0)
    assert instances is not None
    masks = instances.masks
    man = masks[masks[:, 150, 250]][0].numpy().astype(np.uint8)
    outlines, _ = cv2.findContours(man, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    corners = [cv2.approxPolyDP(outline, tolerance, closed=True) for outline in outlines]
    drawn = cv2.fillPoly(np.zeros_like(man), corners, (1,)) > 0
    clicks, iou = sum(map(len, corners)), (drawn & (man > 0)).sum() / (drawn | (man > 0)).sum()
    said = f"{clicks} {'click reaches' if clicks == 1 else 'clicks reach'} an IoU of {iou:.3f}"
    if clicks > CLICKS:
        raise Wrong(f"{said}. At most {CLICKS} clicks were asked for.")
    if iou < AGREEMENT:
        raise Wrong(f"{said}. At least {AGREEMENT} was asked for.")
    return f"{said}. The last few hundredths of a mask are its most expensive part."
