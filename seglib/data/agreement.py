"""How well drawn objects agree with the true ones: each drawn object is judged against the one it means."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from seglib import boxes
from seglib.data.dataset import Instances


@dataclass(frozen=True)
class Agreement:
    """Drawn objects beside true ones.

    Attributes:
        iou: (M,) float32 in 0..1, of each drawn object with the true one it is paired with; 0 without a pair.
        match: (M,) int64 number of that true object, -1 without a pair.
        right_class: (M,) bool, whether both have the same class.
        missed: numbers of the true objects that nobody drew.
    """

    iou: Tensor
    match: Tensor
    right_class: Tensor
    missed: tuple[int, ...]

    def __str__(self) -> str:
        if not len(self.iou):
            return f"nothing drawn; {len(self.missed)} objects missed"
        mean, worst = float(self.iou.mean()), float(self.iou.min())
        return (
            f"{len(self.iou)} drawn: mean IoU {mean:.2f}, worst {worst:.2f}, "
            f"{int(self.right_class.sum())} with the right class; {len(self.missed)} missed"
        )


def agreement(drawn: Instances, truth: Instances, *, by: str = "masks") -> Agreement:
    """Pair every drawn object with at most one true one, so that the sum of the IoUs is largest.

    The class plays no part in the pairing, so that a box with the wrong class still finds its object.

    Args:
        drawn: M objects of a picture, as `Picture.instances` gives them.
        truth: N objects of the same picture.
        by: "masks" compares pixels, "boxes" only the boxes.

    Raises:
        ValueError: `by` is neither, or the masks differ in size.

    Example:
        >>> truth = Instances(torch.ones(1, 2, 4).bool(), torch.tensor([1]), torch.tensor([[0, 0, 4, 2]]))
        >>> drawn = Instances(torch.ones(1, 2, 4).bool(), torch.tensor([2]), torch.tensor([[0, 0, 2, 2]]))
        >>> agreement(drawn, truth, by="boxes").iou, agreement(drawn, truth).right_class
        (tensor([0.5000]), tensor([False]))
    """
    if by not in ("masks", "boxes"):
        raise ValueError(f"by must be 'masks' or 'boxes', not {by!r}")
    overlap = boxes.iou(drawn.boxes, truth.boxes) if by == "boxes" else _mask_iou(drawn.masks, truth.masks)
    rows, columns = linear_sum_assignment(overlap.numpy(), maximize=True)
    pairs = [(row, column) for row, column in zip(rows, columns) if overlap[row, column] > 0]
    iou, match = torch.zeros(len(drawn)), torch.full((len(drawn),), -1)
    for row, column in pairs:
        iou[row], match[row] = overlap[row, column], column
    right = (match >= 0) & (drawn.classes == truth.classes[match] if len(truth) else match >= 0)
    missed = set(range(len(truth))) - {int(column) for _, column in pairs}
    return Agreement(iou, match, right, tuple(sorted(missed)))


def _mask_iou(masks: Tensor, others: Tensor) -> Tensor:
    """IoU of each of (M, H, W) with each of (N, H, W) bool masks: (M, N)."""
    if masks.shape[1:] != others.shape[1:]:
        raise ValueError(f"the drawn masks are {tuple(masks.shape[1:])}, the true {tuple(others.shape[1:])}")
    flat, flat_others = masks.flatten(1).float(), others.flatten(1).float()
    shared = flat @ flat_others.T
    union = flat.sum(1)[:, None] + flat_others.sum(1) - shared
    return shared / union.clamp(min=1)
