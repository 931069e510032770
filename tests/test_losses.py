"""Losses: 3 x 4 masks worked by hand, two other libraries as oracles, void, bad input."""

import math
from collections.abc import Callable

import pytest
import segmentation_models_pytorch as smp
import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.ops import sigmoid_focal_loss

from seglib.losses import cross_entropy, dice_loss, focal_loss, lovasz_softmax
from tests.refused import refused

LOSSES = [cross_entropy, dice_loss, focal_loss, lovasz_softmax]
WEIGHTED = [*LOSSES, lambda logits, mask: cross_entropy(logits, mask, torch.tensor([1.0, 2.0, 5.0]))]
MASK = torch.tensor([[[0, 0, 1, 1], [0, 0, 1, 1], [0, 255, 255, 1]]], dtype=torch.uint8)  # 5 of each, 2 void


def batch(seed: int = 0, num_classes: int = 3, void: bool = True) -> tuple[Tensor, Tensor]:
    """Scores (2, K, 6, 7) and a mask that holds every class."""
    rng = torch.Generator().manual_seed(seed)
    logits = torch.randn(2, num_classes, 6, 7, generator=rng).requires_grad_()
    mask = torch.randint(0, num_classes, (2, 6, 7), generator=rng, dtype=torch.uint8)
    if void:
        mask[0, :2] = 255
    return logits, mask


def scores(p: float) -> Tensor:
    """(1, 2, 3, 4) scores that give class 1 the probability p everywhere."""
    return torch.stack([torch.zeros(3, 4), torch.full((3, 4), math.log(p / (1 - p)))])[None]


def test_by_hand_where_class_1_has_probability_a_quarter():
    # 5 pixels of class 0 have p = 3/4 for the truth, 5 of class 1 have 1/4, 2 are void.
    right, wrong = math.log(4 / 3), math.log(4)
    logits = scores(0.25)
    assert cross_entropy(logits, MASK).item() == pytest.approx((right + wrong) / 2)
    assert focal_loss(logits, MASK).item() == pytest.approx((right / 16 + wrong * 9 / 16) / 2)
    # Dice of class 0: 2 * 5 * 3/4 / (10 * 3/4 + 5) = 0.6; of class 1: 2 * 5 * 1/4 / (10 * 1/4 + 5) = 1/3
    assert dice_loss(logits, MASK).item() == pytest.approx(1 - (0.6 + 1 / 3) / 2)
    # Class 0: errors 3/4 at the 5 others first (IoU 1 -> 5/10), then 1/4 at its own (-> 0): 3/4/2 + 1/4/2.
    # Class 1: errors 3/4 at its own 5 (IoU 1 -> 0), then nothing more to lose: 3/4.
    assert lovasz_softmax(logits, MASK).item() == pytest.approx((0.5 + 0.75) / 2)
    loss = cross_entropy(logits, MASK, torch.tensor([1.0, 3.0]))
    assert loss.item() == pytest.approx((right + 3 * wrong) / 4)


@pytest.mark.parametrize("void", [False, True])
def test_cross_entropy_is_pytorchs(void):
    logits, mask = batch(void=void)
    weights = torch.tensor([1.0, 0.0, 5.0])
    assert torch.equal(cross_entropy(logits, mask), cross_entropy(logits, mask.long()))
    for given in (None, weights):
        expected = F.cross_entropy(logits, mask.long(), given, ignore_index=255)
        torch.testing.assert_close(cross_entropy(logits, mask, given), expected)
    torch.testing.assert_close(cross_entropy(logits, mask, 10 * weights), expected)


ORACLES: dict[Callable, torch.nn.Module] = {
    dice_loss: smp.losses.DiceLoss("multiclass", ignore_index=255),
    lovasz_softmax: smp.losses.LovaszLoss("multiclass", ignore_index=255),
}


@pytest.mark.parametrize("void", [False, True])
@pytest.mark.parametrize("loss", ORACLES)
def test_value_and_gradient_are_those_of_segmentation_models_pytorch(loss, void):
    logits, mask = batch(1, void=void)
    expected = ORACLES[loss](logits, mask.long())
    torch.testing.assert_close(loss(logits, mask), expected)
    ours, theirs = (torch.autograd.grad(value, logits)[0] for value in (loss(logits, mask), expected))
    torch.testing.assert_close(ours, theirs)


