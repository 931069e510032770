"""The checks of notebook 07a."""

from collections.abc import Callable, Sequence
from functools import cache

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from seglib.course.content.nb07a.answers import box_loss, core, paint_boxes
from seglib.course.lesson import Wrong, first_true, learnable, near, open_task, refuse
from seglib.course.samples import boxed_pool
from seglib.labels import percent
from seglib.metrics import confusion_matrix, mean_iou
from seglib.scenes import CLASSES
from seglib.weak.boxes import NOT, OBJECT, BoxAnnotations, paint

Box = tuple[float, float, float, float]
POOLS = 20  # of the open task
SHORT = "One pixel short: x2 and y2 are the first column and row outside, as in a slice."
BETTER = 0.07  # its mIoU above that of filled boxes; no rectangle in the middle of a box reaches it


def check_paint_boxes(fn: Callable[[Tensor, Tensor, tuple[int, int]], Tensor]) -> str:
    """07a.1: end-exclusive boxes, the smaller in front, in whatever order they come."""
    boxes, classes = torch.tensor([[2, 1, 4, 2], [1, 0, 6, 3], [5, 2, 8, 4]]), torch.tensor([3, 1, 2])
    wanted = paint_boxes(boxes, classes, (4, 9))
    for order in ([0, 1, 2], [1, 2, 0], [2, 0, 1]):
        got = fn(boxes[order], classes[order], (4, 9))
        if torch.equal(got, wanted):
            continue
        found, top = got.unique().tolist(), got[0]
        mistakes = {
            f"Only 0 and the classes 1, 2, 3 belong in it; yours holds {found[:6]}.": max(found) > 3,
            "Class 1 is nowhere in your mask. Is every box painted?": 1 not in found,
            "The box (1, 0, 6, 3) is of class 1. Does each box keep its class?": top.any() and 1 not in top,
            "The box (1, 0, 6, 3) begins in row 0; in yours it does not: y is rows.": 1 not in top,
            SHORT: got[0, 5] != 1 or got[3, 7] != 2,
            "A box has vanished behind a larger one: the smaller one is in front.": got[1, 2] != 3,
            "Of two boxes that overlap, the smaller one is in front.": got[2, 5] != 2,
        }
        raise Wrong(first_true(mistakes, "The pixels are not in the boxes. Each row of them is x1 y1 x2 y2."))
    for first, second in (
        ((0, 2, 8, 4), (2, 0, 5, 6)),  # 16 wide and low, 18 narrow and high
        ((2, 0, 4, 8), (0, 3, 6, 6)),  # 16 narrow and high, 18 wide and low
        ((5, 5, 8, 9), (1, 4, 7, 7)),  # 12 far from the corner, 18 near
        ((4, 5, 9, 8), (3, 1, 6, 7)),  # 15 far, 18 near
        ((1, 0, 4, 3), (0, 2, 8, 4)),  # 9 near, 16 wide
        ((0, 1, 3, 4), (2, 0, 4, 8)),  # 9 near, 16 high
        ((0, 3, 9, 4), (3, 1, 5, 6)),  # 9 in one row, 10
        ((2, 2, 5, 4), (0, 3, 9, 4)),  # 6, 9 in one row
    ):
        given = torch.tensor([first, second]), torch.tensor([1, 2]), (9, 9)
        if not torch.equal(fn(*given), paint_boxes(*given)):
            small, large = ((x2 - x1) * (y2 - y1) for x1, y1, x2, y2 in (first, second))
            raise Wrong(f"{first} has {small} pixels and {second} has {large}: the first is in front.")
    boxes = torch.tensor([[0, 0, 9, 9], [2, 2, 4, 4], [1, 1, 7, 7], [6, 6, 9, 9], [0, 6, 3, 9]])
    given = boxes, torch.tensor([1, 6, 4, 5, 5]), (9, 9)
    if not torch.equal(fn(*given), paint_boxes(*given)):
        raise Wrong(
            "Three boxes in each other, two of one class and size: all are painted, smaller ones in front."
        )
    return "If the larger box were in front, the smaller one would be hidden. This way both are visible."


