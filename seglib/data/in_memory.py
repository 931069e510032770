"""Images and masks in another size: one by one, as a processor likes it, or a batch at once, as a GPU does.

Telling a GPU a small piece of work takes as long as the work, and one by one there are hundreds of them. At
once, each direction is a matrix for each image, and resampling a product of matrices. Both ways give equal
masks, and images that differ by a grey level of rounding at most.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor
from torch.nn.functional import interpolate
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as V
from torchvision.tv_tensors import Image, Mask

from seglib.data.dataset import SegmentationDataset
from seglib.labels import VOID
from seglib.machine import cores, free_memory, pick_profile
from seglib.progress import tracked

GREY = 128  # what lies outside of an image; its mask is void there
Span = tuple[slice, slice]  # along one side: which pixels of the image are seen, and where they come to lie


def at_once(
    images: Tensor, masks: Tensor, spans: Sequence[tuple[Span, Span]], flipped: Sequence[bool],
    size: tuple[int, int], outside: tuple[int, int],
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Windows of images and masks, enlarged or reduced: smooth with antialiasing, and to the nearest pixel.

    Args:
        images: (N, 3, H, W) uint8.
        masks: (N, H, W) uint8.
        spans: for each image the span along its rows and that along its columns.
        flipped: for each image whether it is mirrored left and right before its window is taken.
        size: (h, w) of the result.
        outside: what the image and what the mask hold where no window lies.

    Returns:
        (N, 3, h, w) uint8 and (N, h, w) uint8.

    Example:
        >>> images = torch.tensor([[[[10, 30]]]], dtype=torch.uint8).expand(1, 3, 1, 2)
        >>> masks, whole = torch.tensor([[[0, 1]]], dtype=torch.uint8), slice(0, 1)
        >>> spans = [((whole, whole), (slice(0, 2), slice(0, 4)))]
        >>> image, mask = at_once(images, masks, spans, [True], (1, 5), (128, 255))
        >>> image[0, 0].tolist(), mask[0].tolist()
        ([[30, 25, 15, 10, 128]], [[1, 1, 0, 0, 255]])
    """
    ends = [[[seen.start, seen.stop, new.start, new.stop] for seen, new in pair] for pair in spans]
    places = torch.tensor(ends).to(images.device, non_blocking=True)  # (N, 2, 4); nobody waits for it
    mirror = torch.tensor(flipped).to(images.device, non_blocking=True)
    rows, row, in_rows = _along(places[:, 0], images.shape[2], size[0])
    columns, column, in_columns = _along(places[:, 1], images.shape[3], size[1])
    columns = torch.where(mirror[:, None, None], columns.flip(2), columns)
    column = torch.where(mirror[:, None], images.shape[3] - 1 - column, column)

    inside = in_rows[:, :, None] & in_columns[:, None]  # (N, h, w)
    smooth = rows[:, None] @ images.float() @ columns[:, None].transpose(2, 3)  # (N, 3, h, w)
    smooth = torch.where(inside[:, None], smooth.round().clamp(0, 255), outside[0]).to(torch.uint8)
    number = torch.arange(len(masks), device=masks.device)[:, None, None]
    nearest = masks[number, row[:, :, None], column[:, None]]
    return smooth, torch.where(inside, nearest, outside[1])


