"""A whole data set as one tensor: decoded once, all pictures of one size, on the device if it fits."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor
from torchvision.transforms.v2 import functional as V
from torchvision.tv_tensors import Image, Mask

from seglib.containers import free_memory
from seglib.data.resample import GREY
from seglib.data.dataset import SegmentationDataset
from seglib.data.resample import resized
from seglib.labels import VOID
from seglib.profiles import cores, pick_profile
from seglib.progress import tracked

Size = tuple[int, int]


class Stack(SegmentationDataset):
    """A data set that is already decoded; it is made by `stack`, and is itself a data set.

    Attributes:
        images: (N, 3, H, W) uint8.
        masks: (N, H, W) uint8, on the same device.
        source: the data set it was made from.
    """

    def __init__(self, source: SegmentationDataset, images: Tensor, masks: Tensor) -> None:
        self.name, self.split, self.classes = source.name, source.split, source.classes
        self.source, self.images, self.masks = source, images, masks

    @property
    def size(self) -> Size:
        """(height, width) of every picture."""
        return self.masks.shape[1], self.masks.shape[2]

    def to(self, device: str | torch.device) -> Stack:
        """A copy on another device."""
        return Stack(self.source, self.images.to(device), self.masks.to(device))

    def __len__(self) -> int:
        return len(self.masks)

    def __getitem__(self, index: int) -> tuple[Image, Mask]:
        if not -len(self) <= index < len(self):
            raise IndexError(f"picture {index} does not exist; this data set has {len(self)}")
        return Image(self.images[index]), Mask(self.masks[index])

    def sample_id(self, index: int) -> str:
        """The name that the sample has in `source`."""
        return self.source.sample_id(index)


def stack(
    dataset: SegmentationDataset, *, size: Size | None = None, device: str | torch.device = "cpu"
) -> Stack:
    """Decode a data set once, into memory.

    Args:
        dataset: pictures (3, H, W) uint8 and masks (H, W) with classes or 255; sizes may differ.
        size: (height, width) that every picture is brought to by `fitted`; None for what `common_size` says.
        device: where the tensors are to lie.

    Returns:
        A Stack, 4 bytes a pixel. A bar shows how far it is after two seconds.

    Raises:
        ValueError: there is no picture, or one of them is not what it must be; the sentence names it.

    Example:
        >>> from seglib.data.scenes import Scenes
        >>> stack(Scenes(length=2, size=(32, 64)), size=(32, 32)).images.shape
        torch.Size([2, 3, 32, 32])
    """
    if not len(dataset):
        raise ValueError(f"{dataset.name} {dataset.split} has no pictures; there is nothing to train on")
    size = size or common_size(dataset)
    images = torch.empty(len(dataset), 3, *size, dtype=torch.uint8)
    masks = torch.empty(len(dataset), *size, dtype=torch.uint8)

    def decode(index: int) -> None:
        images[index], masks[index] = sample(dataset, index, size)

    with ThreadPoolExecutor(cores()) as pool:  # decoders release the GIL
        what = f"decoding {dataset.name} {dataset.split}"
        for _ in tracked(pool.map(decode, range(len(dataset))), len(dataset), what):
            pass
    return Stack(dataset, images.to(device), masks.to(device))


def common_size(dataset: SegmentationDataset) -> Size:
    """The size of the first pictures if they agree, else that of this machine's profile; (height, width)."""
    sizes = {tuple(dataset[index][1].shape) for index in range(min(len(dataset), 8))}
    return sizes.pop() if len(sizes) == 1 else pick_profile().size


def sample(dataset: SegmentationDataset, index: int, size: Size) -> tuple[Tensor, Tensor]:
    """Picture (3, H, W) uint8 and mask (H, W) uint8 number `index`, checked, of this size.

    Raises:
        ValueError: channels, type, size or values are wrong; the sentence names the picture.
    """
    image, mask = (tensor.as_subclass(Tensor) for tensor in dataset[index])
    image = checked_image(dataset, index, image)
    return fitted(image, checked_mask(dataset, index, image, mask), size)


