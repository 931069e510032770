"""The colours in which an image is looked at: each space lets other edges stand out."""

from __future__ import annotations

from typing import Literal, get_args

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from skimage.segmentation import felzenszwalb
from torch import Tensor

Space = Literal["rgb", "lab", "hsv", "chroma", "grey"]
Channels = NDArray[np.float32]  # (H, W, C), values 0..1
LAB_LEAST = np.array([0, 128, 128], np.float32)
LAB_RANGE = np.array([100, 255, 255], np.float32)
HSV_RANGE = np.array([360, 1, 1], np.float32)  # hue is in degrees


def checked(image: Tensor) -> Tensor:
    """An image as (3, H, W) uint8; a grey one, (H, W) or (1, H, W), gets its channel three times.

    Raises:
        ValueError: it is not uint8, has no pixels, or is neither grey nor (3, H, W).
    """
    if not isinstance(image, Tensor):
        raise ValueError(f"an image must be a torch tensor (3, H, W) uint8, not {type(image).__name__}")
    image = image.as_subclass(Tensor)
    if image.dtype != torch.uint8:
        raise ValueError(
            f"an image must be uint8, 0..255, not {tuple(image.shape)} {image.dtype}; "
            "where it is float in 0..1, take (255 * image).round().to(torch.uint8)"
        )
    grey = image[None] if image.ndim == 2 else image
    if grey.ndim != 3 or len(grey) not in (1, 3) or not grey.numel():
        raise ValueError(
            f"an image must be (3, H, W), or (H, W) where it is grey, with at least one pixel; "
            f"not {tuple(image.shape)}"
        )
    return grey.expand(3, -1, -1).cpu()


def in_space(image: Tensor, space: Space) -> Channels:
    """An image in other colours.

    Args:
        image: (3, H, W) uint8.
        space: "rgb"; "lab", where distances are as the eye sees them; "hsv", whose hue does not see shadows;
            "chroma", red and green as shares of the sum and the brightness; "grey".

    Returns:
        (H, W, 3), or (H, W, 1) for "grey"; float32, 0..1.

    Raises:
        ValueError: there is no such space.

    Example:
        >>> in_space(torch.full((3, 2, 4), 255, dtype=torch.uint8), "grey").shape
        (2, 4, 1)
    """
    rgb = np.ascontiguousarray(image.permute(1, 2, 0).numpy()).astype(np.float32) / 255
    if space == "rgb":
        found: np.ndarray = rgb
    elif space == "lab":  # L is 0..100, a and b are -127..127
        found = (cv2.cvtColor(rgb, cv2.COLOR_RGB2LAB) + LAB_LEAST) / LAB_RANGE
    elif space == "hsv":
        found = cv2.cvtColor(rgb, cv2.COLOR_RGB2HSV) / HSV_RANGE
    elif space == "grey":
        found = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)[..., None]
    elif space == "chroma":
        total = rgb.sum(axis=2, keepdims=True)
        found = np.concatenate([rgb[..., :2] / np.maximum(total, 1e-6), total / 3], axis=2)
    else:
        raise ValueError(f"space must be one of {', '.join(get_args(Space))}; got {space!r}")
    return found.astype(np.float32)


# Superpixels: a few hundred pieces of even colour in place of tens of thousands of pixels.

Maker = Literal["scikit-image", "opencv"]
MERGED = 100  # pixels; as in OpenCV's selective search


def superpixels(
    image: Tensor, *, scale: float = 100, space: Space = "lab", sigma: float = 0.8, by: Maker = "scikit-image"
) -> Tensor:
    """Cut an image where its colour changes.

    Every pixel begins alone; two neighbouring pieces become one where the step between them is small beside
    the steps inside each of them.

    Args:
        image: (3, H, W) uint8; or grey, (H, W) or (1, H, W).
        scale: larger values give larger pieces; pieces of fewer than `scale / 2` pixels join a neighbour, and
            none of MERGED or more does, so that what is small is not lost at any scale.
        space: the colours that are compared.
        sigma: pixels, how much the image is smoothed before.
        by: whose code. "scikit-image" compares a pixel with eight neighbours, "opencv" with four, in less
            than half the time.

    Returns:
        (H, W) int64, 0..S-1. A superpixel may touch itself at corners only.

    Raises:
        ValueError: the image is no image, the scale is not positive, or `by` is neither of them.
        ImportError: "opencv" was asked for, and its extra modules are not installed.

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
    if by not in get_args(Maker):
        raise ValueError(f"by must be one of {', '.join(get_args(Maker))}; got {by!r}")
    colours, least = in_space(checked(image), space), int(min(scale / 2, MERGED))
    cut = _by_opencv if by == "opencv" else _by_scikit_image
    return renumbered(torch.from_numpy(cut(colours, scale, sigma, least)))


def _by_scikit_image(colours: Channels, scale: float, sigma: float, least: int) -> NDArray[np.int64]:
    """(H, W) superpixels."""
    if min(colours.shape[:2]) > 1:
        return felzenszwalb(colours, scale=scale, sigma=sigma, min_size=least)
    twice = np.repeat(np.repeat(colours, 2, axis=0), 2, axis=1)  # scikit-image knows no image of one row
    return felzenszwalb(twice, scale=scale, sigma=sigma, min_size=least)[::2, ::2]


def _by_opencv(colours: Channels, scale: float, sigma: float, least: int) -> NDArray[np.int64]:
    """(H, W) superpixels."""
    if not hasattr(cv2, "ximgproc"):
        raise ImportError(
            "this cv2 cuts no superpixels: uninstall every opencv-python* package, then install "
            "opencv-contrib-python-headless; or take strategies by scikit-image, as FAST does"
        )
    graph = cv2.ximgproc.segmentation.createGraphSegmentation(sigma, float(scale), least)
    return graph.processImage(255 * colours).astype(np.int64)  # its scale is meant for 0..255


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