def one_by_one(
    images: Tensor, masks: Tensor, spans: Sequence[tuple[Span, Span]], flipped: Sequence[bool],
    size: tuple[int, int], outside: tuple[int, int],
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """The same as `at_once`, by torchvision."""
    seen = images.new_full((len(images), 3, *size), outside[0])
    truth = masks.new_full((len(masks), *size), outside[1])
    for image, mask, new_image, new_mask, mirror, span in zip(images, masks, seen, truth, flipped, spans):
        (rows, new_rows), (columns, new_columns) = span
        if mirror:
            image, mask = image.flip(-1), mask.flip(-1)
        target = new_mask[new_rows, new_columns]
        image, mask = resized(image[:, rows, columns], mask[rows, columns], target.shape)
        target.copy_(mask)
        new_image[:, new_rows, new_columns] = image
    return seen, truth


def resized(image: Tensor, mask: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """An image (3, H, W) and its mask (H, W), uint8, in another size: smooth the one, nearest the other.

    Example:
        >>> resized(torch.zeros(3, 1, 2, dtype=torch.uint8), torch.tensor([[0, 7]]), (1, 4))[1]
        tensor([[0, 0, 7, 7]])
    """
    if mask.shape == size:
        return image, mask
    if min(*image.shape[1:], *size) > 1:
        image = V.resize(Image(image), [*size], antialias=True).as_subclass(Tensor)
    else:  # with a side of one pixel, torch 2.15 fails on some bytes, and is wrong for floats in rows
        floats = image[None].float().contiguous(memory_format=torch.channels_last)
        image = interpolate(floats, size, mode="bilinear", antialias=True)[0].round().to(torch.uint8)
    # As a plain tensor: for a `Mask`, older torchvisions take NEAREST, which is half a pixel off.
    nearest = InterpolationMode.NEAREST_EXACT
    return image, V.resize(mask.as_subclass(Tensor)[None], [*size], interpolation=nearest)[0]


def _along(places: Tensor, length: int, wanted: int) -> tuple[Tensor, Tensor, Tensor]:
    """Along one side: (N, wanted, length) weights, (N, wanted) nearest pixels, (N, wanted) inside or not."""
    begin, end, first, last = places.T[:, :, None]  # each (N, 1)
    at = torch.arange(wanted, device=places.device) - first
    inside = (at >= 0) & (at < last - first)
    scale = (end - begin) / (last - first)  # pixels of the image in one of the result
    middles = torch.arange(length, device=places.device) + 0.5
    distance = (middles - (begin + (at + 0.5) * scale)[..., None]).abs()
    weights = (1 - distance / scale.clamp(min=1)[..., None]).clamp(min=0)  # a roof, no narrower than a pixel
    weights = weights * ((middles > begin) & (middles < end))[:, None]
    weights = weights / weights.sum(2, keepdim=True).clamp(min=1e-6)
    nearest = ((at + 0.5).double() * scale).float().floor().long()  # with the roundings of torch's own
    return weights, begin + nearest.clamp(min=0).minimum(end - begin - 1), inside


# A whole data set as one tensor: decoded once, all images of one size, on the device if it fits.

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
        """(height, width) of every image."""
        return self.masks.shape[1], self.masks.shape[2]

    def to(self, device: str | torch.device) -> Stack:
        """A copy on another device."""
        return Stack(self.source, self.images.to(device), self.masks.to(device))

    def __len__(self) -> int:
        return len(self.masks)

    def __getitem__(self, index: int) -> tuple[Image, Mask]:
        if not -len(self) <= index < len(self):
            raise IndexError(f"image {index} does not exist; this data set has {len(self)}")
        return Image(self.images[index]), Mask(self.masks[index])

    def sample_id(self, index: int) -> str:
        """The name that the sample has in `source`."""
        return self.source.sample_id(index)


def stack(
    dataset: SegmentationDataset, *, size: Size | None = None, device: str | torch.device = "cpu"
) -> Stack:
    """Decode a data set once, into memory.

    Args:
        dataset: images (3, H, W) uint8 and masks (H, W) with classes or 255; sizes may differ.
        size: (height, width) that every image is brought to by `fitted`; None for what `common_size` says.
        device: where the tensors are to lie.

    Returns:
        A Stack, 4 bytes a pixel. A bar shows how far it is after two seconds.

    Raises:
        ValueError: there is no image, or one of them is not what it must be; the sentence names it.

    Example:
        >>> from seglib.scenes import Scenes
        >>> stack(Scenes(length=2, size=(32, 64)), size=(32, 32)).images.shape
        torch.Size([2, 3, 32, 32])
    """
    if not len(dataset):
        raise ValueError(f"{dataset.name} {dataset.split} has no images; there is nothing to train on")
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
    """The size of the first images if they agree, else that of this machine's profile; (height, width)."""
    sizes = {tuple(dataset[index][1].shape) for index in range(min(len(dataset), 8))}
    return sizes.pop() if len(sizes) == 1 else pick_profile().size


def sample(dataset: SegmentationDataset, index: int, size: Size) -> tuple[Tensor, Tensor]:
    """Image (3, H, W) uint8 and mask (H, W) uint8 number `index`, checked, of this size.

    Raises:
        ValueError: channels, type, size or values are wrong; the sentence names the image.
    """
    image, mask = (tensor.as_subclass(Tensor) for tensor in dataset[index])
    image = checked_image(dataset, index, image)
    return fitted(image, checked_mask(dataset, index, image, mask), size)


def checked_image(dataset: SegmentationDataset, index: int, image: Tensor) -> Tensor:
    """Image number `index`, if it is (3, H, W) uint8.

    Raises:
        ValueError: it is not; the sentence names the image.
    """
    if image.dtype != torch.uint8 or image.ndim != 3 or len(image) != 3:
        where = f"{dataset.name} {dataset.split}, image {dataset.sample_id(index)}"
        raise ValueError(
            f"{where}: it is {tuple(image.shape)} {image.dtype}; it must be (3, H, W) torch.uint8"
        )
    return image


def checked_mask(dataset: SegmentationDataset, index: int, image: Tensor, mask: Tensor) -> Tensor:
    """The mask of image number `index` as uint8, if it has the image's size and holds classes and void.

    Raises:
        ValueError: it does not; the sentence names the image.
    """
    where = f"{dataset.name} {dataset.split}, image {dataset.sample_id(index)}"
    if mask.is_floating_point() or mask.shape != image.shape[-2:] or not mask.numel():
        raise ValueError(
            f"{where}: the image is {tuple(image.shape)}, so the mask must be {tuple(image.shape[-2:])} "
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
    """An image and its mask scaled into (height, width) without distortion, in the middle; the rest is void.

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
