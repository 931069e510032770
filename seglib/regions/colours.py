"""The colours in which an image is looked at: each space lets other edges stand out."""

from __future__ import annotations

from typing import Literal, get_args

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
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
