"""Wrong answers to the exercises of notebook 07a, and the words each must be told."""

import torch

from seglib.course.content.nb07a.answers import box_loss, core, my_shape, paint_boxes
from seglib.weak.schemes import inner_rectangles, rectangles
from tests.mutation import edited


def rectangle(share):
    """The middle of a box, with this share of its area."""

    def shape(height, width):
        y, x = (((torch.arange(n) + 0.5) / n * 2 - 1).abs() for n in (height, width))
        return (y[:, None] < share**0.5) & (x < share**0.5)

    return shape


def stripes(height, width):
    return (torch.arange(height)[:, None] + torch.arange(width)) % 2 == 0


BY_AREA = "dict(sorted({int(area): k for k, area in enumerate(areas)}.items(), reverse=True)).values()"
LARGEST_FIRST = "sorted(range(len(boxes)), key=lambda number: number != areas.argmax())"


WRONG = {
    "07a.1": {
        "the larger in front": (edited(paint_boxes, "=True", "=False"), "has vanished"),
        "as they come": (
            edited(paint_boxes, "areas.argsort(descending=True).tolist()", "range(len(boxes))"),
            "smaller one is in front",
        ),
        "one pixel short": (
            edited(paint_boxes, "y1:y2, x1:x2", "y1 : y2 - 1, x1 : x2 - 1"),
            "One pixel short",
        ),
        "rows and columns swapped": (edited(paint_boxes, "y1:y2, x1:x2", "x1:x2, y1:y2"), "y is rows"),
        "areas of one more": (
            edited(paint_boxes, "boxes[:, 0])", "boxes[:, 0] + 1)", "boxes[:, 1])", "boxes[:, 1] + 1)"),
            "has 9 pixels and (3, 1, 5, 6) has 10",
        ),
        "classes as they were": (
            lambda boxes, *given: paint_boxes(boxes.roll(1, 0), *given),
            "Does each box keep its class?",
        ),
        "the first box alone": (
            lambda boxes, classes, size: paint_boxes(boxes[:1], classes, size),
            "nowhere",
        ),
        "areas of one less": (
            edited(paint_boxes, "boxes[:, 0])", "boxes[:, 0] - 1)", "boxes[:, 1])", "boxes[:, 1] - 1)"),
            "has 6 pixels and (0, 3, 9, 4) has 9",
        ),
        "one box for each area": (
            edited(paint_boxes, "areas.argsort(descending=True).tolist()", BY_AREA),
            "two of one class and size",
        ),
        "the largest first, the others as they come": (
            edited(paint_boxes, "areas.argsort(descending=True).tolist()", LARGEST_FIRST),
            "smaller ones in front",
        ),
        "numbers in place of classes": (
            edited(paint_boxes, "classes[number]", "number + 7"),
            "Only 0 and the classes",
        ),
    },
    "07a.2": {
        "20 % of each side": (
            edited(core, "math.sqrt(share)", "share"),
            "of each side. Of the area that is 5 %",
        ),
        "one side only": (edited(core, "math.sqrt(share)", "share", "cut * (y2 - y1)", "0"), "both sides"),
        "in the corner": (
            edited(
                core,
                "x1 + a",
                "x1 + 0 * a",
                "y1 + a",
                "y1 + 0 * a",
                "x2 - a",
                "x2 - 2 * a",
                "y2 - a",
                "y2 - 2 * a",
            ),
            "middle",
        ),
        "x, y, width, height": (
            edited(core, "x2 - a", "x2 - x1 - 2 * a", "y2 - a", "y2 - y1 - 2 * a"),
            "That is x, y, width, height",
        ),
        "end on the last pixel": (
            edited(core, "x2 - a", "x2 - 1 - a", "y2 - a", "y2 - 1 - a"),
            "One pixel short",
        ),
        "a pixel to the right": (lambda *given: tuple(v + 1 for v in core(*given)), "must stay the middle"),
        "the whole box": (lambda box, share: box, "you keep 100 %"),
    },
    "07a.3": {
        "filled boxes": (rectangle(1), "In which parts of a box is an animal rare"),
        "nine tenths of them": (rectangle(0.9), "is asked for"),
        "a smaller rectangle": (rectangle(0.6), "in other places"),
        "a small core": (rectangle(0.2), "In which other parts"),
        "nothing": (lambda height, width: torch.zeros(height, width).bool(), "calls no pixel"),
        "what is not animal": (lambda *size: ~my_shape(*size), "is asked for"),
        "every other pixel": (stripes, "is an animal likely"),
        "shares of an animal": (lambda *size: my_shape(*size).float(), "should return a bool tensor"),
        "width first": (lambda *size: my_shape(*size[::-1]), "should return a bool tensor of shape"),
    },
    "07a.4": {
        "the bug itself": (
            edited(box_loss, "masks.long(), ignore_index=255", "masks.long() % 255, ignore_index=0"),
            "never wrong",
        ),
        "void is background": (
            edited(box_loss, "masks.long(), ignore_index=255", "masks.long() % 255"),
            "Now void is background",
        ),
        "the sum": (edited(box_loss, "=255", "=255, reduction='sum'"), "the sum over"),
        "a number of Python": (lambda logits, masks: box_loss(logits, masks).item(), "no gradient"),
        "the first image": (lambda logits, masks: box_loss(logits[:1], masks[:1]), "Which pixels count"),
        "divided by the pixels of one image": (
            lambda logits, masks: box_loss(logits, masks) * len(logits),
            "Which pixels count",
        ),
        "the logarithm of a softmax": (
            lambda logits, masks: box_loss((logits.softmax(1) + 1e-9).log(), masks),
            "logits of several hundred",
        ),
        "half of it": (lambda logits, masks: box_loss(logits, masks) / 2, "Which pixels count"),
    },
}


def test_the_core_is_the_library_s():
    label = inner_rectangles(torch.zeros(3, 60, 90), torch.tensor([[10, 5, 80, 55]]), torch.tensor([1]))
    x1, y1, x2, y2 = core((10, 5, 80, 55), 0.2)
    assert (label == 1).nonzero().amin(0).tolist() == [y1, x1]
    assert (label == 1).nonzero().amax(0).tolist() == [y2 - 1, x2 - 1]


def test_painted_boxes_are_the_library_s():
    boxes, classes = torch.tensor([[0, 0, 4, 4], [1, 1, 7, 3], [2, 2, 4, 6]]), torch.tensor([1, 2, 3])
    assert torch.equal(paint_boxes(boxes, classes, (8, 9)), rectangles(torch.zeros(3, 8, 9), boxes, classes))
