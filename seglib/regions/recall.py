"""Proposals compared with the true regions of an image: best overlap, recall, and the best possible mask."""

import numpy as np
import torch
from skimage.measure import label
from torch import Tensor

from seglib.data.dataset import Instances
from seglib.labels import VOID
from seglib.regions.proposals import Proposals

MIN_SHARE = 0.0005  # of the image: a true region with fewer pixels shows a net nothing to learn from


def pieces(mask: Tensor, background: int | None = 0) -> Tensor:
    """Number the connected pieces of every class; pixels that touch at a corner are connected.

    Args:
        mask: (H, W) class indices, 255 for void, or bool.
        background: the class that has no pieces; None if every class has.

    Returns:
        (H, W) int64, 1, 2, ... for the pieces, 0 for void and background.

    Example:
        >>> pieces(torch.tensor([[1, 0, 2], [0, 1, 0], [255, 0, 1]]))
        tensor([[1, 0, 2],
                [0, 1, 0],
                [0, 0, 1]])
    """
    kinds = mask.as_subclass(Tensor).numpy().astype(np.int64)
    kinds[(kinds == VOID) | (kinds == background)] = -1
    return torch.from_numpy(label(kinds, background=-1, connectivity=2).astype(np.int64))


def true_regions(
    mask: Tensor, instances: Instances | None = None, *, background: int | None = 0
) -> tuple[Proposals, Tensor]:
    """The objects of an image as regions; without instances, the connected components of each class.

    Args:
        mask: (H, W) class indices, 255 for void.
        instances: the objects, where they are known.
        background: the class that is not an object; None if every class is one.

    Returns:
        G regions whose superpixels are the regions themselves, and superpixel 0 for the remaining pixels; and
        (G,) int64 their classes. Regions with less than 0.05 % of the pixels are left out.

    Example:
        >>> regions, classes = true_regions(torch.tensor([[1, 1, 0, 1], [1, 1, 0, 255]]))
        >>> regions.labels, classes
        (tensor([[1, 1, 0, 2],
                [1, 1, 0, 0]]), tensor([1, 1]))
    """
    if instances is None:
        ids = pieces(mask, background).numpy()
    else:
        ids = np.zeros(mask.shape, np.int64)
        for index, shape in enumerate(instances.masks, start=1):
            ids[shape.numpy()] = index  # where two overlap, the later one is in front
    values, first, counts = np.unique(ids, return_index=True, return_counts=True)
    keep = (values > 0) & (counts >= MIN_SHARE * mask.numel())
    regions, pixels = torch.from_numpy(values[keep]), torch.from_numpy(first[keep])
    classes = mask.flatten()[pixels] if instances is None else instances.classes[regions - 1]
    table = torch.zeros(int(ids.max()) + 1, dtype=torch.long)  # from an id to a superpixel
    table[regions] = torch.arange(1, len(regions) + 1)
    members = torch.eye(len(regions) + 1, dtype=torch.bool)[1:]
    return Proposals(table[ids], members, torch.zeros(len(regions))), classes.long()


def overlap_by_number(overlaps: Tensor) -> Tensor:
    """The best overlap with each object among only the first 1, 2, ... R proposals.

    Its last row is the best overlap of all; the mean of that over all objects of a data set is the average
    best overlap (ABO; Uijlings et al., 2013, average it within each class).

    Args:
        overlaps: (R, M) of each proposal with each object, the best-ranked proposal first.

    Returns:
        (R, M), which never falls.

    Example:
        >>> overlap_by_number(torch.tensor([[0.2, 0.5], [0.6, 0.1]]))
        tensor([[0.2000, 0.5000],
                [0.6000, 0.5000]])
    """
    return overlaps.cummax(dim=0).values


def recall(best: Tensor, threshold: float = 0.5) -> float:
    """The share of objects that a proposal matches.

    Args:
        best: (M,) best overlap of each object; at least one.
        threshold: the least overlap that counts as a match.

    Raises:
        ValueError: there are no objects, or the threshold is not in 0..1.

    Example:
        >>> recall(torch.tensor([0.8, 0.5, 0.3]), 0.5)
        0.6666666666666666
    """
    if not len(best):
        raise ValueError("best is empty; the recall of no objects is undefined")
    if not 0 <= threshold <= 1:
        raise ValueError(f"threshold must be an overlap in 0..1; got {threshold}")
    return int((best >= threshold).sum()) / len(best)


def oracle_paste(
    proposals: Proposals, instances: Instances, *, background: int = 0, void: Tensor | None = None
) -> Tensor:
    """Paste for each object the region that overlaps it most: what a perfect classifier would do.

    Its score is an upper bound for methods that find each object as one region, as far as overlap decides:
    the mask with the highest mean IoU may consist of other regions, or of several for one object.

    Args:
        proposals: regions of an image.
        instances: its objects, with their classes.
        background: the class of pixels in no region.
        void: (H, W) bool, pixels that are ignored when overlaps are compared.

    Returns:
        (H, W) uint8 class indices; where regions overlap, the one that fits its object better is in front.
    """
    mask = torch.full(proposals.labels.shape, background, dtype=torch.uint8)
    if not (len(instances) and len(proposals)):
        return mask
    overlap, region = proposals.overlaps_many(instances.masks, void).max(dim=0)
    for index in overlap.argsort(stable=True).tolist():
        if overlap[index] > 0:
            mask[proposals.masks(region[index : index + 1])[0]] = instances.classes[index].byte()
    return mask
