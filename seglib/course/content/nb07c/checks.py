"""The checks of notebook 07c."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor

from seglib import cache as store
from seglib.course.content.nb07c.answers import affordable, labelling_minutes, share_of_gain
from seglib.course.lesson import Wrong
from seglib.metrics import confusion_matrix, mean_iou
from seglib.scenes import CLASSES, Scenes
from seglib.weak.boxes import BoxAnnotations, Size
from seglib.weak.grabcut import grabcut_plus

Numbers = Mapping[str, float]
Choice = Callable[[list[BoxAnnotations], list[Size], float, float], list[int]]
POOLS, EVERY = 40, 4  # of the open task
BEATEN = 0.01  # by how much label mIoU must be above that of every fourth image; of random choices 1 % are
SIZE, SEED, PRICE = (112, 112), 6, 1.3  # of the pools; the last is minutes for the mask of an object
CODE = ("seglib.boxes", "seglib.metrics", "seglib.scenes", "seglib.weak")  # what the labels depend on
PARTS = ("boxes", "classes", "boxed", "masked")


def check_labelling_minutes(fn: Callable[[Sequence[int], Collection[int], float, float], float]) -> str:
    """07c.1: every object of an image is drawn, as a mask or as a box."""
    objects = [2, 0, 3, 2]
    for masked in ([2], [], [0, 1, 2, 3]):
        given = objects, masked, 8.0, 75.0
        got, wanted = fn(*given), labelling_minutes(*given)
        if abs(got - wanted) < 1e-6:
            continue
        case = f"Objects {objects}, masks in the images {masked}, 8 s a box and 75 s a mask"
        many, few = sum(objects[index] for index in masked), len(masked)
        images = (75 * few + 8 * (len(objects) - few)) / 60
        if abs(got - 60 * wanted) < 1e-6:
            raise Wrong(f"{case}: you return {got:g}, which are seconds. Minutes are asked for.")
        if abs(got - images) < 1e-6:
            raise Wrong(f"{case}: you count images. Each object of an image is drawn.")
        if abs(got - wanted - 8 * many / 60) < 1e-6:
            raise Wrong(f"{case}: the objects with a mask have paid for a box too. They need none.")
        if abs(got - 75 * many / 60) < 1e-6:
            raise Wrong(f"{case}: you return {got:g} min, the masks alone. The other images have boxes.")
        raise Wrong(f"{case}: that is {wanted:.4g} min; yours is {got:.4g}.")
    return "A mask pays for many boxes, and an image without objects costs nothing to draw."


def check_affordable(fn: Callable[[Numbers, Numbers, float], str]) -> str:
    """07c.2: the best within the budget; of two as good, the cheaper; or 'nothing'."""
    minutes = {"few masks": 10.0, "boxes": 12.0, "more boxes": 30.0, "masks": 130.0}
    quality = {"few masks": 60.0, "boxes": 70.0, "more boxes": 70.0, "masks": 80.0}
    words = "Offers: few masks 10 min 60 %, boxes 12 min 70 %, more boxes 30 min 70 %, masks 130 min 80 %"
    for limit in (20.0, 12.0, 60.0, 200.0, 5.0):
        for order in (1, -1):
            offers = dict([*minutes.items()][::order]), dict([*quality.items()][::order])
            got, wanted = fn(*offers, limit), affordable(*offers, limit)
            if got == wanted:
                continue
            case = f"{words}; {limit:g} minutes"
            if wanted not in minutes:
                raise Wrong(f"{case}: none is within the budget, so return 'nothing'. Yours is {got!r}.")
            if got not in minutes:
                raise Wrong(f"{case}: return the name of one of them. Yours is {got!r}.")
            if minutes[got] > limit:
                raise Wrong(f"{case}: {got!r} takes {minutes[got]:g}, more than there is.")
            if quality[got] == quality[wanted]:
                raise Wrong(f"{case}: {got!r} is as good as another that takes less time.")
            exactly = " A budget may be used up." if minutes[wanted] == limit else ""
            raise Wrong(f"{case}: of what is within the budget, {got!r} is not the best.{exactly}")
    return "The best label is that of a budget: with more minutes it is another one."


class Pools(NamedTuple):
    """Some pools: their boxes, and the confusion matrices (N, K, K) of GrabCut+'s and of the true masks."""

    annotations: list[BoxAnnotations]
    boxed: Tensor
    masked: Tensor


@cache
def _pools() -> Pools:
    """The pools of the open task."""
    keys = [store.key("07c.3", number, SIZE, SEED, code=CODE) for number in range(POOLS)]
    each = list(store.each(range(POOLS), _pool, keys, "GrabCut+'s labels of forty pools", jobs=1))
    boxes, classes, boxed, masked = ([torch.from_numpy(one[name]) for one in each] for name in PARTS)
    return Pools([*map(BoxAnnotations, boxes, classes)], torch.stack(boxed), torch.stack(masked))