def check_core(fn: Callable[[Sequence[int], float], Box]) -> str:
    """07a.2: the share is of the area; the middle stays the middle."""
    for box, share in (((10, 20, 50, 40), 0.25), ((0, 0, 200, 100), 0.2), ((3, 5, 33, 95), 1.0)):
        got, wanted = fn(box, share), core(box, share)
        apart = [mine - theirs for mine, theirs in zip(got, wanted)]
        if max(map(abs, apart)) <= (share == 0.2):  # the others need no rounding
            continue
        wide, high = got[2] - got[0], got[3] - got[1]
        width, height = box[2] - box[0], box[3] - box[1]
        found, ends = wide * high / (width * height), (wanted[2] - wanted[0], wanted[3] - wanted[1])
        kept, off = percent(found), abs(found - share) > 0.02
        of_side, skewed = (
            abs(found - share**2) < 0.02,
            abs(wide * height - high * width) > 0.1 * high * height,
        )
        mistakes = {
            "That is x, y, width, height. The two corners were asked for: x1 y1 x2 y2.": got[2:] == ends,
            f"Of the box {box} you keep {got}, which is empty.": min(wide, high) <= 0,
            SHORT: apart == [0, 0, -1, -1],
            f"You kept {percent(share)} of each side. Of the area that is {kept}.": off and of_side,
            f"{percent(share)} of the area of {box} should be kept; you keep {kept}.": off,
            "The area is right, the shape is not: shrink both sides by the same factor.": skewed,
        }
        at = f"The size is right, the place is not: the middle of {box} must stay the middle."
        raise Wrong(first_true(mistakes, at))
    return "20 % of the area is 45 % of each side. 20 % of each side would be 4 % of the area."


@cache
def _pools() -> list[tuple[Tensor, Tensor, BoxAnnotations]]:
    """Image, mask and boxes of some pools."""
    return [boxed_pool(number, 112, seed=4) for number in range(POOLS)]


def _labels_mean_iou(shape: Callable[[int, int], Tensor]) -> float:
    """The mIoU of the pools' labels, each box painted with the shape."""

    def inside(box: list[int], _: int) -> Tensor:
        return torch.where(shape(box[3] - box[1], box[2] - box[0]), OBJECT, NOT)

    found = (
        confusion_matrix(paint(image, *known, inside, 0), mask, len(CLASSES))
        for image, mask, known in _pools()
    )
    return mean_iou(torch.stack([*found]).sum(0))


def check_my_shape(fn: Callable[[int, int], Tensor]) -> str:
    """07a.3, open: labels of some pools, every box painted with the shape, by their mIoU."""
    mine, boxes = _labels_mean_iou(fn), _labels_mean_iou(lambda *size: torch.ones(size).bool())
    said = f"With your shape the labels have {100 * mine:.1f} % mIoU, filled boxes {100 * boxes:.1f} %."
    open_task(said, mine, boxes + BETTER, _what_to_change(fn))
    return f"{said} No image was looked at. Is it the best shape for the animals of your own images, too?"


def _what_to_change(shape: Callable[[int, int], Tensor]) -> str:
    """How much of what the shape calls object is animal, how much of the animals it has, what to try next."""
    counts = torch.zeros(2, 2).long()
    for _, mask, known in _pools():
        for window, index in known.windows():
            truth = (mask[window] == index).long()
            counts += confusion_matrix(shape(*truth.shape).long(), truth, 2)
    hits, animal, called = counts[1, 1], counts[1].sum(), counts[:, 1].sum()
    has, purity, whole = (float(part) for part in (hits / animal, hits / called, animal / counts.sum()))
    seen = (
        f"Your shape holds {percent(has)} of the animals' pixels, and {percent(purity)} of its pixels are "
        f"animal; of a whole box, {percent(whole)}."
    )
    advice = {
        "Your shape calls no pixel of a box object.": not called,
        f"{seen} In which parts of a box is an animal rare?": has > 0.9,
        f"{seen} In which other parts of a box is an animal likely?": has < 0.75,
    }
    return first_true(advice, f"{seen} Would as many pixels in other places hold more?")


def check_box_loss(fn: Callable[[Tensor, Tensor], Tensor]) -> str:
    """07a.4: background counts, void does not."""
    rng = torch.Generator().manual_seed(5)
    masks = torch.tensor([[[0, 0, 0, 1, 255], [0, 2, 2, 1, 255]], [[0, 0, 1, 1, 1], [255, 2, 0, 255, 0]]])
    masks, logits = masks.to(torch.uint8), torch.randn(2, 3, 2, 5, generator=rng)
    got, wanted = fn(logits.clone().requires_grad_(), masks), box_loss(logits, masks)
    if near(got, wanted):
        learnable(got)
        if not near(fn(300 * logits, masks), box_loss(300 * logits, masks)):
            raise Wrong("Right, but not with logits of several hundred, where a softmax rounds to exactly 0.")
        return "Now 'animal everywhere' is as expensive as it is wrong."
    no_void = masks.long() % 255
    of_animals = cross_entropy(logits, no_void, ignore_index=0)
    mistakes = {
        "Background is still left out: to predict 'animal' everywhere is never wrong.": of_animals,
        "Now void is background. Its class is unknown: leave it out.": cross_entropy(logits, no_void),
        "That is the sum over the pixels. A mean does not depend on the size of the image.": 16 * wanted,
    }
    refuse(got, mistakes)
    raise Wrong(f"On this batch the loss is {wanted:.3f}; yours is {got:.3f}. Which pixels count?")
