"""COCO JSON (Lin et al. 2014) as a data set: objects drawn into one mask."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision.tv_tensors import Image, Mask

from seglib.data import coco_file, splits
from seglib.data.coco_shapes import draw
from seglib.data.dataset import Instances, SegmentationDataset
from seglib.data.files import instances_of
from seglib.data.images import fit, read_image
from seglib.labels import VOID


class Coco(SegmentationDataset):
    """The pictures of a COCO file; class 0 is "background", the categories follow in the order of their ids.

    Where objects overlap the smaller one lies on top; crowd regions (`iscrowd`) are void where no object is.
    The file is read when the data set is opened, pictures when they are asked for.

    Args:
        found: the file, and where its pictures may lie.
        split: "train", "val" or "test".
        divide: the file is not one split: take those pictures whose file name's hash falls into `split`.

    Raises:
        ValueError: the file is not COCO JSON, breaks off, or contradicts itself or the folder; the sentence
            names the entry. Reading a sample raises ValueError when its size differs or a shape is broken.
    """

    def __init__(self, found: coco_file.Found, split: str, *, divide: bool = False) -> None:
        self.path = found.annotations
        images, annotations, categories = coco_file.read(self.path)
        if divide:
            chosen = set(splits.by_name(entry["file_name"] for entry in images)[split])
            images = [entry for entry in images if entry["file_name"] in chosen]
        if not images:
            raise splits.SplitError(f"{self.path}: there is no picture in the split '{split}'")
        self.name, self.split, self.images = self.path.stem, split, images
        self.classes, self.class_of = coco_file.classes_of(self.path, categories)
        self.objects = coco_file.by_image(annotations)
        self.folder = coco_file.image_folder(found, [entry["file_name"] for entry in images])

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Image, Mask]:
        image, numbers, classes = self._read(index)
        return image, Mask(classes[numbers])

    def sample_id(self, index: int) -> str:
        """The stem of the picture's file."""
        return Path(self.images[index]["file_name"]).stem

    def instances(self, index: int) -> Instances:
        """The visible part of every object that is not a crowd."""
        _, numbers, classes = self._read(index)
        objects = [k for k in range(1, len(classes)) if classes[k] != VOID]
        masks = (
            torch.stack([numbers == k for k in objects]) if objects else numbers[None][:0] > 0
        )  # (M, H, W)
        return instances_of(masks, classes[objects])

    def _read(self, index: int) -> tuple[Image, Tensor, Tensor]:
        """The picture, the number of the topmost shape at each pixel (0: none), and the numbers' classes."""
        entry = self.images[index]
        picture = self.folder / entry["file_name"]
        image = read_image(picture)
        size, source = (entry["height"], entry["width"]), f"{self.path}, image {entry['id']}"
        fit(torch.zeros(1, 1).expand(size), image, picture, source)  # before room is made for a lie
        classes, numbers = [0], np.zeros(size, np.int64)
        for shape, category in self._shapes(entry):
            numbers[shape] = len(classes)
            classes.append(category)
        return image, fit(torch.from_numpy(numbers), image, picture, source), torch.tensor(classes).byte()

    def _shapes(self, entry: dict[str, Any]) -> list[tuple[NDArray[np.bool_], int]]:
        """The shapes of a picture with their classes: crowds first, then objects from large to small."""
        shapes = []
        for one in self.objects.get(entry["id"], []):
            try:
                shape = draw(one.get("segmentation"), entry["height"], entry["width"])
            except ValueError as error:
                raise ValueError(f"{self.path}, annotation {one.get('id')}: {error}") from None
            shapes.append((shape, VOID if one.get("iscrowd") else self.class_of[one["category_id"]]))
        return sorted(shapes, key=lambda pair: (pair[1] != VOID, -int(pair[0].sum())))
