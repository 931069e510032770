"""What a data set is in this course: images, masks, classes and, if known, instances."""

import hashlib
import warnings
from bisect import bisect
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision.tv_tensors import Image, Mask

from seglib.labels import VOID, Classes, check_mask

Part = Literal["image", "mask"]


@dataclass(frozen=True)
class Instances:
    """The individual objects of one image.

    Attributes:
        masks: (M, H, W) bool, the visible pixels of each object.
        classes: (M,) int64 class index of each object.
        boxes: (M, 4) int64 `x1 y1 x2 y2` in pixels, x2 and y2 exclusive.
    """

    masks: Tensor
    classes: Tensor
    boxes: Tensor

    def __len__(self) -> int:
        """How many objects there are."""
        return len(self.classes)


class MaskCounts(NamedTuple):
    """What one mask holds.

    Attributes:
        pixels: (K + 1,) int64, how many pixels each class has, void last.
        objects: (K,) int64, how many objects each class has, or None where the data set does not know them.
    """

    pixels: NDArray[np.int64]
    objects: NDArray[np.int64] | None


def count_pixels(
    mask: NDArray[np.uint8], num_classes: int, weights: NDArray[np.int64] | None = None
) -> NDArray[np.int64]:
    """(K + 1,) the pixels of each class in a mask, void last; other values are left out.

    `weights`, of the mask's size, are how often each pixel counts; once by default.
    """
    counts = np.bincount(mask.ravel(), weights, minlength=VOID + 1)
    return counts[[*range(num_classes), VOID]].astype(np.int64)


def count_objects(instances: Instances | None, num_classes: int) -> NDArray[np.int64] | None:
    """(K,) how many objects of each class there are; None where they are not known."""
    if instances is None:
        return None
    return np.bincount(instances.classes.numpy(), minlength=num_classes).astype(np.int64)


class Reading(NamedTuple):
    """How a folder or a file was understood; `print(dataset)` shows it.

    Attributes:
        layout: which of the known layouts it has.
        source: where the classes come from.
        void: the values in mask files, or the objects, that are void.
        pairs: how an image finds its mask.
        left_out: what was not read, and why.
    """

    layout: str
    source: str
    void: str = "255"
    pairs: str = ""
    left_out: tuple[str, ...] = ()


