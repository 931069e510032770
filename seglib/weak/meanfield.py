"""Smoothing that looks at the image: a fully connected random field, solved by mean field."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

PIXELS = 4000  # `smooth` solves the field on an image of this size: every pixel hears from every other
MOST = 16_000  # pixels, for which the kernel takes 1 GB


def mean_field(
    image: Tensor,
    probabilities: Tensor,
    *,
    rounds: int = 5,
    near: float = 3.0,
    near_weight: float = 3.0,
    far: float = 80.0,
    colour: float = 13.0,
    far_weight: float = 10.0,
) -> Tensor:
    """What each pixel is, if pixels that are near each other, or near and of one colour, tend to be the same.

    Every pixel hears from every other one and from itself, without the lattice that makes the original fast
    and inexact. So memory and time grow with the square of the pixels: `smooth` shrinks the image.

    Args:
        image: (3, H, W) uint8.
        probabilities: (K, H, W) 0..1, that sum to 1 over the classes.
        rounds: of the mean field.
        near: pixels, reach of the kernel that knows place alone.
        near_weight: of that kernel.
        far: pixels, reach of the kernel that knows place and colour.
        colour: how far apart colours are, 0..255, that still count as one.
        far_weight: of that kernel.

    Returns:
        (K, H, W) float32 probabilities.

    Raises:
        ValueError: the sizes differ, or the image has more than 16 000 pixels.

    Reference:
        Krähenbühl, Koltun, "Efficient Inference in Fully Connected CRFs with Gaussian Edge Potentials", 2011,
        algorithm 1; kernels normalised symmetrically, as in their code, and its usual parameters.

    Example:
        >>> image = torch.zeros(3, 1, 6, dtype=torch.uint8)
        >>> image[:, :, 3:] = 255
        >>> one = torch.tensor([[[0.9, 0.9, 0.4, 0.1, 0.1, 0.6]]])
        >>> (mean_field(image, torch.cat([1 - one, one]))[1] > 0.5).int()
        tensor([[1, 1, 1, 0, 0, 0]], dtype=torch.int32)
    """
    if probabilities.shape[1:] != image.shape[1:]:
        raise ValueError(
            f"the image is {tuple(image.shape)}, so the probabilities must be (K, {image.shape[1]}, "
            f"{image.shape[2]}), not {tuple(probabilities.shape)}"
        )
    height, width = image.shape[1:]
    if height * width > MOST:
        raise ValueError(f"{height} x {width} pixels are too many to compare all of them; use smooth()")
    own = probabilities.float().cpu().clamp_min(1e-5).log()
    beside = [_reach(length, near) for length in (height, width)]  # this kernel is one of rows x columns
    together = _alike(image.as_subclass(Tensor).cpu(), far, colour)  # (N, N)
    kernels = [
        (near_weight, lambda values: beside[0] @ values @ beside[1]),
        (far_weight, lambda values: (values.flatten(1) @ together).reshape(values.shape)),
    ]
    sizes = [sums(torch.ones(1, height, width)).rsqrt() for _, sums in kernels]
    now = own.softmax(dim=0)
    for _ in range(rounds):
        heard = [weight * size * sums(size * now) for (weight, sums), size in zip(kernels, sizes)]
        now = (own + sum(heard)).softmax(dim=0)
    return now


def smooth(image: Tensor, probabilities: Tensor) -> Tensor:
    """`mean_field` on an image of at most `PIXELS` pixels, brought back to full size.

    A pixel of an image that was shrunk by 2 is 2 pixels wide, so both reaches shrink with it. What the field
    changed, as the logarithm of each probability, is added to the full-sized input.

    Args:
        image: (3, H, W) uint8.
        probabilities: (K, H, W).

    Returns:
        (K, H, W) float32 probabilities.
    """
    height, width = image.shape[1:]
    scale = min(1.0, (PIXELS / (height * width)) ** 0.5)
    if scale == 1:
        return mean_field(image, probabilities)
    size = max(1, round(height * scale)), max(1, round(width * scale))
    small = F.interpolate(image.as_subclass(Tensor)[None].float(), size=size, mode="area")[0]
    given = F.interpolate(probabilities[None].float(), size=size, mode="area")[0]
    field = mean_field(small, given, near=3 * scale, far=80 * scale)
    change = field.clamp_min(1e-5).log() - given.clamp_min(1e-5).log()
    change = F.interpolate(change[None], size=(height, width), mode="bilinear")[0]
    return (probabilities.float().clamp_min(1e-5).log() + change).softmax(dim=0)


def _reach(length: int, near: float) -> Tensor:
    """(length, length) Gaussian of the distance along a side."""
    place = torch.arange(length).float() / near
    return (-(place[:, None] - place).square() / 2).exp()


def _alike(image: Tensor, far: float, colour: float) -> Tensor:
    """(N, N) Gaussian of the distance of all pixels in place and colour."""
    rows, columns = torch.meshgrid(*(torch.arange(length) for length in image.shape[1:]), indexing="ij")
    place = torch.stack([rows, columns]).float() / far
    points = torch.cat([place, image.float() / colour]).flatten(1).T  # (N, 5)
    return torch.cdist(points, points).square_().mul_(-0.5).exp_()
