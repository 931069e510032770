"""Small images, nets and regions for the tests of weak supervision; another process can import them too."""

import itertools
import os
import signal
import time
from pathlib import Path

import torch
from torch import Tensor, nn

from seglib.data.dataset import Instances
from seglib.labels import VOID
from seglib.losses import cross_entropy
from seglib.weak.boxes import BoxAnnotations
from seglib.weak.rounds import Round, rounds
from seglib.weak.schemes import pseudo_labels
from tests.data.conftest import InMemory

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


class Discs(InMemory):
    """Discs of class 1, one per image, none in the last one."""

    def __init__(self, count: int = 4, split: str = "train") -> None:
        images, shapes = zip(*(disc(radius=6 + 2 * (index % 5)) for index in range(count)))
        shapes = [inside & (index < count - 1) for index, inside in enumerate(shapes)]
        known = [Instances(inside[None], torch.ones(1).long(), box_of(inside)) for inside in shapes[:-1]]
        known += [Instances(inside[None][:0], *reversed(NOTHING)) for inside in shapes[-1:]]
        super().__init__(["background", "disc", "ring"], [inside.byte() for inside in shapes], images, known)
        self.name, self.split = "discs", split

    def sample_id(self, index: int) -> str:
        return f"disc{index}"


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


class Blobs(InMemory):
    """Bright squares of 6 on dark noise of 16 x 16; their boxes are two pixels too wide on the right.

    With `known=False` every true mask is void, as of images without labels; `boxed=False` has no instances.
    """

    def __init__(self, count: int = 4, known: bool = True, boxed: bool = True, split: str = "train") -> None:
        images, masks, objects = [], [], []
        for index in range(count):
            left = 2 + index % 4
            inside = torch.zeros(16, 16, dtype=torch.bool)
            inside[4:10, left : left + 6] = True
            noise = torch.randint(0, 40, (3, 16, 16), generator=torch.Generator().manual_seed(index))
            images.append((noise + 200 * inside).byte())
            masks.append(inside.byte() if known else torch.full((16, 16), VOID, dtype=torch.uint8))
            box = torch.tensor([[left, 4, left + 8, 10]])
            objects.append(Instances(inside[None], torch.tensor([1]), box))
        super().__init__(["background", "blob"], masks, images, objects if boxed else None)
        self.name, self.split = "blobs", split


class TinyNet(nn.Module):
    """Two classes by brightness: one weight and one bias per class and colour."""

    def __init__(self) -> None:
        super().__init__()
        self.look = nn.Conv2d(3, 2, 1)

    def forward(self, images: Tensor) -> Tensor:
        return self.look(images / 255 - 0.5)


def train_and_die(left: int | None, folder: Path | None) -> Round:
    """The last of two rounds from rectangles, of 25 steps each, with as many checkpoints as possible.

    After `left` steps, if that is a number, the process is killed. A checkpoint is written by a thread, which
    on a slow disk may take longer than all the steps: the end waits until there is one.
    """
    steps = itertools.count()

    def loss(logits: Tensor, masks: Tensor) -> Tensor:
        if next(steps) == left:
            while not list(folder.glob("training*.pt")):
                time.sleep(0.01)
            os.kill(os.getpid(), signal.SIGKILL)
        return cross_entropy(logits, masks)

    kind = {"max_rounds": 2, "min_change": 0, "checkpoint_seconds": 0, **SHORT}
    *_, last = rounds(TinyNet, pseudo_labels(Blobs(), "rectangles"), loss=loss, folder=folder, **kind)
    return last
