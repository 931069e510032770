"""Small images, nets and regions for the tests of weak supervision; another process can import them too."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import torch
from torch import Tensor, nn
from torchvision.tv_tensors import Image, Mask

from seglib.data.dataset import Instances, SegmentationDataset
from seglib.labels import VOID, Classes
from seglib.losses import cross_entropy
from seglib.weak.boxes import BoxAnnotations
from seglib.weak.rounds import Round, rounds
from seglib.weak.schemes import pseudo_labels

SHORT = {"steps": 25, "lr": 0.1, "batch_size": 4, "augment": None, "device": "cpu"}
NOTHING = BoxAnnotations(torch.zeros(0, 4).long(), torch.zeros(0).long())


def one_box(*box: int, index: int = 1) -> BoxAnnotations:
    return BoxAnnotations(torch.tensor([box]), torch.tensor([index]))


def disc(size: int = 40, radius: int = 10) -> tuple[Tensor, Tensor]:
    """A bright disc on dark noise: (3, H, W) uint8 and (H, W) bool."""
    rows, columns = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    inside = (rows - size // 2) ** 2 + (columns - size // 2) ** 2 <= radius**2
    rng = torch.Generator().manual_seed(0)
    image = torch.randint(20, 60, (3, size, size), generator=rng) + 150 * inside
    return image.to(torch.uint8), inside


def box_of(inside: Tensor, loose: int = 0) -> Tensor:
    """(1, 4): the tight box of a mask, enlarged by `loose` pixels on each side."""
    rows, columns = inside.any(1).nonzero(), inside.any(0).nonzero()
    tight = [int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1]
    return torch.tensor([tight]) + loose * torch.tensor([-1, -1, 1, 1])


class Discs(SegmentationDataset):
    """Discs of class 1, one per image, none in the last one."""

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
            return Instances(masks[:0], *reversed(NOTHING))
        return Instances(masks, torch.ones(1).long(), box_of(masks[0]))


class TwoRegions:
    """What `seglib.regions` would propose: the disc itself, and the whole image."""

    def __init__(self, image: Tensor) -> None:
        inside = image[0] > 100
        self._masks = torch.stack([torch.ones_like(inside), inside])
        self.boxes = torch.cat([box_of(torch.ones_like(inside)), box_of(inside)])

    def masks(self, indices=None) -> Tensor:
        return self._masks if indices is None else self._masks[indices]


class NoRegions:
    """An image without proposals."""

    def __init__(self, image: Tensor) -> None:
        self.boxes = NOTHING.boxes


class Blobs(SegmentationDataset):
    """Bright squares of 6 on dark noise of 16 x 16; their boxes are two pixels too wide on the right.

    With `known=False` every true mask is void, as of images without labels; `boxed=False` has no instances.
    """

    def __init__(
        self, count: int = 4, *, known: bool = True, boxed: bool = True, split: str = "train"
    ) -> None:
        self.name, self.split, self.classes = "blobs", split, Classes.of("background", "blob")
        self.count, self.known, self.boxed = count, known, boxed

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[Image, Mask]:
        if not 0 <= index < self.count:
            raise IndexError(index)
        inside = self._inside(index)
        noise = torch.randint(0, 40, (3, 16, 16), generator=torch.Generator().manual_seed(index))
        mask = inside.to(torch.uint8) if self.known else torch.full((16, 16), VOID, dtype=torch.uint8)
        return Image((noise + 200 * inside).to(torch.uint8)), Mask(mask)

    def instances(self, index: int) -> Instances | None:
        left = 2 + index % 4
        box = torch.tensor([[left, 4, left + 8, 10]])
        return Instances(self._inside(index)[None], torch.tensor([1]), box) if self.boxed else None

    def _inside(self, index: int) -> Tensor:
        inside = torch.zeros(16, 16, dtype=torch.bool)
        inside[4:10, 2 + index % 4 : 8 + index % 4] = True
        return inside


class TinyNet(nn.Module):
    """Two classes by brightness: one weight and one bias per class and colour."""

    def __init__(self) -> None:
        super().__init__()
        self.look = nn.Conv2d(3, 2, 1)

    def forward(self, images: Tensor) -> Tensor:
        return self.look(images / 255 - 0.5)


class Deadly:
    """Cross-entropy that kills its process after some steps; None: never.

    A checkpoint is written by a thread, which on a slow disk may take longer than all the steps: the end
    waits until there is one.
    """

    def __init__(self, left: int | None, folder: Path | None) -> None:
        self.left, self.folder = left, folder

    def __call__(self, logits: Tensor, masks: Tensor) -> Tensor:
        if self.left is not None and self.folder is not None:
            self.left -= 1
            if self.left < 0:
                while not list(self.folder.glob("training*.pt")):
                    time.sleep(0.01)
                os.kill(os.getpid(), signal.SIGKILL)
        return cross_entropy(logits, masks)


def train_and_die(left: int | None, folder: Path | None) -> Round:
    """The last of two rounds from rectangles, of 25 steps each, with as many checkpoints as possible."""
    kind = {"max_rounds": 2, "min_change": 0, "checkpoint_seconds": 0, **SHORT}
    labels = pseudo_labels(Blobs(), "rectangles")
    *_, last = rounds(TinyNet, labels, loss=Deadly(left, folder), folder=folder, **kind)
    return last
