"""Boxes as hasty people draw them, boxes for data sets of masks alone, and true masks for some images."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torchvision.tv_tensors import Image, Mask

from seglib import boxes
from seglib.data.dataset import Instances, SegmentationDataset
from seglib.labels import VOID, Classes
from seglib.regions.recall import pieces
from seglib.weak.boxes import BoxAnnotations, Size
from seglib.weak.labels import PseudoLabels


def loosened(one: BoxAnnotations, factor: float, size: Size) -> BoxAnnotations:
    """Every box `factor` times as wide and high, inside the image; see `seglib.boxes.loosen`."""
    return BoxAnnotations(boxes.loosen(one.boxes, factor, size), one.classes) if len(one.boxes) else one


def shifted(one: BoxAnnotations, share: float, size: Size, *, seed: int) -> BoxAnnotations:
    """Every side moved at random, by up to `share` (below 0.5) of the box's width or height.

    The same boxes and seed always move alike, inside the image of (height, width) `size`; a box that would
    lose its area stays as it is.
    """
    if not len(one.boxes):
        return one
    extent = (one.boxes[:, 2:] - one.boxes[:, :2]).repeat(1, 2)  # (M, 4): w h w h
    move = ((2 * _random(one, seed, 4) - 1) * share * extent).round().long()
    low, high = torch.zeros(4).long(), torch.tensor([size[1], size[0]] * 2)
    moved = (one.boxes + move).clamp(low, high)
    gone = (moved[:, :2] >= moved[:, 2:]).any(dim=1)  # a box of a pixel or two
    return BoxAnnotations(torch.where(gone[:, None], one.boxes, moved), one.classes)


def missing(one: BoxAnnotations, share: float, *, seed: int) -> BoxAnnotations:
    """Each box forgotten with probability `share`."""
    kept = _random(one, seed, 1)[:, 0] >= share
    return BoxAnnotations(one.boxes[kept], one.classes[kept])


def misnamed(one: BoxAnnotations, share: float, names: Sequence[int], *, seed: int) -> BoxAnnotations:
    """Each box given another class of `names` with probability `share`."""
    random = _random(one, seed, 2)
    classes = one.classes.clone()
    for number in (random[:, 0] < share).nonzero()[:, 0].tolist():
        others = [name for name in names if name != int(classes[number])]
        classes[number] = others[int(random[number, 1] * len(others))]
    return BoxAnnotations(one.boxes, classes)


def _random(one: BoxAnnotations, seed: int, width: int) -> Tensor:
    """(M, width) numbers 0..1, a function of the seed and the boxes."""
    digest = sum(value * (31 * place + 7) for place, value in enumerate(one.boxes.flatten().tolist()))
    rng = torch.Generator().manual_seed((seed * 1_000_003 + digest) % 2**63)
    return torch.rand(len(one.boxes), width, generator=rng)


def with_masks(labels: PseudoLabels, count: int, *, seed: int) -> tuple[PseudoLabels, list[int]]:
    """The same data set with the true masks of `count` images, as if somebody had drawn them.

    Returns:
        The labels, and the numbers of the images with a true mask, as `rounds(fixed=...)` takes them; a
        larger count adds images and keeps those before.
    """
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed)).tolist()
    drawn = order[:count]
    masks = (labels.truth[i][1] if i in drawn else labels.packed[i] for i in range(len(labels)))
    return labels.relabelled(masks, f"{labels.scheme}, {count} masks"), drawn


class Objects(SegmentationDataset):
    """Another data set's images, with some classes as objects and all others as background.

    An object is a connected piece of a class: two cars that touch are one, and a car behind a pole is two.

    Args:
        dataset: images with masks.
        names: the classes that are objects, such as ("car", "pedestrian", "bicyclist") of CamVid.
        smallest: pixels; a smaller piece becomes void, since nobody would draw a box around it.
    """

    def __init__(self, dataset: SegmentationDataset, names: Sequence[str], *, smallest: int = 50) -> None:
        self.dataset, self.smallest = dataset, smallest
        self.name, self.split = f"{dataset.name} objects", dataset.split
        self.classes = Classes.of("background", *names)
        self.table = torch.zeros(VOID + 1, dtype=torch.uint8)
        self.table[VOID] = VOID
        for number, name in enumerate(names, 1):
            self.table[dataset.classes.index(name)] = number

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> tuple[Image, Mask]:
        image, mask = self.dataset[index]
        return image, Mask(self._pieces(mask)[0])

    def sample_id(self, index: int) -> str:
        """The image's name in the data set that it comes from."""
        return self.dataset.sample_id(index)

    def instances(self, index: int) -> Instances:
        """The connected pieces of each class, as objects."""
        _, masks, classes = self._pieces(self.dataset[index][1])
        found = boxes.from_masks(masks) if len(masks) else torch.zeros(0, 4, dtype=torch.int64)
        return Instances(masks, classes, found)

    def _pieces(self, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The mask of objects (H, W), and each object: masks (M, H, W) bool, classes (M,)."""
        mapped = self.table[mask.as_subclass(Tensor).long()]
        masks, classes = [], []
        ids = pieces(mapped)
        for piece in (ids == number for number in range(1, int(ids.max()) + 1)):
            if int(piece.sum()) < self.smallest:
                mapped[piece] = VOID
            else:
                classes.append(int(mapped[piece][0]))
                masks.append(piece)
        stacked = torch.stack(masks) if masks else torch.zeros(0, *mapped.shape, dtype=torch.bool)
        return mapped, stacked, torch.tensor(classes, dtype=torch.int64)
