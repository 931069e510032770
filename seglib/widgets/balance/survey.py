"""What the board counts before it is shown: classes and weights at each stop of the dial, cuts for blur."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from seglib.data.balance import Counts, count, effective_number, enet, inverse_frequency, median_frequency
from seglib.data.dataset import SegmentationDataset
from seglib.scenes import Scenes

if TYPE_CHECKING:
    from seglib.data.quality import Sharpness  # for SciPy's statistics, which take long to import

STOPS = (0.1, 0.2)  # of the dial, and the data set's own; all images are drawn anew for each
BETA = 0.99  # of the effective number, which then bends at 100 images
# Of each scheme the formula, and the function that weighs.
SCHEMES: dict[str, tuple[str, Callable[[Counts], Tensor]]] = {
    "none": ("Every pixel weighs the same.", lambda counts: (counts.shares() > 0).float()),
    "inverse frequency": ("w = N / (K n): every class has the same share of the loss.", inverse_frequency),
    "median frequency": (
        "w = median(f) / f, where f is the class's share of the images that contain it.",
        median_frequency,
    ),
    "enet": (
        "w = 1 / ln(1.02 + p): bounded: from 1.4 for a class that fills all images to 50 for a rare one.",
        enet,
    ),
    "effective number": (
        f"w ~ (1 − β) / (1 − βⁿ) with n images and β = {BETA}: beyond n = 1 / (1 − β), more add little.",
        lambda counts: effective_number(counts, BETA),
    ),
}
TITLES = {name: name.capitalize() for name in SCHEMES} | {"enet": "ENet"}
CUTS = 20  # cuts in addition to "nothing", up to half of the images
SIDE = 3  # images that are shown on each side of a cut
MUCH = 1.5  # times as much as images are dropped is "much more"
DOUBT = 2.0  # standard deviations of a cut at random


@dataclass(frozen=True, eq=False)
class Setting:
    """The data set at one stop of the dial, or as it is where there is no dial.

    Attributes:
        frequency: how often the rare class is drawn compared with any other; 1 without a dial.
        dataset: the images that were counted.
        counts: what is in them.
    """

    frequency: float
    dataset: SegmentationDataset
    counts: Counts


@dataclass(frozen=True, eq=False)
class Survey:
    """A data set, counted at each stop of its dial.

    Attributes:
        settings: at least one.
        own: the one of the data set that was given.
        rare: the class that the dial makes rarer, where there is a dial.
        sharpness: the blur of every image of the data set, or None.
    """

    settings: tuple[Setting, ...]
    own: Setting
    rare: str | None = None
    sharpness: Sharpness | None = None


def survey(dataset: SegmentationDataset, sharpness: Sharpness | None = None) -> Survey:
    """Count a data set; scenes also with the rare class drawn less and more often.

    Args:
        dataset: any data set.
        sharpness: its `Sharpness`, if there are to be cuts for blur.

    Raises:
        ValueError: not a data set, an empty one, or the sharpness of another one.
    """
    if not isinstance(dataset, SegmentationDataset):
        raise ValueError(f"the board shows a data set, as load() gives, not a {type(dataset).__name__}")
    if sharpness is not None:
        _check(dataset, sharpness)
    if not isinstance(dataset, Scenes):
        own = Setting(1.0, dataset, count(dataset))
        return Survey((own,), own, None, sharpness)
    dials = dataset.dials
    settings = {dials.frequency: Setting(dials.frequency, dataset, count(dataset))}
    for stop in {*STOPS} - {dials.frequency}:
        where = (dataset.length, dataset.split, dataset.size, dataset.seed)
        drawn = Scenes(*where, replace(dials, frequency=stop))
        settings[stop] = Setting(stop, drawn, count(drawn))
    rising = tuple(settings[stop] for stop in sorted(settings))
    return Survey(rising, settings[dials.frequency], dials.rare, sharpness)


def _check(dataset: SegmentationDataset, given: Sharpness) -> None:
    from seglib.data.quality import Sharpness

    if not isinstance(given, Sharpness):
        raise ValueError(f"sharpness must be what sharpness(dataset) gives, not a {type(given).__name__}")
    if len(given.scores) != len(dataset):
        raise ValueError(
            f"the sharpness is of {len(given.scores)} images, the data set has {len(dataset)};"
            " measure it on the same data set"
        )


def weigh(counts: Counts, scheme: str) -> Tensor:
    """The weights of one of `SCHEMES`, (K,) float32; 0 for a class that does not occur.

    Example:
        >>> import torch
        >>> from seglib.labels import Classes
        >>> weigh(Counts(Classes.of("sea", "fish"), torch.tensor([[90, 10, 0]])), "inverse frequency")
        tensor([0.5556, 5.0000])
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a class is absent: the board shows it
        return SCHEMES[scheme][1](counts)


def loss_shares(counts: Counts, weights: Tensor) -> Tensor:
    """(K,) float64: the share that each class has of a weighted mean if every pixel has the same loss."""
    parts = counts.shares() * weights.double()
    return parts / parts.sum()


# What happens to the classes when the most blurred images are dropped.


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
    numbers = sorted({round(number) for number in np.linspace(0, len(order) // 2, CUTS + 1)})
    return [_cut(sharpness, counts, order, number) for number in numbers]


def _cut(sharpness: Sharpness, counts: Counts, order: list[int], dropped: int) -> Cut:
    pixels = counts.pixels[:, :-1].double()
    parts = pixels / pixels.sum(dim=0)  # (N, K), NaN for a class that does not occur
    lost = parts[order[:dropped]].sum(dim=0).where(pixels.sum(dim=0) > 0, torch.nan)
    chance = _chance(parts[order], dropped)
    part = dropped / len(counts)
    threshold = float(sharpness.scores[order[dropped - 1]]) if dropped else float("nan")
    stays, goes = order[dropped : dropped + SIDE], order[max(dropped - SIDE, 0) : dropped]
    much = (lost > chance[:, 1]) & (lost > MUCH * part)
    return Cut(dropped, threshold, tuple(stays[::-1]), tuple(goes[::-1]), part, lost, chance, much)


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