def _pool(number: int) -> store.Arrays:
    """The arrays `PARTS` of one pool."""
    scene, count = Scenes(POOLS, split="val", size=SIZE, seed=SEED).scene(number), len(CLASSES)
    known = BoxAnnotations(scene.instances.boxes, scene.instances.classes)
    mask = scene.mask.as_subclass(Tensor)
    label = grabcut_plus(scene.image, *known)
    counts = (confusion_matrix(each, mask, count) for each in (label, mask))
    return {name: part.numpy() for name, part in zip(PARTS, (*known, *counts))}


def check_my_choice(fn: Choice) -> str:
    """07c.3, open: within the minutes, by the label mIoU of masks and GrabCut+'s labels together."""
    known = _pools().annotations
    _chosen(fn, known[: POOLS // 2], 0.5)  # other images, another price
    chosen, even = _chosen(fn, known, PRICE), _even(known)
    mine, theirs = _label_mean_iou(chosen), _label_mean_iou(even)
    taken, minutes = (PRICE * _objects(known, some) for some in (chosen, even))
    said = (
        f"Masks in your {len(chosen)} of {POOLS} images take {taken:.1f} of {minutes:.1f} min, and the label "
        f"mIoU is {100 * mine:.1f} %. With every fourth image it is {100 * theirs:.1f} %"
    )
    if mine >= theirs + BEATEN:
        return f"{said}."
    few, many = _wrong_pixels(chosen), _wrong_pixels(even)
    why = f"Your masks put {few} pixels right, those of every fourth image {many}."
    if few > many:
        why += " But mIoU counts all classes the same: how many pixels has each?"
    else:
        why += " Where is GrabCut+ wrong in more?"
    others = [len(one.boxes) for number, one in enumerate(known) if number not in chosen]
    if taken + PRICE * min(others) <= minutes:
        why += " There is time for another image."
    raise Wrong(f"{said}; {100 * (theirs + BEATEN):.1f} % is asked for. {why}")


def _even(known: list[BoxAnnotations]) -> list[int]:
    return list(range(0, len(known), EVERY))


def _chosen(fn: Choice, known: list[BoxAnnotations], price: float) -> list[int]:
    """The images that are chosen; `Wrong` if one does not exist or is there twice, or they take too long."""
    minutes = price * _objects(known, _even(known))
    chosen = fn(known, [SIZE] * len(known), price, minutes)
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


def _objects(known: list[BoxAnnotations], chosen: list[int]) -> int:
    return sum(len(known[number].boxes) for number in chosen)


def _label_mean_iou(chosen: list[int]) -> float:
    """The mIoU of the labels if these images have masks."""
    pools = _pools()
    counts = pools.boxed.clone()
    counts[chosen] = pools.masked[chosen]
    return mean_iou(counts.sum(0))


def _wrong_pixels(chosen: list[int]) -> int:
    """How many pixels GrabCut+ has wrong in these images."""
    counts = _pools().boxed[chosen].sum(0)
    return int(counts.sum() - counts.diagonal().sum())


def check_share_of_gain(fn: Callable[[float, float, float], float]) -> str:
    """07c.4: both are counted from all background; without a gain there is no share of it."""
    cases = (0.7, 0.8, 0.4), (0.4, 0.8, 0.4), (0.3, 0.8, 0.4), (0.5, 0.6, 0.0), (0.9, 0.8, 0.4)
    for net, full, lazy in cases:
        got, wanted = fn(net, full, lazy), share_of_gain(net, full, lazy)
        if abs(got - wanted) < 1e-6:
            continue
        case = f"A net with {net:g}, full supervision {full:g}, all background {lazy:g}"
        if abs(got - net / full) < 1e-6:
            raise Wrong(f"{case}: yours is {net / full:.3g}, still the ratio of the plain mIoUs.")
        if abs(got - (net - lazy) / full) < 1e-6:
            raise Wrong(f"{case}: you count the net from all background, and full supervision from 0.")
        if abs(got - (net - lazy)) < 1e-6:
            raise Wrong(f"{case}: that is the gain itself. Which share of the largest one is it?")
        raise Wrong(f"{case}: the share is {wanted:.3g}; yours is {got:.3g}.")
    for full in (0.4, 0.3):
        if fn(0.5, full, 0.4) != 0:
            raise Wrong(f"Full supervision {full:g}, all background 0.4: nothing was gained, so return 0.")
    return "All background has 0 % now, as it should."
