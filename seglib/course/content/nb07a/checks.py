"""The checks of notebook 07a."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from seglib.course.content.nb07a.answers import box_loss, core, paint_boxes
from seglib.course.lesson import Wrong
from seglib.labels import percent
from seglib.metrics import confusion_matrix, mean_iou
from seglib.scenes import CLASSES, Scenes
from seglib.weak.boxes import NOT, OBJECT, BoxAnnotations, paint

Box = tuple[float, float, float, float]
POOLS, BETTER = 20, 0.07  # of the open task; the second is of mIoU. The best rectangle is 0.063 better


def check_paint_boxes(fn: Callable[[Tensor, Tensor, tuple[int, int]], Tensor]) -> str:
    """07a.1: end-exclusive boxes, the smaller in front, in whatever order they come."""
    boxes, classes = torch.tensor([[2, 1, 4, 2], [1, 0, 6, 3], [5, 2, 8, 4]]), torch.tensor([3, 1, 2])
    wanted = paint_boxes(boxes, classes, (4, 9))
    for order in ([0, 1, 2], [1, 2, 0], [2, 0, 1]):
        got = fn(boxes[order], classes[order], (4, 9))
        if got.tolist() == wanted.tolist():
            continue
        if not set(got.unique().tolist()) <= {0, 1, 2, 3}:
            raise Wrong(
                f"Only 0 and the classes 1, 2, 3 belong in it; yours holds {got.unique().tolist()[:6]}."
            )
        if not (got == 1).any():
            raise Wrong("Class 1 is nowhere in your mask. Is every box painted?")
        if got[0].any() and not (got[0] == 1).any():
            raise Wrong(
                "The box (1, 0, 6, 3) is of class 1; yours has another. Does each box keep its class?"
            )
        if not (got[0] == 1).any():
            raise Wrong(
                "The box (1, 0, 6, 3) begins in row 0. In yours that row holds none of it: y is rows."
            )
        if (got[0, 5] != 1) or (got[3, 7] != 2):
            raise Wrong("One pixel short: x2 and y2 are the first column and row outside, as in a slice.")
        if got[1, 2] != 3:
            raise Wrong(
                "The box of 2 pixels is inside that of 15, and has vanished: the smaller one is in front."
            )
        if got[2, 5] != 2:
            raise Wrong(
                "Where the boxes of 15 and of 6 pixels overlap, the smaller one is in front: class 2."
            )
        raise Wrong("The pixels are not where the boxes are. Each row of boxes is x1 y1 x2 y2.")
    _check_order(fn)
    return "If the larger box were in front, the smaller one would be hidden. This way both are visible."


def _check_order(fn: Callable[[Tensor, Tensor, tuple[int, int]], Tensor]) -> None:
    """Pairs of boxes of which the smaller is now wider, now higher, now nearer to the corner."""
    for first, second in (
        ((0, 2, 8, 4), (2, 0, 5, 6)),  # 16 wide and low, 18 narrow and high
        ((2, 0, 4, 8), (0, 3, 6, 6)),  # 16 narrow and high, 18 wide and low
        ((5, 5, 8, 9), (1, 4, 7, 7)),  # 12 far from the corner, 18 near
        ((4, 5, 9, 8), (3, 1, 6, 7)),  # 15 far, 18 near
        ((1, 0, 4, 3), (0, 2, 8, 4)),  # 9 near, 16 wide
        ((0, 1, 3, 4), (2, 0, 4, 8)),  # 9 near, 16 high
        ((0, 3, 9, 4), (3, 1, 5, 6)),  # 9 in one row, 10
    ):
        given = torch.tensor([first, second]), torch.tensor([1, 2]), (9, 9)
        if not torch.equal(fn(*given), paint_boxes(*given)):
            small, large = ((x2 - x1) * (y2 - y1) for x1, y1, x2, y2 in (first, second))
            raise Wrong(f"{first} has {small} pixels and {second} has {large}: the first is in front.")


def check_core(fn: Callable[[Sequence[int], float], Box]) -> str:
    """07a.2: the share is of the area; the middle stays the middle."""
    for box, share in (((10, 20, 50, 40), 0.25), ((0, 0, 200, 100), 0.2), ((3, 5, 33, 95), 1.0)):
        got, wanted = fn(box, share), core(box, share)
        if got == (*wanted[:2], wanted[2] - wanted[0], wanted[3] - wanted[1]):
            raise Wrong("That is x, y, width, height. The two corners were asked for: x1 y1 x2 y2.")
        if got[2] <= got[0] or got[3] <= got[1]:
            raise Wrong(f"Of the box {box} you keep {got}, which is empty.")
        wide, high, whole = got[2] - got[0], got[3] - got[1], (box[2] - box[0]) * (box[3] - box[1])
        found = wide * high / whole
        apart = [mine - theirs for mine, theirs in zip(got, wanted)]
        if max(map(abs, apart)) <= (share == 0.2):  # the others need no rounding
            continue
        if apart == [0, 0, -1, -1]:
            raise Wrong("One pixel short: x2 and y2 are the first column and row outside, as in a slice.")
        if abs(found - share**2) < 0.02 and share < 1:
            raise Wrong(f"You kept {percent(share)} of each side. Of the area that is {percent(found)}.")
        if abs(found - share) > 0.02:
            raise Wrong(f"{percent(share)} of the area of {box} should be kept; you keep {percent(found)}.")
        if abs(wide / high - (box[2] - box[0]) / (box[3] - box[1])) > 0.1:
            raise Wrong("The area is right, the shape is not: shrink both sides by the same factor.")
        raise Wrong(f"The size is right, the place is not: the middle of {box} must stay the middle.")
    return "20 % of the area is 45 % of each side. 20 % of each side would be 4 % of the area."


@cache
def _pools() -> list[tuple[Tensor, Tensor, BoxAnnotations]]:
    """Image, mask and boxes of some pools."""
    scenes = map(Scenes(POOLS, split="val", size=(112, 112), seed=4).scene, range(POOLS))
    return [
        (one.image, one.mask.as_subclass(Tensor), BoxAnnotations(one.instances.boxes, one.instances.classes))
        for one in scenes
    ]


def _labels_mean_iou(shape: Callable[[int, int], Tensor]) -> float:
    """The mIoU of the pools' labels, each box painted with the shape."""

    def inside(box: list[int], _: int) -> Tensor:
        return torch.where(shape(box[3] - box[1], box[2] - box[0]), OBJECT, NOT)

    confusion, count = torch.zeros(len(CLASSES), len(CLASSES)).long(), len(CLASSES)
    for image, mask, known in _pools():
        confusion += confusion_matrix(paint(image, *known, inside, 0), mask, count)
    return mean_iou(confusion)


