"""The checks of notebook 07c."""

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cache
from math import isclose

import torch
from torch import Tensor

from seglib import cache as store
from seglib.course.content.nb07c.answers import affordable, labelling_minutes, share_of_gain
from seglib.course.lesson import Wrong, first_true, open_task, refuse
from seglib.course.samples import boxed_pool
from seglib.metrics import confusion_matrix, mean_iou
from seglib.scenes import CLASSES
from seglib.weak.boxes import BoxAnnotations, Size
from seglib.weak.grabcut import grabcut_plus

Numbers = Mapping[str, float]
Choice = Callable[[list[BoxAnnotations], list[Size], float, float], list[int]]
POOLS, EVERY = 40, 4  # of the open task
BEATEN = 0.01  # its label mIoU above that of every fourth image; a choice at random hardly ever reaches it
SIDE, SEED, PRICE = 112, 6, 2.0  # of the pools; the last is minutes for the mask of an object
CODE = ("seglib.boxes", "seglib.metrics", "seglib.scenes", "seglib.weak")  # what the labels depend on


def check_labelling_minutes(fn: Callable[[Sequence[int], Collection[int], float, float], float]) -> str:
    """07c.1: every object of an image is drawn, as a mask or as a box."""
    objects = [2, 0, 3, 2]
    for masked in ([2], [], [3], [0, 1, 2, 3]):
        given = objects, masked, 8.0, 75.0
        got, wanted = fn(*given), labelling_minutes(*given)
        if isclose(got, wanted, abs_tol=1e-6):
            continue
        case = f"Objects {objects}, masks in the images {masked}, 8 s a box and 75 s a mask"
        many, images = sum(objects[index] for index in masked), 75 * len(masked) + 8 * (4 - len(masked))
        mistakes = {
            f"{case}: you return {got:g}, which are seconds. Minutes are asked for.": 60 * wanted,
            f"{case}: you count images. Each object of an image is drawn.": images / 60,
            f"{case}: the objects with a mask have paid for a box too, needlessly.": wanted + many * 8 / 60,
            f"{case}: you return {got:g} min, the masks alone. The other images have boxes.": many * 75 / 60,
        }
        refuse(got, mistakes)
        raise Wrong(f"{case}: that is {wanted:.4g} min; yours is {got:.4g}.")
    return "A mask pays for many boxes, and an image without objects costs nothing to draw."


def check_affordable(fn: Callable[[Numbers, Numbers, float], str]) -> str:
    """07c.2: the best within the budget; of two as good, the cheaper; or 'nothing'."""
    minutes = {"few masks": 10.0, "boxes": 12.0, "more boxes": 30.0, "clicks": 40.0, "masks": 130.0}
    quality = {"few masks": 60.0, "boxes": 70.0, "more boxes": 70.0, "clicks": 50.0, "masks": 80.0}
    words = "Offers: " + ", ".join(f"{name} {minutes[name]:g} min {quality[name]:g} %" for name in minutes)
    for order, other in ((1, 1), (-1, -1), (-1, 1)):
        for limit in (20.0, 12.0, 60.0, 200.0, 5.0):
            offers = dict([*minutes.items()][::order]), dict([*quality.items()][::other])
            got, wanted = fn(*offers, limit), affordable(*offers, limit)
            if got == wanted:
                continue
            case, as_good = f"{words}; {limit:g} minutes", quality.get(got) == quality.get(wanted)
            mistakes = {
                "The same names may come in another order in `quality` than in `minutes`.": order != other,
                f"{case}: none is within the budget: return 'nothing', not {got!r}.": wanted == "nothing",
                f"{case}: return the name of one of them. Yours is {got!r}.": got not in minutes,
                f"{case}: {got!r} takes more than there is.": minutes.get(got, 0.0) > limit,
                f"{case}: {got!r} is as good as another that takes less time.": as_good,
                f"{case}: a better one is within it. A budget may be used up.": minutes.get(wanted) == limit,
            }
            best = f"{case}: of what is within the budget, {got!r} is not the best."
            raise Wrong(first_true(mistakes, best))
    return "The best label is that of a budget: with more minutes it is another one."


@cache
def _pools() -> tuple[list[BoxAnnotations], Tensor]:
    """The boxes of the pools of the open task, and the confusion matrices (N, K, K) of GrabCut+'s labels."""
    keys = [store.key("07c.3", number, SIDE, SEED, code=CODE) for number in range(POOLS)]
    each = list(store.each(range(POOLS), _pool, keys, "GrabCut+'s labels of forty pools", jobs=1))
    boxes, classes, counts = ([torch.from_numpy(one[name]) for one in each] for name in each[0])
    return [*map(BoxAnnotations, boxes, classes)], torch.stack(counts)


