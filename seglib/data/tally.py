"""What the mask of one sample holds, in numbers, found in the cheapest way its kind of data set allows."""

from __future__ import annotations

from functools import singledispatch
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from seglib.data.dataset import Instances, SegmentationDataset
from seglib.data.files import FileDataset
from seglib.data.images import count_labels, read_labels
from seglib.data.pets import Pets
from seglib.data.scenes import Scenes
from seglib.labels import VOID

Array = NDArray[np.int64]


class Tally(NamedTuple):
    """The numbers of one mask.

    Attributes:
        pixels: (K + 1,) how many pixels each class has, void last.
        objects: (K,) how many single objects each class has, or None where the data set does not know.
    """

    pixels: Array
    objects: Array | None


def tally(dataset: SegmentationDataset, index: int) -> Tally:
    """Count the pixels and objects of sample `index`.

    Where masks are files, the picture is not opened; that mask and picture fit is for `audit` to say.

    Raises:
        ValueError: the mask cannot be read, or holds a value that is no class; the sentence says where.

    Example:
        >>> from seglib.data.catalog import load
        >>> photo = load("photo")
        >>> counted = tally(photo, 0)
        >>> counted.objects[photo.classes.index("person")].item(), counted.pixels.sum().item() == 375 * 500
        (7, True)
    """
    source, number = dataset.origin(index)
    return _tally(source, number)


@singledispatch
def _tally(dataset: SegmentationDataset, index: int) -> Tally:
    mask = dataset[index][1]
    return Tally(_pixels(mask, dataset, index), _objects(dataset.instances(index), dataset))


@_tally.register
def _(dataset: Scenes, index: int) -> Tally:
    scene = dataset.scene(index)  # drawn once for both
    return Tally(_pixels(scene.mask, dataset, index), _objects(scene.instances, dataset))


@_tally.register
def _(dataset: FileDataset, index: int) -> Tally:
    return Tally(_pixels_in_file(dataset, index), _objects(dataset.instances(index), dataset))


@_tally.register
def _(dataset: Pets, index: int) -> Tally:
    pixels = _pixels_in_file(dataset, index)
    objects = (pixels[:-1] > 0).astype(np.int64)
    objects[0] = 0  # background; the other class in the picture is its one animal
    return Tally(pixels, objects)


def _pixels_in_file(dataset: FileDataset, index: int) -> Array:
    """Pixels of each class by way of the values in the file: a few values to decode, not all pixels."""
    path = Path(dataset.samples[index].mask)
    counts = count_labels(path)
    if counts is None:
        return _by_class(dataset.decode(index, read_labels(path)), dataset)
    try:
        classes = dataset.decode(index, np.array([[*counts]], np.uint8))  # (1, values)
    except ValueError:
        dataset.decode(index, read_labels(path))  # says where in the mask the wrong value is
        raise
    pixels = np.zeros(len(dataset.classes) + 1, np.int64)
    for place, number in zip(classes[0].tolist(), counts.values()):
        pixels[-1 if place == VOID else place] += number
    return pixels


def _pixels(mask: Tensor, dataset: SegmentationDataset, index: int) -> Array:
    pixels = _by_class(mask.numpy(), dataset)
    if pixels.sum() != mask.numel():
        value = next(int(v) for v in mask.unique() if len(dataset.classes) <= v != VOID)
        raise ValueError(
            f"{dataset.name}, sample {dataset.sample_id(index)}: the mask holds the value {value}, but the"
            f" classes are 0..{len(dataset.classes) - 1} and {VOID} (void)"
        )
    return pixels


def _by_class(mask: NDArray[np.uint8], dataset: SegmentationDataset) -> Array:
    """(K + 1,) how many pixels each class has, void last."""
    return np.bincount(mask.ravel(), minlength=VOID + 1)[[*range(len(dataset.classes)), VOID]]


def _objects(instances: Instances | None, dataset: SegmentationDataset) -> Array | None:
    if instances is None:
        return None
    return np.bincount(instances.classes.numpy(), minlength=len(dataset.classes)).astype(np.int64)
