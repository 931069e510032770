"""Class weights: worked by hand, against scikit-learn, and what they cannot do."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.utils.class_weight import compute_class_weight
from torch.testing import assert_close

from seglib.data.balance import Counts, effective_number, enet, inverse_frequency, median_frequency
from seglib.labels import Classes

CLASSES = Classes.of("sea", "fish", "weed")
# Three images of 100 pixels; the last column is void.
PIXELS = torch.tensor([[80, 10, 0, 10], [90, 0, 0, 10], [40, 10, 50, 0]])
COUNTS = Counts(CLASSES, PIXELS, torch.tensor([[0, 1, 0], [0, 0, 0], [0, 3, 1]]))


def test_inverse_frequency_by_hand():
    # 280 pixels that are not void: 210 sea, 20 fish, 50 weed
    assert_close(inverse_frequency(COUNTS), torch.tensor([280 / 630, 280 / 60, 280 / 150]))


def test_inverse_frequency_is_scikit_learns_balanced():
    pixels = torch.arange(3).repeat_interleave(COUNTS.total())
    oracle = compute_class_weight("balanced", classes=np.arange(3), y=pixels.numpy())
    assert_close(inverse_frequency(COUNTS), torch.tensor(oracle).float())


def test_inverse_frequency_makes_every_class_weigh_the_same():
    weighted = inverse_frequency(COUNTS) * COUNTS.total()
    assert_close(weighted, weighted.mean().expand(3))


def test_median_frequency_by_hand():
    # sea 210 of 90 + 90 + 100; fish 20 of 90 + 100; weed 50 of 100: f = .75, .105.., .5 and the median is .5
    assert_close(median_frequency(COUNTS), torch.tensor([0.5 / 0.75, 0.5 * 190 / 20, 1.0]))


def test_median_frequency_with_the_usual_mistake_is_inverse_frequency():
    wrong = COUNTS.shares().median() / COUNTS.shares()
    ratio = wrong.float() / inverse_frequency(COUNTS)
    assert_close(ratio, ratio[0].expand(3))
    ratio = median_frequency(COUNTS) / inverse_frequency(COUNTS)
    assert (ratio / ratio[0]).min() < 0.5  # weed is in one image, and large there: not raised


def test_median_frequency_of_an_even_number_of_classes():
    counts = Counts(Classes.of("sea", "fish"), torch.tensor([[75, 25, 0]]))
    assert_close(median_frequency(counts), torch.tensor([0.5 / 0.75, 0.5 / 0.25]))


def test_enet_by_hand_and_its_bounds():
    shares = (210 / 280, 20 / 280, 50 / 280)
    assert_close(enet(COUNTS), torch.tensor([1 / math.log(1.02 + share) for share in shares]))
    everything = Counts(CLASSES, torch.tensor([[10**9, 1, 1, 0]]))
    assert_close(enet(everything), torch.tensor([1.4223, 50.4983, 50.4983]), atol=1e-4, rtol=1e-4)
    with pytest.raises(ValueError, match="above 1"):
        enet(COUNTS, constant=1.0)


def test_effective_number_by_hand():
    # images: 3 sea, 2 fish, 1 weed; beta 1/2: effective numbers 1.75, 1.5, 1
    raw = torch.tensor([1 / 1.75, 1 / 1.5, 1.0])
    assert_close(effective_number(COUNTS, 0.5, "images"), raw / raw.mean())
    # objects: 4 fish, 1 weed; sea has none and counts as one in each of 3 images
    raw = torch.tensor([1 / 1.75, 1 / 1.875, 1.0])
    assert_close(effective_number(COUNTS, 0.5, "objects"), raw / raw.mean())


def test_effective_number_goes_from_equal_weights_to_inverse_frequency():
    assert_close(effective_number(COUNTS, 0.0, "pixels"), torch.ones(3))
    inverse = inverse_frequency(COUNTS)
    assert_close(effective_number(COUNTS, 1 - 1e-9, "pixels"), inverse / inverse.mean(), rtol=1e-4, atol=1e-4)


def test_pixels_need_a_beta_next_to_one():
    million = Counts(CLASSES, torch.tensor([[9_000_000, 90_000, 900_000, 0]]))
    assert_close(effective_number(million, 0.999, "pixels"), torch.ones(3))  # does nothing
    useful = effective_number(million, 1 - 1e-6, "pixels")
    assert useful[1] / useful[0] > 10


@pytest.mark.parametrize("beta", [-0.1, 1.0, 2.0])
def test_effective_number_refuses_other_betas(beta):
    with pytest.raises(ValueError, match="below 1, got"):
        effective_number(COUNTS, beta)


@pytest.mark.parametrize(
    "scheme", [inverse_frequency, median_frequency, enet, lambda counts: effective_number(counts, 0.9)]
)
def test_an_absent_class_gets_zero_and_the_others_what_they_got_without_it(scheme):
    longer = Counts(
        Classes.of("sea", "fish", "weed", "whale"),
        torch.cat([PIXELS[:, :3], torch.zeros(3, 1).long(), PIXELS[:, 3:]], dim=1),
    )
    with pytest.warns(UserWarning, match="weight 0 for whale: it does not occur"):
        weights = scheme(longer)
    assert_close(weights, torch.cat([scheme(COUNTS), torch.zeros(1)]))
    void = Counts(CLASSES, torch.tensor([[0, 0, 0, 9]]))
    with pytest.raises(ValueError, match="no pixels of any class"):
        scheme(void)


def test_only_the_ratios_of_weights_reach_the_loss():
    torch.manual_seed(0)
    logits, mask = torch.randn(1, 3, 4, 4), torch.randint(0, 3, (1, 4, 4))
    weights = median_frequency(COUNTS)
    assert_close(F.cross_entropy(logits, mask, weights), F.cross_entropy(logits, mask, 7 * weights))


def test_weights_do_nothing_for_a_image_without_the_rare_class():
    torch.manual_seed(0)
    logits, mask = torch.randn(1, 3, 4, 4), torch.zeros(1, 4, 4, dtype=torch.long)
    assert_close(F.cross_entropy(logits, mask, inverse_frequency(COUNTS)), F.cross_entropy(logits, mask))
