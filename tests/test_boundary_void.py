"""boundary: what void pixels may not do to the scores."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import Tensor

from seglib.metrics import boundary_counts, boundary_f1, boundary_iou


def smooth(seed: int) -> Tensor:
    """(60, 80) bool: smooth regions."""
    noise = np.random.default_rng(seed).standard_normal((60, 80))
    return torch.from_numpy(ndimage.gaussian_filter(noise, 4)) > 0


def seam(width: int) -> Tensor:
    """Two classes side by side with a seam of void between them."""
    mask = (torch.arange(100) >= 50).long()
    mask[50 - width // 2 : 50 + width // 2] = 255
    return mask.expand(100, 100)


@pytest.mark.parametrize("seed", range(3))
def test_what_is_predicted_at_void_does_not_matter(seed: int):
    rng = torch.Generator().manual_seed(seed)
    mask = smooth(seed).long()
    pred = mask.roll(2, 0)
    mask[smooth(9)] = 255
    other = torch.where(mask == 255, torch.randint(0, 2, mask.shape, generator=rng), pred)
    assert (other != pred).any()
    assert torch.equal(boundary_counts(pred, mask, 2), boundary_counts(other, mask, 2))
    assert torch.equal(boundary_f1(pred, mask, 2).nan_to_num(-1), boundary_f1(other, mask, 2).nan_to_num(-1))


@pytest.mark.parametrize("width", [2, 6, 20])
def test_a_prediction_that_is_right_wherever_it_counts_is_perfect(width: int):
    mask = seam(width)
    pred = torch.where(mask == 255, 1, mask)
    counts = boundary_counts(pred, mask, 2)
    assert torch.equal(counts[:, 0], counts[:, 1]) and (counts > 0).all()
    assert boundary_f1(pred, mask, 2).tolist() == [1, 1]


def test_void_makes_no_rim_of_its_own():
    # A hole of void in the middle of one class: the only rim is along the image's border, 3 pixels wide.
    mask = torch.zeros(100, 100, dtype=torch.long)
    mask[40:60, 40:60] = 255
    assert boundary_counts(mask.clamp(max=0), mask, 1).tolist() == [[100**2 - 94**2] * 2]
    assert boundary_f1(mask.clamp(max=0), mask, 1).isnan().all()


def test_a_narrow_seam_keeps_its_rims_and_a_wide_one_hides_them():
    rims = {width: int(boundary_counts(seam(width).clamp(max=1), seam(width), 2)[1, 1]) for width in (2, 20)}
    along_border = 3 * 100 + 2 * 3 * (50 - 3)  # of the right half, 3 pixels wide, corners once
    assert (
        rims[20] == along_border - 2 * 3 * 10
    )  # the seam takes 10 columns of each half: nothing left of the rim
    assert rims[2] > rims[20] + 100


def test_all_void_has_nothing_to_score():
    void = torch.full((20, 20), 255)
    assert boundary_counts(void.clamp(max=1), void, 2).tolist() == [[0, 0], [0, 0]]
    assert boundary_iou(boundary_counts(void.clamp(max=1), void, 2)).isnan().all()
    assert boundary_f1(void.clamp(max=1), void, 2).isnan().all()
