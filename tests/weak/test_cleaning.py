"""The three rules by hand, and the mean field against the original."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from seglib.labels import VOID
from seglib.scenes import Scenes
from seglib.weak.boxes import BoxAnnotations, BoxError
from seglib.weak.cleaning import box_fill_rates, clean, fill_rates, keep_inside, reset_outliers
from seglib.weak.labels import PseudoLabels
from seglib.weak.meanfield import mean_field, smooth
from seglib.weak.schemes import pseudo_labels
from tests.weak.samples import Discs, disc

ONE = BoxAnnotations(torch.tensor([[1, 1, 5, 5]]), torch.tensor([1]))


def test_outside_of_the_boxes_is_background():
    mask = torch.ones(6, 6, dtype=torch.long)
    mask[2, 2], mask[0, 0] = 2, VOID  # another class in the box; ignored outside
    kept = keep_inside(mask, ONE)
    assert kept.sum() == 15 + VOID and kept[2, 2] == 0 and kept[0, 0] == VOID


def test_each_class_is_kept_in_its_own_boxes():
    two = BoxAnnotations(torch.tensor([[0, 0, 3, 1], [3, 0, 6, 1]]), torch.tensor([1, 2]))
    assert keep_inside(torch.tensor([[1, 2, 1, 2, 1, 2]]), two).tolist() == [[1, 0, 1, 2, 0, 2]]


def test_a_star_survives_a_threshold_that_knows_its_class():
    mask = torch.zeros(6, 6, dtype=torch.uint8)
    mask[1:3, 1:4] = 1  # 6 of 16 pixels
    assert box_fill_rates(mask, ONE) == [0.375]
    paper, filled = reset_outliers(mask, ONE, torch.ones(2))
    assert filled == [0] and paper.sum() == 16
    relative, filled = reset_outliers(mask, ONE, torch.tensor([1.0, 0.4]))
    assert filled == [] and torch.equal(relative, mask)
    assert reset_outliers(mask, ONE, torch.ones(2), threshold=0)[1] == []


def test_a_reset_box_stays_behind_a_smaller_one():
    two = BoxAnnotations(torch.tensor([[0, 0, 6, 6], [2, 2, 4, 4]]), torch.tensor([1, 2]))
    mask = torch.zeros(6, 6, dtype=torch.uint8)
    mask[2:4, 2:4] = 2
    result, filled = reset_outliers(mask, two, torch.ones(3))
    assert filled == [0] and (result == 2).sum() == 4 and (result == 1).sum() == 32


def test_ignored_pixels_are_not_missing():
    mask = torch.full((6, 6), VOID, dtype=torch.uint8)
    assert reset_outliers(mask, ONE, torch.ones(2))[1] == []


def test_fill_rates_are_those_of_discs():
    discs = Discs(8)
    truth = PseudoLabels(discs, pseudo_labels(discs, "rectangles").boxes, [m for _, m in discs], name="truth")
    rates = fill_rates(truth)
    assert rates[1] == pytest.approx(197 / 289) and rates[2] == 1  # radius 8 is the median; no rings at all


def test_cleaning_makes_a_ragged_prediction_a_disc():
    image, inside = disc()
    rng = torch.Generator().manual_seed(1)
    sure = (0.35 + 0.5 * inside + 0.3 * (torch.rand(40, 40, generator=rng) - 0.5)).clamp(0.01, 0.99)
    one = BoxAnnotations(torch.tensor([[10, 10, 31, 31]]), torch.tensor([1]))
    label = clean(image, torch.stack([1 - sure, sure]), one, torch.tensor([1.0, 0.78]))
    assert ((label == 1) == inside).float().mean() > 0.99


def test_a_class_without_a_box_is_out_of_the_question():
    image, inside = disc()
    probabilities = torch.stack([torch.full((40, 40), 0.1), 0.3 * inside, torch.full((40, 40), 0.6)])
    one = BoxAnnotations(torch.tensor([[10, 10, 31, 31]]), torch.tensor([1]))
    label = clean(image, probabilities, one, torch.ones(3), threshold=0, smoothing=False)
    assert torch.equal(label == 1, inside) and label.max() == 1


def test_wrong_input_is_said():
    with pytest.raises(BoxError, match=r"box 0, .* leaves the image"):
        keep_inside(torch.zeros(3, 3), ONE)
    with pytest.raises(ValueError, match="threshold -1"):
        reset_outliers(torch.zeros(6, 6), ONE, torch.ones(2), threshold=-1)
    with pytest.raises(ValueError, match=r"must be \(K, 6, 6\), not \(2, 5, 6\)"):
        mean_field(torch.zeros(3, 6, 6, dtype=torch.uint8), torch.ones(2, 5, 6))


def noisy_scene() -> tuple[torch.Tensor, torch.Tensor]:
    """A scene of 48 x 64, and unsure probabilities of object and background."""
    image, mask = Scenes(length=1, size=(48, 64))[0]
    rng = torch.Generator().manual_seed(0)
    sure = (0.3 + 0.4 * ((mask > 0) & (mask < VOID)) + 0.25 * torch.randn(48, 64, generator=rng)).clamp(
        0.02, 0.98
    )
    return image, torch.stack([1 - sure, sure])


def test_mean_field_equals_the_original():
    densecrf = pytest.importorskip("pydensecrf.densecrf", reason="the optional extra 'crf' is not installed")
    image, given = noisy_scene()
    field = densecrf.DenseCRF2D(64, 48, 2)
    field.setUnaryEnergy((-given.clamp_min(1e-5).log()).flatten(1).numpy().astype("float32").copy())
    field.addPairwiseGaussian(sxy=3, compat=3)
    field.addPairwiseBilateral(sxy=80, srgb=13, rgbim=image.permute(1, 2, 0).numpy().copy(), compat=10)
    original = torch.from_numpy(np.array(field.inference(5))).reshape(2, 48, 64)
    ours = mean_field(image, given)
    changed = (ours.argmax(0) != given.argmax(0)).float().mean()
    assert changed > 0.05  # it does something
    assert (ours.argmax(0) != original.argmax(0)).float().mean() < 0.02
    assert (ours - original).abs().mean() < 0.02  # the original's kernels are approximated on a lattice


def test_a_large_image_is_smoothed_as_a_small_one_would_be():
    image, inside = disc(size=160, radius=40)
    rng = torch.Generator().manual_seed(0)
    sure = (0.4 + 0.2 * inside + 0.2 * torch.randn(160, 160, generator=rng)).clamp(0.05, 0.95)
    found = smooth(image, torch.stack([1 - sure, sure]))
    assert (found.sum(0) - 1).abs().max() < 1e-5
    assert ((found[1] > 0.5) != inside).float().mean() < 0.02 < ((sure > 0.5) != inside).float().mean()