def checked_image(dataset: SegmentationDataset, index: int, image: Tensor) -> Tensor:
    """Picture number `index`, if it is (3, H, W) uint8.

    Raises:
        ValueError: it is not; the sentence names the picture.
    """
    if image.dtype != torch.uint8 or image.ndim != 3 or len(image) != 3:
        where = f"{dataset.name} {dataset.split}, picture {dataset.sample_id(index)}"
        raise ValueError(
            f"{where}: it is {tuple(image.shape)} {image.dtype}; it must be (3, H, W) torch.uint8"
        )
    return image


def checked_mask(dataset: SegmentationDataset, index: int, image: Tensor, mask: Tensor) -> Tensor:
    """The mask of picture number `index` as uint8, if it has the picture's size and holds classes and void.

    Raises:
        ValueError: it does not; the sentence names the picture.
    """
    where = f"{dataset.name} {dataset.split}, picture {dataset.sample_id(index)}"
    if mask.is_floating_point() or mask.shape != image.shape[-2:] or not mask.numel():
        raise ValueError(
            f"{where}: the picture is {tuple(image.shape)}, so the mask must be {tuple(image.shape[-2:])} "
            f"integers, at least one, not {tuple(mask.shape)} {mask.dtype}"
        )
    wrong = mask[((mask < 0) | (mask >= len(dataset.classes))) & (mask != VOID)]
    if len(wrong):
        raise ValueError(
            f"{where}: the mask holds the value {int(wrong[0])}; it may hold 0..{len(dataset.classes) - 1} "
            f"({', '.join(dataset.classes)}) and {VOID} for void; "
            "`python -m seglib data audit` finds all such masks"
        )
    return mask.to(torch.uint8)


def fitted(image: Tensor, mask: Tensor, size: Size) -> tuple[Tensor, Tensor]:
    """A picture and its mask scaled into (height, width) without distortion, in the middle; the rest is void.

    Example:
        >>> fitted(torch.ones(3, 1, 2, dtype=torch.uint8), torch.ones(1, 2, dtype=torch.uint8), (3, 2))[1]
        tensor([[255, 255],
                [  1,   1],
                [255, 255]], dtype=torch.uint8)
    """
    height, width = mask.shape
    if (height, width) == tuple(size):
        return image, mask
    scale = min(size[0] / height, size[1] / width)
    inside = [min(max(1, round(side * scale)), most) for side, most in zip((height, width), size)]
    top, left = (size[0] - inside[0]) // 2, (size[1] - inside[1]) // 2
    border = [left, top, size[1] - inside[1] - left, size[0] - inside[0] - top]
    image, mask = resized(image, mask, (inside[0], inside[1]))
    mask = V.pad(Mask(mask), border, fill=VOID).as_subclass(Tensor)
    return V.pad(image, border, fill=GREY), mask


def resident(
    dataset: SegmentationDataset, size: Size, device: torch.device
) -> tuple[SegmentationDataset, str]:
    """The data set as a `Stack` on the device, or in main memory, or as it is: the first that fits.

    Returns:
        The data set, and a sentence if it could not be put onto the device.
    """
    need = len(dataset) * size[0] * size[1] * 4
    if isinstance(dataset, Stack):
        there = dataset.images.device.type == device.type or need > free(device) / 2
        return dataset if there else dataset.to(device), ""
    name = f"{dataset.name} {dataset.split} takes {need / 1e9:.1f} GB"
    if need <= free(device) / 2:
        return stack(dataset, size=size, device=device), ""
    if device.type != "cpu" and need <= free(torch.device("cpu")) / 2:
        return stack(dataset, size=size), f"{name}, too much for {device}: it stays in main memory."
    return (
        dataset,
        f"{name}, more than half of the free memory: worker processes decode it when used.",
    )


def free(device: torch.device) -> float:
    """Bytes that are free on the device, or in main memory, which processes of torchrun share."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return free_memory() / int(os.environ.get("LOCAL_WORLD_SIZE", 1))
