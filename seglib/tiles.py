"""Large images, scored tile by tile where memory is too small for the whole.

Tiles overlap, and of each only the middle counts, so that a net sees the surroundings of every pixel that it
scores. They begin at multiples of 32 pixels, where the cells of a net's coarsest map lie. Where a net sees no
farther than the margin, tiles give what the whole image gives; farther away, surroundings change little.
"""

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from seglib.data.in_memory import Size, free_bytes
from seglib.progress import tracked
from seglib.training.sizing import live_bytes

ROOM = 0.4e9  # bytes of tensors while predicting in main memory; half of what is free, if that is less
SMALL = 512 * 512  # pixels of an image that is never cut
GRID = 32  # pixels between two cells of the coarsest map
MARGIN = 6 * GRID  # pixels around the middle of a tile, at most a quarter of its side
STRIP = 2**20  # scores that are enlarged at a time: few enough for a processor's cache
Net = Callable[[Tensor], Tensor]
Scored = tuple[slice, slice, Tensor]  # rows and columns of the image, and their (K, rows, columns) scores


def tile_side(net: Net, seen: Tensor, size: Size, num_classes: int) -> int | None:
    """Pixels of the side of a tile, margins included; None if the whole image fits into memory.

    Args:
        net: images (1, 3, h, w) -> scores (1, K, h, w).
        seen: (3, h, w) what the net is to see.
        size: (height, width) of the image, to which the scores are enlarged.
        num_classes: K.
    """
    pixels, scores = seen.shape[1] * seen.shape[2], 4 * num_classes * size[0] * size[1]
    if pixels <= SMALL and 3 * scores <= ROOM / 4:
        return None
    free = free_bytes(seen.device) / 2
    room = free if seen.is_cuda else min(free, ROOM)
    part = seen[None, :, : 6 * GRID, : 6 * GRID].contiguous()
    each = live_bytes([part], lambda: net(part)) / (part.shape[2] * part.shape[3])
    if each * pixels + 2 * scores <= room:
        return None
    return max(3 * GRID, int(math.sqrt(room / each)) // GRID * GRID)


def tiled(net: Net, seen: Tensor, size: Size, side: int, label: str) -> Iterator[Scored]:
    """Parts of the image with their scores, which together are the whole; with a progress bar.

    Args:
        net: images (1, 3, h, w) -> scores (1, K, h, w).
        seen: (3, h, w) what the net is to see.
        size: (height, width) of the image, to which the scores are enlarged.
        side: of a tile with its margins, a multiple of 32.
        label: of the progress bar.

    Example:
        >>> image = torch.arange(3 * 100 * 40).view(3, 100, 40).float()
        >>> whole = torch.zeros(3, 100, 40)
        >>> for rows, columns, scores in tiled(lambda images: images, image, (100, 40), 96, ""):
        ...     whole[:, rows, columns] = scores
        >>> bool((whole == image).all())
        True
    """
    margin = min(MARGIN, side // 4 // GRID * GRID) if side >= 4 * GRID else GRID
    middle = side - 2 * margin
    down, along = (_places(length, seen_length) for length, seen_length in zip(size, seen.shape[1:]))
    corners = [
        (top, left) for top in range(0, seen.shape[1], middle) for left in range(0, seen.shape[2], middle)
    ]
    for top, left in tracked(corners, len(corners), label):
        first, start = max(0, top - margin), max(0, left - margin)
        part = seen[:, first : top + middle + margin, start : left + middle + margin]
        scores = net(part[None].contiguous())[0].float()
        rows, columns = (
            torch.nonzero((at >= begin) & (at < begin + middle)).flatten().tolist()
            for at, begin in ((down, top), (along, left))
        )
        if not rows or not columns:
            continue
        across = slice(columns[0], columns[-1] + 1)
        height = max(1, STRIP // (len(scores) * len(columns)))
        for row in range(rows[0], rows[-1] + 1, height):
            strip = slice(row, min(row + height, rows[-1] + 1))
            yield strip, across, _between(_between(scores, down[strip] - first, 1), along[across] - start, 2)


def _places(length: int, seen: int) -> Tensor:
    """(length,) where along a side of `seen` pixels each pixel of the image lies, as in bilinear resizing."""
    return ((torch.arange(length, dtype=torch.float64) + 0.5) * (seen / length) - 0.5).clamp(0, seen - 1)


def _between(scores: Tensor, at: Tensor, side: int) -> Tensor:
    """Scores at places between the pixels along a side."""
    below = at.floor().long()
    if bool((at == below).all()):
        return scores.index_select(side, below.to(scores.device))
    above = (below + 1).clamp(max=scores.shape[side] - 1)
    weight = (at - below).to(scores).view([-1 if axis == side else 1 for axis in range(3)])
    low, high = (scores.index_select(side, index.to(scores.device)) for index in (below, above))
    return low.lerp_(high, weight)
