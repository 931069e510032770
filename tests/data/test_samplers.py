"""Samplers: rates by hand, seeds, epochs, and what they cannot balance."""

from collections import Counter

import pytest
import torch
from torch.utils.data import DataLoader

from seglib.data.balance import Counts
from seglib.data.sampling import ClassBalanced, RepeatFactor, repeat_factors
from seglib.labels import Classes

CLASSES = Classes.of("sea", "fish", "weed")
# 8 images: sea in all, fish in two, weed in one of these; each rare thing is a tenth of its image.
PIXELS = torch.tensor([[100, 0, 0, 0]] * 6 + [[90, 10, 0, 0], [80, 10, 10, 0]])
COUNTS = Counts(CLASSES, PIXELS)


def test_repeat_factors_by_hand():
    # t = 1/2: sea f = 1 -> 1; fish f = 1/4 -> sqrt 2; weed f = 1/8 -> 2
    assert repeat_factors(COUNTS, 0.5).tolist() == pytest.approx([1.0] * 6 + [2**0.5, 2.0])
    assert repeat_factors(COUNTS, 0.1).tolist() == [1.0] * 8  # all classes are in more than a tenth


def test_repeat_factors_do_not_depend_on_a_class_that_is_nowhere():
    longer = Counts(
        Classes.of("sea", "fish", "weed", "whale"), torch.cat([PIXELS, torch.zeros(8, 1).long()], 1)
    )
    assert torch.equal(repeat_factors(longer, 0.5), repeat_factors(COUNTS, 0.5))


def test_repeat_factor_rounds_by_chance_so_that_the_mean_is_the_factor():
    sampler = RepeatFactor(COUNTS, threshold=0.5, seed=1)
    seen = Counter()
    for epoch in range(400):
        sampler.set_epoch(epoch)
        indices = list(sampler)
        assert len(indices) == len(sampler)
        assert indices.count(0) == 1 and indices.count(7) == 2 and indices.count(6) in (1, 2)
        seen.update(indices)
    assert seen[6] / 400 == pytest.approx(2**0.5, abs=0.08)  # 3 standard deviations of 400 coins


def test_class_balanced_draws_each_class_as_often():
    sampler = ClassBalanced(COUNTS, length=6000, seed=3)
    seen = Counter(sampler)
    # 1/3 sea: any of 8; 1/3 fish: either of two; 1/3 weed: the last
    assert seen[7] / 6000 == pytest.approx(1 / 24 + 1 / 6 + 1 / 3, abs=0.02)
    assert seen[6] / 6000 == pytest.approx(1 / 24 + 1 / 6, abs=0.02)
    assert seen[0] / 6000 == pytest.approx(1 / 24, abs=0.01)


@pytest.mark.parametrize(
    "make",
    [
        lambda seed: ClassBalanced(COUNTS, seed=seed),
        lambda seed: RepeatFactor(COUNTS, threshold=0.5, seed=seed),
    ],
)
def test_seed_and_epoch_decide(make):
    first, again, other = make(1), make(1), make(2)
    assert list(first) == list(again) == list(again)
    again.set_epoch(1)
    assert list(first) != list(again)
    assert list(first) != list(other) and list(again) != list(other)  # seed 1, epoch 1 is not seed 2, epoch 0


def test_they_feed_a_loader():
    data = torch.arange(8)
    for sampler in (ClassBalanced(COUNTS), RepeatFactor(COUNTS, threshold=0.5)):
        batches = list(DataLoader(data, batch_size=3, sampler=sampler))
        assert torch.cat(batches).tolist() == list(sampler)


def test_no_sampler_balances_the_pixels_inside_a_image():
    """The richest image is 10 % fish. However images are drawn, the pixels seen are at most that."""
    richest = (PIXELS[:, 1] / PIXELS[:, :3].sum(1)).max()
    extreme = ClassBalanced(COUNTS, length=3000), RepeatFactor(COUNTS, threshold=1.0)
    for sampler in extreme:
        seen = COUNTS.subset(list(sampler))
        before, after = COUNTS.shares()[1], seen.shares()[1]
        assert before < after <= richest  # better, but one in ten at the very best
        in_images = seen.total("images")[1] / len(seen)
        assert in_images > COUNTS.total("images")[1] / len(COUNTS)  # what a sampler does change


@pytest.mark.parametrize("wrong", [0.0, -1.0, 1.5])
def test_wrong_arguments_are_refused(wrong):
    with pytest.raises(ValueError, match="above 0 and at most 1"):
        RepeatFactor(COUNTS, threshold=wrong)
    with pytest.raises(ValueError, match="at least 1"):
        ClassBalanced(COUNTS, length=0)
