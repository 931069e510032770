"""What every peer is given: the same files, size and batch, and a clock."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from seglib import backbones
from seglib.data.dataset import SegmentationDataset
from seglib.data.files import FileDataset
from seglib.labels import Classes

Predict = Callable[[Tensor], Tensor]
SIZES = {"pets": (192, 192), "camvid": (240, 320)}
BATCHES = {"pets": 8, "camvid": 6}


@dataclass(frozen=True)
class Task:
    """One training that is asked of a peer.

    Attributes:
        data: name of the data set.
        weights: "scratch" or "imagenet".
        seconds: how long the training may take.
        seed: of the order of the images and of the net's first weights.
        classes: K names.
        files: path of an image, path of its mask with values 0..K-1 and 255 for void.
        workers: processes that load images, besides the one that trains; 0 for none.
    """

    data: str
    weights: str
    seconds: float
    seed: int
    classes: Classes
    files: list[tuple[str, str]]
    workers: int = 0

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of a training image."""
        return SIZES[self.data]

    @property
    def batch(self) -> int:
        """Images in a step."""
        return BATCHES[self.data]

    @property
    def pretrained(self) -> bool:
        """Whether the net begins with the common ImageNet weights."""
        return self.weights == "imagenet"

    @property
    def statistics(self) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
        """Mean and deviation of images in 0..1: ImageNet's, or those of the common weights."""
        if self.pretrained:
            return (127 / 255,) * 3, (128 / 255,) * 3
        return (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

    def sequence(self, length: int) -> list[tuple[str, str]]:
        """`length` files: epoch after epoch, each shuffled, as one list."""
        chance = random.Random(self.seed)
        files: list[tuple[str, str]] = []
        while len(files) < length:
            files += chance.sample(self.files, len(self.files))
        return files[:length]


def stages() -> nn.Sequential:
    """EfficientNet-Lite0 with the packaged weights: five stages of strides 2, 4, 8, 16, 32.

    Batch norm has PyTorch's momentum, as the encoders have that the tutorials use: with lite0's own, a tenth
    of it, the statistics of a short run lag behind. `seglib.train` sees to that itself (`averaging`).
    Hundreds of steps, as a peer takes, leave nothing of the initial statistics either way.
    """
    body = nn.Sequential(*backbones.load("lite0").stages)
    for layer in body.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = 0.1
    return body


CHANNELS = (16, 24, 40, 112, 320)


@dataclass
class Clock:
    """Seconds since the training began, and when each step ended."""

    limit: float
    fewest: int = 1
    began: float = field(default_factory=time.monotonic)
    ends: list[float] = field(default_factory=list)

    def start(self) -> None:
        """The training begins now."""
        self.began, self.ends = time.monotonic(), []

    def tick(self) -> bool:
        """A step is done; True when the time is over."""
        self.ends.append(time.monotonic() - self.began)
        return self.over

    @property
    def over(self) -> bool:
        """Whether the peer has to stop: the time is over, and at least `fewest` steps are done."""
        steps = len(self.ends)
        return steps > 0 and self.ends[-1] >= self.limit and steps >= self.fewest

    @property
    def seconds(self) -> float:
        """How long the training took, to the end of the last step."""
        return self.ends[-1]


@dataclass
class Judged:
    """A peer as a segmenter: its scores are made as large as the image, and the best class wins."""

    name: str
    scores: Predict

    def predict(self, image: Tensor) -> Tensor:
        """(3, H, W) uint8 -> (H, W) int64."""
        scores = self.scores(image.as_subclass(Tensor))  # (K, h, w)
        large = F.interpolate(scores[None].float(), image.shape[1:], mode="bilinear", align_corners=False)
        return large[0].argmax(dim=0)


def predictor(net: nn.Module, task: Task, size: tuple[int, int]) -> Predict:
    """Images of any size are squeezed to `size` and normalised; the net gives logits (1, K, h, w)."""
    mean, std = (torch.tensor(values)[:, None, None] for values in task.statistics)
    net.eval()

    def predict(image: Tensor) -> Tensor:
        small = F.interpolate(image[None].float(), size, mode="bilinear", antialias=True)
        return net((small / 255 - mean) / std)[0]

    return predict


def write_masks(dataset: SegmentationDataset, folder: Path) -> list[tuple[str, str]]:
    """The images' paths, and masks written as class indices and 255, which every library reads alike."""
    assert isinstance(dataset, FileDataset)
    files = []
    for index, sample in enumerate(dataset.samples):
        path = folder / f"{sample.id}.png"
        Image.fromarray(dataset[index][1].numpy()).save(path)
        files.append((sample.image, str(path)))
    return files
