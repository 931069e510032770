"""What happens to the classes when the most blurred images are dropped, for several cuts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from seglib.data.balance import Counts

if TYPE_CHECKING:
    from seglib.data.quality import Sharpness

STOPS = 20  # cuts in addition to "nothing", up to half of the images
SIDE = 3  # images that are shown on each side of a cut
MUCH = 1.5  # times as much as images are dropped is "much more"
DOUBT = 2.0  # standard deviations of a cut at random


@dataclass(frozen=True)
class Cut:
    """What one cut drops.

    Attributes:
        dropped: how many images are dropped.
        threshold: the blur of the sharpest of them; NaN for no images.
        stays: the images just below the cut, rising in blur; at most three.
        goes: the images just above it, rising in blur; at most three.
        part: the share of all images that is dropped, 0..1.
        lost: (K,) the share of each class's pixels that is dropped; NaN for a class that does not occur.
        chance: (K, 2) what a cut of as many images at random takes of each class: the mean, minus and plus
            two standard deviations (which may be below 0 or above 1).
        much: (K,) bool: more is lost than that, and more than 1.5 times `part`.
    """

    dropped: int
    threshold: float
    stays: tuple[int, ...]
    goes: tuple[int, ...]
    part: float
    lost: Tensor
    chance: Tensor
    much: Tensor


def cuts(sharpness: Sharpness, counts: Counts) -> list[Cut]:
    """Cuts from nothing to half of the judged images, the most blurred first.

    Args:
        sharpness: of the data set; images that it could not judge stay.
        counts: of the same data set.

    Raises:
        ValueError: fewer than two images could be judged.
    """
    order = sharpness.blurred(1.0)
    if len(order) < 2:
        raise ValueError(
            f"the blur of {len(order)} of {len(counts)} images could be judged; a cut needs two or more"
        )
    numbers = sorted({round(number) for number in np.linspace(0, len(order) // 2, STOPS + 1)})
    return [_cut(sharpness, counts, order, number) for number in numbers]


def _cut(sharpness: Sharpness, counts: Counts, order: list[int], dropped: int) -> Cut:
    pixels = counts.pixels[:, :-1].double()
    parts = pixels / pixels.sum(dim=0)  # (N, K), NaN for a class that does not occur
    lost = parts[order[:dropped]].sum(dim=0).where(pixels.sum(dim=0) > 0, torch.nan)
    chance = _chance(parts[order], dropped)
    part = dropped / len(counts)
    return Cut(
        dropped,
        float(sharpness.scores[order[dropped - 1]]) if dropped else float("nan"),
        tuple(order[dropped : dropped + SIDE][::-1]),
        tuple(order[max(dropped - SIDE, 0) : dropped][::-1]),
        part,
        lost,
        chance,
        (lost > chance[:, 1]) & (lost > MUCH * part),
    )


def _chance(parts: Tensor, dropped: int) -> Tensor:
    """(K, 2): mean -/+ 2 standard deviations of what `dropped` of these M images hold, drawn at random.

    The sum of a sample without replacement has the mean f q and the variance f (1 - f) M / (M - 1) (sum p^2 -
    q^2 / M), with f = dropped / M and q = sum p (Cochran, Sampling Techniques, 1977, chapter 2).

    Args:
        parts: (M, K) the share of each class's pixels that each image holds.
        dropped: how many images are drawn.
    """
    number = len(parts)
    drawn, whole = dropped / number, parts.sum(dim=0)
    spread = (parts.square().sum(dim=0) - whole.square() / number).clamp(min=0)
    deviation = (drawn * (1 - drawn) * number / (number - 1) * spread).sqrt()
    mean = drawn * whole
    return torch.stack([mean - DOUBT * deviation, mean + DOUBT * deviation], dim=1)
