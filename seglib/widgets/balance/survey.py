"""What is known of a data set before anything is shown: its counts, and on scenes those at every dial."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import TYPE_CHECKING

from seglib.data.balance import Counts, count
from seglib.data.dataset import SegmentationDataset
from seglib.scenes import Scenes

if TYPE_CHECKING:
    from seglib.data.quality import Sharpness  # for SciPy's statistics, which take long to import

FREQUENCIES = (0.0, 0.05, 0.1, 0.2, 0.4, 0.7, 1.0)


@dataclass(frozen=True)
class Setting:
    """The data set at one value of the rarity dial, or as it is where there is no dial.

    Attributes:
        frequency: how often the rare class is drawn beside any other, or None.
        dataset: the images that were counted.
        counts: what is in them.
    """

    frequency: float | None
    dataset: SegmentationDataset
    counts: Counts


@dataclass(frozen=True)
class Survey:
    """A data set, counted at every value of its dial.

    Attributes:
        settings: at least one.
        start: which of them is the data set as it was given.
        sharpness: the blur of every image of that one, or None.
    """

    settings: tuple[Setting, ...]
    start: int
    sharpness: Sharpness | None = None

    @property
    def dataset(self) -> SegmentationDataset:
        """The data set as it was given."""
        return self.settings[self.start].dataset

    @property
    def counts(self) -> Counts:
        """The counts of the data set as it was given."""
        return self.settings[self.start].counts

    @property
    def rare(self) -> str | None:
        """The class that the dial makes rarer, where there is a dial."""
        source = self.dataset
        return source.dials.rare if isinstance(source, Scenes) and len(self.settings) > 1 else None

    @property
    def frequencies(self) -> list[float]:
        """The stops of the dial; empty where there is none."""
        return [setting.frequency for setting in self.settings if setting.frequency is not None]


def survey(
    dataset: SegmentationDataset, blur: Sharpness | bool, frequencies: Sequence[float] | None
) -> Survey:
    """Count a data set; of scenes also what they are when the rare class is drawn less or more often.

    Args:
        dataset: any data set.
        blur: its `Sharpness`; True measures it, False does without.
        frequencies: the stops of the dial; None: `FREQUENCIES` on scenes, none elsewhere.

    Raises:
        ValueError: the data set is empty, is no scenes but should have a dial, or the sharpness is another's.
    """
    if not isinstance(dataset, SegmentationDataset):
        raise ValueError(f"the board shows a data set, as load() gives, not a {type(dataset).__name__}")
    if frequencies and not isinstance(dataset, Scenes):
        raise ValueError(
            f"only Scenes can be drawn with a class made rarer, and this {dataset.name} {dataset.split} is a"
            f" {type(dataset).__name__.strip('_')}; leave out frequencies"
        )
    known = _judged(dataset, blur) if blur is not False else None
    series = _redrawn(dataset, FREQUENCIES if frequencies is None else frequencies)
    counts = count(reduce(operator.add, [one for _, one in series]))  # one bar for all
    number = len(dataset)
    settings = [
        Setting(frequency, one, counts.subset(range(place * number, (place + 1) * number)))
        for place, (frequency, one) in enumerate(series)
    ]
    start = next(place for place, (_, one) in enumerate(series) if one is dataset)
    return Survey(tuple(settings), start, known)


def _judged(dataset: SegmentationDataset, blur: Sharpness | bool) -> Sharpness:
    """The sharpness of the data set, measured if it is not there yet."""
    from seglib.data.quality import Sharpness, sharpness

    if blur is True:
        return sharpness(dataset)
    if not isinstance(blur, Sharpness):
        raise ValueError(f"sharpness must be True or what sharpness() gives, not a {type(blur).__name__}")
    if len(blur.scores) != len(dataset):
        raise ValueError(
            f"the sharpness is of {len(blur.scores)} images, the data set has {len(dataset)};"
            " measure it on the same data set"
        )
    return blur


def _redrawn(
    dataset: SegmentationDataset, frequencies: Sequence[float]
) -> Sequence[tuple[float | None, SegmentationDataset]]:
    """(frequency, data set) in rising order; the data set as it was given is among them."""
    if not isinstance(dataset, Scenes) or not len(frequencies):
        return [(None, dataset)]
    given = dataset.dials.frequency
    where = (dataset.length, dataset.split, dataset.size, dataset.seed)
    return [
        (stop, dataset if stop == given else Scenes(*where, replace(dataset.dials, frequency=stop)))
        for stop in sorted({given, *frequencies})
    ]
