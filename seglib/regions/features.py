"""Features of regions: a classification net looks at two crops, the region's full box and its foreground.

And the way from an image, or from each image of a data set, to regions with features, kept on disk.
"""

import copy
import inspect
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import interpolate
from torchvision.ops import box_iou

from seglib import backbones, cache
from seglib.backbones import Backbone
from seglib.data.dataset import SegmentationDataset
from seglib.data.in_memory import checked_mask
from seglib.labels import VOID
from seglib.regions.crops import Color, MaskOut, foreground_crop, masked, warp, windows
from seglib.regions.proposals import Proposals, cached_proposals, propose, true_regions
from seglib.regions.superpixels import as_rgb, shrink

Kind = Literal["full", "foreground", "joined"]
Seconds = dict[str, float]  # by stage
KINDS: tuple[Kind, ...] = get_args(Kind)
BATCH = 64  # regions at a time: bounds memory, and more are no faster on a CPU
LONGEST = 320  # pixels; an image with a longer side is processed as a smaller copy
CODE = ("seglib.regions", "seglib.backbones")
SAME_BOX = 0.95  # IoU from which boxes share one full crop


class RegionFeatures:
    """Computes a feature vector for each region of an image.

    Args:
        backbone: the net for full boxes, and for foregrounds too unless `foreground` is given; by default
            lite0. It is copied, and never trained here.
        foreground: a net of its own for foregrounds, such as one that was fine-tuned on them.
        size: side of the crops in pixels. Time grows with its square.
        precision: "bfloat16" takes about half the time on processors that support it, and more on others.
        mask_out: what to use in place of `foreground_crop`, such as a student's own. Its features are kept
            on disk under its source text.

    Reference:
        Girshick, Donahue, Darrell, Malik, "Rich Feature Hierarchies", 2014, section 5 (full, fg, full + fg);
        Hariharan et al., "Simultaneous Detection and Segmentation", 2014, section 3.2. They take one of two
        layers of 4096 of AlexNet, fc6 or fc7; lite0's 1280 before its classifier correspond to fc7.

    Example:
        >>> features = RegionFeatures(backbones.load("small"), size=32)
        >>> image, labels = torch.zeros(3, 4, 4, dtype=torch.uint8), torch.zeros(4, 4, dtype=torch.long)
        >>> whole = Proposals(labels, torch.ones(1, 1).bool(), torch.ones(1))
        >>> features.extract(image, whole, "full").shape, features.extract(image, whole).shape
        (torch.Size([1, 256]), torch.Size([1, 512]))
    """

    def __init__(
        self, backbone: Backbone | None = None, *, foreground: Backbone | None = None, size: int = 96,
        precision: Literal["float32", "bfloat16"] = "float32", mask_out: MaskOut = foreground_crop,
    ) -> None:  # fmt: skip
        self.mask_out, self._way = mask_out, "" if mask_out is foreground_crop else _source(mask_out)
        self.backbone = prepared(backbone or backbones.load("lite0"))
        self.foreground = self.backbone if foreground is None else prepared(foreground)
        self.size, self.precision = size, precision

    def extract(
        self, image: Tensor, proposals: Proposals, kind: Kind = "joined", *, seconds: Seconds | None = None
    ) -> Tensor:
        """The features of every region.

        Args:
            image: (3, H, W) uint8, or grey.
            proposals: R regions of that image. Beyond the result, memory does not grow with R.
            kind: "full" box, "foreground", or "joined": both, full first.
            seconds: the time spent on "crops" and in the "net" is added here.

        Returns:
            (R, D) float32 on the CPU.

        Raises:
            ValueError: an unknown kind, or not an image.
        """
        parts = [self._extract(image, proposals, pathway, seconds) for pathway in pathways(kind)]
        return torch.cat(parts, dim=1)

    def _extract(self, image: Tensor, proposals: Proposals, pathway: Kind, seconds: Seconds | None) -> Tensor:
        net, first = self.foreground, torch.arange(len(proposals))
        if pathway == "full":  # boxes that are nearly the same share a crop
            net, first = self.backbone, first_similar(proposals.boxes)
        rows, place = first.unique(return_inverse=True)
        batches = []
        for some in rows.split(BATCH):
            with timed(seconds, "crops"):
                window = windows(proposals.boxes[some])
                images = warp(image, window, self.size, self.fill)
                if pathway == "foreground":
                    pieces = proposals.members[some]
                    images = masked(images, proposals.labels, pieces, window, self.fill, self.mask_out)
            with timed(seconds, "net"):
                batches.append(self._vectors(net, images))
        return torch.cat(batches)[place]

    def _vectors(self, net: Backbone, images: Tensor) -> Tensor:
        device, count = next(net.parameters()).device, len(images)
        images = images if count else images.new_zeros(1, *images.shape[1:])  # a net refuses an empty batch
        images = images.to(device, memory_format=torch.channels_last)  # twice as fast on a CPU
        autocast = torch.autocast(device.type, torch.bfloat16, enabled=self.precision == "bfloat16")
        with torch.inference_mode(), autocast:
            vectors = without_classifier(net)(images)
        return vectors[:count].float().cpu().clone()

    @property
    def fill(self) -> Color:
        """The colour that the net normalises to zeros, 0..255: it surrounds a foreground."""
        return tuple(self.backbone.normalise.mean.flatten().tolist())

    @cached_property
    def keys(self) -> dict[Kind, str]:
        """For "full" and "foreground", a key that changes with the weights and everything else."""
        return {
            pathway: cache.key(pathway, self.size, self.precision, net.name, net.state_dict(), way)
            for pathway, net, way in zip(KINDS, (self.backbone, self.foreground), ("", self._way))
        }


