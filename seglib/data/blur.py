"""How blurred is a picture? One number that noise, flat areas and the picture's size do not fool.

The usual number, the variance of the Laplacian, is high for noise and low for sky, fog and fur. This one
asks the strongest edges only, and asks them for their width: blur the picture once more, and see how much of
their slope is left. A sharp edge loses much, a blurred one little (the idea is Crete et al., 2007; taking
the ratio at edges is from Zhuo and Sim, 2011, who solve it for the width).
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.measure import blur_effect
from torch import Tensor

Array = NDArray[np.float32]

SIDE = (
    320  # pixels: longer sides are shrunk to this, so that a photograph of 12 megapixels is judged as shown
)
FINE, COARSE = 1.0, 2.0  # pixels: standard deviations of the two blurs; the first also takes away noise
EDGES = 0.02  # of the pixels: the strongest edges, which are asked
SHARPEST = 0.10  # of these: one part of a photograph in focus is enough, so the sharp tenth speaks for it
CLEAR = 8.0  # times the slope that noise has by itself: a weaker edge may be noise
ENOUGH = 0.001  # of the pixels: with fewer clear edges, nothing can be said

# Chosen on the training splits of pets, CamVid and scenes; benchmarks/blur.py judges them on the test splits.


def blur(image: Tensor) -> float:
    """How blurred the sharpest of the strongest edges are.

    For an ideal edge that was blurred by s pixels it is about sqrt((s^2 + 4/3) / (s^2 + 13/3)), the thirds
    being the width of a pixel: 0.66 for s = 1, 0.80 for 2, 0.88 for 3. Thin lines are lower. A number means
    little by itself, because photographs differ: compare pictures of one data set.

    Args:
        image: (3, H, W) uint8.

    Returns:
        About 0.25 to 1, higher is more blurred; NaN where no edge stands out from the noise, as in a picture
        of nothing but fog: look at those yourself.

    Raises:
        ValueError: the picture is not (3, H, W) uint8.

    Example:
        >>> import torch
        >>> image = torch.zeros(3, 64, 64, dtype=torch.uint8)
        >>> image[:, :, 32:] = 200
        >>> round(blur(image), 1), blur(image[:, :, :20])
        (0.6, nan)
    """
    pixels = gray(image)
    fine, coarse = slope(pixels, FINE), slope(pixels, COARSE)
    noise = _noise(pixels) / (np.sqrt(8 * np.pi) * COARSE**2)  # slope of white noise after the coarse blur
    asked = coarse >= max(np.quantile(coarse, 1 - EDGES), CLEAR * noise, 1e-3)
    if asked.mean() < ENOUGH:
        return float("nan")
    return float(np.quantile(coarse[asked] / fine[asked], SHARPEST))


def reblur(image: Tensor) -> float:
    """scikit-image's `blur_effect` (Crete et al., 2007) of the same grey picture: 0 sharp to 1 blurred.

    A second opinion: it looks at all pixels, so noise makes a blurred picture sharp for it, and sky a sharp
    picture blurred.
    """
    return float(blur_effect(gray(image) / 255))


def laplacian_variance(image: Tensor) -> float:
    """The variance of the Laplacian, high for sharp pictures, for noise, and for fine texture.

    The number that most tutorials use, with a threshold of 100. It is here to be compared with.
    """
    return float(cv2.Laplacian(gray(image), cv2.CV_32F).var())


def gray(image: Tensor) -> Array:
    """The grey picture that is judged: (3, H, W) uint8 -> (h, w) float32 in 0..255, longer side at most 320.

    Raises:
        ValueError: the picture is not (3, H, W) uint8.

    Example:
        >>> import torch
        >>> gray(torch.full((3, 400, 640), 7, dtype=torch.uint8)).shape
        (200, 320)
    """
    if image.ndim != 3 or len(image) != 3 or str(image.dtype) != "torch.uint8":
        raise ValueError(f"a picture is (3, H, W) uint8, not {tuple(image.shape)} {image.dtype}")
    colored = np.ascontiguousarray(image.permute(1, 2, 0).numpy())
    pixels = cv2.cvtColor(colored, cv2.COLOR_RGB2GRAY).astype(np.float32)
    scale = SIDE / max(pixels.shape)
    if scale >= 1:
        return pixels
    size = (max(round(pixels.shape[1] * scale), 1), max(round(pixels.shape[0] * scale), 1))
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA).astype(np.float32)


def slope(pixels: Array, sigma: float) -> Array:
    """How steep grey values are after a Gaussian blur of `sigma` pixels: (H, W) -> (H, W), levels per pixel.

    Example:
        >>> ramp = np.tile(np.arange(20, dtype=np.float32) * 3, (20, 1))
        >>> round(float(slope(ramp, 1.0)[10, 10]), 3)
        3.0
    """
    smooth = cv2.GaussianBlur(pixels, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)
    across, down = (cv2.Sobel(smooth, cv2.CV_32F, *way, scale=1 / 8) for way in ((1, 0), (0, 1)))
    return np.hypot(across, down)


def _noise(pixels: Array) -> float:
    """Standard deviation of the noise: a filter that plane surfaces and straight edges do not pass.

    Immerkaer, 1996, with the median in place of the mean, so that texture in half of the picture does no
    harm.
    """
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    return float(np.median(np.abs(cv2.filter2D(pixels, cv2.CV_32F, kernel)))) / (0.6745 * 6)