@cache
def _filled_boxes() -> float:
    return _labels_mean_iou(lambda height, width: torch.ones(height, width).bool())


def check_my_shape(fn: Callable[[int, int], Tensor]) -> str:
    """07a.3, open: labels of some pools, every box painted with the shape, by their mIoU."""
    mine, boxes = _labels_mean_iou(fn), _filled_boxes()
    said = f"With your shape the labels have {100 * mine:.1f} % mIoU, filled boxes {100 * boxes:.1f} %"
    if mine < boxes + BETTER:
        raise Wrong(f"{said}; {100 * (boxes + BETTER):.1f} % is asked for. {_why_not_better(fn)}")
    return f"{said}. No image was looked at. Is it the best shape for the animals of your own images, too?"


def _why_not_better(shape: Callable[[int, int], Tensor]) -> str:
    """How much of what the shape calls object is animal, how much of the animals it has, what to try next."""
    pixels = animal = called = right = 0
    for _, mask, known in _pools():
        for (rows, columns), index in known.windows():
            truth = mask[rows, columns] == index
            found = shape(*truth.shape)
            pixels, animal = pixels + truth.numel(), animal + int(truth.sum())
            called, right = called + int(found.sum()), right + int((truth & found).sum())
    if not called:
        return "Your shape calls no pixel of a box object."
    has, purity, whole = right / animal, percent(right / called), percent(animal / pixels)
    seen = (
        f"Your shape holds {percent(has)} of the animals' pixels, and {purity} of its pixels are animal; "
        f"of a whole box, {whole}."
    )
    if has > 0.9:
        return f"{seen} In which parts of a box is an animal rare?"
    if has < 0.75:
        return f"{seen} In which other parts of a box is an animal likely?"
    return f"{seen} Would as many pixels in other places hold more?"


def check_box_loss(fn: Callable[[Tensor, Tensor], Tensor]) -> str:
    """07a.4: background counts, void does not."""
    rng = torch.Generator().manual_seed(5)
    masks = torch.tensor([[[0, 0, 0, 1, 255], [0, 2, 2, 1, 255]]]).to(torch.uint8)
    logits = torch.randn(1, 3, 2, 5, generator=rng)
    got, wanted = fn(logits.clone().requires_grad_(), masks), float(box_loss(logits, masks))
    value, long = got.item(), masks.long()
    if abs(value - wanted) < 1e-4:
        if not got.requires_grad:
            raise Wrong("The number is right, but it has no gradient: nothing could be learned from it.")
        return "Now 'animal everywhere' is as expensive as it is wrong."
    if abs(value - float(cross_entropy(logits, torch.where(long == 255, 0, long), ignore_index=0))) < 1e-4:
        raise Wrong("Background is still left out: a net that predicts 'animal' everywhere is never wrong.")
    if abs(value - float(cross_entropy(logits, torch.where(long == 255, 0, long)))) < 1e-4:
        raise Wrong("Now void is background. Its class is unknown, so it must be left out.")
    if abs(value - 8 * wanted) < 1e-3:
        raise Wrong("That is the sum over the pixels. A mean does not depend on the size of the image.")
    raise Wrong(f"On this batch the loss is {wanted:.3f}; yours is {value:.3f}. Which pixels count?")
