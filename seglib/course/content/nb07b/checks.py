"""The checks of notebook 07b."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from seglib.course.content.nb07b.answers import inside, reset
from seglib.course.lesson import Wrong
from seglib.course.samples import colour_maps, colour_shares, smallest_net
from seglib.labels import VOID
from seglib.metrics import confusion_matrix, mean_iou
from seglib.progress import tracked
from seglib.scenes import Scenes
from seglib.weak.boxes import BoxAnnotations, load_boxes
from seglib.weak.cleaning import keep_inside, reset_outliers
from seglib.weak.labels import filled
from seglib.weak.schemes import rectangles

Costs = tuple[int, float, float]
Rule = Callable[[Tensor, Tensor, Tensor, Tensor, Tensor], Tensor]
K, POOLS = 10, 12  # of the open task: classes and images
BEATEN = 0.05  # by how much its mIoU must be above that after rules 1 and 2


def check_cheapest(fn: Callable[[Tensor, Tensor, float], Costs]) -> str:
    """07b.1: the least sum of both terms; and what it would cost to choose nothing."""
    fits, losses = torch.tensor([0.9, 0.7, 0.3, 0.8]), torch.tensor([0.4, 0.1, 0.05, 0.1])
    number, cost, none = fn(fits, losses, 0.01)
    if number == 0:
        raise Wrong("Candidate 0 fits the box best, but the net disagrees: 1 - .9 + 3 x .4 = 1.3.")
    if number == 2:
        raise Wrong("Candidate 2 has the lowest loss, but another box: 1 - .3 + 3 x .05 = .85.")
    if number != 3:
        raise Wrong(f"Candidate 3 costs least, 1 - .8 + 3 x .1 = .5; you chose {number}.")
    if abs(cost - 0.5) > 1e-4:
        raise Wrong(f"Candidate 3 costs 1 - .8 + 3 x .1 = .5; you say {cost:.3g}.")
    turned, *_ = fn(fits.flip(0), losses.flip(0), 0.01)
    if turned != 0:
        raise Wrong(f"In the opposite order, candidate 0 of 4 costs least, .5; you chose {turned}.")
    low, *_ = fn(torch.tensor([0.9, 0.6, 0.5]), torch.tensor([0.2, 0.12, 0.3]), 0.01)
    if low != 0:
        raise Wrong(f"Of three others, 0 costs least, 1 - .9 + 3 x .2 = .7; you chose {low}. Add both terms.")
    if abs(none - 0.03) < 1e-4:
        return "Choosing none is cheaper than the best candidate. So in BoxSup a box must have a candidate."
    if abs(none - 1.03) < 1e-4:
        raise Wrong("E_o is a sum over what was chosen. If nothing was chosen, there is nothing to add up.")
    raise Wrong(
        f"With no candidate E_o is an empty sum, and E_r counts three times: .03; you say {none:.3g}."
    )


def check_reset(fn: Callable[[Tensor, Tensor, Sequence[int], int, float, float], Tensor]) -> str:
    """07b.2: too little means relative to the fill rate; the first label comes back, in the box alone."""
    mask, initial = torch.zeros(6, 8, dtype=torch.uint8), torch.zeros(6, 8, dtype=torch.uint8)
    mask[1:3, 3:6], mask[5, 6:], mask[2, 2] = 1, 1, 2  # 6 of the 20 pixels of the box are of class 1
    initial[1:5, 2:7], initial[2:4, 3:6], initial[:, 7], initial[5] = 255, 1, 2, 2  # a core in a box
    box = (2, 1, 7, 5)
    for fill_rate, threshold in ((0.9, 0.5), (0.5, 0.5), (0.6, 0.5), (0.65, 0.5), (0.8, 0.25)):
        given = mask, initial, box, 1, fill_rate, threshold
        got, wanted, least = fn(*given), reset(*given), fill_rate * threshold
        if got.tolist() == wanted.tolist():
            continue
        case = f"The box is filled by .3, the fill rate is {fill_rate:g}, the threshold {threshold:g}"
        outside = torch.ones_like(mask, dtype=torch.bool)
        outside[1:5, 2:7] = False
        if (got[outside] != mask[outside]).any():
            raise Wrong("Something outside the box has changed. It is rows y1 to y2, columns x1 to x2.")
        if torch.equal(got.long(), mask.long()):
            raise Wrong(f"{case}: .3 is less than {least:.3g}, so it must be reset. Yours stays.")
        if torch.equal(wanted.long(), mask.long()):
            raise Wrong(f"{case}: .3 is not less than {least:.3g}. You reset it and lose a thin shape.")
        if (got[1:5, 2:7] == 1).all():
            raise Wrong("You fill the box. Its label of the first round comes back, which may say less.")
        raise Wrong("Every pixel of the box becomes that of `initial`, whatever was there, and 255 too.")
    other, first = (torch.where(one == 1, 3, one) for one in (mask, initial))
    if fn(other, first, box, 3, 0.5, 0.5).tolist() != reset(other, first, box, 3, 0.5, 0.5).tolist():
        raise Wrong("With class 3 in place of class 1, yours is not right. `index` is the class to count.")
    return "A star fills a third of its box. With a fixed half its perfect mask would be lost every round."


def check_my_rule(fn: Rule) -> str:
    """07b.3, open: the rule cleans what a weak net predicts, and is judged by the mIoU of the labels."""
    found, outside = _cleaned(fn)
    mine, (predicted, both) = mean_iou(found), _rules()
    said = (
        f"After your rule the labels have a mIoU of {100 * mine:.1f}; as predicted {100 * predicted:.1f}, "
        f"after rules 1 and 2, reset at half, {100 * both:.1f}."
    )
    if mine >= both + BEATEN:
        return said
    hits = found[1:, 1:].sum()
    missed, extra = 1 - hits / found[1:].sum(), 1 - hits / found[:, 1:].sum().clamp(min=1)
    if outside > 0.01:
        why = (
            f"{100 * outside:.0f} % of your object pixels are in no box of their class. Only boxes are "
            "certain."
        )
    elif missed >= extra:
        why = (
            f"{100 * missed:.0f} % of the objects' pixels are background in yours. What else in a box may be "
            "its object?"
        )
    else:
        why = (
            f"{100 * extra:.0f} % of your pixels of objects are background. Which pixels of a box are "
            "the least sure?"
        )
    raise Wrong(f"{said} At least {100 * (both + BEATEN):.1f} is asked for. {why}")


@cache
def _pools() -> list[tuple[Tensor, Tensor, Tensor, BoxAnnotations, Tensor]]:
    """Some pools: image, what the smallest net predicts, filled boxes, the boxes, the truth."""
    scenes, found = Scenes(POOLS, split="val", size=(96, 96), seed=7), []
    net = smallest_net(partial(cross_entropy, weight=colour_shares() ** -0.5))
    pairs = zip(scenes, load_boxes(scenes))
    for (image, truth), given in tracked(pairs, POOLS, "twelve pools"):
        mask = net(colour_maps(image)).argmax(2).to(torch.uint8)
        plain = image.as_subclass(Tensor)
        found.append((plain, mask, rectangles(plain, *given), given, truth.as_subclass(Tensor)))
    return found


def _cleaned(rule: Rule) -> tuple[Tensor, float]:
    """(K, K) the confusion of the labels after a rule, and the share of animal pixels outside their boxes."""
    confusion, outside, animals = torch.zeros(K, K).long(), 0, 0
    for image, mask, initial, given, truth in tracked(_pools(), POOLS, "your rule"):
        cleaned = rule(image, mask, initial, *given)
        if wrong := sorted({*cleaned.unique().tolist()} - {*range(K), VOID}):
            raise Wrong(f"Your mask holds {wrong[0]}. Classes are 0 to {K - 1}, and 255 is ignored.")
        confusion += confusion_matrix(filled(cleaned), truth, K)
        animal = (cleaned > 0) & (cleaned != VOID)
        outside += int((animal & (keep_inside(cleaned, given) == 0)).sum())
        animals += int(animal.sum())
    return confusion, outside / max(animals, 1)


@cache
def _rules() -> tuple[float, float]:
    """The mIoU of the labels as predicted, and after rules 1 and 2 with the paper's reset at half."""

    def both(image: Tensor, mask: Tensor, initial: Tensor, boxes: Tensor, classes: Tensor) -> Tensor:
        given = BoxAnnotations(boxes, classes)
        return reset_outliers(keep_inside(mask, given), given, initial, torch.ones(K))[0]

    return mean_iou(_cleaned(lambda image, mask, *_: mask)[0]), mean_iou(_cleaned(both)[0])


