"""Wrong answers to the exercises of notebook 07b, and the words each must be told."""

import torch

from seglib.course.content.nb07b.answers import inside, reset
from seglib.weak.boxes import BoxAnnotations
from seglib.weak.cleaning import keep_inside, reset_outliers


def chosen(costs, none=lambda nothing: 3 * nothing):
    def choose(fits, losses, nothing):
        each = costs(fits, losses)
        number = int(each.argmin())
        return number, float(each[number]), none(nothing)

    return choose


def both(fits, losses):
    return 1 - fits + 3 * losses


def reset_if(too_little, label=lambda initial, index: initial):
    def rule(mask, initial, box, index, usual, threshold):
        x1, y1, x2, y2 = box
        mask = mask.clone()
        inside = mask[y1:y2, x1:x2]
        if too_little((inside == index).double().mean(), usual, threshold):
            inside[:] = label(initial, index)[y1:y2, x1:x2]
        return mask

    return rule


def as_asked(fill, usual, threshold):
    return fill < threshold * usual


def in_any_box(mask, boxes, classes):
    return torch.where(inside(torch.ones_like(mask), boxes, torch.ones_like(classes)) == 1, mask, 0)


def each_box(change):
    """What `change` leaves of the pixels of a box, box after box, over what was kept before."""

    def rule(mask, boxes, classes):
        kept = inside(mask, boxes, classes)
        for (x1, y1, x2, y2), index in zip(boxes.tolist(), classes.tolist()):
            window = slice(y1, y2), slice(x1, x2)
            kept[window] = change(mask[window], kept[window], index)
        return kept

    return rule


def two_rules(threshold):
    def rule(image, mask, initial, *given):
        mask, given = inside(mask, *given), BoxAnnotations(*given)
        return reset_outliers(mask, given, initial, torch.ones(10), threshold=threshold)[0]

    return rule


WRONG = {
    "07b.1": {
        "the best fit": (chosen(lambda fits, losses: 1 - fits), "the net disagrees"),
        "the least loss": (chosen(lambda fits, losses: losses), "another box"),
        "a misfit for none": (chosen(both, lambda nothing: 1 + 3 * nothing), "nothing to add up"),
        "once": (chosen(both, lambda nothing: nothing), "three times"),
        "the best fit of low losses": (
            chosen(lambda fits, losses: both(fits, losses) + 9 * (losses > 0.15)),
            "Add both terms",
        ),
        "the last": (lambda fits, losses, n: (len(fits) - 1, 0.5, 3 * n), "In the opposite order"),
        "a cost of something else": (lambda fits, losses, n: (3, float(losses[3]), 3 * n), "you say 0.1"),
    },
    "07b.2": {
        "half of the box, always": (reset_if(lambda fill, usual, least: fill < least), "lose a thin shape"),
        "half of the fill rate, always": (
            reset_if(lambda fill, usual, least: fill < 0.5 * usual),
            "the threshold 0.25",
        ),
        "rows and columns swapped": (
            lambda mask, initial, box, *given: reset(mask, initial, (*box[1::-1], *box[:1:-1]), *given),
            "rows y1 to y2",
        ),
        "class 1 by heart": (
            lambda mask, initial, box, index, *given: reset(mask, initial, box, 1, *given),
            "`index` is the class to count",
        ),
        "always": (reset_if(lambda *_: True), "lose a thin shape"),
        "never": (reset_if(lambda *_: False), "must be reset"),
        "the full box": (reset_if(as_asked, torch.full_like), "You fill"),
        "what is ignored becomes background": (
            reset_if(as_asked, lambda initial, index: torch.where(initial == 255, 0, initial)),
            "255 too",
        ),
        "all of the image": (lambda mask, initial, *_: initial, "outside the box"),
        "only what was background": (
            lambda mask, *given: torch.where(mask == 0, reset(mask, *given), mask),
            "whatever was there",
        ),
    },
    "07b.3": {
        "as predicted": (lambda image, mask, *_: mask, "in no box of their class"),
        "rule 1": (lambda image, mask, initial, *given: inside(mask, *given), "What else in a box"),
        "rules 1 and 2": (two_rules(0.5), "Which pixels of a box"),
        "another threshold alone": (two_rules(0.3), "Which pixels of a box"),
        "the filled boxes": (lambda image, mask, initial, *_: initial, "Which pixels of a box"),
        "nothing": (lambda image, mask, *_: torch.zeros_like(mask), "100 % of the objects' pixels"),
        "all ignored": (lambda image, mask, *_: torch.full_like(mask, 255), "100 % of the objects' pixels"),
        "no class": (lambda image, mask, *_: torch.full_like(mask, 77), "Your mask holds 77"),
    },
    "07b.4": {
        "the bug itself": (in_any_box, "class 2 in boxes of class 1"),
        "everything stays": (lambda mask, boxes, classes: mask, "in no box at all"),
        "the last box wins": (
            each_box(lambda here, kept, index: torch.where(here == index, here, 0)),
            "do not overwrite",
        ),
        "the box is filled": (
            each_box(lambda here, kept, index: torch.where(kept == 0, index, kept)),
            "only takes pixels away",
        ),
        "one pixel short": (
            lambda mask, boxes, classes: inside(mask, boxes - torch.tensor([0, 0, 1, 1]), classes),
            "x2 and y2 are outside",
        ),
        "the first box alone": (lambda mask, boxes, classes: inside(mask, boxes[:1], classes), "overlap"),
    },
}


def test_rules_are_the_library_s():
    mask = torch.tensor([[1, 1, 2, 2, 0], [1, 2, 2, 1, 2], [0, 1, 1, 2, 2]]).to(torch.uint8)
    given = BoxAnnotations(torch.tensor([[0, 0, 3, 2], [2, 0, 5, 2]]), torch.tensor([1, 2]))
    assert torch.equal(inside(mask, *given), keep_inside(mask, given))
    first = torch.full_like(mask, 2)
    one, rates = BoxAnnotations(given.boxes[:1], given.classes[:1]), torch.tensor([1, 0.9, 0.9])
    for threshold in (0.5, 0.7):
        wanted, _ = reset_outliers(mask, one, first, rates, threshold=threshold)
        assert torch.equal(reset(mask, first, one.boxes[0].tolist(), 1, 0.9, threshold), wanted)
