"""Two crops of a region for a classification net: its full box, and its foreground alone."""

from collections.abc import Callable

import torch
from torch import Tensor
from torchvision.ops import roi_align

from seglib.regions.proposals import Proposals
from seglib.regions.superpixels import as_rgb

Color = tuple[float, ...]  # red, green, blue; 0..255
MaskOut = Callable[[Tensor, Tensor, Tensor], Tensor]  # crop, mask, mean -> crop; see `foreground_crop`
CONTEXT = 16 / 227  # of the crop, on each side: what SDS shows around the box
MEAN = (127.0, 127.0, 127.0)  # lite0 normalises this colour to zeros


def crop(image: Tensor, box: Tensor, *, size: int = 96, fill: Color = MEAN) -> Tensor:
    """One box of an image with some context, warped to a square.

    Args:
        image: (3, H, W) uint8, or grey.
        box: (4,) x1 y1 x2 y2, end-exclusive.
        size: side of the crop in pixels.
        fill: the colour outside the image, 0..255.

    Returns:
        (3, size, size) float32 in 0..255.

    Raises:
        ValueError: not an image.

    Example:
        >>> image = torch.full((3, 4, 4), 200, dtype=torch.uint8)
        >>> crop(image, torch.tensor([0, 0, 4, 4]), size=8).shape
        torch.Size([3, 8, 8])
    """
    return warp(image, windows(box[None]), size, fill)[0]


def crops(
    image: Tensor, proposals: Proposals, *, size: int = 96, fill: Color = MEAN
) -> tuple[Tensor, Tensor]:
    """Both crops of every region: of its box, and of its foreground, with `fill` around it.

    Returns:
        (R, 3, size, size) float32 in 0..255, full and foreground. Memory grows with R: pass a subset.

    Reference:
        Hariharan, Arbelaez, Girshick, Malik, "Simultaneous Detection and Segmentation", 2014, section 3.2 and
        the authors' code: both crops are warped without regard to proportions, with 16 of 227 pixels of
        context; outside the image and the region is the mean colour, so that the net sees zeros. Here a pixel
        of a crop is the mean of the pixels under it, there it is one bilinear sample.
    """
    window = windows(proposals.boxes)
    full = warp(image, window, size, fill)
    return full, masked(full, proposals.labels, proposals.members, window, fill)


def windows(boxes: Tensor) -> Tensor:
    """Enlarge boxes (R, 4) about their centres so that a crop shows CONTEXT on each side.

    They may leave the image.

    Example:
        >>> windows(torch.tensor([[0, 0, 195, 390]])).round()
        tensor([[-16., -32., 211., 422.]])
    """
    corner, end = boxes.float().split(2, dim=1)
    more = (end - corner) * CONTEXT / (1 - 2 * CONTEXT)
    return torch.cat([corner - more, end + more], dim=1)


def warp(image: Tensor, window: Tensor, size: int, fill: Color = MEAN) -> Tensor:
    """Windows (R, 4) of an image, warped to (R, 3, size, size) float32; outside the image is `fill`."""
    image = as_rgb(image)
    colour = image.new_tensor(fill, dtype=torch.float32)[:, None, None]
    # roi_align sees zeros outside the image: so subtract the colour, and add it again
    shifted = image.float() - colour
    return roi_align(shifted[None], [window], size, sampling_ratio=-1, aligned=True) + colour


def foreground_crop(crop: Tensor, mask: Tensor, mean: Tensor) -> Tensor:
    """A crop in which only a region is left.

    Args:
        crop: (3, h, w) float.
        mask: (h, w) bool, True within the region.
        mean: (3,) float, the colour around it.

    Returns:
        (3, h, w) float, a new tensor.

    Example:
        >>> foreground_crop(torch.ones(3, 1, 2), torch.tensor([[True, False]]), torch.tensor([5.0, 6, 7]))[1]
        tensor([[1., 6.]])
    """
    return torch.where(mask, crop, mean[:, None, None])


def masked(
    full: Tensor, labels: Tensor, members: Tensor, window: Tensor, fill: Color = MEAN,
    mask_out: MaskOut = foreground_crop,
) -> Tensor:  # fmt: skip
    """Crops of which only the pixels of a region are left, by the nearest pixel of the image.

    Args:
        full: (R, 3, s, s) crops.
        labels: (H, W) int64, the superpixel of each pixel.
        members: (R, S) bool, the superpixels of each region.
        window: (R, 4), where each crop was taken.
        fill: the colour outside the region and the image.
        mask_out: makes one crop of each, as `foreground_crop` does.

    Returns:
        (R, 3, s, s).
    """
    (height, width), size = labels.shape, full.shape[-1]
    steps = (torch.arange(size, device=labels.device) + 0.5) / size
    columns = (window[:, :1] + steps * (window[:, 2:3] - window[:, :1])).floor().long()  # (R, s)
    rows = (window[:, 1:2] + steps * (window[:, 3:] - window[:, 1:2])).floor().long()
    near = labels[rows.clamp(0, height - 1)[:, :, None], columns.clamp(0, width - 1)[:, None]]
    belongs = members.gather(1, near.flatten(1)).view_as(near)  # (R, s, s)
    rows_in, columns_in = (rows >= 0) & (rows < height), (columns >= 0) & (columns < width)
    shown = belongs & rows_in[:, :, None] & columns_in[:, None]
    mean = full.new_tensor(fill)
    alone = [mask_out(crop, inside, mean) for crop, inside in zip(full, shown)]
    return torch.stack(alone).to(full) if alone else full
