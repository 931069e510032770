"""Where the time goes: seconds by stage."""

from __future__ import annotations

import copy
import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torchvision.ops import box_iou, roi_align

from seglib import backbones
from seglib.backbones import Backbone
from seglib.regions.proposals import Proposals
from seglib.regions.superpixels import checked

NAMES = ("proposals", "crops", "net", "svm", "paste")


class Stages:
    """A stopwatch for each stage of the pipeline, and a count of images.

    Attributes:
        seconds: {stage: seconds so far}, in the order of the pipeline.
        images: how many images these are.

    Example:
        >>> stages = Stages()
        >>> with stages("crops"):
        ...     time.sleep(0.01)
        >>> stages.seconds["crops"] >= 0.01, stages.seconds["net"]
        (True, 0.0)
    """

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(NAMES, 0.0)
        self.images = 0

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Count the time inside of the `with` to this stage."""
        begin = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] += time.perf_counter() - begin

    def add(self, other: Stages) -> None:
        """Count another image or more in."""
        self.images += other.images
        for stage, seconds in other.seconds.items():
            self.seconds[stage] += seconds

    @property
    def per_image(self) -> dict[str, float]:
        """{stage: seconds for one image}."""
        return {stage: seconds / max(self.images, 1) for stage, seconds in self.seconds.items()}


# What the net is shown of a region: the image around it, and the region alone on the mean colour.

CONTEXT = 16 / 227  # of the crop, on each side: what SDS shows around the box
MEAN = (127.0, 127.0, 127.0)  # what lite0 takes for nothing: its normalisation makes it 0


def crop(
    image: Tensor,
    box: Tensor,
    mask: Tensor | None = None,
    *,
    size: int = 96,
    context: float = CONTEXT,
    fill: tuple[float, float, float] = MEAN,
) -> Tensor:
    """One box of an image, warped to a square; with a mask, only what is inside of it.

    Args:
        image: (3, H, W) uint8.
        box: (4,) x1 y1 x2 y2, end-exclusive.
        mask: (H, W) bool; None shows everything.
        size: side of the crop in pixels.
        context: the share of the crop's side that is shown beyond the box, on each side.
        fill: the colour outside of the image and of the mask, 0..255.

    Returns:
        (3, size, size) float32 in 0..255.

    Raises:
        ValueError: the image is not uint8, (3, H, W) or grey, or the context leaves no room for the box.

    Example:
        >>> image = torch.full((3, 4, 4), 200, dtype=torch.uint8)
        >>> mask = torch.tensor([[0, 0, 1, 1]] * 4).bool()
        >>> crop(image, torch.tensor([0, 0, 4, 4]), mask, size=4, context=0)[0, 0]
        tensor([127., 127., 200., 200.])
    """
    labels = torch.zeros(image.shape[-2:], dtype=torch.long) if mask is None else (~mask).long()
    window = windows(box[None], context)
    full = cut(image, window, size, fill)
    return masked(full, inside(labels, torch.tensor([[True, False]]), window, size), fill)[0]


def crops(
    image: Tensor,
    proposals: Proposals,
    *,
    size: int = 96,
    context: float = CONTEXT,
    fill: tuple[float, float, float] = MEAN,
) -> tuple[Tensor, Tensor]:
    """Both crops of every region: of its box, and of its foreground. Arguments as those of `crop`.

    Returns:
        (R, 3, size, size) float32 in 0..255, full and foreground. Memory grows with R: give a subset.

    Reference:
        Hariharan, Arbelaez, Girshick, Malik, "Simultaneous Detection and Segmentation", 2014, section 3.2 and
        the authors' code: both crops are warped without regard to proportions, with 16 of 227 pixels of
        context; outside of the image and of the region is the mean colour, so that the net sees zeros. Here
        a pixel of a crop is the mean of the pixels under it, there it is one bilinear sample.
    """
    window = windows(proposals.boxes, context)
    full = cut(image, window, size, fill)
    return full, masked(full, inside(proposals.labels, proposals.members, window, size), fill)


def windows(boxes: Tensor, context: float = CONTEXT) -> Tensor:
    """Boxes made larger about their centre, so that a crop of them has `context` on each side.

    Args:
        boxes: (R, 4).
        context: 0 <= context < 1/2.

    Returns:
        (R, 4) float32; they may leave the image.

    Example:
        >>> windows(torch.tensor([[0, 0, 6, 3]]), context=1 / 8)
        tensor([[-1.0000, -0.5000,  7.0000,  3.5000]])
    """
    if not 0 <= context < 0.5:
        raise ValueError(f"context {context} is the share of the crop on each side of the box: 0 <= it < 0.5")
    corner, end = boxes.float().split(2, dim=1)
    more = (end - corner) * context / (1 - 2 * context)
    return torch.cat([corner - more, end + more], dim=1)


def cut(image: Tensor, window: Tensor, size: int, fill: tuple[float, float, float] = MEAN) -> Tensor:
    """Windows (R, 4) of an image, warped to (R, 3, size, size) float32; beyond the image is `fill`."""
    image = checked(image)
    colour = image.new_tensor(fill, dtype=torch.float32)[:, None, None]
    # roi_align has zeros outside of the image: so mean colour becomes zero, and back again
    shifted = image.float() - colour
    return roi_align(shifted[None], [window], size, sampling_ratio=-1, aligned=True) + colour


def inside(labels: Tensor, members: Tensor, window: Tensor, size: int) -> Tensor:
    """Which pixels of a crop belong to the region: the nearest pixel of the image says it.

    Args:
        labels: (H, W) int64, the superpixel of every pixel.
        members: (R, S) bool, the superpixels of every region.
        window: (R, 4), where each crop was taken.
        size: side of the crop.

    Returns:
        (R, size, size) bool; False outside of the image.
    """
    height, width = labels.shape
    steps = (torch.arange(size, device=labels.device) + 0.5) / size
    columns = (window[:, :1] + steps * (window[:, 2:3] - window[:, :1])).floor().long()  # (R, size)
    rows = (window[:, 1:2] + steps * (window[:, 3:] - window[:, 1:2])).floor().long()
    near = labels[rows.clamp(0, height - 1)[:, :, None], columns.clamp(0, width - 1)[:, None]]
    belongs = members.gather(1, near.flatten(1)).view_as(near)
    rows_in = (rows >= 0) & (rows < height)
    columns_in = (columns >= 0) & (columns < width)
    return belongs & rows_in[:, :, None] & columns_in[:, None]


def masked(full: Tensor, within: Tensor, fill: tuple[float, float, float] = MEAN) -> Tensor:
    """Crops (R, 3, s, s) with everything that is not `within` (R, s, s) set to the colour `fill`."""
    return torch.where(within[:, None], full, full.new_tensor(fill)[:, None, None])


# Regions become vectors: a net that learned to classify images looks at the crops of each region.

Kind = Literal["full", "foreground", "joined"]
KINDS: tuple[Kind, ...] = get_args(Kind)
BATCH = 64  # regions at a time: bounds memory, and more are no faster on a CPU
SAME = 0.95  # boxes that overlap as much share one full crop


class RegionFeatures:
    """The net of the region pipeline: full box, foreground, or both side by side.

    Args:
        backbone: looks at full boxes, and at foregrounds too unless there is `foreground`; by default lite0.
            It is copied, and never trained here.
        foreground: one that was fine-tuned on foregrounds (see `seglib.regions.finetune`).
        size: side of the crops in pixels. Time grows with its square.
        context: the share of a crop on each side of the box.
        precision: "bfloat16" takes about half the time on processors that know it, and more on others.

    Reference:
        Girshick, Donahue, Darrell, Malik, "Rich Feature Hierarchies", 2014, section 5 (full, fg, full + fg);
        Hariharan et al., "Simultaneous Detection and Segmentation", 2014, section 3.2. They take a layer of
        4096 of AlexNet; lite0's last layer before its classifier has 1280.

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
        context: float = CONTEXT,
        precision: Literal["float32", "bfloat16"] = "float32",
    ) -> None:
        self.backbone = ready(backbone or backbones.load("lite0"))
        self.foreground = self.backbone if foreground is None else ready(foreground)
        self.size, self.context, self.precision = size, context, precision

    def extract(
        self, image: Tensor, proposals: Proposals, kind: Kind = "joined", *, stages: Stages | None = None
    ) -> Tensor:
        """The features of every region.

        Args:
            image: (3, H, W) uint8.
            proposals: R regions of that image. Memory beside the result does not grow with R.
            kind: "full" box, "foreground", or "joined": both, full first.
            stages: where to count the seconds of "crops" and "net".

        Returns:
            (R, D) float32 on the CPU.

        Raises:
            ValueError: there is no such kind, or the image is not (3, H, W) uint8.
        """
        check_kind(kind)
        stages = stages or Stages()
        if not len(proposals):
            return torch.zeros(0, self.width(kind))
        if kind == "joined":
            parts = [self.extract(image, proposals, part, stages=stages) for part in KINDS[:2]]
            return torch.cat(parts, dim=1)
        if kind == "foreground":
            return self._foreground(image, proposals, stages)
        first = like_earlier(proposals.boxes)
        shown, place = first.unique(return_inverse=True)
        return self._full(image, proposals.boxes[shown], stages)[place]

    def crops(self, image: Tensor, proposals: Proposals) -> tuple[Tensor, Tensor]:
        """What the net is shown: full and foreground crops, (R, 3, size, size) float32 in 0..255 each."""
        return crops(image, proposals, size=self.size, context=self.context, fill=self.fill)

    def _full(self, image: Tensor, around: Tensor, stages: Stages) -> Tensor:
        batches = []
        for some in around.split(BATCH):
            with stages("crops"):
                full = cut(image, windows(some, self.context), self.size, self.fill)
            with stages("net"):
                batches.append(self._vectors(self.backbone, full))
        return torch.cat(batches)

    def _foreground(self, image: Tensor, proposals: Proposals, stages: Stages) -> Tensor:
        batches = []
        for members, some in zip(proposals.members.split(BATCH), proposals.boxes.split(BATCH)):
            with stages("crops"):
                window = windows(some, self.context)
                full = cut(image, window, self.size, self.fill)
                within = inside(proposals.labels, members, window, self.size)
                alone = masked(full, within, self.fill)
            with stages("net"):
                batches.append(self._vectors(self.foreground, alone))
        return torch.cat(batches)

    def _vectors(self, net: Backbone, images: Tensor) -> Tensor:
        device = next(net.parameters()).device
        images = images.to(device, memory_format=torch.channels_last)  # twice as fast on a CPU
        autocast = torch.autocast(device.type, torch.bfloat16, enabled=self.precision == "bfloat16")
        with torch.inference_mode(), autocast:
            vectors = layers(net)(images)
        return vectors.float().cpu().clone()

    def width(self, kind: Kind) -> int:
        """D, the length of a feature vector of this kind."""
        grey = torch.zeros(1, 3, self.size, self.size)
        nets = {"full": [self.backbone], "foreground": [self.foreground]}
        return sum(
            self._vectors(net, grey).shape[1] for net in nets.get(kind, [self.backbone, self.foreground])
        )

    @property
    def fill(self) -> tuple[float, float, float]:
        """The colour that the net takes for nothing, 0..255: what surrounds a foreground."""
        red, green, blue = self.backbone.normalise.mean.flatten().tolist()
        return red, green, blue

    @cached_property
    def fingerprints(self) -> dict[Kind, str]:
        """For "full" and "foreground": a name that changes with the weights and everything else."""
        settings = f"{self.size} {self.context} {self.precision} {torch.__version__}"
        nets: dict[Kind, Backbone] = {"full": self.backbone, "foreground": self.foreground}
        return {kind: f"{kind} {settings} {_hash(net)}" for kind, net in nets.items()}


