"""Stripes, dots and outlines: what tells regions apart without colour. Each has the size of a mask."""

from __future__ import annotations

import torch
from torch import Tensor

from seglib.labels import VOID


def stripes(mask: Tensor) -> Tensor:
    """(H, W) bool: diagonal stripes, two pixels in eight."""
    y, x = _coordinates(mask)
    return (x + y) % 8 < 2


def dots(mask: Tensor) -> Tensor:
    """(H, W) bool: dots of 2 x 2 pixels, six apart."""
    y, x = _coordinates(mask)
    return (x % 6 < 2) & (y % 6 < 2)


def class_stripes(mask: Tensor) -> Tensor:
    """Stripes that differ from class to class: four directions, then four distances, 16 kinds; void has dots.

    Args:
        mask: (H, W) class indices, or 255 for void.

    Returns:
        (H, W) bool.
    """
    y, x = _coordinates(mask)
    index = mask.long()
    lines = torch.stack(torch.broadcast_tensors(x + y, x - y, x, y))  # (4, H, W)
    line = lines.gather(0, (index % 4)[None])[0]
    return torch.where(mask == VOID, dots(mask), line % (6 + 3 * (index // 4 % 4)) < 2)


def edges(mask: Tensor) -> Tensor:
    """(H, W) bool: pixels whose right or lower neighbour has another class.

    Example:
        >>> edges(torch.tensor([[0, 0, 1], [0, 0, 1]])).int()
        tensor([[0, 1, 0],
                [0, 1, 0]], dtype=torch.int32)
    """
    edge = torch.zeros(mask.shape, dtype=torch.bool, device=mask.device)
    edge[:, :-1] |= mask[:, :-1] != mask[:, 1:]
    edge[:-1] |= mask[:-1] != mask[1:]
    return edge


def contrast(paint: Tensor) -> Tensor:
    """Colours that stand out on `paint`: darker where it is light, lighter where it is dark.

    Args:
        paint: (3, H, W) float, 0..255.
    """
    light = (paint * paint.new_tensor([0.3, 0.6, 0.1])[:, None, None]).sum(dim=0) > 110
    return paint * 0.4 + torch.where(light, 0.0, 255 * 0.6)


def _coordinates(mask: Tensor) -> tuple[Tensor, Tensor]:
    """Row (H, 1) and column (1, W) of every pixel."""
    height, width = mask.shape
    return torch.arange(height, device=mask.device)[:, None], torch.arange(width, device=mask.device)
