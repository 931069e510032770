"""From scores of regions to one mask: of regions that share pixels the best, and the best painted last."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from seglib.regions.proposals import Proposals


def region_nms(scores: Tensor, members: Tensor) -> Tensor:
    """Non-maximum suppression: the best region, then the best that shares no superpixel with it, and so on.

    Args:
        scores: (R,) of one class.
        members: (R, S) bool, the superpixels of each region.

    Returns:
        (P,) int64 indices of the regions that stay, best first.

    Reference:
        Hariharan et al., "Simultaneous Detection and Segmentation", 2014, and its code (`region_nms`): one
        shared superpixel is enough, where box NMS asks for an IoU of a half or so.

    Example:
        >>> region_nms(torch.tensor([0.5, 0.9, 0.1]), torch.tensor([[1, 1, 0], [0, 1, 0], [1, 0, 0]]).bool())
        tensor([1, 2])
    """
    rows = members.numpy()
    taken = np.zeros(rows.shape[1], dtype=bool)
    kept = []
    for index in scores.argsort(descending=True, stable=True).tolist():
        if not (rows[index] & taken).any():
            taken |= rows[index]
            kept.append(index)
    return torch.tensor(kept, dtype=torch.long)


def pick(proposals: Proposals, scores: Tensor, *, threshold: float = -math.inf) -> Tensor:
    """The regions to paint: each belongs to its best class, and within a class none shares a pixel.

    Args:
        proposals: R regions.
        scores: (R, K) of each class; minus infinity in the column of background, which has no regions.
        threshold: regions that do not score more than this in their best class are left out.

    Returns:
        (P,) int64 indices in the order in which they are painted: lowest score first.

    Raises:
        ValueError: there is not one row of scores for each region.
    """
    if scores.ndim != 2 or len(scores) != len(proposals):
        raise ValueError(f"{len(proposals)} regions need scores (R, K), not {tuple(scores.shape)}")
    best, label = scores.max(dim=1) if len(scores) else (torch.zeros(0), torch.zeros(0))
    kept = []
    for index in label[best > threshold].unique():
        those = ((label == index) & (best > threshold)).nonzero()[:, 0]
        kept.append(those[region_nms(best[those], proposals.members[those])])
    chosen = torch.cat([torch.zeros(0, dtype=torch.long), *kept])
    return chosen[best[chosen].argsort(stable=True)]


def paste(proposals: Proposals, scores: Tensor, *, threshold: float = -math.inf, rest: int = 0) -> Tensor:
    """Paint the picked regions in ascending order of score, so that the best lies on top.

    Args:
        proposals: R regions.
        scores: (R, K) of each class.
        threshold: what a region must score to be painted; chosen on the validation split, never on test.
        rest: the class of pixels in no painted region.

    Returns:
        (H, W) int64 class indices.

    Reference:
        Carreira et al., "Semantic Segmentation with Second-Order Pooling", 2012; R-CNN and SDS paste with its
        code. They raise the threshold until an image has two segments on average.

    Example:
        >>> labels = torch.tensor([[0, 0, 1, 2]])
        >>> members = torch.tensor([[1, 1, 0], [0, 1, 1]]).bool()
        >>> proposals = Proposals(labels, members, torch.zeros(2))
        >>> scores = torch.tensor([[-math.inf, 0.9, 0.1], [-math.inf, 0.2, 0.5]])
        >>> paste(proposals, scores), paste(proposals, scores, threshold=0.6)
        (tensor([[1, 1, 1, 2]]), tensor([[1, 1, 1, 0]]))
    """
    return paint(proposals, scores, pick(proposals, scores, threshold=threshold), rest)


def paint(proposals: Proposals, scores: Tensor, picked: Tensor, rest: int = 0) -> Tensor:
    """(H, W) int64: the regions `picked`, one over the other, each in its best class."""
    colours = torch.full((proposals.members.shape[1],), rest)  # a class for each superpixel
    for index in picked.tolist():
        colours[proposals.members[index]] = scores[index].argmax()
    return colours[proposals.labels]
