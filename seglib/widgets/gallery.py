"""Pictures to be annotated, one at a time: out of a data set, out of files, or tensors as they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torchvision.transforms.v2.functional import resize

from seglib.data.dataset import SegmentationDataset
from seglib.data.files import pictures_in
from seglib.data.images import read_image
from seglib.widgets import pack

LARGEST = 2048  # pixels of the longer side that travel to the browser; drawing is in the picture's own pixels

Pictures = SegmentationDataset | Tensor | Sequence[Tensor | Path | str] | Path | str


class Gallery:
    """Pictures by number; `gallery` makes one.

    Args:
        names: one a picture, all different, as a file of annotations holds them.
        read: number of a picture -> (3, H, W) uint8.
        dataset: the data set that the pictures are from, if they are from one.
    """

    def __init__(
        self, names: Sequence[str], read: Callable[[int], Tensor], dataset: SegmentationDataset | None = None
    ) -> None:
        if not names:
            raise ValueError("there is no picture to annotate")
        if len(set(names)) < len(names):
            twice = next(name for place, name in enumerate(names) if name in names[:place])
            raise ValueError(f"two pictures are called '{twice}'; names must differ")
        self.names, self.read, self.dataset = tuple(names), read, dataset
        self.sizes: dict[int, tuple[int, int]] = {}

    def expect(self, sizes: dict[int, tuple[int, int]]) -> None:
        """Pictures of which a file already says the size (width, height)."""
        self.sizes |= sizes

    def image(self, index: int) -> Tensor:
        """Picture `index`, (3, H, W) uint8; ValueError where another size was expected."""
        image = self.read(index)
        size = (image.shape[2], image.shape[1])
        if self.sizes.setdefault(index, size) != size:
            width, height = self.sizes[index]
            raise ValueError(
                f"{self.names[index]} is {size[0]} x {size[1]} pixels, but was annotated as a picture of "
                f"{width} x {height}; give another path"
            )
        return image

    def size(self, index: int) -> tuple[int, int]:
        """(width, height) of picture `index`."""
        if index not in self.sizes:
            self.image(index)
        return self.sizes[index]

    def packed(self, index: int) -> dict[str, Any]:
        """Picture `index` as it travels to the browser: a file, and the size of the whole picture."""
        image = self.image(index)
        width, height = self.sizes[index]
        if (largest := max(width, height)) > LARGEST:
            image = resize(image, [height * LARGEST // largest, width * LARGEST // largest], antialias=True)
        return {
            "index": index,
            "width": width,
            "height": height,
            "image": pack.encode(torch.as_tensor(image)),
        }


def gallery(pictures: Pictures) -> Gallery:
    """Pictures from wherever they are; nothing is read before it is asked for.

    Args:
        pictures: a data set; one picture (3, H, W) uint8 or several; or picture files, or a folder of them.

    Raises:
        ValueError: there are none, two have one name, or something is not a picture.
        FileNotFoundError: there is no such folder or file.

    Example:
        >>> gallery(torch.zeros(3, 4, 4, dtype=torch.uint8)).names
        ('picture 1',)
    """
    if isinstance(pictures, SegmentationDataset):
        dataset = pictures
        where = f"{dataset.name}/{dataset.split}"
        names = [f"{where}/{dataset.sample_id(index)}" for index in range(len(dataset))]
        return Gallery(names, lambda index: dataset[index][0], dataset)
    if isinstance(pictures, str | Path):
        path = Path(pictures)
        pictures = [path] if path.is_file() else [Path(file) for file in pictures_in(path).values()]
    if isinstance(pictures, Tensor):
        pictures = [pictures]
    if files := [Path(one) for one in pictures if isinstance(one, str | Path)]:
        if len(files) < len(pictures):
            raise ValueError("the pictures are partly files and partly tensors; give all of one kind")
        if missing := next((file for file in files if not file.is_file()), None):
            raise FileNotFoundError(f"{missing}: no such picture")
        return Gallery([file.name for file in files], lambda index: read_image(files[index]))
    tensors = [_checked(one, place) for place, one in enumerate(pictures, 1)]
    return Gallery([f"picture {place}" for place in range(1, len(tensors) + 1)], tensors.__getitem__)


def _checked(picture: object, place: int) -> Tensor:
    """A tensor that is a picture."""
    if (
        isinstance(picture, Tensor)
        and picture.dtype == torch.uint8
        and picture.ndim == 3
        and len(picture) == 3
    ):
        return picture
    what = (
        f"{tuple(picture.shape)} {picture.dtype}" if isinstance(picture, Tensor) else type(picture).__name__
    )
    raise ValueError(f"picture {place} must be a uint8 tensor (3, H, W), not {what}")
