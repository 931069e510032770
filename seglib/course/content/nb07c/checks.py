"""The checks of notebook 07c."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from seglib.course.content.nb07c.answers import affordable, labelling_minutes, share_of_gain
from seglib.course.lesson import Wrong

Numbers = Mapping[str, float]


def check_labelling_minutes(fn: Callable[[Sequence[int], Collection[int], float, float], float]) -> str:
    """07c.1: every object of an image is drawn, as a mask or as a box."""
    objects = [2, 0, 3, 2]
    for masked in ([2], [], [0, 1, 2, 3]):
        given = objects, masked, 6.0, 60.0
        got, wanted = fn(*given), labelling_minutes(*given)
        if abs(got - wanted) < 1e-6:
            continue
        case = f"Objects {objects}, masks in the images {masked}, 6 s a box and 60 s a mask"
        many, few = sum(objects[index] for index in masked), len(masked)
        images = (60 * few + 6 * (len(objects) - few)) / 60
        if abs(got - 60 * wanted) < 1e-6:
            raise Wrong(f"{case}: you return {got:g}, which are seconds. Minutes are asked for.")
        if abs(got - images) < 1e-6:
            raise Wrong(f"{case}: you count images. Each object of an image is drawn.")
        if abs(got - wanted - 6 * many / 60) < 1e-6:
            raise Wrong(f"{case}: the objects with a mask have paid for a box too. They need none.")
        if abs(got - many) < 1e-6:
            raise Wrong(f"{case}: you return {got:g} min, the masks alone. The other images have boxes.")
        raise Wrong(f"{case}: that is {wanted:.2g} min; yours is {got:.3g}.")
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


def check_share_of_gain(fn: Callable[[float, float, float], float]) -> str:
    """07c.3: both are counted from all background; without a gain there is no share of it."""
    for net, full, lazy in ((0.7, 0.8, 0.4), (0.4, 0.8, 0.4), (0.3, 0.8, 0.4), (0.5, 0.6, 0.0)):
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
