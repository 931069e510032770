"""The shape of one COCO object, a polygon or run lengths, as a mask; broken shapes are refused, not drawn.

pycocotools draws. It trusts its input: a polygon with a far-off corner takes all memory, and run lengths that
end too early leave whatever was in memory in the mask. So shapes are checked here first.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as pycoco

Shape = list[list[float]] | dict[str, Any]


def draw(segmentation: Any, height: int, width: int) -> NDArray[np.bool_]:
    """The pixels of a COCO `segmentation`.

    Args:
        segmentation: a list of polygons `[x1, y1, x2, y2, ...]`, or `{"size": [height, width], "counts":
            ...}` with run lengths down the columns, as a list or in COCO's compressed text.
        height: of the picture, pixels.
        width: of the picture, pixels.

    Returns:
        bool (height, width).

    Raises:
        ValueError: it is none of these, or does not fit the picture.

    Example:
        >>> draw({"size": [2, 3], "counts": [2, 3, 1]}, 2, 3).astype(int)
        array([[0, 1, 1],
               [0, 1, 0]])
    """
    if isinstance(segmentation, list) and segmentation:
        for polygon in segmentation:
            _check_polygon(polygon, height, width)
        runs = pycoco.merge(pycoco.frPyObjects(segmentation, height, width))
    elif isinstance(segmentation, dict):
        counts = _check_runs(segmentation, height, width)
        runs = pycoco.frPyObjects({"size": [height, width], "counts": counts}, height, width)
    else:
        raise ValueError("it has no polygon and no run lengths (a box alone is no mask)")
    return pycoco.decode(runs).astype(bool)


def _check_polygon(polygon: Any, height: int, width: int) -> None:
    """Three corners or more, all of them on the picture or within one picture's size of it."""
    if not isinstance(polygon, list) or len(polygon) < 6 or len(polygon) % 2:
        raise ValueError("a polygon is a list x1, y1, x2, y2, ... of at least three corners")
    for values, size in ((polygon[0::2], width), (polygon[1::2], height)):
        for value in values:
            if (
                not isinstance(value, (int, float))
                or not math.isfinite(value)
                or not -size <= value <= 2 * size
            ):
                raise ValueError(
                    f"the polygon's corner {value!r} is far outside the picture of {width}x{height}"
                )


def _check_runs(segmentation: dict[str, Any], height: int, width: int) -> list[int]:
    """The run lengths as numbers that add up to the picture."""
    if segmentation.get("size") != [height, width]:
        raise ValueError(f"its size {segmentation.get('size')} is not the picture's [{height}, {width}]")
    counts = segmentation.get("counts")
    if isinstance(counts, str):
        counts = _decompress(counts)
    if not isinstance(counts, list) or not all(isinstance(count, int) and count >= 0 for count in counts):
        raise ValueError("its run lengths are neither a list of whole numbers nor COCO's compressed text")
    if sum(counts) != height * width:
        raise ValueError(f"its run lengths add up to {sum(counts)} pixels, the picture has {height * width}")
    return counts


def _decompress(text: str) -> list[int]:
    """COCO's compressed text: five-bit digits; the fourth and later numbers add to the last but one."""
    counts: list[int] = []
    value = shift = 0
    for digit in (ord(letter) - 48 for letter in text):
        value |= (digit & 31) << shift
        shift += 5
        if digit & 32:  # more digits follow
            continue
        if digit & 16:  # negative
            value -= 1 << shift
        counts.append(value + counts[-2] if len(counts) > 2 else value)
        value = shift = 0
    return counts
