"""The three rules by hand, and the third against the same written as loops over pixels."""

import math

import pytest
import torch
from torch import Tensor

from seglib.labels import VOID
from seglib.weak.boxes import BoxAnnotations, BoxError
from seglib.weak.cleaning import Rules, box_fill_rates, fill_rates, keep_inside, mean_field, reset_outliers
from seglib.weak.labels import PseudoLabels
from seglib.weak.schemes import inner_rectangles, pseudo_labels, rectangles
from tests.weak.samples import NOTHING, Discs, disc, one_box

ONE = one_box(1, 1, 5, 5)
IMAGE = torch.zeros(3, 6, 6, dtype=torch.uint8)
FULL = rectangles(IMAGE, *ONE)


def test_outside_the_boxes_of_its_class_a_pixel_is_background():
    mask = torch.ones(6, 6, dtype=torch.long)
    mask[2, 2], mask[0, 0] = 2, VOID  # another class in the box; ignored outside
    kept = keep_inside(mask, ONE)
    assert kept.sum() == 15 + VOID and kept[2, 2] == 0 and kept[0, 0] == VOID
    two = BoxAnnotations(torch.tensor([[0, 0, 3, 1], [3, 0, 6, 1]]), torch.tensor([1, 2]))
    assert keep_inside(torch.tensor([[1, 2, 1, 2, 1, 2]]), two).tolist() == [[1, 0, 1, 2, 0, 2]]
    with pytest.raises(BoxError, match=r"box 0, .* leaves the image"):
        keep_inside(torch.zeros(3, 3), ONE)


def test_a_lost_box_is_reset_to_its_label_of_the_first_round():
    first = inner_rectangles(IMAGE, *ONE)  # 2 x 2 in the middle of the 4 x 4 box, the rest ignored
    result, reset = reset_outliers(torch.zeros(6, 6), ONE, first, torch.ones(2))
    assert reset == [0] and torch.equal(result, first)
    assert (result == 1).sum() == 4 and (result == VOID).sum() == 12
    assert torch.equal(reset_outliers(torch.zeros(6, 6), ONE, FULL, torch.ones(2))[0], FULL)
    image, one = disc()[0], one_box(5, 5, 25, 25)
    first = inner_rectangles(image, *one)
    lost = torch.stack([torch.ones(40, 40), torch.zeros(40, 40)])
    assert torch.equal(Rules((1, 1), smoothing=False)(image, lost, one, 1, first), first)
    smooth = Rules((1, 1))(image, lost, one, 1, first)
    assert torch.equal(smooth == VOID, first == VOID)  # what the first label ignores stays ignored


def test_a_star_survives_a_threshold_that_knows_its_class():
    mask = torch.zeros(6, 6, dtype=torch.uint8)
    mask[1:3, 1:4] = 1  # 6 of 16 pixels
    assert box_fill_rates(mask, ONE) == [0.375]
    paper, reset = reset_outliers(mask, ONE, FULL, torch.ones(2))
    assert reset == [0] and paper.sum() == 16
    relative, reset = reset_outliers(mask, ONE, FULL, torch.tensor([1.0, 0.4]))
    assert reset == [] and torch.equal(relative, mask)
    assert reset_outliers(mask, ONE, FULL, torch.ones(2), threshold=0)[1] == []
    ignored = torch.full((6, 6), VOID, dtype=torch.uint8)  # is not missing
    assert reset_outliers(ignored, ONE, FULL, torch.ones(2))[1] == []


def test_a_reset_box_stays_behind_a_smaller_one():
    two = BoxAnnotations(torch.tensor([[0, 0, 6, 6], [2, 2, 4, 4]]), torch.tensor([1, 2]))
    mask = torch.zeros(6, 6, dtype=torch.uint8)
    mask[2:4, 2:4] = 2
    first = torch.ones(6, 6, dtype=torch.uint8)  # a scheme that found nothing in the smaller box
    result, reset = reset_outliers(mask, two, first, torch.ones(3))
    assert reset == [0] and (result == 2).sum() == 4 and (result == 1).sum() == 32


def test_fill_rates_are_those_of_discs():
    discs = Discs(8)
    truth = PseudoLabels(discs, pseudo_labels(discs, "rectangles").boxes, [m for _, m in discs], name="truth")
    rates = fill_rates(truth)
    assert rates[1] == pytest.approx(197 / 289) and rates[2] == 1  # radius 8 is the median; no rings at all


