"""The three rules by hand."""

from __future__ import annotations

import pytest
import torch

from seglib.labels import VOID
from seglib.weak.boxes import BoxAnnotations, BoxError
from seglib.weak.cleaning import Rules, box_fill_rates, fill_rates, keep_inside, reset_outliers
from seglib.weak.labels import PseudoLabels
from seglib.weak.schemes import pseudo_labels
from tests.weak.samples import Discs, disc, one_box

ONE = one_box(1, 1, 5, 5)


def test_outside_the_boxes_is_background():
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
    paper, reset = reset_outliers(mask, ONE, torch.ones(2))
    assert reset == [0] and paper.sum() == 16
    relative, reset = reset_outliers(mask, ONE, torch.tensor([1.0, 0.4]))
    assert reset == [] and torch.equal(relative, mask)
    assert reset_outliers(mask, ONE, torch.ones(2), threshold=0)[1] == []


def test_a_reset_box_stays_behind_a_smaller_one():
    two = BoxAnnotations(torch.tensor([[0, 0, 6, 6], [2, 2, 4, 4]]), torch.tensor([1, 2]))
    mask = torch.zeros(6, 6, dtype=torch.uint8)
    mask[2:4, 2:4] = 2
    result, reset = reset_outliers(mask, two, torch.ones(3))
    assert reset == [0] and (result == 2).sum() == 4 and (result == 1).sum() == 32


def test_ignored_pixels_are_not_missing():
    mask = torch.full((6, 6), VOID, dtype=torch.uint8)
    assert reset_outliers(mask, ONE, torch.ones(2))[1] == []


def test_fill_rates_are_those_of_discs():
    discs = Discs(8)
    truth = PseudoLabels(discs, pseudo_labels(discs, "rectangles").boxes, [m for _, m in discs], name="truth")
    rates = fill_rates(truth)
    assert rates[1] == pytest.approx(197 / 289) and rates[2] == 1  # radius 8 is the median; no rings at all


def test_the_rules_make_a_ragged_prediction_a_disc():
    image, inside = disc()
    rng = torch.Generator().manual_seed(1)
    sure = (0.35 + 0.5 * inside + 0.3 * (torch.rand(40, 40, generator=rng) - 0.5)).clamp(0.01, 0.99)
    mask = Rules((1.0, 0.78))(image, torch.stack([1 - sure, sure]), one_box(10, 10, 31, 31), 1)
    assert ((mask == 1) == inside).float().mean() > 0.99


def test_a_class_without_a_box_is_ruled_out():
    image, inside = disc()
    probabilities = torch.stack([torch.full((40, 40), 0.1), 0.3 * inside, torch.full((40, 40), 0.6)])
    rules = Rules((1.0, 1.0, 1.0), threshold=0, smoothing=False)
    mask = rules(image, probabilities, one_box(10, 10, 31, 31), 1)
    assert torch.equal(mask == 1, inside) and mask.max() == 1


def test_wrong_input_is_refused():
    with pytest.raises(BoxError, match=r"box 0, .* leaves the image"):
        keep_inside(torch.zeros(3, 3), ONE)
    with pytest.raises(ValueError, match="threshold must be at least 0, not -1"):
        reset_outliers(torch.zeros(6, 6), ONE, torch.ones(2), threshold=-1)