def _pool(number: int) -> store.Arrays:
    """Boxes, their classes, and the confusion matrix of the label that GrabCut+ makes of them."""
    image, mask, known = boxed_pool(number, SIDE, SEED)
    counts = confusion_matrix(grabcut_plus(image, *known), mask, len(CLASSES))
    return {"boxes": known.boxes.numpy(), "classes": known.classes.numpy(), "counts": counts.numpy()}


def check_my_choice(fn: Choice) -> str:
    """07c.3, open: within the minutes, by the label mIoU of masks and GrabCut+'s labels together."""
    known, _ = _pools()
    _chosen(fn, known[: POOLS // 2], 0.5)  # other images, another price
    chosen, even = _chosen(fn, known, PRICE), list(range(0, POOLS, EVERY))
    (mine, few), (theirs, many) = map(_with_masks, (chosen, even))
    taken, minutes = (PRICE * _objects(known, some) for some in (chosen, even))
    said = (
        f"Masks in your {len(chosen)} of {POOLS} images take {taken:.1f} of {minutes:.1f} min, and the label "
        f"mIoU is {100 * mine:.1f} %. With every fourth image it is {100 * theirs:.1f} %."
    )
    right = f"Your masks put {few} pixels right, those of every fourth image {many}."
    advice = f"{right} Where is GrabCut+ wrong in more?"
    if few > many:
        advice = f"{right} But mIoU counts all classes the same: how many pixels has each?"
    if taken + PRICE * min(len(known[number].boxes) for number in {*range(POOLS)} - {*chosen}) <= minutes:
        advice += " There is time for another image."
    return open_task(said, mine, theirs + BEATEN, advice)


def _chosen(fn: Choice, known: list[BoxAnnotations], price: float) -> list[int]:
    """The images that are chosen; `Wrong` if one does not exist or is there twice, or they take too long."""
    minutes = price * _objects(known, range(0, len(known), EVERY))
    chosen = fn(known, [(SIDE, SIDE)] * len(known), price, minutes)
    if unknown := [number for number in chosen if not 0 <= number < len(known)]:
        raise Wrong(f"There is no image {unknown[0]}: the indices of {len(known)} begin at 0.")
    if twice := [number for number in chosen if chosen.count(number) > 1]:
        raise Wrong(f"Image {twice[0]} is in your list more than once.")
    objects = _objects(known, chosen)
    if price * objects > minutes + 1e-6:
        raise Wrong(
            f"Your {len(chosen)} of {len(known)} images hold {objects} objects. At {price:g} min for each, "
            f"that is {price * objects:.1f} min, and there are {minutes:.1f}. Leave out what does not fit."
        )
    return chosen


def _objects(known: list[BoxAnnotations], chosen: Sequence[int]) -> int:
    return sum(len(known[number].boxes) for number in chosen)


def _with_masks(chosen: list[int]) -> tuple[float, int]:
    """The mIoU of the labels if these images have masks, and how many pixels GrabCut+ has wrong in them."""
    counts = _pools()[1].clone()
    wrong = int(counts[chosen].sum() - counts[chosen].diagonal(dim1=1, dim2=2).sum())
    counts[chosen] = counts[chosen].sum(2).diag_embed()  # a mask has every pixel of a class right
    return mean_iou(counts.sum(0)), wrong


def check_share_of_gain(fn: Callable[[float, float, float], float]) -> str:
    """07c.4: both are counted from all background; without a gain there is no share of it."""
    cases = (0.7, 0.8, 0.4), (0.4, 0.8, 0.4), (0.3, 0.8, 0.4), (0.5, 0.6, 0.0), (0.9, 0.8, 0.4)
    for net, full, lazy in cases:
        got, wanted = fn(net, full, lazy), share_of_gain(net, full, lazy)
        if isclose(got, wanted, abs_tol=1e-6):
            continue
        case = f"A net with {net:g}, full supervision {full:g}, all background {lazy:g}"
        mistakes = {
            f"{case}: yours is {got:.3g}, still the ratio of the plain mIoUs.": net / full,
            f"{case}: the net is counted from all background, full supervision from 0.": (net - lazy) / full,
            f"{case}: that is the gain itself. Which share of the largest one is it?": net - lazy,
        }
        refuse(got, mistakes)
        raise Wrong(f"{case}: the share is {wanted:.3g}; yours is {got:.3g}.")
    for full in (0.4, 0.3):
        if fn(0.5, full, 0.4) != 0:
            raise Wrong(f"Full supervision {full:g}, all background 0.4: nothing was gained, so return 0.")
    return "All background has 0 % now, as it should."
