"""A data set decoded once, into two tensors: all images of one size, on the device if they fit there."""

import os
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor
from torch.nn.functional import interpolate
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as V
from torchvision.tv_tensors import Image, Mask

from seglib.data.dataset import Part, SegmentationDataset, check_dataset
from seglib.labels import VOID, check_image, check_mask
from seglib.machine import cores, free_memory, pick_profile
from seglib.progress import tracked

LARGE = 2  # times the pixels of the profile's own images: larger ones are scaled down
GREY = 128  # what the image holds outside of the original; the mask is void there
Size = tuple[int, int]  # (height, width)


class InMemoryDataset(SegmentationDataset):
    """A data set that is already decoded; `in_memory` makes it.

    Attributes:
        images: (N, 3, H, W) uint8.
        masks: (N, H, W) uint8, on the same device.
        source: the data set that it was made from.
    """

    def __init__(self, source: SegmentationDataset, images: Tensor, masks: Tensor) -> None:
        self.name, self.split, self.classes = source.name, source.split, source.classes
        self.source, self.images, self.masks = source, images, masks

    @property
    def size(self) -> Size:
        """(height, width) of every image."""
        return self.masks.shape[1], self.masks.shape[2]

    def __len__(self) -> int:
        return len(self.masks)

    def __getitem__(self, index: int) -> tuple[Image, Mask]:
        return Image(self.images[index]), Mask(self.masks[index])

    def sample_id(self, index: int) -> str:
        """The name of the sample in `source`."""
        return self.source.sample_id(index)

    def source_bytes(self, index: int, part: Part) -> bytes:
        """The pixels themselves."""
        pixels = (self.images if part == "image" else self.masks)[index].cpu()
        return f"{len(self.classes)} {tuple(pixels.shape)} ".encode() + pixels.numpy().tobytes()


def in_memory(
    dataset: SegmentationDataset, size: Size | None = None, device: str | torch.device = "cpu"
) -> InMemoryDataset:
    """Decode a data set once, into memory; a progress bar appears after two seconds.

    Args:
        dataset: images (3, H, W) uint8 and masks (H, W) with classes or 255; sizes may differ.
        size: (height, width) to which `letterbox` brings every image; None for `common_size`.
        device: of the tensors.

    Returns:
        The decoded data set, which takes 4 bytes a pixel.

    Raises:
        ValueError: there are no images, or one of them is not valid; the message names it.

    Example:
        >>> from seglib.scenes import Scenes
        >>> in_memory(Scenes(length=2, size=(32, 64)), size=(32, 32)).images.shape
        torch.Size([2, 3, 32, 32])
    """
    check_dataset(dataset)
    if not len(dataset):
        raise ValueError(f"{dataset.name} {dataset.split} has no images; there is nothing to decode")
    size = size or common_size(dataset)
    images = torch.empty(len(dataset), 3, *size, dtype=torch.uint8)
    masks = torch.empty(len(dataset), *size, dtype=torch.uint8)

    def decode(index: int) -> None:
        images[index], masks[index] = sample(dataset, index, size)

    with ThreadPoolExecutor(cores()) as pool:  # decoders release the GIL
        label = f"decoding {dataset.name} {dataset.split}"
        for _ in tracked(pool.map(decode, range(len(dataset))), len(dataset), label):
            pass
    return InMemoryDataset(dataset, images.to(device), masks.to(device))


def common_size(dataset: SegmentationDataset) -> Size:
    """The size of the first 8 images if it is the same for all, else that of this machine's profile.

    Large images are scaled down, to about twice the pixels of the profile's: those of a camera would take
    more time and memory than most machines have. Who wants them larger gives a size.
    """
    sizes = {tuple(dataset[index][1].shape) for index in range(min(len(dataset), 8))}
    height, width = pick_profile().size
    if len(sizes) > 1:
        return height, width
    (own,), most = sizes, LARGE * height * width
    return own if own[0] * own[1] <= most else scaled(own, most)


def scaled(size: Size, pixels: float) -> Size:
    """A size of nearly the same shape, with at most `pixels` in all; sides are multiples of 32.

    Example:
        >>> scaled((966, 1296), 51200), scaled((4000, 500), 51200)
        ((192, 256), (512, 64))
    """
    height, width = size
    sides = [(32 * n, 32 * max(1, round(n * width / height))) for n in range(1, int(pixels) // 1024 + 1)]
    fitting = [(high, wide) for high, wide in sides if high * wide <= pixels] or [(32, 32)]
    return max(fitting, key=lambda one: (min(one[0] / height, one[1] / width), -one[0] * one[1]))


def sample(dataset: SegmentationDataset, index: int, size: Size) -> tuple[Tensor, Tensor]:
    """Image (3, H, W) uint8 and mask (H, W) uint8 of sample `index`, checked and brought to one size.

    Raises:
        ValueError: channels, type, size or values are wrong; the message names the image.
    """
    image, mask = (tensor.as_subclass(Tensor) for tensor in dataset[index])
    check_image(image, _name(dataset, index))
    return letterbox(image, checked_mask(dataset, index, image, mask), size)


def checked_mask(dataset: SegmentationDataset, index: int, image: Tensor, mask: Tensor) -> Tensor:
    """The mask of sample `index` as uint8; a ValueError that names it if size or values are wrong."""
    name = _name(dataset, index)
    if mask.shape != image.shape[-2:]:
        size = tuple(image.shape[-2:])
        raise ValueError(f"{name} is of size {size}, so its mask must be too, not {tuple(mask.shape)}")
    check_mask(mask, len(dataset.classes), f"{name}: the mask")
    return mask.to(torch.uint8)


def _name(dataset: SegmentationDataset, index: int) -> str:
    return f"{dataset.name} {dataset.split}, image {dataset.sample_id(index)}"


def letterbox(image: Tensor, mask: Tensor, size: Size) -> tuple[Tensor, Tensor]:
    """An image and its mask scaled to fit into `size` without distortion, centred, the rest grey and void.

    Example:
        >>> letterbox(torch.ones(3, 1, 2, dtype=torch.uint8), torch.ones(1, 2, dtype=torch.uint8), (3, 2))[1]
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


def to_device(
    dataset: SegmentationDataset, size: Size, device: torch.device
) -> tuple[SegmentationDataset, str]:
    """The data set in the device's memory, or in main memory, or as it is: the first that fits.

    Half of the free memory may be used.

    Returns:
        The data set, and a sentence if it is not on the device.
    """
    need = len(dataset) * size[0] * size[1] * 4
    if isinstance(dataset, InMemoryDataset):
        if dataset.images.device.type == device.type or need > free_bytes(device) / 2:
            return dataset, ""
        return InMemoryDataset(dataset.source, dataset.images.to(device), dataset.masks.to(device)), ""
    name = f"{dataset.name} {dataset.split} takes {need / 1e9:.1f} GB"
    if need <= free_bytes(device) / 2:
        return in_memory(dataset, size, device), ""
    if device.type != "cpu" and need <= free_bytes(torch.device("cpu")) / 2:
        return in_memory(dataset, size), f"{name}, too much for {device}: it stays in main memory."
    return dataset, f"{name}, more than half of the free memory: its images are decoded when used."


def free_bytes(device: torch.device) -> float:
    """Free memory of the device; processes of torchrun on one machine share its main memory."""
    if device.type == "cuda":
        unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + unused
    return free_memory() / int(os.environ.get("LOCAL_WORLD_SIZE", 1))
