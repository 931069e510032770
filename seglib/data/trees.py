"""Trees of mask files that publishers and tools write, and what their values mean."""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision.tv_tensors import Image, Mask

from seglib.data.class_lists import ClassList, class_list, read_class_list
from seglib.data.dataset import Instances, Part, Reading, SegmentationDataset, by_name
from seglib.data.files import FileDataset, Sample, instances_of, match_size, read_image, read_labels
from seglib.data.folders import PairFolder, Request, object_ids, open_pairs, part_of
from seglib.data.pairing import object_files
from seglib.data.photographs import Voc, objects_in
from seglib.data.tree import Group, Tree, groups, is_image
from seglib.labels import VOID, Classes

# VOC's tree, with the classes of whoever wrote it.

OTHER_THAN_MASKS = ("segmentationobject", "segmentationclassvisualization", "segmentationclassaug")


class VocTree(PairFolder):
    """A tree in VOC's layout with its own classes; the objects are in `SegmentationObject/`."""

    def instances(self, index: int) -> Instances | None:
        """The objects in `SegmentationObject/`, their classes from the mask; None without that folder."""
        sample = self.samples[index]
        path = Path(sample.mask).parents[1] / "SegmentationObject" / Path(sample.mask).name
        if not path.is_file():
            return super().instances(index)
        image, mask = self[index]
        ids = match_size(
            torch.from_numpy(object_ids(read_labels(path))), image, Path(sample.image), str(path)
        )
        return objects_in(ids, mask)


def voc(request: Request, found: Mapping[str, Group]) -> SegmentationDataset:
    """VOC itself where the names of the images show that it is, else a tree of its own classes."""
    first = min(min(group.images) for group in found.values())[1]
    lists = request.tree.folder("ImageSets", "Segmentation")
    if request.classes.classes is None and lists and re.fullmatch(r"20\d\d_\d{6}", first):
        data = Voc(request.tree.path, request.split)
        data.reading = Reading(
            "PASCAL VOC", "VOC's: the images are called as in VOC", pairs="as VOC lists them"
        )
        return data
    return open_pairs(request, found, layout="a tree as of PASCAL VOC", kind=VocTree)


def voc_tree(tree: Tree) -> dict[str, Group] | None:
    """Its images and masks."""
    return groups(tree, ignored=OTHER_THAN_MASKS) if tree.folder("SegmentationClass") else None


# Data sets whose numbers are published.

CITYSCAPES = (
    "road", "sidewalk", "building", "wall", "fence", "pole", "traffic light", "traffic sign", "vegetation",
    "terrain", "sky", "person", "rider", "car", "truck", "bus", "train", "motorcycle", "bicycle",
)  # fmt: skip
LABEL_IDS = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)  # of these 19 classes
LOVEDA = ("background", "building", "road", "water", "barren", "forest", "agriculture")  # 1..7; 0 is void


def cityscapes_tree(tree: Tree) -> dict[str, Group] | None:
    """Its images and its masks of `labelTrainIds`, or else of `labelIds`."""
    if not tree.folder("leftImg8bit") or not (tree.folder("gtFine") or tree.folder("gtCoarse")):
        return None
    other = ("gtcoarse",) if tree.folder("gtFine") else ()
    kinds = [kind for kind in ("_labeltrainids.png", "_labelids.png") if any(tree.files(kind))]
    if not kinds:
        return None
    ends = (kinds[0], "_leftimg8bit.png", "_leftimg8bit.jpg")
    return groups(tree, lambda name: is_image(name) and name.lower().endswith(ends), other)


def cityscapes(request: Request, found: Mapping[str, Group]) -> PairFolder:
    """Its 19 classes; what is in none of them is void."""
    train_ids = next(iter(found.values())).masks
    if next(iter(train_ids.values())).lower().endswith("_labeltrainids.png"):
        classes = class_list(dict(enumerate(CITYSCAPES)), "Cityscapes' 19, by labelTrainIds")
    else:
        fields = dict.fromkeys(range(34)) | dict(zip(LABEL_IDS, CITYSCAPES))
        classes = class_list(fields, "Cityscapes' 19, by labelIds")
    return _known(request, found, "Cityscapes", classes)


def ade_tree(tree: Tree) -> dict[str, Group] | None:
    """ADE20K of the 2016 challenge: its list of 150 names, its folder or its images' names."""
    known = (tree.path / "objectInfo150.txt").is_file()
    names = (name for some in tree.folders.values() for name in some)
    if not known and not any(name.startswith(("ADE_train_", "ADE_val_")) for name in names):
        return None
    return groups(tree, ignored=("annotations_instance",))


def ade20k(request: Request, found: Mapping[str, Group]) -> PairFolder:
    """Value k is the k-th name of objectInfo150.txt; 0 is void."""
    given = request.classes
    values = {0: VOID} | dict(given.values)
    named = given._replace(
        values=values, source=given.source or "the values in the masks; 0 is void in ADE20K"
    )
    return open_pairs(request, found, layout="ADE20K", classes=named)


def loveda_tree(tree: Tree) -> dict[str, Group] | None:
    """LoveDA: Train/Rural/images_png and masks_png."""
    there = {part.lower() for parts in tree.folders for part in parts}
    return groups(tree) if {"images_png", "masks_png"} <= there and there & {"rural", "urban"} else None


def loveda(request: Request, found: Mapping[str, Group]) -> PairFolder:
    """1..7 are its classes; 0 is void."""
    fields = {0: None} | dict(enumerate(LOVEDA, 1))
    return _known(request, found, "LoveDA", class_list(fields, "LoveDA's 7; 0 is void"))