class SegmentationDataset(torch.utils.data.Dataset[tuple[Image, Mask]]):
    """One split of a data set: `dataset[i]` is `(image, mask)`; sizes may differ from sample to sample.

    The image is `tv_tensors.Image`, uint8, (3, H, W); the mask is `tv_tensors.Mask`, uint8, (H, W), class
    indices below `len(classes)` or 255 for void. Samples are read when they are accessed.

    Attributes:
        name: "scenes", "pets", ... as `load` knows it.
        split: "train", "val" or "test".
        classes: names and colours.
        reading: how its folder was understood; None for data sets that are opened by name.
        notes: what was concluded or is in doubt, by topic; each was also a warning.
    """

    name: str
    split: str
    classes: Classes
    reading: Reading | None = None
    notes: Mapping[str, str] = MappingProxyType({})

    def __len__(self) -> int:
        """How many images there are."""
        raise NotImplementedError

    def __getitem__(self, index: int) -> tuple[Image, Mask]:
        """Image and mask number `index`, from the end if negative; IndexError if there is no such sample."""
        raise NotImplementedError

    def __str__(self) -> str:
        """What it is and how it was understood: layout, classes and where they come from, void, pairs."""
        try:
            classes = f"{len(self.classes)}: {', '.join(self.classes)}"
            classes += f" ({self.reading.source})" if self.reading else ""
        except ValueError as error:  # they are looked for in masks that contradict each other
            classes = f"not known: {error}"
        facts = [("split", f"{self.split}, {len(self)} image{'s' * (len(self) != 1)}"), ("classes", classes)]
        if here := self.reading:
            facts += [("layout", here.layout), ("void", here.void), ("pairs", here.pairs)]
            facts += [("left out", text) for text in here.left_out]
        facts += [
            ("note", text) for topic, text in self.notes.items() if not here or topic not in here.left_out
        ]
        return "\n".join([self.name, *(f"  {what:<9}{text}" for what, text in facts if text)])

    def note(self, topic: str, text: str) -> None:
        """Keep a sentence about this data set, and warn, once for each topic."""
        if topic not in self.notes:
            self.notes = {**self.notes, topic: text}
            warnings.warn(text, stacklevel=3)

    def __iter__(self) -> Iterator[tuple[Image, Mask]]:
        """Every sample in order."""
        return (self[index] for index in range(len(self)))

    def sample_id(self, index: int) -> str:
        """A name for sample `index` in messages: the stem of its file if it has one."""
        return str(self.position(index))

    def names(self) -> list[str]:
        """A different name for every sample: its id, with its number where two samples have the same id."""
        ids = [self.sample_id(index) for index in range(len(self))]
        counts = Counter(ids)
        return [name if counts[name] == 1 else f"{name} (number {index})" for index, name in enumerate(ids)]

    def instances(self, index: int) -> Instances | None:
        """The individual objects of sample `index`, or None if the data set does not know them."""
        return None

    def stated_boxes(self, index: int) -> list[tuple[str, Tensor, Tensor]]:
        """Each object of sample `index`: its name, its box as the data set states it, and its mask.

        The boxes are float64 `x1 y1 x2 y2`, the masks (H, W) bool. The audit compares the two.
        """
        instances = self.instances(index)
        if instances is None:
            return []
        names = [self.classes.names[label] for label in instances.classes.tolist()]
        return list(zip(names, instances.boxes.double(), instances.masks))

    def count_mask(self, index: int) -> MaskCounts:
        """The pixels and objects of each class in sample `index`, counted in the cheapest way.

        Raises:
            ValueError: the mask cannot be read, or holds a value that is not a class; the message says
                where.
        """
        return MaskCounts(self.count_pixels(index), count_objects(self.instances(index), len(self.classes)))

    def count_pixels(self, index: int) -> NDArray[np.int64]:
        """(K + 1,) the pixels of each class in sample `index`, void last; see `count_mask`."""
        mask = self[index][1]
        pixels = count_pixels(mask.cpu().numpy(), len(self.classes))
        if pixels.sum() != mask.numel():
            check_mask(mask, len(self.classes), f"{self.name}, sample {self.sample_id(index)}: the mask")
        return pixels

    def source_bytes(self, index: int, part: Part) -> bytes | None:
        """Everything that determines the image, or the mask and objects, of sample `index`.

        Bytes of files and the settings that give them their meaning, but no paths: the key under which
        `seglib.cache` keeps what is computed from a sample. None where they are not known, as here: then
        nothing is cached.

        Raises:
            OSError: a file cannot be read.
        """
        return None

    def origin(self, index: int) -> tuple["SegmentationDataset", int]:
        """The data set that sample `index` was taken from, and its number there; for a subset, its parent."""
        return self, self.position(index)

    def subset(self, indices: Iterable[int]) -> "SegmentationDataset":
        """The same data set with only the samples `indices`, in that order."""
        return _Selection(self, [(self, index) for index in indices])

    def spread(self, n: int) -> "SegmentationDataset":
        """A subset of `n` samples spread evenly over the whole split, first and last included.

        The first `n` samples are often not representative: many data sets are sorted by class or by place.

        Args:
            n: how many samples, at least 1; all of them if the split has no more than `n`.

        Raises:
            ValueError: `n` is below 1.

        Example:
            >>> from seglib.scenes import Scenes
            >>> Scenes(10).spread(4).names()
            ['0', '3', '6', '9']
        """
        if n < 1:
            raise ValueError(f"n={n}: a subset needs at least one sample; use n >= 1")
        return self.subset(np.linspace(0, len(self) - 1, min(n, len(self))).round().astype(int).tolist())

    def position(self, index: int) -> int:
        """`index` as a number from 0 to len - 1; negative numbers count from the end.

        Raises:
            IndexError: there is no such sample, so that a `for` loop stops.
        """
        if not -len(self) <= index < len(self):
            raise IndexError(f"there is no sample {index}; the data set has {len(self)}, counted from 0")
        return index % len(self)

    def __add__(self, other: "SegmentationDataset") -> "SegmentationDataset":  # type: ignore[override]
        """Both data sets, one after the other, under the name and split of the first.

        Raises:
            ValueError: their classes differ, so that one number would mean two things.
        """
        if self.classes.names != other.classes.names:
            one, two = ", ".join(self.classes.names), ", ".join(other.classes.names)
            raise ValueError(f"the data sets have different classes: {one}; and {two}. Map one to the other.")
        places = [(data, index) for data in (self, other) for index in range(len(data))]
        return _Selection(self, places)


