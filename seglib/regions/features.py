"""Features of regions: a classification net looks at two crops, the region's full box and its foreground."""

import copy
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torchvision.ops import box_iou, roi_align

from seglib import backbones, cache
from seglib.backbones import Backbone
from seglib.regions.proposals import Proposals
from seglib.regions.superpixels import as_rgb

Color = tuple[float, ...]  # red, green, blue; 0..255
Kind = Literal["full", "foreground", "joined"]
Seconds = dict[str, float]  # by stage
KINDS: tuple[Kind, ...] = get_args(Kind)
CONTEXT = 16 / 227  # of the crop, on each side: what SDS shows around the box
MEAN = (127.0, 127.0, 127.0)  # lite0 normalises this colour to zeros
BATCH = 64  # regions at a time: bounds memory, and more are no faster on a CPU
SAME_BOX = 0.95  # IoU from which boxes share one full crop


def crop(image: Tensor, box: Tensor, *, size: int = 96, fill: Color = MEAN) -> Tensor:
    """One box of an image with some context, warped to a square.

    Args:
        image: (3, H, W) uint8, or grey.
        box: (4,) x1 y1 x2 y2, end-exclusive.
        size: side of the crop in pixels.
        fill: the colour outside the image, 0..255.

    Returns:
        (3, size, size) float32 in 0..255.

    Raises:
        ValueError: not an image.

    Example:
        >>> image = torch.full((3, 4, 4), 200, dtype=torch.uint8)
        >>> crop(image, torch.tensor([0, 0, 4, 4]), size=8).shape
        torch.Size([3, 8, 8])
    """
    return warp(image, windows(box[None]), size, fill)[0]


def crops(
    image: Tensor, proposals: Proposals, *, size: int = 96, fill: Color = MEAN
) -> tuple[Tensor, Tensor]:
    """Both crops of every region: of its box, and of its foreground, with `fill` around it.

    Returns:
        (R, 3, size, size) float32 in 0..255, full and foreground. Memory grows with R: pass a subset.

    Reference:
        Hariharan, Arbelaez, Girshick, Malik, "Simultaneous Detection and Segmentation", 2014, section 3.2 and
        the authors' code: both crops are warped without regard to proportions, with 16 of 227 pixels of
        context; outside the image and the region is the mean colour, so that the net sees zeros. Here a pixel
        of a crop is the mean of the pixels under it, there it is one bilinear sample.
    """
    window = windows(proposals.boxes)
    full = warp(image, window, size, fill)
    return full, masked(full, proposals.labels, proposals.members, window, fill)


def windows(boxes: Tensor) -> Tensor:
    """Enlarge boxes (R, 4) about their centres so that a crop shows CONTEXT on each side.

    They may leave the image.

    Example:
        >>> windows(torch.tensor([[0, 0, 195, 390]])).round()
        tensor([[-16., -32., 211., 422.]])
    """
    corner, end = boxes.float().split(2, dim=1)
    more = (end - corner) * CONTEXT / (1 - 2 * CONTEXT)
    return torch.cat([corner - more, end + more], dim=1)


def warp(image: Tensor, window: Tensor, size: int, fill: Color = MEAN) -> Tensor:
    """Windows (R, 4) of an image, warped to (R, 3, size, size) float32; outside the image is `fill`."""
    image = as_rgb(image)
    colour = image.new_tensor(fill, dtype=torch.float32)[:, None, None]
    # roi_align sees zeros outside the image: so subtract the colour, and add it again
    shifted = image.float() - colour
    return roi_align(shifted[None], [window], size, sampling_ratio=-1, aligned=True) + colour


def masked(full: Tensor, labels: Tensor, members: Tensor, window: Tensor, fill: Color = MEAN) -> Tensor:
    """Crops of which only the pixels of a region are left, by the nearest pixel of the image.

    Args:
        full: (R, 3, s, s) crops.
        labels: (H, W) int64, the superpixel of each pixel.
        members: (R, S) bool, the superpixels of each region.
        window: (R, 4), where each crop was taken.
        fill: the colour outside the region and the image.

    Returns:
        (R, 3, s, s).
    """
    (height, width), size = labels.shape, full.shape[-1]
    steps = (torch.arange(size, device=labels.device) + 0.5) / size
    columns = (window[:, :1] + steps * (window[:, 2:3] - window[:, :1])).floor().long()  # (R, s)
    rows = (window[:, 1:2] + steps * (window[:, 3:] - window[:, 1:2])).floor().long()
    near = labels[rows.clamp(0, height - 1)[:, :, None], columns.clamp(0, width - 1)[:, None]]
    belongs = members.gather(1, near.flatten(1)).view_as(near)  # (R, s, s)
    rows_in, columns_in = (rows >= 0) & (rows < height), (columns >= 0) & (columns < width)
    shown = belongs & rows_in[:, :, None] & columns_in[:, None]
    return torch.where(shown[:, None], full, full.new_tensor(fill)[:, None, None])


class RegionFeatures:
    """Computes a feature vector for each region of an image.

    Args:
        backbone: the net for full boxes, and for foregrounds too unless `foreground` is given; by default
            lite0. It is copied, and never trained here.
        foreground: a net of its own for foregrounds, such as one that was fine-tuned on them.
        size: side of the crops in pixels. Time grows with its square.
        precision: "bfloat16" takes about half the time on processors that support it, and more on others.

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
        self,
        backbone: Backbone | None = None,
        *,
        foreground: Backbone | None = None,
        size: int = 96,
        precision: Literal["float32", "bfloat16"] = "float32",
    ) -> None:
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
                    images = masked(images, proposals.labels, proposals.members[some], window, self.fill)
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
            pathway: cache.key(pathway, self.size, self.precision, net.name, net.state_dict())
            for pathway, net in zip(KINDS, (self.backbone, self.foreground))
        }


def pathways(kind: Kind) -> tuple[Kind, ...]:
    """The pathways that features of this kind are joined from.

    Raises:
        ValueError: the kind is unknown.
    """
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}; got {kind!r}")
    return KINDS[:2] if kind == "joined" else (kind,)


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
