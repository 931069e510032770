"""Grading: by hand, against another solver, and how honestly it says what cannot be reached."""

import numpy as np
import pytest
import torch
from scipy.optimize import nnls
from torch.testing import assert_close

from seglib.data.balance import Counts
from seglib.data.sampling import grade, pick, rake
from seglib.labels import Classes

CLASSES = Classes.of("sea", "fish", "weed")


@pytest.fixture
def counts():
    """60 images of 200 to 300 pixels: mostly sea, some fish, little weed."""
    rng = np.random.default_rng(0)
    shares = rng.dirichlet((6, 1, 0.4), 60)
    pixels = (shares * rng.integers(200, 300, (60, 1))).astype(int)
    return Counts(CLASSES, torch.from_numpy(np.c_[pixels, rng.integers(0, 9, 60)]))


def nearest(counts, wanted):
    """The least squares between reachable shares and `wanted`, by non-negative least squares."""
    amounts = counts.of("pixels").double().numpy()
    q = amounts / amounts.sum(axis=1, keepdims=True)
    x, _ = nnls(np.vstack([q.T, 1e4 * np.ones(len(q))]), np.r_[wanted, 1e4])
    return x / x.sum() @ q


def test_two_images_by_hand():
    # all sea, and half fish: shares .6 and .4 need .2 of the pixels from the first and .8 from the second
    counts = Counts(Classes.of("sea", "fish"), torch.tensor([[100, 0, 0], [50, 50, 7]]))
    done = grade(counts, [0.6, 0.4], keep=0)
    assert_close(done.weights, torch.tensor([0.4, 1.6]).double(), atol=1e-3, rtol=1e-3)
    assert_close(done.before, torch.tensor([0.75, 0.25]).double())
    assert done.distance(done.before) == pytest.approx(0.15) and done.distance(done.after) < 1e-3
    assert done.images == pytest.approx(4 / (0.4**2 + 1.6**2), rel=1e-2)