def pathways(kind: Kind) -> tuple[Kind, ...]:
    """The pathways that features of this kind are joined from.

    Raises:
        ValueError: the kind is unknown.
    """
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}; got {kind!r}")
    return KINDS[:2] if kind == "joined" else (kind,)


def _source(function: MaskOut) -> str:
    """The text of a function; where Python does not have it, a name that is never used again."""
    try:
        return inspect.getsource(function)
    except (OSError, TypeError):
        return uuid.uuid4().hex


def without_classifier(net: Backbone) -> nn.Sequential:
    """A backbone without the last layer of its classifier; one without classifier ends in an average."""
    head: list[nn.Module] = [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    if net.classifier is not None:
        head = list(net.classifier.children())[:-1]
    return nn.Sequential(net.normalise, *net.stages, *head).train(net.training)


def prepared(net: Backbone) -> Backbone:
    """A copy in evaluation mode, in the memory format that is fast on a CPU."""
    return copy.deepcopy(net).eval().to(memory_format=torch.channels_last)


def first_similar(boxes: Tensor) -> Tensor:
    """For each box the first one that is nearly the same, so that the net looks at it only once.

    SDS groups boxes by complete linkage; here each box joins the first of the boxes kept so far that it
    overlaps by SAME_BOX, which does not depend on later boxes.

    Args:
        boxes: (R, 4), best first.

    Returns:
        (R,) int64, the index of a box that represents it.

    Example:
        >>> first_similar(torch.tensor([[0, 0, 50, 9], [0, 0, 9, 9], [0, 0, 49, 9]]))
        tensor([0, 1, 0])
    """
    boxes, first = boxes.double(), torch.full((len(boxes),), -1)
    for index in range(len(boxes)):
        if first[index] < 0:
            near = box_iou(boxes[index : index + 1], boxes)[0] >= SAME_BOX
            first[near & (first < 0)] = index
    return first


@contextmanager
def timed(seconds: Seconds | None, stage: str) -> Iterator[None]:
    """Add the time that the `with` block takes to `seconds[stage]`; do nothing if `seconds` is None."""
    start = time.perf_counter()
    yield
    if seconds is not None:
        seconds[stage] = seconds.get(stage, 0.0) + time.perf_counter() - start


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
        mask, instances = resize_mask(mask, image.shape[1:]), dataset.instances(index)
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
