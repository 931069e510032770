"""Small images for the tests of weak supervision."""

from __future__ import annotations

import torch
from torch import Tensor
from torchvision.tv_tensors import Image, Mask

from seglib.data.dataset import Instances, SegmentationDataset
from seglib.labels import Classes


def disc(size: int = 40, radius: int = 10) -> tuple[Tensor, Tensor]:
    """A bright disc on dark noise: (3, H, W) uint8 and (H, W) bool."""
    rows, columns = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    inside = (rows - size // 2) ** 2 + (columns - size // 2) ** 2 <= radius**2
    rng = torch.Generator().manual_seed(0)
    image = torch.randint(20, 60, (3, size, size), generator=rng) + 150 * inside
    return image.to(torch.uint8), inside


class Discs(SegmentationDataset):
    """Discs of class 1, one an image, none in the last one; written to look like files."""

    def __init__(self, count: int = 4, split: str = "train") -> None:
        self.name, self.split, self.count = "discs", split, count
        self.classes = Classes.of("background", "disc", "ring")

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[Image, Mask]:
        if not 0 <= index < self.count:
            raise IndexError(index)
        image, inside = disc(radius=6 + 2 * (index % 5))
        inside &= index < self.count - 1
        return Image(image), Mask(inside.to(torch.uint8))

    def sample_id(self, index: int) -> str:
        return f"disc{index}"

    def instances(self, index: int) -> Instances:
        masks = (self[index][1].as_subclass(Tensor) == 1)[None]
        if not masks.any():
            return Instances(masks[:0], torch.zeros(0).long(), torch.zeros(0, 4).long())
        radius = 6 + 2 * (index % 5)
        box = torch.tensor([[20 - radius, 20 - radius, 21 + radius, 21 + radius]])
        return Instances(masks, torch.ones(1).long(), box)


class TwoRegions:
    """What `seglib.regions` would propose: the disc itself, and the whole image."""

    def __init__(self, image: Tensor) -> None:
        inside = image[0] > 100
        self._masks = torch.stack([torch.ones_like(inside), inside])
        rows, columns = inside.any(1).nonzero(), inside.any(0).nonzero()
        tight = [int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1]
        self.boxes = torch.tensor([[0, 0, inside.shape[1], inside.shape[0]], tight])

    def masks(self, indices=None) -> Tensor:
        return self._masks if indices is None else self._masks[indices]
