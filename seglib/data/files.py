"""Data sets on disk: image files with mask files."""

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision.tv_tensors import Image, Mask

from seglib import boxes
from seglib.data.dataset import Instances, Part, SegmentationDataset, SplitError, count_pixels
from seglib.data.images import SUFFIXES, LabelError, count_labels, match_size, read_image, read_labels
from seglib.labels import VOID, Classes, from_color

PAINTED = (
    "the mask is painted in colours, and which colour is which class is not known; save class indices (an"
    " 8-bit or palette PNG), or list names and colours in a classes.json next to the folders"
)


class Sample(NamedTuple):
    """One image on disk: its name and its two files, as text: 100 000 `Path` objects would take seconds."""

    id: str
    image: str
    mask: str


class FileDataset(SegmentationDataset):
    """Images and masks in files; a file is opened when its sample is accessed.

    Args:
        name: what the data set is called.
        split: "train", "val" or "test".
        classes: names and colours; None if a subclass finds them later.
        samples: the files, in order.
        values: value in a mask file -> class, or 255 for void; by default k is class k.
        painted: the colours of masks that are painted; without it a painted mask is an error.

    Raises:
        ValueError: there are no samples. Reading a sample raises ValueError, naming the file, when a file is
            damaged, SizeError when the sizes differ, LabelError when a value or colour is not a class.
    """

    def __init__(
        self,
        name: str,
        split: str,
        classes: Classes | None,
        samples: Sequence[Sample],
        *,
        values: Mapping[int, int] | None = None,
        painted: Classes | None = None,
    ) -> None:
        if not samples:
            raise SplitError(f"{name}: there is no image in the split '{split}'")
        self.name, self.split, self.samples = name, split, samples
        if classes is not None:
            self.classes = classes
        self.values = dict(enumerate(range(len(self.classes)))) if values is None else values
        self.painted = painted

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> tuple[Image, Mask]:
        sample = self.samples[index]
        image = read_image(Path(sample.image))
        mask = torch.from_numpy(self.decode(index, read_labels(Path(sample.mask))))
        return image, Mask(match_size(mask, image, Path(sample.image), sample.mask))

    def sample_id(self, index: int) -> str:
        """The stem of the image's file."""
        return self.samples[index].id

    def count_pixels(self, index: int) -> NDArray[np.int64]:
        """(K + 1,) the pixels of each class, void last, from the mask's histogram; no image is opened."""
        path, number = Path(self.samples[index].mask), len(self.classes)
        if (histogram := count_labels(path)) is not None:
            values = np.flatnonzero(histogram)
            with suppress(LabelError):  # raised again below, where its message can say where the value is
                return count_pixels(self.decode(index, values[None]), number, histogram[values])
        return count_pixels(self.decode(index, read_labels(path)), number)

    def source_bytes(self, index: int, part: Part) -> bytes:
        """The file, and for a mask the values' or colours' meaning."""
        sample = self.samples[index]
        if part == "image":
            return Path(sample.image).read_bytes()
        meaning = f"{len(self.classes)} {sorted(self.values.items())} {self.painted} "
        return meaning.encode() + Path(sample.mask).read_bytes()

    def decode(self, index: int, labels: NDArray[Any]) -> NDArray[np.uint8]:
        """Class indices and 255, uint8 (H, W), from what the mask file of sample `index` holds."""
        path = self.samples[index].mask
        if labels.ndim == 2:
            return to_classes(labels, self.values, path)
        if self.painted is None:
            raise LabelError(f"{path}: {PAINTED}")
        try:
            return from_color(torch.from_numpy(labels).permute(2, 0, 1), self.painted).numpy()
        except ValueError as error:
            raise LabelError(f"{path}: {error}") from None


def to_classes(labels: NDArray[Any], values: Mapping[int, int], path: str) -> NDArray[np.uint8]:
    """Class indices from the values in a mask file; 255 is void unless `values` says otherwise.

    Raises:
        LabelError: a value is not in `values`; the message says which, where and how often.

    Example:
        >>> to_classes(np.array([[1, 2, 255]]), {1: 1, 2: 0}, "mask.png")
        array([[  1,   0, 255]], dtype=uint8)
    """
    table = np.full(256, -1, np.int16)
    table[VOID] = VOID
    table[list(values)] = list(values.values())
    inside = (labels >= 0) & (labels < 256)
    mask = np.where(inside, table[np.where(inside, labels, 0)], -1)
    if (mask < 0).any():
        row, column = np.argwhere(mask < 0)[0]
        raise LabelError(
            f"{path}: the mask holds the value {labels[row, column]} at row {row}, column {column}"
            f" ({(mask < 0).sum()} pixels are wrong in total), but the classes are {_ranges(values)}"
            " and 255 (void); correct the mask, or list every class in classes.txt"
        )
    return mask.astype(np.uint8)


def images_in(folder: Path) -> dict[str, str]:
    """The image files of a folder by stem, sorted; nothing is opened, hidden files are ignored.

    Raises:
        FileNotFoundError: there is no such folder.
        ValueError: two images have the same stem.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder")
    found: dict[str, str] = {}
    with os.scandir(folder) as entries:
        for entry in entries:
            stem, _, suffix = entry.name.rpartition(".")
            if entry.name.startswith(".") or f".{suffix.lower()}" not in SUFFIXES or entry.is_dir():
                continue
            if stem in found:
                twins = " and ".join(sorted([Path(found[stem]).name, entry.name]))
                raise ValueError(f"{folder}: {twins} have the same stem; rename one of them")
            found[stem] = entry.path
    return dict(sorted(found.items()))


def pair(images: Path, masks: Path, stems: Sequence[str] | None = None) -> list[Sample]:
    """Every image of one folder with the mask of the same stem in another.

    Args:
        images: the folder of images.
        masks: the folder of masks.
        stems: only these, in this order; by default all, and then each needs both files.

    Raises:
        FileNotFoundError: one of the folders is missing.
        ValueError: a folder holds no image, or an image or mask has no partner; the stems are named.
    """
    photos, labels = images_in(images), images_in(masks)
    for folder, found in ((images, photos), (masks, labels)):
        if not found:
            raise ValueError(f"{folder}: no image in this folder; expected {', '.join(sorted(SUFFIXES))}")
    stems = [*(photos | labels)] if stems is None else stems
    problems = [
        f"{len(absent)} without {what} in {folder} ({listed(absent)})"
        for folder, found, what in ((images, photos, "an image"), (masks, labels, "a mask"))
        if (absent := [stem for stem in stems if stem not in found])
    ]
    if problems:
        raise ValueError(f"images and masks do not match: {'; '.join(problems)}; each needs both files")
    return [Sample(stem, photos[stem], labels[stem]) for stem in stems]


def listed(names: Sequence[str], most: int = 5) -> str:
    """The first names, and " ..." if there are more."""
    return ", ".join(names[:most]) + " ..." * (len(names) > most)


def instances_of(masks: Tensor, classes: Tensor) -> Instances:
    """Instances with tight boxes from masks (M, H, W) bool; objects without a pixel are left out."""
    some = masks.flatten(1).any(1)
    masks, classes = masks[some], classes[some].long()
    return Instances(masks, classes, boxes.from_masks(masks))


def _ranges(values: Mapping[int, int]) -> str:
    """'0..11' or '0, 5, 9': the values that are classes."""
    known = sorted(values)
    if known == list(range(known[0], known[-1] + 1)):
        return f"{known[0]}..{known[-1]}"
    return ", ".join(map(str, known))