def test_the_rules_come_in_their_order_and_make_a_ragged_prediction_a_disc():
    image, inside = disc()
    rng = torch.Generator().manual_seed(1)
    sure = (0.35 + 0.5 * inside + 0.3 * (torch.rand(40, 40, generator=rng) - 0.5)).clamp(0.01, 0.99)
    one = one_box(10, 10, 31, 31)
    rules = Rules((1.0, 0.78))
    masks = rules.after_each(image, torch.stack([1 - sure, sure]), one, rectangles(image, *one))
    assert list(masks) == ["net", "possible", "inside", "reset", "smooth"]
    assert torch.equal(masks["inside"], masks["reset"])  # enough is left
    assert ((masks["smooth"] == 1) == inside).float().mean() > 0.99
    cut = one_box(10, 10, 31, 28)  # three rows short: smoothing would find them, but nothing leaves a box
    masks = rules.after_each(image, torch.stack([1 - sure, sure]), cut, rectangles(image, *cut))
    assert not masks["smooth"][28:].any() and (masks["smooth"][:28] == 1).sum() > 200
    # smoothing follows the reset
    loose = one_box(6, 6, 35, 35)
    lost = torch.stack([torch.full((40, 40), 0.9), torch.full((40, 40), 0.1)])
    masks = Rules((1.0, 1.0)).after_each(image, lost, loose, rectangles(image, *loose))
    assert not masks["inside"].any() and (masks["reset"] == 1).sum() == 29 * 29
    right = {name: int(((mask == 1) == inside).sum()) for name, mask in masks.items()}
    assert right["smooth"] > right["reset"]  # from the filled box towards the disc


def test_a_class_without_a_box_is_ruled_out():
    image, inside = disc()
    probabilities = torch.stack([torch.full((40, 40), 0.1), 0.3 * inside, torch.full((40, 40), 0.6)])
    rules = Rules((1.0, 1.0, 1.0), threshold=0, smoothing=False)
    mask = rules(image, probabilities, one_box(10, 10, 31, 31), 1, torch.zeros(40, 40))
    assert torch.equal(mask == 1, inside) and mask.max() == 1
    everywhere = Rules((1.0, 1.0, 1.0))(image, probabilities, NOTHING, 1, torch.zeros(40, 40))
    assert not everywhere.any()


def slow_mean_field(image: Tensor, probabilities: Tensor, rounds: int) -> Tensor:
    """Krähenbühl and Koltun's algorithm 1 with k(i, j) / sqrt(sum k(i, .) sum k(., j)), pixel by pixel."""
    height, width = image.shape[1:]
    places = [(y, x) for y in range(height) for x in range(width)]

    def near(i: tuple, j: tuple) -> float:
        return math.exp(-((i[0] - j[0]) ** 2 + (i[1] - j[1]) ** 2) / (2 * 3**2))

    def alike(i: tuple, j: tuple) -> float:
        colour = float((image[:, *i].double() - image[:, *j].double()).square().sum())
        return math.exp(-((i[0] - j[0]) ** 2 + (i[1] - j[1]) ** 2) / (2 * 80**2) - colour / (2 * 13**2))

    now = probabilities.double()
    for _ in range(rounds):
        messages = torch.zeros_like(now)
        for weight, kernel in ((3, near), (10, alike)):
            norm = {i: math.sqrt(sum(kernel(i, j) for j in places)) for i in places}
            for i in places:
                for j in places:
                    messages[:, *i] += weight * kernel(i, j) / (norm[i] * norm[j]) * now[:, *j]
        now = (probabilities.double().log() + messages).softmax(0)
    return now


def test_it_equals_the_same_in_loops():
    rng = torch.Generator().manual_seed(0)
    image = torch.randint(0, 60, (3, 4, 5), generator=rng, dtype=torch.uint8)
    image[:, :, 3:] += 100
    probabilities = torch.rand(3, 4, 5, generator=rng).softmax(0)
    expected = slow_mean_field(image, probabilities, rounds=2)
    found = mean_field(image, probabilities, rounds=2)
    assert torch.allclose(found.double(), expected, atol=1e-5)
    assert (found - probabilities).abs().max() > 0.1  # it does something


def test_on_a_shrunk_grid_it_is_close_to_all_pairs():
    image, inside = disc(size=64, radius=16)
    noise = torch.randn(8, 8, generator=torch.Generator().manual_seed(0)).repeat_interleave(8, 0)
    sure = (0.4 + 0.2 * inside + 0.2 * noise.repeat_interleave(8, 1)).clamp(0.05, 0.95)
    net = torch.stack([1 - sure, sure])
    exact = mean_field(image, net, pixels=64 * 64)
    coarse = mean_field(image, net, pixels=100)  # each cell 6 x 6 pixels, as of a photograph of 500 x 375
    assert (coarse.sum(0) - 1).abs().max() < 1e-5
    wrong = [float(((one[1] > 0.5) != inside).float().mean()) for one in (net, exact, coarse)]
    assert float(((coarse > 0.5) != (exact > 0.5)).float().mean()) < 0.01 and wrong[2] < 0.02 < wrong[0]