def layers(net: Backbone) -> nn.Sequential:
    """A backbone as a chain that ends before its last layer; one without classifier ends in an average."""
    if net.classifier is None:
        head: list[nn.Module] = [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    else:
        head = list(net.classifier.children())[:-1]
    return nn.Sequential(net.normalise, *net.stages, *head).train(net.training)


def ready(net: Backbone) -> Backbone:
    """A copy in evaluation mode, in the order of memory that is fast on a CPU."""
    return copy.deepcopy(net).eval().to(memory_format=torch.channels_last)


def like_earlier(around: Tensor, same: float = SAME) -> Tensor:
    """For each box the first one that is nearly the same, so that the net looks at it only once.

    SDS groups boxes by complete linkage; here each box joins the first of the boxes kept so far that it
    overlaps enough with, which does not depend on later boxes.

    Args:
        around: (R, 4) boxes, best first.
        same: the IoU from which two boxes are one.

    Returns:
        (R,) int64, index of a box that stands for itself.

    Example:
        >>> like_earlier(torch.tensor([[0, 0, 50, 9], [0, 0, 9, 9], [0, 0, 49, 9]]))
        tensor([0, 1, 0])
    """
    around, first = around.double(), torch.full((len(around),), -1)
    for index in range(len(around)):
        if first[index] < 0:
            near = box_iou(around[index : index + 1], around)[0] >= same
            first[near & (first < 0)] = index
    return first


def check_kind(kind: str) -> None:
    """ValueError with the kinds there are, where this is none."""
    if kind not in KINDS:
        raise ValueError(f"features {kind!r} do not exist; they are {', '.join(KINDS)}")


def _hash(net: Backbone) -> str:
    digest = hashlib.blake2b(net.name.encode(), digest_size=16)
    for name, value in net.state_dict().items():
        digest.update(name.encode() + value.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
