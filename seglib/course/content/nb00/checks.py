"""The checks of notebook 00: two on images small enough for paper, one on a pool of the student's choice."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from seglib.course.content.nb00.answers import paint, reddish
from seglib.course.lesson import Wrong, refuse
from seglib.labels import VOID
from seglib.scenes import Scenes

Box = tuple[int, int, int, int]
FAILS = 0.3  # an IoU below this is a failure


def check_paint(fn: Callable[[tuple[int, int], Box], Tensor]) -> str:
    """00.1: two boxes in small images that are not square, so that x and y cannot be confused."""
    for size, box in (((4, 9), (3, 0, 6, 3)), ((5, 6), (0, 1, 3, 5))):
        got, expected = fn(size, box), paint(size, box)
        if torch.equal(got, expected):
            continue
        x1, y1, x2, y2 = box
        asked = f"In an image of size {size} the box {box}"
        large = f"{asked} is too large: x2 and y2 are"
        known = {
            f"{asked} should make {expected.sum()} pixels True; you made none.": torch.zeros_like(expected),
            f"{asked} is inverted: True belongs inside.": ~expected,
            f"{asked} is transposed: rows are y, columns are x.": paint(size, (y1, x1, y2, x2)),
            f"{large} the first column and row outside.": paint(size, (x1, y1, x2 + 1, y2 + 1)),
            f"{large} where it ends, not how wide and high it is.": paint(size, (x1, y1, x1 + x2, y1 + y2)),
        }
        refuse(got, known)
        raise Wrong(f"{asked} is, with # for True\n{_drawn(expected)}\nand you painted\n{_drawn(got)}")
    return "From here on the notebook uses your `paint`."


WRAPS = "In uint8 a sum above 255 and a difference below 0 are not what you expect"
#: (red, blue) of one pixel, whether it is reddish, and what one should know about it.
PIXELS = (
    ((200, 40), True, "is far more red than blue"),
    ((100, 200), False, "is more blue than red"),
    ((10, 11), False, "is a little more blue than red"),
    ((90, 80), False, "is only 10 more red than blue, and 60 was asked for"),
    ((160, 100), False, "is exactly 60 more red than blue; more than 60 was asked for"),
    ((161, 100), True, "is 61 more red than blue, which is more than 60"),
    ((255, 0), True, "is as red as possible: 255 - 0 must fit into your dtype"),
    ((250, 200), False, "is only 50 more red than blue"),
)


def check_reddish(fn: Callable[[Tensor], Tensor]) -> str:
    """00.2: eight pixels in a row; green must not matter."""
    pixels = torch.tensor([[[red, 250, blue] for (red, blue), _, _ in PIXELS]], dtype=torch.uint8)
    got = fn(pixels.permute(2, 0, 1).contiguous())
    _, below, dim, plain, _, _, _, bright = got[0].tolist()
    # 10 - 11 = 255 and 200 + 60 = 4, and 90 - 80 = 10 in uint8 as well: no other mistake says so.
    cause = f" {WRAPS}." if (dim or (below and bright)) and not plain else ""
    for ((red, blue), expected, why), said in zip(PIXELS, got[0].tolist()):
        if said != expected:
            raise Wrong(f"A pixel with red {red} and blue {blue} {why}. You say {said}.{cause}")
    return "Numbers in an image are uint8, 0 to 255. Below zero they start again at 255."


def check_number(number: int) -> str:
    """00.3, the open task: the number of any pool in which the crab is hardly found, or much else is."""
    pools = Scenes(200, size=(160, 160))
    if not 0 <= number < len(pools):
        raise Wrong(f"There are {len(pools)} pools, 0 to {len(pools) - 1}; yours is {number}.")
    image, mask = pools[number]
    truth, found = mask == pools.classes.index("crab"), reddish(image) & (mask != VOID)
    if not truth.any():
        raise Wrong(f"There is no crab in pool {number}. Take a number from the list.")
    both = int((truth & found).sum())
    score = both / int((truth | found).sum())
    if score >= FAILS:
        raise Wrong(f"In pool {number} colour reaches an IoU of {score:.2f}. Find one below {FAILS}.")
    missed, extra = 1 - both / int(truth.sum()), 1 - both / max(1, int(found.sum()))
    return (
        f"IoU {score:.2f}: {100 * missed:.0f} % of the crab is missed, because it is not red enough, and "
        f"{100 * extra:.0f} % of what is marked is something else."
    )


def _drawn(mask: Tensor) -> str:
    """A small mask as text, a line for each row: `.##.`."""
    return "\n".join(f"`{''.join('.#'[int(pixel)] for pixel in row)}`" for row in mask)
