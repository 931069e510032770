"""Smoothing that follows the edges of the image: a fully connected CRF, solved by mean field."""

import torch
from torch import Tensor
from torch.nn import functional as F

PIXELS = 4000  # `smooth` solves the field on an image of this size: all pairs of pixels are compared
MOST = 16_000  # pixels, for which the kernel takes 1 GB
NEAR, FAR = 3.0, 80.0  # pixels, reach of the kernel of place alone, and of that of place and colour
NEAR_WEIGHT, FAR_WEIGHT = 3.0, 10.0
COLOUR = 13.0  # colour distance, on a scale of 0..255, reach of the kernel in colour


def mean_field(
    image: Tensor, probabilities: Tensor, *, rounds: int = 5, near: float = NEAR, far: float = FAR
) -> Tensor:
    """Class probabilities under the prior that pixels which are near, or near and similar, share a class.

    The message to a pixel is a sum over all pixels, itself included, without the lattice that makes the
    original fast and approximate. So memory and time grow with the square of the number of pixels: `smooth`
    shrinks the image.

    Args:
        image: (3, H, W) uint8.
        probabilities: (K, H, W) 0..1, that sum to 1 over the classes.
        rounds: iterations of the mean field.
        near: pixels, reach of the kernel of place alone.
        far: pixels, reach of the kernel of place and colour.

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
    unary = probabilities.float().cpu().clamp_min(1e-5).log()
    rows, columns = (_by_distance(length, near) for length in (height, width))  # this kernel is separable
    alike = _by_place_and_colour(image.as_subclass(Tensor).cpu(), far)  # (N, N)
    kernels = [
        (NEAR_WEIGHT, lambda values: rows @ values @ columns),
        (FAR_WEIGHT, lambda values: (values.flatten(1) @ alike).reshape(values.shape)),
    ]
    norms = [sums(torch.ones(1, height, width)).rsqrt() for _, sums in kernels]
    now = unary.softmax(dim=0)
    for _ in range(rounds):
        messages = [weight * norm * sums(norm * now) for (weight, sums), norm in zip(kernels, norms)]
        now = (unary + sum(messages)).softmax(dim=0)
    return now


def smooth(image: Tensor, probabilities: Tensor) -> Tensor:
    """`mean_field` on an image of at most 4000 pixels, resized back to full size.

    A pixel of an image that was shrunk by 2 is 2 pixels wide, so both reaches shrink with it: for an image of
    500 x 375, the near kernel hardly reaches a neighbour. The change of each log-probability is added to that
    of the full-sized input.

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
    before = F.interpolate(probabilities[None].float(), size=size, mode="area")[0]
    after = mean_field(small, before, near=NEAR * scale, far=FAR * scale)
    change = after.clamp_min(1e-5).log() - before.clamp_min(1e-5).log()
    change = F.interpolate(change[None], size=(height, width), mode="bilinear")[0]
    return (probabilities.float().clamp_min(1e-5).log() + change).softmax(dim=0)


def _by_distance(length: int, reach: float) -> Tensor:
    """(length, length) Gaussian of the distance along a side."""
    place = torch.arange(length).float() / reach
    return (-(place[:, None] - place).square() / 2).exp()


def _by_place_and_colour(image: Tensor, far: float) -> Tensor:
    """(N, N) Gaussian of the distance of all pixels in place and colour."""
    rows, columns = torch.meshgrid(*(torch.arange(length) for length in image.shape[1:]), indexing="ij")
    place = torch.stack([rows, columns]).float() / far
    points = torch.cat([place, image.float() / COLOUR]).flatten(1).T  # (N, 5)
    return torch.cdist(points, points).square_().mul_(-0.5).exp_()