def drive_tree(tree: Tree) -> dict[str, Group] | None:
    """DRIVE: vessels in 1st_manual/; mask/ is the field of view, not the truth."""
    if not any("1st_manual" in parts for parts in tree.folders):
        return None
    return groups(tree, ignored=("mask", "2nd_manual"))


def isic_tree(tree: Tree) -> dict[str, Group] | None:
    """ISIC: ISIC_0000000.jpg and ISIC_0000000_segmentation.png, in any folders."""
    if not any(path.name.upper().startswith("ISIC_") for path in tree.files("_segmentation.png")):
        return None
    superpixels = [p for parts in tree.folders for p in parts if "superpixels" in p.lower()]
    return groups(tree, lambda name: is_image(name) and "superpixels" not in name, superpixels)


def carvana_tree(tree: Tree) -> dict[str, Group] | None:
    """Carvana: train/0cdf5b5d0ce1_01.jpg and train_masks/0cdf5b5d0ce1_01_mask.gif."""
    return (
        groups(tree)
        if any(re.match(r"[0-9a-f]{12}_\d\d_mask", p.name) for p in tree.files("_mask.gif"))
        else None
    )


Read = Callable[[Request, Mapping[str, Group]], PairFolder]


def two_classes(layout: str, thing: str) -> Read:
    """A reader for a published layout whose masks hold 0 and 255 (or 1), 255 being `thing`."""

    def read(request: Request, found: Mapping[str, Group]) -> PairFolder:
        fields = {"names": ["background", thing], "values": [0, [1, 255]]}
        return _known(request, found, layout, class_list(fields, f"{layout}'s: 0, and 255 or 1"))

    return read


def _known(request: Request, found: Mapping[str, Group], layout: str, classes: ClassList) -> PairFolder:
    """Pairs with published classes, unless the folder has a list of its own."""
    own = request.classes.classes is not None or request.classes.values
    return open_pairs(request, found, layout=layout, classes=request.classes if own else classes)


def roboflow_tree(tree: Tree) -> dict[str, Group] | None:
    """Roboflow's masks: train/a.jpg, train/a_mask.png and train/_classes.csv."""
    return groups(tree) if any(tree.files("_classes.csv")) else None


def roboflow(request: Request, found: Mapping[str, Group]) -> PairFolder:
    """The classes of _classes.csv, which each split has."""
    own = read_class_list(min(request.tree.files("_classes.csv")))
    return _known(request, found, "Roboflow's semantic masks", own)


# One mask file for each object.


class ObjectFolder(FileDataset):
    """Images with one mask file for each object; everything in a file but 0 is the object.

    Args:
        name: what the data set is called.
        split: "train", "val" or "test".
        classes: of the background and of the objects.
        samples: image and first mask.
        parts: the masks of each image's objects.
    """

    def __init__(
        self, name: str, split: str, classes: Classes, samples: Sequence[Sample], *,
        parts: Sequence[Sequence[str]], page: int | None = None,
    ) -> None:  # fmt: skip
        super().__init__(name, split, classes, samples, page=page)
        self.parts = parts

    def __getitem__(self, index: int) -> tuple[Image, Mask]:
        image = read_image(Path(self.samples[index].image), self.page, self.note)
        return image, Mask(self._shapes(index, image).any(0).byte())

    def _shapes(self, index: int, image: Image) -> Tensor:
        """(M, H, W) bool, one for each file."""
        photo, shapes = Path(self.samples[index].image), []
        for part in self.parts[index]:
            labels = read_labels(Path(part), self.page)
            shape = labels.any(-1) if labels.ndim == 3 else labels != 0
            shapes.append(match_size(torch.from_numpy(shape), image, photo, part, self.note))
        return torch.stack(shapes)

    def instances(self, index: int) -> Instances:
        """The objects, each from its file."""
        shapes = self._shapes(index, read_image(Path(self.samples[index].image), self.page, self.note))
        return instances_of(shapes, torch.ones(len(shapes)))

    def count_pixels(self, index: int) -> NDArray[np.int64]:
        """(K + 1,) the pixels of each class, void last."""
        return SegmentationDataset.count_pixels(self, index)

    def source_bytes(self, index: int, part: Part) -> bytes:
        """The image's file, or the objects' files."""
        if part == "image":
            return super().source_bytes(index, part)
        return b"objects ".join(Path(file).read_bytes() for file in self.parts[index])


def objects_tree(tree: Tree) -> dict[str, dict[str, tuple[str, list[str]]]] | None:
    """Split -> key -> an image and the masks of its objects."""
    found = {split: object_files(group) for split, group in groups(tree).items()}
    return {split: some for split, some in found.items() if some} if found and all(found.values()) else None


def objects(request: Request, found: Mapping[str, Mapping[str, tuple[str, list[str]]]]) -> ObjectFolder:
    """One class of objects, called by the class list if there is one."""
    part, path = part_of(request.tree.path, request.split, found), request.tree.path
    classes = request.classes.classes or Classes.of("background", "object")
    if len(classes) != 2:
        raise ValueError(
            f"{path}: each object has a mask file of its own, so the class list must have two names, of the"
            f" background and of the objects; {request.classes.source} has {len(classes)}"
        )
    keys = [*found[part]] if part else by_name(found[part])[request.split]
    chosen = [found[part][key] for key in keys]
    samples = [Sample(Path(image).stem, image, masks[0]) for image, masks in chosen]
    data = ObjectFolder(
        path.name, request.split, classes, samples, parts=[masks for _, masks in chosen], page=request.page
    )
    count = sum(len(masks) for _, masks in found[part].values())
    source = request.classes.source or "one class of objects; a classes.txt with two names names it"
    data.reading = Reading(
        "one mask file for each object", source, "none", f"{len(found[part])} images, {count} objects"
    )
    return data
