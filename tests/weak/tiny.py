"""A net and images so small that a training takes a moment."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torchvision.tv_tensors import Image, Mask

from seglib.data.dataset import Instances, SegmentationDataset
from seglib.labels import VOID, Classes

CLASSES = Classes.of("background", "blob")


class Blobs(SegmentationDataset):
    """Bright squares of 6 on dark noise of 16 x 16; their boxes are two pixels too wide on the right.

    Args:
        count: of images.
        known: False makes every true mask void, as of images that nobody has labelled.
        split: "train", "val" or "test".
    """

    def __init__(self, count: int = 4, *, known: bool = True, split: str = "train") -> None:
        self.name, self.split, self.classes = "blobs", split, CLASSES
        self.count, self.known = count, known

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[Image, Mask]:
        if not 0 <= index < self.count:
            raise IndexError(index)
        inside = self._inside(index)
        noise = torch.randint(0, 40, (3, 16, 16), generator=torch.Generator().manual_seed(index))
        mask = inside.to(torch.uint8) if self.known else torch.full((16, 16), VOID, dtype=torch.uint8)
        return Image((noise + 200 * inside).to(torch.uint8)), Mask(mask)

    def instances(self, index: int) -> Instances:
        """The one square."""
        left = 2 + index % 4
        return Instances(
            self._inside(index)[None], torch.tensor([1]), torch.tensor([[left, 4, left + 8, 10]])
        )

    def _inside(self, index: int) -> Tensor:
        inside = torch.zeros(16, 16, dtype=torch.bool)
        inside[4:10, 2 + index % 4 : 8 + index % 4] = True
        return inside


class TinyNet(nn.Module):
    """Two classes by brightness: one weight and one bias a class and colour."""

    def __init__(self) -> None:
        super().__init__()
        self.look = nn.Conv2d(3, 2, 1)

    def forward(self, images: Tensor) -> Tensor:
        """(N, 3, H, W) -> (N, 2, H, W)."""
        return self.look(images / 255 - 0.5)
