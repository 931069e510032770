"""Superpixels: a few hundred pieces of even colour in place of tens of thousands of pixels."""

from __future__ import annotations

import numpy as np
import torch
from skimage.segmentation import felzenszwalb
from torch import Tensor

from seglib.regions.colours import Space, checked, in_space


def superpixels(image: Tensor, *, scale: float = 100, space: Space = "lab", sigma: float = 0.8) -> Tensor:
    """Cut a picture where its colour changes.

    Every pixel begins alone; two neighbouring pieces become one where the step between them is small beside
    the steps inside each of them. scikit-image does it.

    Args:
        image: (3, H, W) uint8; or grey, (H, W) or (1, H, W).
        scale: larger values give larger pieces; pieces of fewer than `scale / 2` pixels join a neighbour.
        space: the colours that are compared.
        sigma: pixels, how much the picture is smoothed before.

    Returns:
        (H, W) int64, 0..S-1. A superpixel may touch itself at corners only.

    Raises:
        ValueError: the picture is no picture, or the scale is not positive.

    Reference:
        Felzenszwalb, Huttenlocher, "Efficient Graph-Based Image Segmentation", 2004.

    Example:
        >>> image = torch.zeros(3, 20, 20, dtype=torch.uint8)
        >>> image[:, :, 10:] = 255
        >>> superpixels(image).unique(return_counts=True)
        (tensor([0, 1]), tensor([200, 200]))
    """
    if not scale > 0:
        raise ValueError(f"scale must be above 0, larger for larger superpixels; got {scale}")
    colours = in_space(checked(image), space)
    if min(colours.shape[:2]) == 1:  # scikit-image knows no picture of one row
        colours = np.repeat(np.repeat(colours, 2, axis=0), 2, axis=1)
        found = felzenszwalb(colours, scale=scale, sigma=sigma, min_size=int(scale / 2))[::2, ::2]
    else:
        found = felzenszwalb(colours, scale=scale, sigma=sigma, min_size=int(scale / 2))
    return renumbered(torch.from_numpy(found))


def renumbered(codes: Tensor) -> Tensor:
    """The same map with the numbers 0, 1, 2 ... in place of those that occur, which stay in their order.

    Args:
        codes: (H, W) int64, at least 0.

    Returns:
        (H, W) int64.

    Example:
        >>> renumbered(torch.tensor([[7, 7, 2], [9, 2, 2]]))
        tensor([[1, 1, 0],
                [2, 0, 0]])
    """
    if int(codes.max()) > 20 * codes.numel():  # a table of all numbers would be larger than it is fast
        return codes.unique(return_inverse=True)[1]
    occurs = codes.flatten().bincount() > 0
    return (occurs.cumsum(0) - 1)[codes]
