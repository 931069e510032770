"""Pictures and masks in another size: one by one, as a processor likes it, or a batch at once, as a GPU does.

Telling a GPU a small piece of work takes as long as the work, and one by one there are hundreds of them. At
once, each direction is a matrix for each picture, and resampling a product of matrices. Both ways give equal
masks, and pictures that differ by a grey level of rounding at most.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import interpolate
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as V
from torchvision.tv_tensors import Image

GREY = 128  # what lies outside of a picture; its mask is void there
Span = tuple[slice, slice]  # along one side: which pixels of the picture are seen, and where they come to lie


def at_once(
    images: Tensor, masks: Tensor, spans: Sequence[tuple[Span, Span]], flipped: Sequence[bool],
    size: tuple[int, int], outside: tuple[int, int],
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Windows of pictures and masks, enlarged or reduced: smooth with antialiasing, and to the nearest pixel.

    Args:
        images: (N, 3, H, W) uint8.
        masks: (N, H, W) uint8.
        spans: for each picture the span along its rows and that along its columns.
        flipped: for each picture whether it is mirrored left and right before its window is taken.
        size: (h, w) of the result.
        outside: what the picture and what the mask hold where no window lies.

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
    """A picture (3, H, W) and its mask (H, W), uint8, in another size: smooth the one, nearest the other.

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
    scale = (end - begin) / (last - first)  # pixels of the picture in one of the result
    middles = torch.arange(length, device=places.device) + 0.5
    distance = (middles - (begin + (at + 0.5) * scale)[..., None]).abs()
    weights = (1 - distance / scale.clamp(min=1)[..., None]).clamp(min=0)  # a roof, no narrower than a pixel
    weights = weights * ((middles > begin) & (middles < end))[:, None]
    weights = weights / weights.sum(2, keepdim=True).clamp(min=1e-6)
    nearest = ((at + 0.5).double() * scale).float().floor().long()  # with the roundings of torch's own
    return weights, begin + nearest.clamp(min=0).minimum(end - begin - 1), inside
