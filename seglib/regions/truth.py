"""The true regions of an image, in the shape of proposals, so that they go through the same net."""

from __future__ import annotations

import numpy as np
import torch
from skimage.measure import label
from torch import Tensor

from seglib.data.dataset import Instances
from seglib.labels import VOID
from seglib.regions.proposals import Proposals

SMALLEST = 0.0005  # of the image: a true region with fewer pixels shows the net nothing to learn from


def true_regions(
    mask: Tensor, instances: Instances | None = None, *, background: int | None = 0
) -> tuple[Proposals, Tensor]:
    """The objects of an image; where nobody told objects apart, the connected pieces of each class.

    Args:
        mask: (H, W) class indices, 255 for void.
        instances: the single objects, where they are known.
        background: the class that is no object; None where every class is one.

    Returns:
        G regions whose superpixels are the regions themselves, and superpixel 0 all the rest; and (G,) int64
        their classes. Regions with less than 0.05 % of the pixels are left out.

    Example:
        >>> regions, classes = true_regions(torch.tensor([[1, 1, 0, 1], [1, 1, 0, 255]]))
        >>> regions.labels, classes
        (tensor([[1, 1, 0, 2],
                [1, 1, 0, 0]]), tensor([1, 1]))
    """
    ids = _pieces(mask, background) if instances is None else _objects(mask, instances)  # (H, W), 0 = none
    values, places, counts = ids.unique(return_inverse=True, return_counts=True)
    keep = (values > 0) & (counts >= SMALLEST * mask.numel())
    number = int(keep.sum())
    new = torch.zeros(len(values), dtype=torch.long)
    new[keep] = torch.arange(1, number + 1)
    labels = new[places]
    first = _first_pixel(labels, number)
    classes = mask.flatten()[first] if instances is None else instances.classes[values[keep] - 1]
    members = torch.eye(number + 1, dtype=torch.bool)[1:]
    return Proposals(labels, members, torch.zeros(number)), classes.long()


def _pieces(mask: Tensor, background: int | None) -> Tensor:
    """(H, W) int64: a number for each connected piece (also over corners) of each class."""
    nothing = -1
    values = mask.as_subclass(Tensor).numpy().astype(np.int64)
    values[(values == VOID) | (values == background)] = nothing
    return torch.from_numpy(label(values, background=nothing, connectivity=2).astype(np.int64))


def _objects(mask: Tensor, instances: Instances) -> Tensor:
    """(H, W) int64: a number for each object; where two overlap, the later one lies on top."""
    ids = torch.zeros(mask.shape, dtype=torch.long)
    for index, shape in enumerate(instances.masks):
        ids[shape] = index + 1
    return ids


def _first_pixel(labels: Tensor, number: int) -> Tensor:
    """(G,) the index of a pixel of each region 1..G."""
    flat = labels.flatten()
    place = torch.zeros(number + 1, dtype=torch.long)
    place[flat] = torch.arange(len(flat))
    return place[1:]
