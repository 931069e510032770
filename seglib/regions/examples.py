"""Every image of a data set becomes regions with features, in parallel, once; the SVMs learn from these."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import joblib
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import interpolate

from seglib.data.balance import measure
from seglib.data.dataset import Instances, SegmentationDataset
from seglib.data.in_memory import checked_mask
from seglib.labels import VOID
from seglib.progress import tracked
from seglib.regions import kept
from seglib.regions.features import NAMES, Kind, RegionFeatures, Stages
from seglib.regions.grouping import FAST, Strategy
from seglib.regions.proposals import Proposals, propose
from seglib.regions.recall import true_regions
from seglib.regions.superpixels import checked


@dataclass(frozen=True)
class Examples:
    """The regions of one image: R proposals, and last its G true regions.

    Attributes:
        read: gives (R + G, D) float32 features; from the disk, so that memory does not grow with images.
        overlaps: (R + G, G) float32, IoU with each true region.
        classes: (G,) int64 class of each true region.
    """

    read: Callable[[], Tensor]
    overlaps: Tensor
    classes: Tensor

    @property
    def first_true(self) -> int:
        """R, the number of the first true region."""
        return len(self.overlaps) - len(self.classes)

    def overlap_with(self, index: int) -> Tensor:
        """(R + G,) the best IoU of each region with an object of class `index`; 0 where there is none."""
        of_class = self.overlaps[:, self.classes == index]
        return of_class.amax(dim=1) if of_class.shape[1] else torch.zeros(len(self.overlaps))


@dataclass(frozen=True)
class Looker:
    """How an image becomes regions with features.

    Attributes:
        features: the net.
        kind: which features.
        number: regions of an image at most.
        longest: an image with a longer side is looked at in a smaller copy.
        strategies: of the proposals.
        seed: of the proposals' ranking.
    """

    features: RegionFeatures
    kind: Kind = "joined"
    number: int = 250
    longest: int = 320
    strategies: tuple[Strategy, ...] = FAST
    seed: int = 0

    def propose(self, image: Tensor) -> Proposals:
        """Regions of an image that `shrunk` gave."""
        return propose(image, self.number, strategies=self.strategies, seed=self.seed)

    def shrunk(self, image: Tensor) -> Tensor:
        """(3, h, w) uint8 with h, w <= longest, from an image (3, H, W) or a grey one."""
        image = checked(image)
        return smaller(image, small_size(image.shape[1:], self.longest))

    def prepare(self, dataset: SegmentationDataset, jobs: int | None = None) -> Stages:
        """Make the features of all images, or find that they are there; killed half-way, it goes on.

        Args:
            dataset: images with masks.
            jobs: processes; see `seglib.cache.measure`.

        Returns:
            What it took, now or when it was done, by stage.
        """
        nets = list(self.features.fingerprints.values())
        code = kept.code_of_proposals() + kept.code_of_features()
        name = f"regions {joblib.hash([self._settings, self.longest, self.kind, nets, code])}"
        label = f"{self.kind} features of {dataset.name} {dataset.split}"
        rows = measure(dataset, partial(_look, self), name, "image", label=label, jobs=jobs)
        stages = Stages()
        stages.seconds = dict(zip(NAMES, rows.sum(axis=0).tolist()))
        stages.images = len(dataset)
        return stages

    def examples(self, dataset: SegmentationDataset) -> Iterator[Examples]:
        """The examples of each image, after `prepare`; what is missing is made."""
        for index in tracked(
            range(len(dataset)), len(dataset), f"overlaps of {dataset.name} {dataset.split}"
        ):
            yield self.look(dataset, index, Stages())

    def look(self, dataset: SegmentationDataset, index: int, stages: Stages) -> Examples:
        """The examples of one image."""
        image, proposals, truth, classes, overlaps = self.regions(dataset, index, stages)
        paths = [
            kept.kept(self.features, image, some, self.kind, stages=stages) for some in (proposals, truth)
        ]
        return Examples(partial(_read, *paths), torch.cat([overlaps, torch.eye(len(truth))]), classes)

    def known(self, image: Tensor) -> tuple[Proposals, Tensor]:
        """The proposals of an image and their (R, D) features: from the disk, or made and put there."""
        image = self.shrunk(image)
        proposals = kept.proposals(image, self._settings, partial(self.propose, image))
        return proposals, kept.read(kept.kept(self.features, image, proposals, self.kind))

    def regions(
        self, dataset: SegmentationDataset, index: int, stages: Stages
    ) -> tuple[Tensor, Proposals, Proposals, Tensor, Tensor]:
        """The image as it is looked at, R proposals, G true regions, their classes, and (R, G) overlaps.

        Void counts neither for nor against a region: it can be as large as an animal.
        """
        whole, mask = dataset[index]
        image = self.shrunk(whole)
        mask = checked_mask(dataset, index, whole, mask)
        with stages("proposals"):
            proposals = kept.proposals(image, self._settings, partial(self.propose, image))
        instances = dataset.instances(index)
        if mask.shape != image.shape[1:]:
            mask, instances = _small(mask, instances, (image.shape[1], image.shape[2]))
        truth, classes = true_regions(mask, instances, background=dataset.classes.background)
        overlaps = proposals.overlaps_many(truth.masks(), mask.as_subclass(Tensor) == VOID)
        return image, proposals, truth, classes, overlaps

    @property
    def _settings(self) -> str:
        return f"{self.number} {self.strategies} {self.seed}"  # as of `propose_all`, so that both share files


def small_size(size: torch.Size, longest: int) -> tuple[int, int]:
    """(height, width) in the same proportion with neither above `longest`; smaller ones stay as they are.

    Example:
        >>> small_size(torch.Size([480, 640]), 320), small_size(torch.Size([9, 5]), 320)
        ((240, 320), (9, 5))
    """
    factor = min(longest / max(size), 1)
    height, width = (max(round(side * factor), 1) for side in size)
    return height, width


def smaller(image: Tensor, size: tuple[int, int]) -> Tensor:
    """An image (3, H, W) uint8 in a size that is not larger, antialiased."""
    if size == image.shape[1:]:
        return image
    small = interpolate(image[None].float(), size, mode="bilinear", antialias=True)
    return small[0].round().clamp(0, 255).byte()


def resized(mask: Tensor, size: tuple[int, int]) -> Tensor:
    """A mask (H, W), or masks (M, H, W), of another size: each pixel takes the nearest one's value."""
    stack = mask.as_subclass(Tensor)[None] if mask.ndim == 2 else mask
    values = interpolate(stack[:, None].float(), size, mode="nearest-exact")[:, 0].to(mask.dtype)
    return values[0] if mask.ndim == 2 else values


def _small(
    mask: Tensor, instances: Instances | None, size: tuple[int, int]
) -> tuple[Tensor, Instances | None]:
    if instances is not None:
        instances = Instances(resized(instances.masks, size), instances.classes, instances.boxes)
    return resized(mask, size), instances


def _look(looker: Looker, dataset: SegmentationDataset, index: int) -> NDArray[np.float64]:
    """The seconds of each stage; the features are on the disk. Runs in another process, too."""
    stages = Stages()
    looker.look(dataset, index, stages)
    return np.array([stages.seconds[name] for name in NAMES])


def _read(proposals: list, truth: list) -> Tensor:
    return torch.cat([kept.read(proposals), kept.read(truth)])
