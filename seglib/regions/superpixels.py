"""Superpixels: an image cut into a few hundred pieces of uniform colour, which stand for its many pixels."""

from collections.abc import Callable
from typing import Literal

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import find_objects
from skimage.segmentation import felzenszwalb
from torch import Tensor
from torch.nn.functional import interpolate

from seglib.labels import check_image

Space = Literal["rgb", "lab", "hsv", "chroma", "grey"]
Channels = NDArray[np.float32]  # (H, W, C), values 0..1
Cut = Callable[[Channels, float, float, int], NDArray]  # (colours, scale, sigma, min_size) -> (H, W) integers

LAB_MIN, LAB_RANGE = np.array([[0, 128, 128], [100, 255, 255]], np.float32)  # L 0..100, a and b -127..127
HSV_RANGE = np.array([360, 1, 1], np.float32)  # hue is in degrees
SIGMA = 0.8  # pixels: standard deviation of the smoothing before an image is cut
MAX_MIN_SIZE = 100  # pixels, as in OpenCV's selective search


def as_rgb(image: Tensor) -> Tensor:
    """A colour or grey image as a plain tensor (3, H, W) on the CPU.

    Args:
        image: (3, H, W) uint8; or grey, (H, W) or (1, H, W), whose channel is repeated three times.

    Returns:
        (3, H, W) uint8.

    Raises:
        ValueError: the image has another shape or dtype, or no pixels.
    """
    if isinstance(image, Tensor) and (image.ndim == 2 or (image.ndim == 3 and len(image) == 1)):
        image = image.expand(3, *image.shape[-2:])
    check_image(image)
    return image.as_subclass(Tensor).cpu()


def shrink(image: Tensor, size: tuple[int, int]) -> Tensor:
    """An image (3, H, W) uint8 in a size (height, width) that is not larger, antialiased."""
    if size == image.shape[1:]:
        return image
    small = interpolate(image[None].float(), size, mode="bilinear", antialias=True)
    return small[0].round().clamp(0, 255).byte()


def in_space(image: Tensor, space: Space) -> Channels:
    """Convert an image to another colour space.

    Args:
        image: (3, H, W) uint8.
        space: "rgb"; "lab", in which distances are close to perceived ones; "hsv", whose hue ignores shadows;
            "chroma", red and green as fractions of the sum, and the brightness; "grey".

    Returns:
        (H, W, 3), or (H, W, 1) for "grey"; float32 in 0..1.

    Raises:
        ValueError: the space is unknown.

    Example:
        >>> in_space(torch.full((3, 2, 4), 255, dtype=torch.uint8), "grey").shape
        (2, 4, 1)
    """
    rgb = np.ascontiguousarray(image.permute(1, 2, 0).numpy()).astype(np.float32) / 255
    total = rgb.sum(axis=2, keepdims=True)
    spaces: dict[str, Callable[[], np.ndarray]] = {
        "rgb": lambda: rgb,
        "lab": lambda: (cv2.cvtColor(rgb, cv2.COLOR_RGB2LAB) + LAB_MIN) / LAB_RANGE,
        "hsv": lambda: cv2.cvtColor(rgb, cv2.COLOR_RGB2HSV) / HSV_RANGE,
        "chroma": lambda: np.concatenate([rgb[..., :2] / np.maximum(total, 1e-6), total / 3], axis=2),
        "grey": lambda: cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)[..., None],
    }
    if space not in spaces:
        raise ValueError(f"space must be one of {', '.join(spaces)}; got {space!r}")
    return spaces[space]().astype(np.float32)


def felzenszwalb_cut(colours: Channels, scale: float, sigma: float, min_size: int) -> NDArray[np.int64]:
    """(H, W) superpixels by scikit-image, which compares each pixel with its eight neighbours."""
    if min(colours.shape[:2]) > 1:
        return felzenszwalb(colours, scale=scale, sigma=sigma, min_size=min_size)
    doubled = np.repeat(np.repeat(colours, 2, axis=0), 2, axis=1)  # scikit-image needs at least two rows
    return felzenszwalb(doubled, scale=scale, sigma=sigma, min_size=min_size)[::2, ::2]


def superpixels(
    image: Tensor, *, scale: float = 100, space: Space = "lab", cut: Cut = felzenszwalb_cut
) -> Tensor:
    """Cut an image where its colour changes.

    Every pixel starts as its own piece; two neighbouring pieces are joined if the step between them is small
    compared with the steps inside each of them.

    Args:
        image: (3, H, W) uint8; or grey, (H, W) or (1, H, W).
        scale: larger values give larger pieces. Pieces of fewer than `scale / 2` pixels, and never of 100
            pixels or more, join a neighbour, so that small objects survive at every scale.
        space: the colour space in which pixels are compared.
        cut: the algorithm: a function of colours (H, W, C) float32 in 0..1, scale, sigma and the least number
            of pixels, which returns an integer map (H, W).

    Returns:
        (H, W) int64, 0..S-1. A superpixel may be connected through corners only.

    Raises:
        ValueError: not an image, an unknown space, or a scale that is not positive.

    Reference:
        Felzenszwalb, Huttenlocher, "Efficient Graph-Based Image Segmentation", 2004.

    Example:
        >>> image = torch.zeros(3, 20, 20, dtype=torch.uint8)
        >>> image[:, :, 10:] = 255
        >>> superpixels(image).unique(return_counts=True)
        (tensor([0, 1]), tensor([200, 200]))
    """
    if not scale > 0:
        raise ValueError(f"scale must be above 0; larger values give larger superpixels; got {scale}")
    colours = in_space(as_rgb(image), space)
    least = int(min(scale / 2, MAX_MIN_SIZE))
    return renumber(torch.from_numpy(cut(colours, scale, SIGMA, least)).long())


def renumber(codes: Tensor) -> Tensor:
    """Replace the numbers that occur in a map by 0, 1, 2 ..., in the same order.

    Args:
        codes: (H, W) int64, at least 0.

    Returns:
        (H, W) int64.

    Example:
        >>> renumber(torch.tensor([[7, 7, 2], [9, 2, 2]]))
        tensor([[1, 1, 0],
                [2, 0, 0]])
    """
    if int(codes.max()) > 20 * codes.numel():  # then sorting is faster than a table of all numbers
        return codes.unique(return_inverse=True)[1]
    occurs = codes.flatten().bincount() > 0
    return (occurs.cumsum(0) - 1)[codes]


def corners(labels: NDArray[np.int64], count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The box around each superpixel: first row and column, (S, 2), and the first ones after it, (S, 2).

    A superpixel 0..count-1 that does not occur has the height and width as its first, and 0 after it.
    """
    absent = tuple(slice(side, 0) for side in labels.shape)
    boxes = np.array([[(s.start, s.stop) for s in box or absent] for box in find_objects(labels + 1, count)])
    return boxes[..., 0], boxes[..., 1]
