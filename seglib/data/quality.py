"""Which pictures of a data set are blurred, and what else goes when they go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata, spearmanr

from seglib.data.balance import Counts
from seglib.data.blur import blur, reblur
from seglib.data.dataset import SegmentationDataset
from seglib.data.measure import Measure, measure
from seglib.draw import pictures
from seglib.tables import Table

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Sharpness:
    """The blur of every picture of a data set, by two measures.

    Attributes:
        dataset: the pictures.
        scores: (N,) `blur`, higher is more blurred; NaN where it cannot be told.
        second: (N,) `reblur`, scikit-image's measure, for a second opinion.
    """

    dataset: SegmentationDataset
    scores: Array
    second: Array

    @property
    def percentile(self) -> Array:
        """(N,) in 0..100: how many of the judged pictures are less blurred; NaN for those not judged."""
        return _percentile(self.scores)

    @property
    def agreement(self) -> float:
        """Spearman's rank correlation of the two measures, -1..1."""
        judged = ~np.isnan(self.scores)
        return float(spearmanr(self.scores[judged], self.second[judged]).statistic)

    def blurred(self, share: float, *, confirmed: bool = False) -> list[int]:
        """The most blurred pictures, the most blurred first.

        Args:
            share: which part of the judged pictures, 0..1. Not a score: how blurred is too blurred differs
                from data set to data set.
            confirmed: only those that the second measure too finds more blurred than half of the pictures.

        Returns:
            Indices; pictures that cannot be judged are not among them. There is always a most blurred tenth,
            even where nothing is blurred (in CamVid it is the frames at dusk): `show` them before they go.

        Raises:
            ValueError: `share` is not in 0..1.
        """
        if not 0 <= share <= 1:
            raise ValueError(f"share is the part of the pictures to find, 0..1; got {share}")
        order = [i for i in np.argsort(-self.scores, kind="stable").tolist() if not np.isnan(self.scores[i])]
        found = order[: round(share * len(order))]
        middling = np.median(self.second) if confirmed else -np.inf
        return [index for index in found if self.second[index] >= middling]

    @property
    def unjudged(self) -> list[int]:
        """Pictures without an edge that stands out from their noise: look at them."""
        return np.flatnonzero(np.isnan(self.scores)).tolist()

    def show(self, number: int = 4) -> None:
        """Show the sharpest and the most blurred pictures, a row of each."""
        order = self.blurred(1.0)
        number = min(number, len(order) // 2)
        shown = [*order[::-1][:number], *order[:number]]
        titles = [f"{self.dataset.sample_id(i)}: {self.scores[i]:.2f}" for i in shown]
        alt = f"Above the {number} sharpest pictures, below the {number} most blurred: {', '.join(titles)}."
        pictures([self.dataset[i][0] for i in shown], alt=alt, titles=titles, columns=number)

    def table(self, number: int = 10) -> Table:
        """The most blurred pictures, and whether the second measure agrees."""
        ranks, second = self.percentile, _percentile(self.second)
        rows = [
            [self.dataset.sample_id(i), f"{self.scores[i]:.2f}", f"{ranks[i]:.0f}", f"{second[i]:.0f}"]
            for i in self.blurred(1.0)[:number]
        ]
        note = f"The two measures' ranks correlate with {self.agreement:.2f}."
        if self.unjudged:
            note += f" {len(self.unjudged)} pictures have no clear edge and are not judged."
        title = f"The most blurred of {len(self.scores)} pictures of {self.dataset.name} {self.dataset.split}"
        return Table(title, ["", "blur", "percentile", "by the second measure"], rows, note)

    def __str__(self) -> str:
        """The table as text."""
        return str(self.table())

    def _repr_html_(self) -> str:
        """The table in a notebook."""
        return self.table()._repr_html_()


def sharpness(dataset: SegmentationDataset, *, jobs: int | None = None) -> Sharpness:
    """Measure the blur of every picture, remembered as `count` remembers.

    Args:
        dataset: any data set.
        jobs: processes; None decides by the work there is.

    Raises:
        ValueError: the data set is empty, or a picture cannot be read.

    Example:
        >>> from seglib.data.scenes import Dials, Scenes
        >>> calm, rough = sharpness(Scenes(2)), sharpness(Scenes(2, dials=Dials(blur=2)))
        >>> bool((calm.scores < rough.scores).all())
        True
    """
    if not len(dataset):
        raise ValueError(f"{dataset.name} {dataset.split} has no pictures; there is nothing to judge")
    what = Measure(_row, "blur", "image", 2)
    rows = measure(dataset, what, jobs=jobs, label=f"Judging the blur of {dataset.name} {dataset.split}")
    return Sharpness(dataset, rows[:, 0].copy(), rows[:, 1].copy())


def class_shift(counts: Counts, dropped: Sequence[int]) -> Table:
    """What dropping pictures does to the classes: a filter for blur that drops the sky is a filter for sky.

    Args:
        counts: of all pictures.
        dropped: indices of the pictures to be dropped.

    Returns:
        For each class the shares of pixels and of pictures before and after, and how much of it is lost, the
        most lost first.

    Raises:
        ValueError: all pictures are dropped.

    Example:
        >>> import torch
        >>> from seglib.labels import Classes
        >>> counts = Counts(Classes.of("sky", "road"), torch.tensor([[90, 10, 0], [10, 90, 0]]))
        >>> print(class_shift(counts, [0]))
        1 of 2 pictures dropped (50 %)
              pixels %  after  pictures %  after  lost %
        sky       50.0   10.0       100.0  100.0    90.0
        road      50.0   90.0       100.0  100.0    10.0
        Lost is the part of the class's pixels that is dropped: far from 50 %, the cut-off chooses by class.
    """
    kept = sorted(set(range(len(counts))) - set(dropped))
    if not kept:
        raise ValueError("all pictures would be dropped; drop fewer")
    after = counts.subset(kept)
    part = 1 - len(kept) / len(counts)
    lost = (1 - after.total() / counts.total().double()).nan_to_num(0)
    columns = (
        counts.shares(),
        after.shares(),
        counts.total("images") / len(counts),
        after.total("images") / len(kept),
        lost,
    )
    rows = [
        [counts.classes.names[k], *(f"{100 * column[k]:.1f}" for column in columns)]
        for k in lost.argsort(descending=True, stable=True).tolist()
    ]
    return Table(
        f"{len(counts) - len(kept)} of {len(counts)} pictures dropped ({100 * part:.0f} %)",
        ["", "pixels %", "after", "pictures %", "after", "lost %"],
        rows,
        f"Lost is the part of the class's pixels that is dropped: far from {100 * part:.0f} %, the cut-off"
        " chooses by class.",
    )


def _row(dataset: SegmentationDataset, index: int) -> Array:
    """Both measures of one picture."""
    image = dataset[index][0]
    return np.array([blur(image), reblur(image)])


def _percentile(scores: Array) -> Array:
    """(N,) which part of the others, in %, has a lower score; NaN stays NaN."""
    ranks = rankdata(scores, nan_policy="omit") - 1
    return 100 * ranks / max(np.count_nonzero(~np.isnan(scores)) - 1, 1)
