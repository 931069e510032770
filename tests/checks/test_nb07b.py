"""Wrong answers to the exercises of notebook 07b, and the words each must be told."""

import torch

from seglib.course.content.nb07b.answers import cheapest, inside, reset
from seglib.weak.boxes import BoxAnnotations
from seglib.weak.cleaning import keep_inside, reset_outliers
from tests.mutation import edited


def costing(costs):
    return edited(cheapest, "(1 - fits) + 3 * losses", costs)


def reset_if_below(least):
    return edited(reset, "threshold * fill_rate", least)


def reset_to(label):
    return edited(reset, "initial[y1:y2, x1:x2]", label)


def two_rules(threshold):
    def rule(image, mask, initial, *given):
        mask, given = inside(mask, *given), BoxAnnotations(*given)
        return reset_outliers(mask, given, initial, torch.ones(10), threshold=threshold)[0]

    return rule


WRONG = {
    "07b.1": {
        "the best fit": (costing("1 - fits"), "the net disagrees"),
        "the least loss": (costing("losses"), "another box"),
        "the best fit of low losses": (
            costing("1 - fits + 3 * losses + 9 * (losses > 0.15)"),
            "Add both terms",
        ),
        "a misfit for none": (edited(cheapest, "3 * nothing", "1 + 3 * nothing"), "nothing to add up"),
        "once": (edited(cheapest, "3 * nothing", "nothing"), "three times"),
        "the last": (lambda fits, losses, n: (len(fits) - 1, 0.5, 3 * n), "In the opposite order"),
        "a search that begins at 1": (
            lambda *given: cheapest(*given) if cheapest(*given)[1] < 1 else (0, 1.0, 3 * given[2]),
            "yours are 0, 1, 0.6",
        ),
        "only candidates that fit": (
            costing("(1 - fits) + 3 * losses + 9 * (fits < 0.3)"),
            "yours are 1, 11.3",
        ),
        "no candidate for .03": (lambda *given: (*cheapest(*given)[:2], 0.03), "yours are 1, 2.3, 0.03"),
        "a cost of something else": (lambda fits, losses, n: (3, float(losses[3]), 3 * n), "you say 0.1"),
    },
    "07b.2": {
        "half of the box, always": (reset_if_below("threshold"), "lose a thin shape"),
        "half of the fill rate, always": (reset_if_below("0.5 * fill_rate"), "the threshold 0.25"),
        "always": (reset_if_below("2"), "lose a thin shape"),
        "never": (reset_if_below("0"), "must be reset"),
        "rows and columns swapped": (
            edited(reset, "x1, y1, x2, y2 = box", "y1, x1, y2, x2 = box"),
            "rows y1 to y2",
        ),
        "class 1 by heart": (
            edited(reset, "inside == index", "inside == 1"),
            "`index` is the class to count",
        ),
        "the full box": (reset_to("index"), "You fill"),
        "what is ignored becomes background": (reset_to("initial[y1:y2, x1:x2] % 255"), "255 too"),
        "what is not ignored becomes the class": (
            reset_to("torch.where(initial[y1:y2, x1:x2] == 255, 255, index)"),
            "Every pixel of the box",
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
        "the bug itself": (
            edited(inside, "== index", "> 0", "[here] = index", "[here] = mask[y1:y2, x1:x2][here]"),
            "class 2 in boxes of class 1",
        ),
        "everything stays": (lambda mask, boxes, classes: mask, "in no box at all"),
        "the last box wins": (edited(inside, "[here] = index", "[:] = index * here"), "do not overwrite"),
        "the box is filled": (edited(inside, "[here]", "[:]"), "only takes pixels away"),
        "one pixel short": (
            edited(inside, "boxes.tolist()", "(boxes - torch.tensor([0, 0, 1, 1])).tolist()"),
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
