"""Boxes for a data set that knows masks alone: the connected pieces of some of its classes."""

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
