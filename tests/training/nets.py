"""Small nets, data and losses for the tests of training; also imported by the processes that are killed."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from seglib.data.dataset import SegmentationDataset
from seglib.labels import VOID
from seglib.losses import cross_entropy
from seglib.train import train
from seglib.training import checkpoint
from seglib.training.progress import Step
from tests.data.conftest import InMemory

#: on the CPU, where the same seed gives the same bits
LONG: dict[str, Any] = {"steps": 400, "batch_size": 4, "precision": "float32", "lr": 0.01, "device": "cpu"}
SHORT = LONG | {"steps": 20}


class Net(nn.Module):
    """Two convolutions and a dropout, by default with batch normalisation between them."""

    def __init__(self, num_classes: int = 3, seed: int = 0, norm: bool = True) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8) if norm else nn.Identity()
        self.drop = nn.Dropout(0.2 if norm else 0)
        self.head = nn.Conv2d(8, num_classes, 3, padding=1)

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.drop(self.norm(self.stem(images / 255 - 0.5)).relu()))


class Tight(Net):
    """Memory holds no more than `room` images at a time; in evaluation mode any number, unless `always`."""

    room, always = 2, False
    words = "CUDA out of memory. Tried to allocate 20.00 MiB"

    def forward(self, images: Tensor) -> Tensor:
        if (self.training or self.always) and len(images) > self.room:
            raise (torch.OutOfMemoryError if "CUDA" in self.words else RuntimeError)(self.words)
        return super().forward(images)


class Squares(InMemory):
    """A bright square, class 1, on dark; class 2 along the upper edge; void along the lower one."""

    def __init__(self, count: int = 10, size: tuple[int, int] = (24, 32), split: str = "train") -> None:
        images, masks = [], []
        for index in range(count):
            rng = torch.Generator().manual_seed(index + 1000 * (split == "val"))
            masks.append(mask := torch.zeros(size, dtype=torch.uint8))
            top, left = torch.randint(2, 10, (2,), generator=rng).tolist()
            mask[top : top + 9, left : left + 12] = 1
            mask[:2] = 2
            images.append((torch.randint(0, 60, (3, *size), generator=rng) + 90 * mask).clamp(0, 255).byte())
            mask[-2:] = VOID
        super().__init__(["background", "square", "edge"], masks, images)
        self.name, self.split = "squares", split


def weights(net: nn.Module) -> Tensor:
    """Everything a net has learned, in one vector."""
    return torch.cat([value.flatten().double() for value in net.state_dict().values()])


def run(net: nn.Module, data: SegmentationDataset | None = None, **options: Any) -> list[Step]:
    """All steps of a short run, by default 20 in float32 on the CPU."""
    return list(train(net, data or Squares(), **SHORT | options))


def begin(net: nn.Module, count: int, **options: Any) -> Any:
    """The generator of a run after `count` steps."""
    steps = train(net, Squares(), **SHORT | options)
    for _ in range(count):
        next(steps)
    return steps


def running(steps: Any) -> Any:
    """The run of this generator."""
    return steps.gi_frame.f_locals["run"]


def loss_with(change: Callable[[int, Tensor, Tensor], Tensor]) -> Any:
    """Cross entropy, changed by `change(step, loss, logits)`; a checkpoint takes it for the same loss."""
    calls: list[int] = []

    def loss(logits: Tensor, masks: Tensor) -> Tensor:
        calls.extend([1] * logits.requires_grad)  # it is tried once before the first step, without gradients
        return change(len(calls), cross_entropy(logits, masks), logits)

    loss.__name__ = "cross_entropy"
    return loss


def nan_from(step: int) -> Any:
    """A loss that is NaN from this step on."""
    return loss_with(lambda number, loss, _: loss * (math.nan if number >= step else 1))


def endless(path: Path) -> None:
    """What the killed process does: train, and write without a pause."""
    torch.set_num_threads(1)
    checkpoint.MAX_COST = math.inf
    for _ in train(Net(), Squares(), checkpoint=path, checkpoint_seconds=0, **LONG):
        pass


def plain(num_classes: int) -> Net:
    """For `--net`: no batch normalisation and no dropout, so that images do not affect each other."""
    return Net(num_classes, norm=False)
