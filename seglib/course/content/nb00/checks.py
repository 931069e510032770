"""The checks and reference answers of notebook 00, on images small enough for paper."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from seglib.course.content.nb00.answers import paint
from seglib.course.lesson import Wrong


def check_paint(fn: Callable[[tuple[int, int], tuple[int, int, int, int]], Tensor]) -> str:
    """Two boxes in small images that are not square, so that x and y cannot be confused."""
    for size, box in (((4, 6), (1, 0, 5, 2)), ((5, 3), (0, 1, 2, 5))):
        got, asked = fn(size, box), f"In an image of size {size} the box {box}"
        if not isinstance(got, Tensor) or tuple(got.shape) != size or got.dtype != torch.bool:
            raise Wrong(f"{asked} should give a bool tensor of shape {size}.")
        expected = paint(size, box)
        if torch.equal(got, expected):
            continue
        if not got.any():
            raise Wrong(f"{asked} should make {int(expected.sum())} pixels True; you made none.")
        if torch.equal(got, ~expected):
            raise Wrong(f"{asked} is inverted: True belongs inside.")
        if got.sum() > expected.sum() and (got | expected).equal(got):
            raise Wrong(f"{asked} is too large: x2 and y2 are the first column and row outside.")
        if torch.equal(got, _swapped(size, box)):
            raise Wrong(
                f"{asked} is transposed: rows are y, columns are x. Which of them comes first in an index?"
            )
        raise Wrong(f"{asked} is {_drawn(expected)} and you painted {_drawn(got)}.")
    return "From here on the notebook uses your `paint`."


#: (red, blue) of one pixel, whether it is reddish, and why the other answer is wrong.
PIXELS = (
    ((200, 40), True, "is far more red than blue"),
    ((100, 200), False, "is more blue than red: 100 - 200 is below zero. What is that in uint8?"),
    ((10, 11), False, "is a little more blue than red: 10 - 11 is -1. What is that in uint8?"),
    ((90, 80), False, "is only 10 more red than blue, and 60 was asked for"),
    ((160, 100), False, "is exactly 60 more red than blue; more than 60 was asked for"),
    ((255, 0), True, "is as red as possible: 255 - 0 must fit into your dtype"),
)


def check_reddish(fn: Callable[[Tensor], Tensor]) -> str:
    """Six pixels in a row; green must not matter."""
    image = torch.tensor([[[red, 250, blue] for (red, blue), _, _ in PIXELS]], dtype=torch.uint8).permute(
        2, 0, 1
    )
    got = fn(image.contiguous())
    if not isinstance(got, Tensor) or got.shape != image.shape[1:] or got.dtype != torch.bool:
        raise Wrong("An image (3, H, W) should give a bool tensor (H, W).")
    for ((red, blue), expected, why), said in zip(PIXELS, got[0].tolist()):
        if said != expected:
            raise Wrong(f"A pixel with red {red} and blue {blue} {why}. You say {said}.")
    return "Numbers in an image are uint8, 0 to 255. Below zero they start again at 255."


def _swapped(size: tuple[int, int], box: tuple[int, int, int, int]) -> Tensor:
    """The box with x for y, as far as the image goes."""
    x1, y1, x2, y2 = box
    return paint(size, (y1, x1, y2, x2))


def _drawn(mask: Tensor) -> str:
    """A small mask as text, row by row: `.##. / ....`."""
    return "`" + " / ".join("".join(".#"[int(pixel)] for pixel in row) for row in mask) + "`"
