"""Boxes and masks as one finds them: noisy boxes, boxes from masks alone, and true masks for some images."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from torch import Tensor
from torchvision.tv_tensors import Image, Mask

from seglib import boxes
from seglib.data.dataset import Instances, SegmentationDataset
from seglib.labels import VOID, Classes
from seglib.weak.boxes import BoxAnnotations, Size
from seglib.weak.labels import PseudoLabels


def loosened(one: BoxAnnotations, factor: float, size: Size) -> BoxAnnotations:
    """Every box `factor` times as wide and high, inside the image; see `seglib.boxes.loosen`."""
    return BoxAnnotations(boxes.loosen(one.boxes, factor, size), one.classes) if len(one.boxes) else one


def shifted(one: BoxAnnotations, share: float, size: Size, *, seed: int) -> BoxAnnotations:
    """Every side moved by chance, by up to `share` of the box's width or height.

    Args:
        one: the boxes of an image.
        share: 0..0.49; 0.1 moves a side by 10 % at most.
        size: (height, width) to which boxes are clipped.
        seed: another seed, other boxes; the same boxes and seed always move alike.

    Returns:
        As many boxes, each of at least one pixel.

    Raises:
        ValueError: `share` is not in 0..0.49.

    Example:
        >>> one = BoxAnnotations(torch.tensor([[10, 10, 30, 30]]), torch.tensor([1]))
        >>> (shifted(one, 0.2, (40, 40), seed=0).boxes - one.boxes).abs().max() <= 4
        tensor(True)
    """
    if not 0 <= share < 0.5:
        raise ValueError(f"share {share} must be in 0..0.49, or a box could turn inside out")
    if not len(one.boxes):
        return one
    extent = (one.boxes[:, 2:] - one.boxes[:, :2]).repeat(1, 2)  # (M, 4): w h w h
    move = ((2 * _chance(one, seed, 4) - 1) * share * extent).round().long()
    low, high = torch.zeros(4).long(), torch.tensor([size[1], size[0]] * 2)
    moved = (one.boxes + move).clamp(low, high)
    gone = (moved[:, :2] >= moved[:, 2:]).any(dim=1)  # a box of a pixel or two
    return BoxAnnotations(torch.where(gone[:, None], one.boxes, moved), one.classes)


def missing(one: BoxAnnotations, share: float, *, seed: int) -> BoxAnnotations:
    """Each box forgotten with probability `share`, 0..1.

    Example:
        >>> one = BoxAnnotations(torch.tensor([[0, 0, 3, 3]]), torch.tensor([1]))
        >>> len(missing(one, 1.0, seed=0).boxes), len(missing(one, 0.0, seed=0).boxes)
        (0, 1)
    """
    _check_share(share)
    kept = _chance(one, seed, 1)[:, 0] >= share
    return BoxAnnotations(one.boxes[kept], one.classes[kept])


def misnamed(one: BoxAnnotations, share: float, names: Sequence[int], *, seed: int) -> BoxAnnotations:
    """Each box given another class with probability `share`.

    Args:
        one: the boxes of an image.
        share: 0..1.
        names: the classes to choose from, two or more, without the background.
        seed: another seed, other mistakes.

    Raises:
        ValueError: `share` is not in 0..1, or there is no other class.

    Example:
        >>> one = BoxAnnotations(torch.tensor([[0, 0, 3, 3]]), torch.tensor([1]))
        >>> misnamed(one, 1.0, [1, 2], seed=0).classes
        tensor([2])
    """
    _check_share(share)
    if len(set(names)) < 2:
        raise ValueError(f"names {list(names)}: a wrong class needs a second one to choose")
    chance = _chance(one, seed, 2)
    classes = one.classes.clone()
    for number in (chance[:, 0] < share).nonzero()[:, 0].tolist():
        others = [name for name in names if name != int(classes[number])]
        classes[number] = others[int(chance[number, 1] * len(others))]
    return BoxAnnotations(one.boxes, classes)


def with_masks(labels: PseudoLabels, count: int, *, seed: int) -> PseudoLabels:
    """The same data set with the true masks of `count` images, as if somebody had drawn them.

    Args:
        labels: masks made from boxes.
        count: how many images have a true mask; a larger count adds images and keeps those before.
        seed: which ones.

    Returns:
        m = `count` masks and n = the rest boxes.

    Raises:
        ValueError: there are not so many images.

    Example:
        >>> from seglib.scenes import Scenes
        >>> from seglib.weak.schemes import pseudo_labels
        >>> scenes = Scenes(length=3)
        >>> mixed = with_masks(pseudo_labels(scenes, "rectangles"), 3, seed=0)
        >>> all((mixed.mask(i) == scenes[i][1]).all() for i in range(3))
        True
    """
    if not 0 <= count <= len(labels):
        raise ValueError(f"{count} masks of {labels.name}, which has {len(labels)} images")
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed)).tolist()
    drawn = set(order[:count])
    masks = (labels.truth[i][1] if i in drawn else labels.packed[i] for i in range(len(labels)))
    return labels.relabelled(masks, f"{labels.scheme}, {count} masks")


class Objects(SegmentationDataset):
    """Another data set's images, with some classes as objects and all others as background.

    An object is a connected piece of a class: two cars that touch are one, and a car behind a pole is two.

    Args:
        dataset: images with masks.
        names: the classes that are things, such as ("car", "pedestrian", "bicyclist") of CamVid.
        smallest: pixels; a smaller piece becomes void, since nobody would draw a box around it.

    Raises:
        ValueError: a name is no class of the data set.

    Example:
        >>> from seglib.data.catalog import load
        >>> photo = load("photo")
        >>> things = Objects(photo, [photo.classes.names[2]])
        >>> things.classes.names[0], len(things.classes)
        ('background', 2)
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
        """The name that the image has in the data set it comes from."""
        return self.dataset.sample_id(index)

    def instances(self, index: int) -> Instances:
        """The connected pieces of each class, as objects."""
        _, masks, classes = self._pieces(self.dataset[index][1])
        found = boxes.from_masks(masks) if len(masks) else torch.zeros(0, 4, dtype=torch.int64)
        return Instances(masks, classes, found)

    def _pieces(self, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The mask of things (H, W), and each thing: masks (M, H, W) bool, classes (M,)."""
        mapped = self.table[mask.as_subclass(Tensor).long()]
        masks, classes = [], []
        for number in range(1, len(self.classes)):
            count, ids = cv2.connectedComponents((mapped == number).numpy().astype(np.uint8))
            for piece in (torch.from_numpy(ids == one) for one in range(1, count)):
                if int(piece.sum()) < self.smallest:
                    mapped[piece] = VOID
                else:
                    masks.append(piece)
                    classes.append(number)
        stacked = torch.stack(masks) if masks else torch.zeros(0, *mapped.shape, dtype=torch.bool)
        return mapped, stacked, torch.tensor(classes, dtype=torch.int64)


def _chance(one: BoxAnnotations, seed: int, width: int) -> Tensor:
    """(M, width) numbers 0..1, a function of the seed and the boxes."""
    digest = sum(value * (31 * place + 7) for place, value in enumerate(one.boxes.flatten().tolist()))
    rng = torch.Generator().manual_seed((seed * 1_000_003 + digest) % 2**63)
    return torch.rand(len(one.boxes), width, generator=rng)


def _check_share(share: float) -> None:
    if not 0 <= share <= 1:
        raise ValueError(f"share {share} must be a probability, 0..1")
