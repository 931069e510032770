"""Void pixels: what to put where nobody knows the class."""

from __future__ import annotations

import torch
from scipy.ndimage import distance_transform_edt
from torch import Tensor

from seglib.labels import VOID


def nearest_known(mask: Tensor, ignore_index: int = VOID) -> tuple[Tensor, Tensor]:
    """For every pixel, where the nearest pixel is that is not void.

    Args:
        mask: (H, W); pixels equal to `ignore_index` are void, at least one is not.
        ignore_index: the value that means void.

    Returns:
        Row and column, (H, W) int64 each, on the mask's device: `mask[nearest_known(mask)]` has no void.

    Example:
        >>> mask = torch.tensor([[1, 255, 255, 255, 2]])
        >>> mask[nearest_known(mask)]
        tensor([[1, 1, 1, 2, 2]])
    """
    void = (mask == ignore_index).cpu().numpy()
    rows, columns = distance_transform_edt(void, return_distances=False, return_indices=True)
    return torch.from_numpy(rows).long().to(mask.device), torch.from_numpy(columns).long().to(mask.device)
