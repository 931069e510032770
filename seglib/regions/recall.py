"""How good are proposals, before any classifier: is there a region for every object?"""

from __future__ import annotations

import numpy as np
import torch
from skimage.measure import label
from torch import Tensor

from seglib import boxes
from seglib.data.dataset import Instances
from seglib.labels import VOID
from seglib.regions.proposals import Proposals


def best_overlap(proposals: Proposals, masks: Tensor, void: Tensor | None = None) -> Tensor:
    """The overlap of every object with the region that fits it best.

    Args:
        proposals: R regions of an image; at least one.
        masks: (M, H, W) bool, the objects.
        void: (H, W) bool, pixels that count neither for nor against a region.

    Returns:
        (M,) float32 in 0..1. Its mean over all objects of a data set is the average best overlap (ABO).
    """
    return proposals.overlaps_many(masks, void).amax(dim=0)


def best_box_overlap(proposed: Tensor, objects: Tensor) -> Tensor:
    """The overlap of every object's box with the box that fits it best.

    Args:
        proposed: (R, 4) boxes; at least one.
        objects: (M, 4) boxes.

    Returns:
        (M,) float32 in 0..1.
    """
    return boxes.iou(proposed, objects).amax(dim=0)


def overlap_by_number(overlaps: Tensor) -> Tensor:
    """What the best overlap is if only the first 1, 2, ... R proposals are looked at.

    Args:
        overlaps: (R, M) of every proposal with every object, best-ranked proposal first.

    Returns:
        (R, M), which never falls.

    Example:
        >>> overlap_by_number(torch.tensor([[0.2, 0.5], [0.6, 0.1]]))
        tensor([[0.2000, 0.5000],
                [0.6000, 0.5000]])
    """
    return overlaps.cummax(dim=0).values


def recall(best: Tensor, threshold: float = 0.5) -> float:
    """The share of objects for which there is a proposal.

    Args:
        best: (M,) best overlap of each object; at least one.
        threshold: the overlap from which on a proposal counts.

    Raises:
        ValueError: there is no object, or the threshold is not in 0..1.

    Example:
        >>> recall(torch.tensor([0.8, 0.5, 0.3]), 0.5)
        0.6666666666666666
    """
    if not len(best):
        raise ValueError("there is no object, so there is no recall")
    if not 0 <= threshold <= 1:
        raise ValueError(f"threshold must be an overlap, 0 to 1; got {threshold}")
    return int((best >= threshold).sum()) / len(best)


def oracle_paste(
    proposals: Proposals, instances: Instances, *, background: int = 0, void: Tensor | None = None
) -> Tensor:
    """What a classifier would paste that knew every object's best region: one region an object.

    Its score is the ceiling of a method that finds each object as one region; pasting several regions for one
    object could come closer still.

    Args:
        proposals: regions of an image.
        instances: its objects; what they are is known here.
        background: the class of pixels in no region.
        void: (H, W) bool, pixels that do not count when the best region is looked for.

    Returns:
        (H, W) uint8 class indices; where regions overlap, the one that fits its object better lies in front.
    """
    mask = torch.full(proposals.labels.shape, background, dtype=torch.uint8)
    if not (len(instances) and len(proposals)):
        return mask
    overlap, region = proposals.overlaps_many(instances.masks, void).max(dim=0)
    for index in overlap.argsort(stable=True).tolist():
        if overlap[index] > 0:
            mask[proposals.masks(region[index : index + 1])[0]] = instances.classes[index].byte()
    return mask


# The true regions of an image, in the shape of proposals, so that they go through the same net.

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