def _delegated(method: str) -> Callable[..., Any]:
    """A method that calls the same one of the data set that a sample was taken from."""

    def call(self: "_Selection", index: int, *arguments: Any) -> Any:
        source, number = self.places[index]
        return getattr(source, method)(number, *arguments)

    return call


class _Selection(SegmentationDataset):
    """Samples of other data sets: (data set, number in it) each."""

    def __init__(self, like: SegmentationDataset, places: list[tuple[SegmentationDataset, int]]) -> None:
        self.name, self.split, self.classes = like.name, like.split, like.classes
        self.places = places

    def __len__(self) -> int:
        return len(self.places)

    __getitem__ = _delegated("__getitem__")
    sample_id = _delegated("sample_id")
    instances = _delegated("instances")
    stated_boxes = _delegated("stated_boxes")
    count_mask = _delegated("count_mask")
    source_bytes = _delegated("source_bytes")
    origin = _delegated("origin")


# Dividing a list of images into train, val and test, the same way on every machine.

# split -> what its folder may be called
FOLDERS = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation"),
    "test": ("test", "testing"),
}
SHARES = {"train": 0.7, "val": 0.15, "test": 0.15}


def check_dataset(data: object) -> None:
    """Raise a ValueError unless this is a data set of the kind that this course works with."""
    if not isinstance(data, SegmentationDataset):
        raise ValueError(
            f"a {type(data).__name__} is not a data set with classes; give a SegmentationDataset, such as "
            "seglib.data.catalog.load(...)"
        )


class SplitError(ValueError):
    """A data set has no such split."""


def check_split(split: str) -> None:
    """Raise a ValueError unless `split` is "train", "val" or "test"."""
    if split not in FOLDERS:
        raise ValueError(f"split must be 'train', 'val' or 'test', got {split!r}")


def by_name(names: Iterable[str], shares: Mapping[str, float] = SHARES) -> dict[str, list[str]]:
    """Divide names by their hash, so that a name's split depends on nothing but the name.

    An image that is added later changes no other image's split. The shares are met on average, not
    exactly; a split that would stay empty takes one name from the largest, so that small folders work too,
    and a single name goes to the first split.

    Args:
        names: one for each image, for example the file's stem.
        shares: split -> share of the names; they add up to 1.

    Returns:
        The names of each split, in the order given.

    Example:
        >>> by_name(["ant", "bee", "cow", "dog", "elk"], {"train": 0.6, "val": 0.4})
        {'train': ['ant', 'bee', 'elk'], 'val': ['cow', 'dog']}
    """
    division: dict[str, list[str]] = {split: [] for split in shares}
    *bounds, _ = accumulate(shares.values())
    for name in names:
        place = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) / 2**64  # on the line 0..1
        division[list(shares)[bisect(bounds, place)]].append(name)
    for split in division:
        largest = max(division.values(), key=len)
        if not division[split] and len(largest) > (split != next(iter(shares))):
            division[split].append(largest.pop())
    return division
