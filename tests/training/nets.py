"""Small nets and data for the tests of the training; also imported by the processes that are killed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.tv_tensors import Image, Mask

from seglib.data.dataset import SegmentationDataset
from seglib.labels import VOID, Classes
from seglib.train import train

#: on the CPU, where the same seed gives the same bits
LONG: dict[str, Any] = {"steps": 400, "batch_size": 4, "precision": "float32", "lr": 0.01, "device": "cpu"}


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


class Squares(SegmentationDataset):
    """A bright square, class 1, on dark; class 2 along the upper edge; void along the lower one."""

    def __init__(self, count: int = 10, size: tuple[int, int] = (24, 32), split: str = "train") -> None:
        self.name, self.split, self.count, self.size = "squares", split, count, size
        self.classes = Classes.of("background", "square", "edge")

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[Image, Mask]:
        if not 0 <= index < self.count:
            raise IndexError(index)
        rng = torch.Generator().manual_seed(index + 1000 * (self.split == "val"))
        mask = torch.zeros(self.size, dtype=torch.uint8)
        top, left = torch.randint(2, 10, (2,), generator=rng).tolist()
        mask[top : top + 9, left : left + 12] = 1
        mask[:2] = 2
        image = torch.randint(0, 60, (3, *self.size), generator=rng) + 90 * mask
        mask[-2:] = VOID
        return Image(image.clamp(0, 255).to(torch.uint8)), Mask(mask)


def weights(net: nn.Module) -> Tensor:
    """Everything a net knows, in one vector."""
    return torch.cat([value.flatten().double() for value in net.state_dict().values()])


def endless(path: Path) -> None:
    """What the process that is killed does: train, and write without a pause."""
    torch.set_num_threads(1)
    for _ in train(Net(), Squares(), checkpoint=path, checkpoint_seconds=0, **LONG):
        pass


def plain(num_classes: int) -> Net:
    """For `--net`: neither batch normalisation nor dropout, so that images do not notice each other."""
    return Net(num_classes, norm=False)
