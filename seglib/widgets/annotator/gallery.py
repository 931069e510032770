"""Images to be annotated, one at a time: from a data set, from files, or tensors."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torchvision.transforms.v2.functional import resize

from seglib.data.dataset import SegmentationDataset
from seglib.data.files import read_image
from seglib.data.pairing import images_in
from seglib.labels import check_image
from seglib.widgets import pack

LARGEST = 2048  # pixels of the longer side that is sent to the browser; drawing is in the image's own pixels

Images = SegmentationDataset | Tensor | Sequence[Tensor | Path | str] | Path | str


class Gallery:
    """Images by number; `gallery` makes one.

    Args:
        names: one per image, all different, as a file of annotations holds them.
        read: number of an image -> (3, H, W) uint8.
        dataset: the data set that the images are from, if there is one.

    Attributes:
        sizes: (width, height) of each image that was read, or whose size a file of annotations states.
    """

    def __init__(
        self, names: Sequence[str], read: Callable[[int], Tensor], dataset: SegmentationDataset | None = None
    ) -> None:
        if not names:
            raise ValueError("there is no image to annotate")
        if len(set(names)) < len(names):
            twice = next(name for place, name in enumerate(names) if name in names[:place])
            raise ValueError(f"two images are called '{twice}'; names must differ")
        self.names, self.read, self.dataset = tuple(names), read, dataset
        self.sizes: dict[int, tuple[int, int]] = {}

    def image(self, index: int) -> Tensor:
        """Image `index`, (3, H, W) uint8; ValueError where another size was expected."""
        image = self.read(index)
        size = (image.shape[2], image.shape[1])
        if self.sizes.setdefault(index, size) != size:
            width, height = self.sizes[index]
            raise ValueError(
                f"{self.names[index]} is {size[0]} x {size[1]} pixels, but was annotated as an image of "
                f"{width} x {height}; give another path"
            )
        return image

    def size(self, index: int) -> tuple[int, int]:
        """(width, height) of image `index`."""
        if index not in self.sizes:
            self.image(index)
        return self.sizes[index]

    def packed(self, index: int) -> dict[str, Any]:
        """Image `index` as it is sent to the browser: a file, and the size of the whole image."""
        image = self.image(index)
        width, height = self.sizes[index]
        if max(width, height) > LARGEST:
            image = resize(image, None, max_size=LARGEST, antialias=True)
        file = pack.encode(torch.as_tensor(image))
        return {"index": index, "width": width, "height": height, "image": file}


def gallery(images: Images) -> Gallery:
    """Images from wherever they are; each is read when it is needed.

    Args:
        images: a data set; one image (3, H, W) uint8 or several; or image files, or a folder of them.

    Raises:
        ValueError: there are none, two have one name, or something is not an image.
        FileNotFoundError: there is no such folder or file.

    Example:
        >>> gallery(torch.zeros(3, 4, 4, dtype=torch.uint8)).names
        ('image 1',)
    """
    if isinstance(images, SegmentationDataset):
        dataset = images
        where = f"{dataset.name}/{dataset.split}"
        names = [f"{where}/{dataset.sample_id(index)}" for index in range(len(dataset))]
        return Gallery(names, lambda index: dataset[index][0], dataset)
    if isinstance(images, str | Path):
        path = Path(images)
        images = [path] if path.is_file() else [Path(file) for file in images_in(path).values()]
    if isinstance(images, Tensor):
        images = [images]
    if files := [Path(one) for one in images if isinstance(one, str | Path)]:
        if len(files) < len(images):
            raise ValueError("the images are partly files and partly tensors; give all of one kind")
        if missing := next((file for file in files if not file.is_file()), None):
            raise FileNotFoundError(f"{missing}: no such image")
        return Gallery([file.name for file in files], lambda index: read_image(files[index]))
    tensors = [image for image in images if isinstance(image, Tensor)]
    names = [f"image {place}" for place in range(1, len(images) + 1)]
    for name, image in zip(names, images):
        check_image(image, name)
    return Gallery(names, lambda index: tensors[index])
