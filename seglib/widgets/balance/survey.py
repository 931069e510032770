"""What the board counts before it is shown: classes and weights, at each stop of the dial."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from torch import Tensor

from seglib.data.balance import Counts, count, effective_number, enet, inverse_frequency, median_frequency
from seglib.data.dataset import SegmentationDataset
from seglib.scenes import Scenes

if TYPE_CHECKING:
    from seglib.data.quality import Sharpness  # for SciPy's statistics, which take long to import

STOPS = (0.1, 0.2)  # of the dial, and the data set's own; all images are drawn anew for each
BETA = 0.99  # of the effective number, which then bends at 100 images
# Of each scheme the title, the formula, and the function that weighs.
SCHEMES: dict[str, tuple[str, str, Callable[[Counts], Tensor]]] = {
    "none": ("None", "Every pixel weighs the same.", lambda counts: (counts.shares() > 0).float()),
    "inverse frequency": (
        "Inverse frequency",
        "w = N / (K n): every class has the same share of the loss.",
        inverse_frequency,
    ),
    "median frequency": (
        "Median frequency",
        "w = median(f) / f, where f is the class's share of the images that contain it.",
        median_frequency,
    ),
    "enet": (
        "ENet",
        "w = 1 / ln(1.02 + p): bounded: from 1.4 for a class that fills all images to 50 for a rare one.",
        enet,
    ),
    "effective number": (
        "Effective number",
        f"w ~ (1 − β) / (1 − βⁿ) with n images and β = {BETA}: beyond n = 1 / (1 − β), more add little.",
        lambda counts: effective_number(counts, BETA),
    ),
}


@dataclass(frozen=True)
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


@dataclass(frozen=True)
class Survey:
    """A data set, counted at each stop of its dial.

    Attributes:
        settings: at least one.
        start: which of them is the data set that was given.
        sharpness: the blur of every image of that one, or None.
    """

    settings: tuple[Setting, ...]
    start: int
    sharpness: Sharpness | None = None

    @property
    def dataset(self) -> SegmentationDataset:
        """The data set that was given."""
        return self.settings[self.start].dataset

    @property
    def counts(self) -> Counts:
        """The counts of the data set that was given."""
        return self.settings[self.start].counts

    @property
    def rare(self) -> str | None:
        """The class that the dial makes rarer, where there is a dial."""
        source = self.dataset
        return source.dials.rare if isinstance(source, Scenes) else None


def survey(dataset: SegmentationDataset, sharpness: Sharpness | bool = False) -> Survey:
    """Count a data set; scenes also with the rare class drawn less and more often.

    Args:
        dataset: any data set.
        sharpness: its `Sharpness`; True measures it, False does without.

    Raises:
        ValueError: not a data set, an empty one, or the sharpness of another one.
    """
    if not isinstance(dataset, SegmentationDataset):
        raise ValueError(f"the board shows a data set, as load() gives, not a {type(dataset).__name__}")
    judged = _judged(dataset, sharpness) if sharpness is not False else None
    if not isinstance(dataset, Scenes):
        return Survey((Setting(1.0, dataset, count(dataset)),), 0, judged)
    own, settings = dataset.dials.frequency, []
    for stop in sorted({own, *STOPS}):
        where = (dataset.length, dataset.split, dataset.size, dataset.seed)
        drawn = dataset if stop == own else Scenes(*where, replace(dataset.dials, frequency=stop))
        settings.append(Setting(stop, drawn, count(drawn)))
    return Survey(tuple(settings), [setting.dataset for setting in settings].index(dataset), judged)


def _judged(dataset: SegmentationDataset, given: Sharpness | bool) -> Sharpness:
    """The sharpness of the data set, measured if it was not given."""
    from seglib.data.quality import Sharpness, sharpness

    if given is True:
        return sharpness(dataset)
    if not isinstance(given, Sharpness):
        raise ValueError(f"sharpness must be True or what sharpness() gives, not a {type(given).__name__}")
    if len(given.scores) != len(dataset):
        raise ValueError(
            f"the sharpness is of {len(given.scores)} images, the data set has {len(dataset)};"
            " measure it on the same data set"
        )
    return given


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
        return SCHEMES[scheme][2](counts)


def loss_shares(counts: Counts, weights: Tensor) -> Tensor:
    """(K,) float64: the share that each class has of a weighted mean if every pixel has the same loss."""
    parts = counts.shares() * weights.double()
    return parts / parts.sum()
