"""Boxes as hasty or tired people draw them: loosened, shifted, missing, of the wrong class."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from seglib import boxes
from seglib.weak.given import Given, Size


def loosened(one: Given, factor: float, size: Size) -> Given:
    """Every box `factor` times as wide and high, inside the image; see `seglib.boxes.loosen`."""
    return Given(boxes.loosen(one.boxes, factor, size), one.classes) if len(one.boxes) else one


def shifted(one: Given, share: float, size: Size, *, seed: int) -> Given:
    """Every side moved by chance, by up to `share` of the box's width or height.

    Args:
        one: the boxes of an image.
        share: 0..0.49; 0.1 moves a side by 10 % at most.
        size: (height, width) to which boxes are clipped.
        seed: another seed, other boxes; the same boxes and seed always move alike.

    Returns:
        As many boxes, each of at least one pixel.

    Raises:
        ValueError: `share` is not in 0..0.49.

    Example:
        >>> one = Given(torch.tensor([[10, 10, 30, 30]]), torch.tensor([1]))
        >>> (shifted(one, 0.2, (40, 40), seed=0).boxes - one.boxes).abs().max() <= 4
        tensor(True)
    """
    if not 0 <= share < 0.5:
        raise ValueError(f"share {share} must be in 0..0.49, or a box could turn inside out")
    if not len(one.boxes):
        return one
    extent = (one.boxes[:, 2:] - one.boxes[:, :2]).repeat(1, 2)  # (M, 4): w h w h
    move = ((2 * _chance(one, seed, 4) - 1) * share * extent).round().long()
    low, high = torch.zeros(4).long(), torch.tensor([size[1], size[0]] * 2)
    moved = (one.boxes + move).clamp(low, high)
    gone = (moved[:, :2] >= moved[:, 2:]).any(dim=1)  # a box of a pixel or two
    return Given(torch.where(gone[:, None], one.boxes, moved), one.classes)


def missing(one: Given, share: float, *, seed: int) -> Given:
    """Each box forgotten with probability `share`, 0..1.

    Example:
        >>> one = Given(torch.tensor([[0, 0, 3, 3]]), torch.tensor([1]))
        >>> len(missing(one, 1.0, seed=0).boxes), len(missing(one, 0.0, seed=0).boxes)
        (0, 1)
    """
    _check_share(share)
    kept = _chance(one, seed, 1)[:, 0] >= share
    return Given(one.boxes[kept], one.classes[kept])


def misnamed(one: Given, share: float, names: Sequence[int], *, seed: int) -> Given:
    """Each box given another class with probability `share`.

    Args:
        one: the boxes of an image.
        share: 0..1.
        names: the classes to choose from, two or more, without the background.
        seed: another seed, other mistakes.

    Raises:
        ValueError: `share` is not in 0..1, or there is no other class.

    Example:
        >>> one = Given(torch.tensor([[0, 0, 3, 3]]), torch.tensor([1]))
        >>> misnamed(one, 1.0, [1, 2], seed=0).classes
        tensor([2])
    """
    _check_share(share)
    if len(set(names)) < 2:
        raise ValueError(f"names {list(names)}: a wrong class needs a second one to choose")
    chance = _chance(one, seed, 2)
    classes = one.classes.clone()
    for number in (chance[:, 0] < share).nonzero()[:, 0].tolist():
        others = [name for name in names if name != int(classes[number])]
        classes[number] = others[int(chance[number, 1] * len(others))]
    return Given(one.boxes, classes)


def _chance(one: Given, seed: int, width: int) -> Tensor:
    """(M, width) numbers 0..1, a function of the seed and the boxes."""
    digest = sum(value * (31 * place + 7) for place, value in enumerate(one.boxes.flatten().tolist()))
    rng = torch.Generator().manual_seed((seed * 1_000_003 + digest) % 2**63)
    return torch.rand(len(one.boxes), width, generator=rng)


def _check_share(share: float) -> None:
    if not 0 <= share <= 1:
        raise ValueError(f"share {share} must be a probability, 0..1")