def test_focal_loss_of_two_classes_is_torchvisions_and_without_gamma_cross_entropy():
    logits, mask = batch(2, num_classes=2, void=False)
    logits = logits.detach() * torch.tensor([[[0.0]], [[1.0]]])  # softmax of (0, z) is the sigmoid of z
    expected = sigmoid_focal_loss(logits[:, 1], mask.float(), alpha=-1, gamma=2, reduction="mean")
    torch.testing.assert_close(focal_loss(logits, mask), expected)
    logits, mask = batch(3)
    torch.testing.assert_close(focal_loss(logits, mask, gamma=0), cross_entropy(logits, mask))


@pytest.mark.parametrize("loss", WEIGHTED)
def test_void_counts_for_nothing_whatever_is_predicted_there_also_where_all_is_void(loss):
    logits, mask = batch()
    changed = torch.where((mask == 255)[:, None], torch.randn_like(logits) * 50, logits.detach())
    torch.testing.assert_close(loss(changed, mask), loss(logits, mask))
    loss(logits, mask).backward()
    assert logits.grad is not None and (logits.grad.permute(0, 2, 3, 1)[mask == 255] == 0).all()
    logits.grad = None
    value = loss(logits, torch.full_like(mask, 255))
    value.backward()
    assert value.item() == 0 and torch.equal(logits.grad, torch.zeros_like(logits))


@pytest.mark.parametrize("loss", WEIGHTED)
def test_the_truth_costs_nothing_and_its_opposite_most(loss):
    _, mask = batch()
    truth = F.one_hot(mask.long().clamp(max=2), 3).permute(0, 3, 1, 2).float() * 40
    assert loss(truth, mask).item() == pytest.approx(0, abs=1e-5)
    assert loss(-truth, mask) > loss(truth * 0, mask) > loss(truth, mask)


def test_an_absent_class_is_not_in_the_mean():
    logits, mask = batch(num_classes=2)
    more = torch.cat([logits.detach(), torch.full((2, 3, 6, 7), -40.0)], dim=1)  # three classes nobody sees
    for loss in (dice_loss, lovasz_softmax):
        torch.testing.assert_close(loss(more, mask), loss(logits, mask))


@pytest.mark.parametrize("loss", WEIGHTED)
def test_float32_inside_autocast(loss):
    logits, mask = batch()
    low = logits.detach().bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        value = loss(low, mask)
    assert value.dtype == torch.float32
    torch.testing.assert_close(value, loss(low.float(), mask))


@pytest.mark.parametrize("loss", LOSSES)
def test_one_large_score_gives_no_nan(loss):
    logits, mask = batch()
    value = loss(logits * 1e6, mask)
    value.backward()
    assert value.isfinite() and logits.grad is not None and logits.grad.isfinite().all()


BAD = [
    (torch.zeros(2, 6, 8, dtype=torch.uint8), r"\(2, 3, 6, 7\) and mask \(2, 6, 8\) do not fit"),
    (torch.zeros(2, 1, 6, 7, dtype=torch.uint8), r"mask \(2, 1, 6, 7\) do not fit"),
    (torch.zeros(2, 6, 7), "the mask is torch.float32"),
    (torch.full((2, 6, 7), 3), r"value 3 in 84 pixels, but the classes are 0..2 and 255 is void"),
    (torch.full((2, 6, 7), -1), r"value -1 in 84 pixels"),
]
test_bad_input_gets_one_sentence = refused(
    lambda loss, mask: loss(batch()[0], mask), *((loss, *row) for loss in LOSSES for row in BAD)
)


@pytest.mark.parametrize("gamma", [0, 0.1, 0.5, 1, 2])
def test_focal_loss_has_a_slope_where_a_pixel_is_certain(gamma):
    """Also below 1, where the slope of (1 - p) ^ gamma at p = 1 is infinite; void pixels count nothing."""
    logits = torch.tensor([[[[40.0, 40.0]], [[0.0, 0.0]]]], requires_grad=True)
    focal_loss(logits, torch.tensor([[[0, 255]]]), gamma).backward()
    assert logits.grad is not None and logits.grad.isfinite().all() and logits.grad.abs().max() < 1e-3


test_wrong_gammas_weights_and_devices_get_one_sentence = refused(
    lambda loss, logits, *more: loss(logits, batch()[1], *more),
    (focal_loss, batch()[0], -1, "gamma -1 must be at least 0"),
    (cross_entropy, batch()[0], torch.ones(2), r"weights \(2,\) must hold one"),
    (cross_entropy, batch()[0], [1.0, 2.0, 3.0], "list .* each of the 3 classes"),
    (cross_entropy, batch()[0].to("meta"), "on meta, the mask on cpu; move one"),
)
