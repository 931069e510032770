"""The checks of notebook 07b."""

from collections.abc import Callable, Sequence
from functools import cache, partial

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from seglib.course.content.nb07b.answers import inside, reset
from seglib.course.lesson import Wrong, first_true, near, open_task
from seglib.course.samples import boxed_pool, colour_maps, colour_shares, smallest_net
from seglib.labels import VOID, percent
from seglib.metrics import confusion_matrix, mean_iou
from seglib.progress import tracked
from seglib.scenes import CLASSES
from seglib.weak.boxes import BoxAnnotations
from seglib.weak.cleaning import keep_inside, reset_outliers
from seglib.weak.labels import filled
from seglib.weak.schemes import rectangles

Costs = tuple[int, float, float]
Rule = Callable[[Tensor, Tensor, Tensor, Tensor, Tensor], Tensor]
K, POOLS = len(CLASSES), 12  # of the open task
BEATEN = 0.05  # by how much its mIoU must be above that after rules 1 and 2


def check_cheapest(fn: Callable[[Tensor, Tensor, float], Costs]) -> str:
    """07b.1: the least sum of both terms; and what it would cost to choose nothing."""
    fits, losses = torch.tensor([0.9, 0.7, 0.3, 0.8]), torch.tensor([0.4, 0.1, 0.05, 0.1])
    number, cost, none = fn(fits, losses, 0.01)
    turned = fn(fits.flip(0), losses.flip(0), 0.01)[0]
    other = fn(torch.tensor([0.9, 0.6, 0.5, 0.4]), torch.tensor([0.2, 0.12, 0.3, 0.4]), 0.01)[0]
    worse = fn(torch.tensor([0.1, 0.2]), torch.tensor([0.6, 0.5]), 0.2)
    said = ", ".join(f"{value:.3g}" for value in worse)
    unlike = not near(torch.tensor(worse), torch.tensor((1, 2.3, 0.6)))
    as_asked, misfit = abs(none - 0.03) < 1e-4, abs(none - 1.03) < 1e-4
    mistakes = {
        "Candidate 0 fits the box best, but the net disagrees: 1 - .9 + 3 x .4 = 1.3.": number == 0,
        "Candidate 2 has the lowest loss, but another box: 1 - .3 + 3 x .05 = .85.": number == 2,
        f"Candidate 3 costs least, 1 - .8 + 3 x .1 = .5; you chose {number}.": number != 3,
        f"Candidate 3 costs 1 - .8 + 3 x .1 = .5; you say {cost:.3g}.": not abs(cost - 0.5) < 1e-4,
        f"In the opposite order, candidate 0 of 4 costs least, .5; you chose {turned}.": turned != 0,
        f"Of four others, 0 costs least, .1 + 3 x .2 = .7; you chose {other}. Add both terms.": other != 0,
        "E_o is a sum over what was chosen. If nothing was, there is nothing to add up.": misfit,
        f"E_o is an empty sum here, and E_r counts three times: .03; you say {none:.3g}.": not as_asked,
        f"Of two bad ones, 1 costs least, .8 + 3 x .5 = 2.3, and none .6; yours are {said}.": unlike,
    }
    if why := first_true(mistakes):
        raise Wrong(why)
    return "Choosing none is cheaper than the best candidate. So in BoxSup a box must have a candidate."


def check_reset(fn: Callable[[Tensor, Tensor, Sequence[int], int, float, float], Tensor]) -> str:
    """07b.2: too little means relative to the fill rate; the first label comes back, in the box alone."""
    mask, initial = torch.zeros(6, 8, dtype=torch.uint8), torch.zeros(6, 8, dtype=torch.uint8)
    mask[1:3, 3:6], mask[5, 6:], mask[2, 2] = 1, 1, 2  # 6 of the 20 pixels of the box are of class 1
    initial[1:5, 2:7], initial[2:4, 3:6], initial[:, 7], initial[5] = 255, 1, 2, 2  # a core in a box
    initial[4, 5:7] = torch.tensor([0, 2])  # where other boxes are
    box = (2, 1, 7, 5)
    for fill_rate, threshold in ((0.9, 0.5), (0.5, 0.5), (0.6, 0.5), (0.65, 0.5), (0.8, 0.25)):
        given = mask, initial, box, 1, fill_rate, threshold
        got, wanted, least = fn(*given), reset(*given), fill_rate * threshold
        if torch.equal(got, wanted):
            continue
        case = f"The box is filled by .3, the fill rate is {fill_rate:g}, the threshold {threshold:g}"
        around = got.clone()
        around[1:5, 2:7] = mask[1:5, 2:7]
        outside, same, keep = (
            not torch.equal(around, mask),
            torch.equal(got, mask),
            torch.equal(wanted, mask),
        )
        mistakes = {
            "Something outside the box has changed. It is rows y1 to y2, columns x1 to x2.": outside,
            f"{case}: .3 is less than {least:.3g}, so it must be reset. Yours stays.": same,
            f"{case}: .3 is not less than {least:.3g}. You reset it and lose a thin shape.": keep,
            "You fill the box. Its first label comes back, which may say less.": (got[1:5, 2:7] == 1).all(),
        }
        every = "Every pixel of the box becomes that of `initial`, whatever was there, and 255 too."
        raise Wrong(first_true(mistakes, every))
    other, first = (torch.where(one == 1, 3, one) for one in (mask, initial))
    if not torch.equal(fn(other, first, box, 3, 0.5, 0.5), reset(other, first, box, 3, 0.5, 0.5)):
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
    hits = found[1:, 1:].sum()
    missed, extra = (float(1 - hits / part.sum().clamp(min=1)) for part in (found[1:], found[:, 1:]))
    advice = {
        f"{percent(outside)} of your object pixels are in no box of their class.": outside > 0.01,
        f"{percent(missed)} of the objects' pixels are missing. What else in a box is object?": missed
        >= extra,
    }
    least = (
        f"{percent(extra)} of your objects' pixels are background. Which pixels of a box are the least sure?"
    )
    return open_task(said, mine, both + BEATEN, first_true(advice, least))


@cache
def _pools() -> list[tuple[Tensor, Tensor, Tensor, BoxAnnotations, Tensor]]:
    """Some pools: image, what the smallest net predicts, filled boxes, the boxes, the truth."""
    net, found = smallest_net(partial(cross_entropy, weight=colour_shares() ** -0.5)), []
    for number in tracked(range(POOLS), POOLS, "twelve pools"):
        image, truth, given = boxed_pool(number, 96, seed=7)
        mask = net(colour_maps(image)).argmax(2).to(torch.uint8)
        found.append((image, mask, rectangles(image, *given), given, truth))
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
    if torch.equal(got, wanted):
        return "Now a crab in a fish's box alone is background again. Rules must be tried on two classes."
    short = got[0, 0] == 1 and got[0, 2] == 2 and got[2, 1] != 1
    mistakes = {
        "The pixel in the last row and column is in no box at all: it is background.": got[2, 4] != 0,
        "A pixel of class 2 in boxes of class 1 alone has stayed.": got[1, 1] == 2 or got[1, 3] == 1,
        "Background in a box was given the box's class. The rule only takes pixels away.": got[0, 4] != 0,
        "In the last row, a pixel of class 1 in a box of class 1 is gone. x2 and y2 are outside.": short,
    }
    overlap = "Where boxes overlap, a pixel stays if one is of its class: do not overwrite what was kept."
    raise Wrong(first_true(mistakes, overlap))