def test_larger_images_need_fewer_draws():
    counts = Counts(Classes.of("sea", "fish"), torch.tensor([[100, 0, 0], [0, 400, 0]]))
    assert_close(grade(counts, keep=0).weights, torch.tensor([1.6, 0.4]).double(), atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("wanted", [[1 / 3, 1 / 3, 1 / 3], [0.8, 0.1, 0.1], [0.02, 0.08, 0.9]])
def test_as_near_as_another_solver_comes(counts, wanted):
    done = grade(counts, wanted, keep=0)
    best = nearest(counts, np.array(wanted))
    gap = np.linalg.norm(done.after.numpy() - wanted) - np.linalg.norm(best - wanted)
    assert -1e-6 < gap < 2e-3
    assert done.distance(done.after) == pytest.approx(done.nearest, abs=1e-9)


def test_after_is_what_drawing_by_the_weights_gives(counts):
    done = grade(counts, keep=0.3)
    drawn = torch.multinomial(done.weights, 40_000, True, generator=torch.Generator().manual_seed(0))
    assert_close(counts.subset(drawn).shares(), done.after, atol=0.005, rtol=0)
    assert done.weights.mean().item() == pytest.approx(1) and (done.weights >= 0).all()


def test_the_more_images_are_kept_the_farther_it_stays(counts):
    results = [grade(counts, keep=keep) for keep in (0, 0.25, 0.5, 0.9, 1)]
    distances = [one.distance(one.after) for one in results]
    assert distances == sorted(distances) and distances[0] < distances[-1]
    for one, keep in zip(results, (0, 0.25, 0.5, 0.9, 1)):
        assert one.images >= keep * 60 * 0.999
    assert_close(results[-1].weights, torch.ones(60).double(), atol=0.02, rtol=0)


def test_a_class_that_is_small_everywhere_stays_small():
    counts = Counts(Classes.of("sea", "fish"), torch.tensor([[99, 1, 0], [98, 2, 0], [100, 0, 0]]))
    done = grade(counts, keep=0)
    assert done.after[1] <= 0.02 + 1e-9 and done.nearest > 0.47
    assert "at best it would be 0.480" in str(done)


def test_shares_of_images_and_objects():
    pixels = torch.tensor([[9, 0, 0], [9, 0, 0], [9, 0, 0], [8, 1, 0]])
    counts = Counts(Classes.of("sea", "fish"), pixels, torch.tensor([[1, 0], [1, 0], [1, 0], [0, 4]]))
    by_images = grade(counts, [0.6, 0.4], unit="images", keep=0)
    assert by_images.before.tolist() == [0.8, 0.2] and by_images.distance(by_images.after) < 0.005
    by_objects = grade(counts, unit="objects", keep=0)
    assert_close(
        by_objects.weights[:3] / by_objects.weights[3],
        torch.tensor(4 / 3).expand(3).double(),
        atol=0.01,
        rtol=0,
    )


def test_images_of_void_alone_are_never_drawn():
    counts = Counts(Classes.of("sea", "fish"), torch.tensor([[0, 0, 9], [9, 0, 0], [0, 9, 0]]))
    assert grade(counts, keep=0).weights[0] == 0


def test_picking_by_hand():
    pixels = torch.tensor([[10, 0, 0], [5, 5, 0], [10, 0, 0], [0, 10, 0], [9, 1, 0]])
    picked = pick(Counts(Classes.of("sea", "fish"), pixels), 3)
    assert picked.chosen == [0, 1, 3] and picked.distance(picked.after) == 0
    assert picked.weights.tolist() == pytest.approx(
        [5 / 3, 5 / 3, 0, 5 / 3, 0]
    ) and picked.images == pytest.approx(3)


def test_picking_beats_chance_and_takes_each_once(counts):
    picked = pick(counts, 20)
    assert len(picked.chosen) == 20
    rng = np.random.default_rng(1)
    by_chance = [picked.distance(counts.subset(rng.permutation(60)[:20]).shares()) for _ in range(200)]
    assert picked.distance(picked.after) < min(by_chance)
    assert_close(counts.subset(picked.chosen).shares(), picked.after)
    assert pick(counts, 60).distance(pick(counts, 60).after) == pytest.approx(picked.distance(picked.before))


@pytest.mark.parametrize("wanted", [[0.5, 0.5], [0.5, 0.6, -0.1], [0.5, 0.2, 0.2], [0.5, 0.5, float("nan")]])
def test_wishes_that_are_no_shares_are_refused(counts, wanted):
    with pytest.raises(ValueError, match="wanted must be 3 shares that sum to 1"):
        grade(counts, wanted)


def test_what_is_nowhere_cannot_be_wanted():
    counts = Counts(CLASSES, torch.tensor([[5, 5, 0, 0]]))
    with pytest.raises(ValueError, match="no image contains weed: want 0 of it"):
        grade(counts, [0.4, 0.3, 0.3])
    assert grade(counts).wanted.tolist() == [0.5, 0.5, 0]  # by default every class that occurs


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda c: grade(c, keep=2), "keep is"),
        (lambda c: pick(c, 0), "1..60"),
        (lambda c: pick(c, 61), "1..60"),
    ],
)
def test_numbers_out_of_range_are_refused(counts, call, message):
    with pytest.raises(ValueError, match=message):
        call(counts)


def test_many_images_and_classes_are_no_hardship():
    rng = np.random.default_rng(0)
    amounts = rng.dirichlet([5] + [0.2] * 20, 20_000)
    weights = rake(amounts, np.full(21, 1 / 21), 1e-2)
    assert weights.mean() == pytest.approx(1)
    shares = weights @ amounts / (weights @ amounts).sum()
    assert np.abs(shares - 1 / 21).sum() < np.abs(amounts.mean(axis=0) - 1 / 21).sum()
