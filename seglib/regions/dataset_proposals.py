"""The region proposals of a whole data set: made once, in parallel, and kept on disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import overload

import numpy as np
from numpy.typing import NDArray

from seglib.data.balance import measure
from seglib.data.dataset import SegmentationDataset
from seglib.regions import kept
from seglib.regions.grouping import FAST, Strategy
from seglib.regions.proposals import Proposals, propose


@dataclass(frozen=True)
class DatasetProposals(Sequence[Proposals]):
    """`[i]` is the proposals of image i, read from the disk when asked for: memory does not grow with N.

    What is not on the disk, or damaged there, is made.

    Attributes:
        dataset: N images.
        number: how many regions of an image at most.
        strategies: how they are found.
        seed: of the chance in their ranking.
    """

    dataset: SegmentationDataset
    number: int = 2000
    strategies: tuple[Strategy, ...] = FAST
    seed: int = 0

    def __len__(self) -> int:
        """N, the number of images."""
        return len(self.dataset)

    @overload
    def __getitem__(self, index: int) -> Proposals: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Proposals]: ...
    def __getitem__(self, index: int | slice) -> Proposals | Sequence[Proposals]:
        """The proposals of one image, or of several; IndexError past the end."""
        if isinstance(index, slice):
            return [self[one] for one in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(f"there is no image {index}; there are {len(self)}")
        image = self.dataset[index % len(self)][0]
        make = partial(propose, image, self.number, strategies=self.strategies, seed=self.seed)
        return kept.proposals(image, self.settings, make)

    @property
    def settings(self) -> str:
        """All that the proposals of an image depend on, beside the image and the code."""
        return f"{self.number} {self.strategies} {self.seed}"


def propose_all(
    dataset: SegmentationDataset,
    number: int = 2000,
    *,
    strategies: Sequence[Strategy] = FAST,
    seed: int = 0,
    jobs: int | None = None,
) -> DatasetProposals:
    """Propose regions in every image of a data set, with a bar after two seconds.

    Each image's regions are on the disk as soon as they are made, found by its content: what was
    interrupted or killed goes on, and a second run reads. See `seglib.cache.folder` for the place.

    Args:
        dataset: N images.
        number: how many regions of an image at most.
        strategies: FAST, QUALITY, or your own.
        seed: of the chance in the ranking.
        jobs: processes; see `seglib.cache.measure`.

    Returns:
        Sequence of N proposals.

    Raises:
        DiskError: the disk is full or may not be written to.
        ValueError: as in `propose`.

    Example:
        >>> from seglib.scenes import Scenes
        >>> proposals = propose_all(Scenes(length=2, size=(40, 60)), number=50)
        >>> len(proposals), proposals[1].labels.shape
        (2, torch.Size([40, 60]))
    """
    proposals = DatasetProposals(dataset, number, tuple(strategies), seed)
    row = partial(_count, number, proposals.strategies, seed)
    name = f"proposals {proposals.settings} {kept.code_of_proposals()}"
    label = f"proposals of {dataset.name} {dataset.split}"
    measure(dataset, row, name, "image", label=label, jobs=jobs)
    return proposals


def _count(
    number: int, strategies: tuple[Strategy, ...], seed: int, dataset: SegmentationDataset, index: int
) -> NDArray[np.float64]:
    """How many regions image `index` has; they are on the disk then. Runs in other processes, too."""
    return np.array([len(DatasetProposals(dataset, number, strategies, seed)[index])], np.float64)
