"""What the net is shown of a region: the image around it, and the region alone on the mean colour."""

from __future__ import annotations

import torch
from torch import Tensor
from torchvision.ops import roi_align

from seglib.regions.colours import checked
from seglib.regions.proposals import Proposals

CONTEXT = 16 / 227  # of the crop, on each side: what SDS shows around the box
MEAN = (127.0, 127.0, 127.0)  # what lite0 takes for nothing: its normalisation makes it 0


def crop(
    image: Tensor,
    box: Tensor,
    mask: Tensor | None = None,
    *,
    size: int = 96,
    context: float = CONTEXT,
    fill: tuple[float, float, float] = MEAN,
) -> Tensor:
    """One box of an image, warped to a square; with a mask, only what is inside of it.

    Args:
        image: (3, H, W) uint8.
        box: (4,) x1 y1 x2 y2, end-exclusive.
        mask: (H, W) bool; None shows everything.
        size: side of the crop in pixels.
        context: the share of the crop's side that is shown beyond the box, on each side.
        fill: the colour outside of the image and of the mask, 0..255.

    Returns:
        (3, size, size) float32 in 0..255.

    Raises:
        ValueError: the image is not uint8, (3, H, W) or grey, or the context leaves no room for the box.

    Example:
        >>> image = torch.full((3, 4, 4), 200, dtype=torch.uint8)
        >>> mask = torch.tensor([[0, 0, 1, 1]] * 4).bool()
        >>> crop(image, torch.tensor([0, 0, 4, 4]), mask, size=4, context=0)[0, 0]
        tensor([127., 127., 200., 200.])
    """
    labels = torch.zeros(image.shape[-2:], dtype=torch.long) if mask is None else (~mask).long()
    window = windows(box[None], context)
    full = cut(image, window, size, fill)
    return masked(full, inside(labels, torch.tensor([[True, False]]), window, size), fill)[0]


def crops(
    image: Tensor,
    proposals: Proposals,
    *,
    size: int = 96,
    context: float = CONTEXT,
    fill: tuple[float, float, float] = MEAN,
) -> tuple[Tensor, Tensor]:
    """Both crops of every region: of its box, and of its foreground. Arguments as those of `crop`.

    Returns:
        (R, 3, size, size) float32 in 0..255, full and foreground. Memory grows with R: give a subset.

    Reference:
        Hariharan, Arbelaez, Girshick, Malik, "Simultaneous Detection and Segmentation", 2014, section 3.2 and
        the authors' code: both crops are warped without regard to proportions, with 16 of 227 pixels of
        context; outside of the image and of the region is the mean colour, so that the net sees zeros. Here
        a pixel of a crop is the mean of the pixels under it, there it is one bilinear sample.
    """
    window = windows(proposals.boxes, context)
    full = cut(image, window, size, fill)
    return full, masked(full, inside(proposals.labels, proposals.members, window, size), fill)


def windows(boxes: Tensor, context: float = CONTEXT) -> Tensor:
    """Boxes made larger about their centre, so that a crop of them has `context` on each side.

    Args:
        boxes: (R, 4).
        context: 0 <= context < 1/2.

    Returns:
        (R, 4) float32; they may leave the image.

    Example:
        >>> windows(torch.tensor([[0, 0, 6, 3]]), context=1 / 8)
        tensor([[-1.0000, -0.5000,  7.0000,  3.5000]])
    """
    if not 0 <= context < 0.5:
        raise ValueError(f"context {context} is the share of the crop on each side of the box: 0 <= it < 0.5")
    corner, end = boxes.float().split(2, dim=1)
    more = (end - corner) * context / (1 - 2 * context)
    return torch.cat([corner - more, end + more], dim=1)


def cut(image: Tensor, window: Tensor, size: int, fill: tuple[float, float, float] = MEAN) -> Tensor:
    """Windows (R, 4) of an image, warped to (R, 3, size, size) float32; beyond the image is `fill`."""
    image = checked(image)
    colour = image.new_tensor(fill, dtype=torch.float32)[:, None, None]
    # roi_align has zeros outside of the image: so mean colour becomes zero, and back again
    shifted = image.float() - colour
    return roi_align(shifted[None], [window], size, sampling_ratio=-1, aligned=True) + colour


def inside(labels: Tensor, members: Tensor, window: Tensor, size: int) -> Tensor:
    """Which pixels of a crop belong to the region: the nearest pixel of the image says it.

    Args:
        labels: (H, W) int64, the superpixel of every pixel.
        members: (R, S) bool, the superpixels of every region.
        window: (R, 4), where each crop was taken.
        size: side of the crop.

    Returns:
        (R, size, size) bool; False outside of the image.
    """
    height, width = labels.shape
    steps = (torch.arange(size, device=labels.device) + 0.5) / size
    columns = (window[:, :1] + steps * (window[:, 2:3] - window[:, :1])).floor().long()  # (R, size)
    rows = (window[:, 1:2] + steps * (window[:, 3:] - window[:, 1:2])).floor().long()
    near = labels[rows.clamp(0, height - 1)[:, :, None], columns.clamp(0, width - 1)[:, None]]
    belongs = members.gather(1, near.flatten(1)).view_as(near)
    rows_in = (rows >= 0) & (rows < height)
    columns_in = (columns >= 0) & (columns < width)
    return belongs & rows_in[:, :, None] & columns_in[:, None]


def masked(full: Tensor, within: Tensor, fill: tuple[float, float, float] = MEAN) -> Tensor:
    """Crops (R, 3, s, s) with everything that is not `within` (R, s, s) set to the colour `fill`."""
    return torch.where(within[:, None], full, full.new_tensor(fill)[:, None, None])
