"""boundary measures: by hand, by an independent implementation, with void, and wrong input."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import ndimage
from skimage.draw import ellipse
from torch import Tensor

from seglib.evaluate import OracleStride
from seglib.metrics import boundary_band, boundary_counts, boundary_f1, boundary_iou, nearest_known


def blobs(seed: int, size: tuple[int, int] = (60, 80), num_classes: int = 4) -> Tensor:
    """(H, W) smooth regions of `num_classes` classes."""
    noise = np.random.default_rng(seed).standard_normal((num_classes, *size))
    return torch.from_numpy(ndimage.gaussian_filter(noise, (0, 6, 6)).argmax(axis=0))


def test_a_band_worked_by_hand():
    mask = torch.zeros(6, 7, dtype=torch.bool)
    mask[1:6, 1:6] = True  # 5 x 5 and on the lower border: one round of erosion leaves 3 x 3
    band = boundary_band(mask, 1)
    assert band.int().tolist() == [
        [0, 0, 0, 0, 0, 0, 0],
        [0, 1, 1, 1, 1, 1, 0],
        [0, 1, 0, 0, 0, 1, 0],
        [0, 1, 0, 0, 0, 1, 0],
        [0, 1, 0, 0, 0, 1, 0],
        [0, 1, 1, 1, 1, 1, 0],
    ]
    assert boundary_band(mask, 2).sum() == 25 - 1
    assert boundary_band(mask, 3).sum() == 25  # wider than the shape: all of it


def test_counts_worked_by_hand():
    # 5 x 5 square, moved by one pixel; diagonal 14.1, so the rim is max(1, round(.28)) = 1 pixel wide.
    mask = torch.zeros(10, 10, dtype=torch.long)
    mask[2:7, 2:7] = 1
    pred = mask.roll(1, dims=1)
    counts = boundary_counts(pred, mask, 2)
    # Two rims of 16 pixels share the upper and lower rows' 4 + 4, and no columns: 8 of 24.
    assert counts[1].tolist() == [8, 24]
    assert boundary_iou(counts)[1] == pytest.approx(1 / 3)


def test_an_outline_that_is_off_by_one_worked_by_hand():
    # Two classes side by side; the tolerance of .0075 x 44.7 = .34 pixels forgives nothing.
    mask = (torch.arange(40) >= 20).long().expand(20, 40)
    pred = (torch.arange(40) >= 21).long().expand(20, 40)
    assert boundary_f1(mask, mask, 2).tolist() == [1, 1]
    assert boundary_f1(pred, mask, 2).tolist() == [0, 0]
    assert boundary_f1(pred, mask, 2, ratio=1.1 / math.hypot(20, 40)).tolist() == [1, 1]


def test_half_an_outline_is_two_thirds():
    # The upper half of the line is where it should be, the lower half of the prediction has no line at all:
    # precision is nearly 1, recall 1/2. Around the corner a few pixels are near by chance, so a long line.
    mask = (torch.arange(20) >= 10).long().expand(400, 20)
    pred = mask.clone()
    pred[200:] = 0
    precision, recall = 200 / 210, 200 / 400  # the 10 pixels of class 1 along its lower end are wrong
    expected = 2 * precision * recall / (precision + recall)
    assert boundary_f1(pred, mask, 2, ratio=0)[1] == pytest.approx(expected, abs=0.01)


def naive_counts(pred: Tensor, mask: Tensor, num_classes: int) -> list[list[int]]:
    """Cheng 2021: an erosion for every class, in SciPy, with nothing outside of the image."""
    dilation = max(1, round(0.02 * math.hypot(*mask.shape)))
    counts = []
    for index in range(num_classes):
        rims = []
        for values in (pred, mask):
            shape = (values == index).numpy()
            inner = ndimage.binary_erosion(shape, np.ones((3, 3)), iterations=dilation, border_value=0)
            rims.append(shape & ~inner)
        counts.append([int((rims[0] & rims[1]).sum()), int((rims[0] | rims[1]).sum())])
    return counts


def naive_f1(pred: Tensor, mask: Tensor, index: int, tolerance: float) -> float:
    """Csurka 2013, all pairs of outline pixels."""
    points = []
    for values in (pred, mask):
        shape = (values == index).numpy()
        rim = shape & ~ndimage.binary_erosion(shape, np.ones((3, 3)), border_value=1)
        points.append(np.argwhere(rim))
    if not len(points[1]):
        return math.nan
    if not len(points[0]):
        return 0.0
    distance = np.linalg.norm(points[0][:, None] - points[1], axis=-1)
    precision, recall = ((distance.min(axis=axis) <= tolerance).mean() for axis in (1, 0))
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("size", [(60, 80), (150, 131)])
def test_an_erosion_for_every_class_gives_the_same_counts(seed: int, size: tuple[int, int]):
    mask, pred = blobs(seed, size), blobs(seed, size).roll((2, 3), (0, 1))
    assert boundary_counts(pred, mask, 4).tolist() == naive_counts(pred, mask, 4)


@pytest.mark.parametrize("seed", range(4))
def test_all_pairs_of_outline_pixels_give_the_same_f1(seed: int):
    mask, pred = blobs(seed, num_classes=3), blobs(seed, num_classes=3).roll((1, 2), (0, 1))
    expected = [naive_f1(pred, mask, index, 0.0075 * 100) for index in range(4)]
    assert boundary_f1(pred, mask, 4).tolist() == pytest.approx(expected, nan_ok=True)
    loose = [naive_f1(pred, mask, index, 0.02 * 100) for index in range(4)]
    assert boundary_f1(pred, mask, 4, ratio=0.02).tolist() == pytest.approx(loose, nan_ok=True)


@pytest.mark.parametrize("dilation", [1, 3, 8])
def test_a_band_is_the_mask_without_its_erosion(dilation: int):
    mask = blobs(0) == 1
    eroded = ndimage.binary_erosion(mask.numpy(), np.ones((3, 3)), iterations=dilation, border_value=0)
    assert torch.equal(boundary_band(mask, dilation), mask & ~torch.from_numpy(eroded))


def test_swapping_truth_and_prediction_changes_neither_measure():
    mask, pred = blobs(0), blobs(0).roll(2, 0)
    assert torch.equal(boundary_counts(pred, mask, 4), boundary_counts(mask, pred, 4))
    assert torch.allclose(boundary_f1(pred, mask, 4), boundary_f1(mask, pred, 4))


def test_a_coarse_ellipse_looks_good_to_iou_and_bad_to_the_boundary_measures():
    mask = torch.zeros(240, 320, dtype=torch.long)
    mask[ellipse(120, 160, 80, 120)] = 1
    pred = OracleStride(16).predict(mask, mask)
    iou = ((pred == 1) & (mask == 1)).sum() / ((pred == 1) | (mask == 1)).sum()
    rim = boundary_iou(boundary_counts(pred, mask, 2))[1]
    outline = boundary_f1(pred, mask, 2)[1]
    assert iou > 0.9 and rim < 0.6 and outline < 0.6


MASK = torch.zeros(4, 5).long()


@pytest.mark.parametrize("measure", [boundary_counts, boundary_f1])
@pytest.mark.parametrize(
    ("pred", "mask", "num_classes", "words"),
    [
        (MASK.T, MASK, 2, r"pred \(5, 4\) and mask \(4, 5\) must both be \(H, W\)"),
        (MASK[None], MASK[None], 2, r"must both be \(H, W\)"),
        (MASK[:0], MASK[:0], 2, r"must both be \(H, W\), not empty"),
        (MASK + 2, MASK, 2, r"pred holds the value 2 .* the classes are 0\.\.1"),
        (MASK, MASK + 7, 2, r"mask holds the value 7 .* the classes are 0\.\.1"),
        (MASK + 2**32, MASK, 2, "pred holds the value 4294967296"),
        (MASK + 0.9, MASK, 2, "pred is torch.float32"),
        (MASK, MASK, 300, "num_classes must be 1 to 255"),
    ],
)
def test_what_would_be_counted_wrongly_is_refused(measure, pred, mask, num_classes, words):
    with pytest.raises(ValueError, match=words):
        measure(pred, mask, num_classes)


def test_a_class_that_is_missed_entirely_scores_zero_and_an_absent_one_nothing():
    mask = torch.zeros(20, 20, dtype=torch.long)
    mask[5:15, 5:15] = 1
    scores = boundary_f1(torch.zeros(20, 20).long(), mask, 3)
    assert scores[:2].tolist() == [0, 0] and scores[2].isnan()


def test_a_band_of_no_width_is_refused():
    with pytest.raises(ValueError, match="dilation 0 must be at least 1 pixel"):
        boundary_band(torch.ones(9, 9).bool(), 0)


@pytest.mark.parametrize("dtype", [torch.bool, torch.int8, torch.uint8, torch.int32])
def test_any_integer_dtype_gives_the_same(dtype: torch.dtype):
    """A bool cannot hold 255, which void becomes."""
    pred, mask = blobs(1, num_classes=2), blobs(2, num_classes=2)
    void = mask.clone()
    void[:, 40:] = 255
    assert torch.equal(boundary_counts(pred.to(dtype), void, 2), boundary_counts(pred.long(), void, 2))
    assert torch.equal(boundary_f1(pred.to(dtype), void, 2), boundary_f1(pred.long(), void, 2))
    assert torch.equal(boundary_counts(pred, mask.to(dtype), 2), boundary_counts(pred, mask.long(), 2))


# Void


def seam(width: int) -> Tensor:
    """Two classes side by side with a seam of void between them."""
    mask = (torch.arange(100) >= 50).long()
    mask[50 - width // 2 : 50 + width // 2] = 255
    return mask.expand(100, 100)


@pytest.mark.parametrize("seed", range(3))
def test_what_is_predicted_at_void_does_not_matter(seed: int):
    rng = torch.Generator().manual_seed(seed)
    mask = blobs(seed, num_classes=2)
    pred = mask.roll(2, 0)
    mask[blobs(9, num_classes=2) == 1] = 255
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
    assert rims[20] == along_border - 2 * 3 * 10  # the seam takes 10 columns of each half, all of its rim
    assert rims[2] > rims[20] + 100


def test_all_void_has_nothing_to_score():
    void = torch.full((20, 20), 255)
    assert boundary_counts(void.clamp(max=1), void, 2).tolist() == [[0, 0], [0, 0]]
    assert boundary_iou(boundary_counts(void.clamp(max=1), void, 2)).isnan().all()
    assert boundary_f1(void.clamp(max=1), void, 2).isnan().all()


def test_void_takes_the_nearest_class():
    rng = torch.Generator().manual_seed(0)
    mask = torch.randint(0, 3, (12, 15), generator=rng)
    mask[torch.rand(12, 15, generator=rng) < 0.8] = 255
    filled = mask[nearest_known(mask)]
    known = (mask != 255).nonzero()
    assert torch.equal(filled[mask != 255], mask[mask != 255])
    for y, x in (mask == 255).nonzero().tolist():
        distance = ((known - torch.tensor([y, x])) ** 2).sum(dim=1)
        nearest = known[distance == distance.min()]
        assert filled[y, x] in mask[nearest[:, 0], nearest[:, 1]]