def check_inside(fn: Callable[[Tensor, Tensor, Tensor], Tensor]) -> str:
    """07b.4: a pixel stays in the boxes of its own class, and nothing is added."""
    mask = torch.tensor([[1, 1, 2, 2, 0], [1, 2, 2, 1, 2], [0, 1, 1, 2, 2]]).to(torch.uint8)
    boxes, classes = torch.tensor([[0, 0, 3, 2], [2, 0, 5, 2], [1, 1, 3, 3]]), torch.tensor([1, 2, 1])
    got, wanted = fn(mask, boxes, classes), inside(mask, boxes, classes)
    if got.tolist() == wanted.tolist():
        return "Now a crab in a fish's box alone is background again. Rules must be tried on two classes."
    if got[2, 4] != 0:
        raise Wrong("The pixel in the last row and column is in no box at all, and stays. It is background.")
    if got[1, 1] == 2 or got[1, 3] == 1:
        raise Wrong("A pixel of class 2 in boxes of class 1 alone has stayed: it is in no box of its class.")
    if got[0, 4] != 0:
        raise Wrong("Background in a box was given the box's class. The rule only takes pixels away.")
    if got[0, 0] == 1 and got[0, 2] == 2 and got[2, 1] != 1:
        raise Wrong("In the last row, a pixel of class 1 in a box of class 1 is gone. x2 and y2 are outside.")
    raise Wrong(
        "Where boxes overlap, a pixel stays if one of them is of its class: do not overwrite what an earlier "
        "box has kept."
    )
