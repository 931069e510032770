"""From an image to regions with features, and the same for a data set: in parallel, and kept on disk."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import interpolate

from seglib import cache
from seglib.data.dataset import SegmentationDataset
from seglib.data.in_memory import checked_mask
from seglib.labels import VOID
from seglib.regions.features import Kind, RegionFeatures, pathways, timed
from seglib.regions.proposals import Proposals, cached_proposals, propose
from seglib.regions.recall import true_regions
from seglib.regions.superpixels import as_rgb, shrink

LONGEST = 320  # pixels; an image with a longer side is processed as a smaller copy
CODE = ("seglib.regions", "seglib.backbones")


@dataclass(frozen=True)
class RegionExamples:
    """The regions of one training image: R proposals, then its G true regions.

    Attributes:
        read: returns (R + G, D) float32 features, from the disk, so that memory does not grow with images.
        overlaps: (R + G, G) float32, IoU with each true region.
        classes: (G,) int64, the class of each true region.
    """

    read: Callable[[], Tensor]
    overlaps: Tensor
    classes: Tensor

    @property
    def first_true(self) -> int:
        """R, the index of the first true region."""
        return len(self.overlaps) - len(self.classes)

    def overlap_with(self, index: int) -> Tensor:
        """(R + G,) the best IoU of each region with an object of class `index`; 0 if there is none."""
        of_class = self.overlaps[:, self.classes == index]
        return of_class.amax(dim=1) if of_class.shape[1] else torch.zeros(len(self.overlaps))


@dataclass(frozen=True)
class RegionExtractor:
    """How an image becomes regions with features.

    Attributes:
        features: computes the features.
        kind: which features: "full", "foreground" or "joined".
        number: regions of an image at most.
        seed: of the proposals' ranking.
    """

    features: RegionFeatures
    kind: Kind = "joined"
    number: int = 250
    seed: int = 0

    def propose(self, image: Tensor) -> Proposals:
        """At most `number` regions of an image, which is shrunk first."""
        return propose(shrink_to(image), self.number, seed=self.seed)

    def extract(self, image: Tensor, seconds: dict[str, float] | None = None) -> tuple[Proposals, Tensor]:
        """R proposals of an image, which is shrunk first, and their (R, D) float32 features.

        Args:
            image: (3, H, W) uint8, or grey.
            seconds: the time spent on "proposals", "crops" and in the "net" is added here.

        Raises:
            ValueError: not an image.
        """
        with timed(seconds, "proposals"):
            image = shrink_to(image)
            proposals = self.propose(image)
        return proposals, self.features.extract(image, proposals, self.kind, seconds=seconds)

    def cached(self, image: Tensor) -> tuple[Proposals, Tensor]:
        """The same from the disk, or computed and saved there; the features are rounded to 11 bits."""
        image = shrink_to(image)
        proposals = cached_proposals(image, self.number, seed=self.seed)
        parts = list(self._parts(image, proposals).values())
        return proposals, torch.from_numpy(np.concatenate(parts, axis=1)).float()

    def examples(self, dataset: SegmentationDataset, jobs: int | None = None) -> list[RegionExamples]:
        """The examples of every image, with a progress bar.

        What was computed before, by this or another extractor, is read from the disk; a run that was
        interrupted or killed resumes.

        Args:
            dataset: images with masks.
            jobs: processes; see `seglib.cache.each`.

        Raises:
            ValueError: an image or a mask is invalid; the message names it.
        """
        label = f"{self.kind} features of {dataset.name} {dataset.split}"
        tasks, make = range(len(dataset)), partial(self._example, dataset)
        return [
            RegionExamples(
                partial(self._read, dataset, index, arrays["keys"].tolist()),
                torch.from_numpy(arrays["overlaps"]),
                torch.from_numpy(arrays["classes"]),
            )
            for index, arrays in enumerate(cache.each(tasks, make, [None] * len(tasks), label, jobs))
        ]

    def regions(
        self, dataset: SegmentationDataset, index: int
    ) -> tuple[Tensor, Proposals, Proposals, Tensor, Tensor]:
        """The shrunk image, R proposals, G true regions, their classes, and (R, G) overlaps.

        Void pixels are ignored in overlaps: an object can have as many around it as pixels of its own.
        """
        whole, mask = dataset[index]
        image, mask = shrink_to(whole), checked_mask(dataset, index, whole, mask).as_subclass(Tensor)
        proposals = cached_proposals(image, self.number, seed=self.seed)
        instances = dataset.instances(index)
        if mask.shape != image.shape[1:]:
            mask = resize_mask(mask, image.shape[1:])
            if instances is not None:
                instances = replace(instances, masks=resize_mask(instances.masks, image.shape[1:]))
        truth, classes = true_regions(mask, instances, background=dataset.classes.background)
        return image, proposals, truth, classes, proposals.overlaps_many(truth.masks(), mask == VOID)

    def _example(self, dataset: SegmentationDataset, index: int) -> cache.Arrays:
        """Keys of the features, overlaps and classes of one image; the features are on the disk then."""
        image, proposals, truth, classes, overlaps = self.regions(dataset, index)
        keys = [list(self._parts(image, regions)) for regions in (proposals, truth)]
        overlaps = torch.cat([overlaps, torch.eye(len(truth))])
        return {"keys": np.array(keys), "overlaps": overlaps.numpy(), "classes": classes.numpy()}

    def _read(self, dataset: SegmentationDataset, index: int, keys: list[list[str]]) -> Tensor:
        """(R + G, D) features of image `index`; they are computed again if the disk does not have them."""
        found = [[arrays["features"] for arrays in map(cache.load, row) if arrays] for row in keys]
        if any(len(parts) < len(row) for parts, row in zip(found, keys)):
            image, proposals, truth, *_ = self.regions(dataset, index)
            found = [list(self._parts(image, regions).values()) for regions in (proposals, truth)]
        return torch.from_numpy(np.block(found)).float()

    def _parts(self, image: Tensor, regions: Proposals) -> dict[str, NDArray[np.float16]]:
        """The features of each pathway by their key in the store, from there or computed and saved."""
        parts = {}
        for pathway in pathways(self.kind):
            net = self.features.keys[pathway]
            key = cache.key("region features", net, image, regions.labels, regions.members, code=CODE)
            arrays = cache.load(key)
            if arrays is None:
                arrays = {"features": self.features.extract(image, regions, pathway).half().numpy()}
                cache.save(key, arrays)
            parts[key] = arrays["features"]
        return parts


def shrink_to(image: Tensor) -> Tensor:
    """(3, h, w) uint8 with h, w <= LONGEST, from an image (3, H, W) or a grey one."""
    image = as_rgb(image)
    return shrink(image, bounded_size(image.shape[1:], LONGEST))


def bounded_size(size: Sequence[int], longest: int) -> tuple[int, int]:
    """(height, width) in the same proportion with neither above `longest`; a smaller size stays as it is.

    Example:
        >>> bounded_size((480, 640), 320), bounded_size((9, 5), 320)
        ((240, 320), (9, 5))
    """
    factor = min(longest / max(size), 1)
    return max(round(size[0] * factor), 1), max(round(size[1] * factor), 1)


def resize_mask(mask: Tensor, size: Sequence[int]) -> Tensor:
    """A mask (H, W), or masks (M, H, W), in another size; each pixel takes the nearest one's value."""
    masks = mask.as_subclass(Tensor)[None] if mask.ndim == 2 else mask
    resized = interpolate(masks[:, None].float(), size, mode="nearest-exact")[:, 0].to(mask.dtype)
    return resized[0] if mask.ndim == 2 else resized
