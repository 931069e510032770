"""Axes, cuts and choices of the class-balance board, by hand and against simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seglib.data.balance import Counts
from seglib.data.quality import Sharpness, class_shift
from seglib.labels import Classes
from seglib.scenes import Scenes
from seglib.widgets.balance.cuts import cuts
from seglib.widgets.balance.scale import linear, logarithmic, share_text, weight_text
from seglib.widgets.balance.schemes import loss_shares
from seglib.widgets.balance.thumbs import choose

CLASSES = Classes.of("sky", "road", "car", "boat")
POSITIVE = st.lists(st.floats(1e-7, 1e7), min_size=1, max_size=12)


@given(POSITIVE)
@settings(max_examples=200, deadline=None)
def test_an_axis_shows_every_value_in_order(values: list[float]) -> None:
    for axis in (linear(values), logarithmic(values)):
        lengths = [axis.place(value) for value in sorted(values)]
        assert lengths == sorted(lengths) and lengths[0] > 0 and lengths[-1] == pytest.approx(1)
        assert axis.place(0) == axis.place(math.nan) == 0
        assert len(axis.ticks) <= 2 and all(axis.low < tick <= axis.high * 1.0001 for tick in axis.ticks)


def test_axes_by_hand() -> None:
    assert linear([3, 12]).place(3) == 0.25
    assert linear([3, 12]).ticks == (5, 10)
    axis = logarithmic([0.01, 1])
    assert (axis.low, axis.place(0.1), axis.ticks) == (pytest.approx(0.001), pytest.approx(2 / 3), (0.01, 1))
    assert linear([0, 0]).place(0) == logarithmic([]).place(0) == 0


@given(st.floats(1e-9, 1))
@settings(max_examples=200, deadline=None)
def test_something_is_never_written_as_nothing(share: float) -> None:
    text = share_text(share)
    assert text == "< 0.01 %" if share < 1e-4 else float(text[:-2]) == pytest.approx(100 * share, rel=0.06)
    assert float(weight_text(share)) == pytest.approx(share, rel=0.006)


def shot(scores: list[float], pixels: list[list[int]]) -> tuple[Sharpness, Counts]:
    counts = Counts(CLASSES, torch.tensor(pixels))
    return Sharpness(Scenes(len(scores)), np.array(scores), np.zeros(len(scores))), counts


def test_a_cut_by_hand() -> None:
    pixels = [[90, 10, 0, 0, 0], [0, 80, 20, 0, 0], [10, 85, 5, 0, 0], [0, 75, 25, 0, 0]]
    none, one, two = cuts(*shot([0.9, 0.1, 0.5, 0.3], pixels), beside=2)
    assert (none.dropped, none.goes, none.stays) == (0, (), (2, 0))
    assert (one.dropped, one.threshold, one.stays, one.goes) == (1, 0.9, (3, 2), (0,))
    assert one.lost[:3].tolist() == pytest.approx([0.9, 0.04, 0]) and one.lost[3].isnan()
    assert two.goes == (2, 0) and two.lost[:3].tolist() == pytest.approx([1, 0.38, 0.1])


def test_what_is_lost_is_what_class_shift_says() -> None:
    random = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 1000, (30, 5), generator=random)
    counts = Counts(CLASSES, pixels)
    sharpness = Sharpness(Scenes(30), np.random.default_rng(0).random(30), np.zeros(30))
    for cut in cuts(sharpness, counts)[1:]:
        dropped = sharpness.blurred(1.0)[: cut.dropped]
        rows = {row[0]: float(row[-1]) for row in class_shift(counts, dropped).rows}
        assert [rows[name] for name in CLASSES] == pytest.approx((100 * cut.lost).tolist(), abs=0.051)


def test_the_band_of_chance_is_what_cuts_at_random_take() -> None:
    random = np.random.default_rng(0)
    pixels = torch.from_numpy(random.integers(0, 1000, (40, 5)) * (random.random((40, 5)) < 0.4))
    scores = np.where(np.arange(40) < 36, random.random(40), np.nan)  # four images are not judged
    counts = Counts(CLASSES, pixels)
    cut = next(c for c in cuts(Sharpness(Scenes(40), scores, np.zeros(40)), counts) if c.dropped == 9)
    parts = (pixels[:, :-1] / pixels[:, :-1].sum(dim=0)).numpy()
    taken = np.array([parts[random.permutation(36)[:9]].sum(axis=0) for _ in range(20_000)])
    assert cut.chance.mean(dim=1).numpy() == pytest.approx(taken.mean(axis=0), rel=0.02)
    deviation = (cut.chance[:, 1] - cut.chance[:, 0]).numpy() / 4
    assert deviation == pytest.approx(taken.std(axis=0), rel=0.03)


def test_a_class_that_only_blurred_images_have_is_marked_and_one_spread_evenly_is_not() -> None:
    pixels = [[100 if i < 10 else 0, 100, 1 if i == 3 else 0, 0, 0] for i in range(40)]
    sharpness, counts = shot([1 - i / 40 for i in range(40)], pixels)
    tenth = cuts(sharpness, counts)[5]
    assert tenth.dropped == 5 and tenth.part == 0.125
    assert tenth.much.tolist() == [True, False, True, False]
    assert cuts(sharpness, counts)[0].much.tolist() == [False] * 4


def test_one_image_that_holds_all_of_a_class_is_chance() -> None:
    """It goes in one cut of four at random: nothing to mark."""
    sharpness, counts = shot([0.4, 0.3, 0.2, 0.1], [[0, 9, 5, 0, 0]] + [[0, 9, 0, 0, 0]] * 3)
    assert cuts(sharpness, counts)[1].lost[2] == 1
    assert not cuts(sharpness, counts)[1].much.any()


def test_the_loss_is_shared_by_weight_times_pixels() -> None:
    counts = Counts(CLASSES, torch.tensor([[60, 30, 10, 0, 50]]))
    assert loss_shares(counts, torch.tensor([1.0, 2, 6, 0])).tolist() == pytest.approx(
        [1 / 3, 1 / 3, 1 / 3, 0]
    )


def test_images_of_a_class_are_the_first_in_the_order_that_hold_it() -> None:
    pixels = torch.zeros(20, 5, dtype=torch.long)
    pixels[:, 0], pixels[::2, 1], pixels[7, 2] = 1, 1, 1
    order = list(range(19, -1, -1))
    assert choose(Counts(CLASSES, pixels), order) == [order[:6], [18, 16, 14, 12, 10, 8], [7], []]
