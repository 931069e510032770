"""Weights for drawing: by hand, against another solver, and what they say about what cannot be reached."""

import numpy as np
import pytest
import torch
from scipy.optimize import nnls
from torch.testing import assert_close

from seglib.data.balance import Counts
from seglib.data.sampling import class_balanced, repeat_factor, reweight
from seglib.labels import Classes

CLASSES = Classes.of("sea", "fish", "weed")
TWO = Classes.of("sea", "fish")
# 8 images: sea in all, fish in two, weed in one of these; each rare thing is a tenth of its image.
PIXELS = torch.tensor([[100, 0, 0, 0]] * 6 + [[90, 10, 0, 0], [80, 10, 10, 0]])
COUNTS = Counts(CLASSES, PIXELS)
ABSENT = Counts(Classes.of("sea", "fish", "weed", "whale"), torch.cat([PIXELS, PIXELS[:, 3:]], 1))


@pytest.fixture
def counts():
    """60 images of 200 to 300 pixels: mostly sea, some fish, little weed."""
    rng = np.random.default_rng(0)
    shares = rng.dirichlet((6, 1, 0.4), 60)
    pixels = (shares * rng.integers(200, 300, (60, 1))).astype(int)
    return Counts(CLASSES, torch.from_numpy(np.c_[pixels, rng.integers(0, 9, 60)]))


def draw(weights, number):
    return torch.multinomial(weights, number, True, generator=torch.Generator().manual_seed(0))


def test_class_balanced_by_hand():
    # 1/3 sea: any of 8; 1/3 fish: either of two; 1/3 weed: the last
    rates = [1 / 24] * 6 + [1 / 24 + 1 / 6, 1 / 24 + 1 / 6 + 1 / 3]
    assert_close(class_balanced(COUNTS), 8 * torch.tensor(rates).double(), atol=1e-6, rtol=0)
    assert torch.equal(class_balanced(ABSENT), class_balanced(COUNTS))
    assert class_balanced(Counts(TWO, torch.tensor([[9, 0, 0], [0, 0, 9]]))).tolist() == [2, 0]
    with pytest.raises(ValueError, match="no images of any class"):
        class_balanced(Counts(TWO, torch.tensor([[0, 0, 9]])))


def test_repeat_factors_by_hand():
    # t = 1/2: sea f = 1 -> 1; fish f = 1/4 -> sqrt 2; weed f = 1/8 -> 2
    assert repeat_factor(COUNTS, 0.5).tolist() == pytest.approx([1.0] * 6 + [2**0.5, 2.0])
    assert repeat_factor(COUNTS, 0.1).tolist() == [1.0] * 8  # all classes are in more than a tenth
    assert torch.equal(repeat_factor(ABSENT, 0.5), repeat_factor(COUNTS, 0.5))
    for threshold in (0.0, -1.0, 1.5, float("nan")):
        with pytest.raises(ValueError, match="above 0 and at most 1"):
            repeat_factor(COUNTS, threshold)


@pytest.mark.parametrize("weigh", [class_balanced, lambda counts: repeat_factor(counts, 1.0)])
def test_no_drawing_balances_the_pixels_inside_an_image(weigh):
    """The richest image is 10 % fish. However images are drawn, the pixels seen are at most that."""
    richest = (PIXELS[:, 1] / PIXELS[:, :3].sum(1)).max()
    seen = COUNTS.subset(draw(weigh(COUNTS), 3000))
    assert COUNTS.shares()[1] < seen.shares()[1] <= richest  # better, but one in ten at the very best
    in_images = seen.total("images")[1] / len(seen)
    assert in_images > COUNTS.total("images")[1] / len(COUNTS)  # what drawing does change


def nearest(counts, target):
    """The least squares between reachable shares and the target, by non-negative least squares."""
    amounts = counts.of("pixels").double().numpy()
    q = amounts / amounts.sum(axis=1, keepdims=True)
    x, _ = nnls(np.vstack([q.T, 1e4 * np.ones(len(q))]), np.r_[target, 1e4])
    return x / x.sum() @ q


def test_two_images_by_hand():
    # all sea, and half fish: shares .6 and .4 need .2 of the pixels from the first and .8 from the second
    done = reweight(Counts(TWO, torch.tensor([[100, 0, 0], [50, 50, 7]])), [0.6, 0.4], min_effective=0)
    assert_close(done.weights, torch.tensor([0.4, 1.6]).double(), atol=1e-3, rtol=1e-3)
    assert_close(done.before, torch.tensor([0.75, 0.25]).double())
    assert done.distance(done.before) == pytest.approx(0.15) and done.distance(done.after) < 1e-3
    assert done.effective_images == pytest.approx(4 / (0.4**2 + 1.6**2), rel=1e-2)
    # larger images need fewer draws, and void none
    done = reweight(Counts(TWO, torch.tensor([[100, 0, 0], [0, 400, 0], [0, 0, 9]])), min_effective=0)
    assert_close(done.weights, torch.tensor([2.4, 0.6, 0]).double(), atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("target", [[1 / 3, 1 / 3, 1 / 3], [0.8, 0.1, 0.1], [0.02, 0.08, 0.9]])
def test_as_near_as_another_solver_comes(counts, target):
    done = reweight(counts, target, min_effective=0)
    best = nearest(counts, np.array(target))
    gap = np.linalg.norm(done.after.numpy() - target) - np.linalg.norm(best - target)
    assert -1e-6 < gap < 2e-3
    assert done.distance(done.after) == pytest.approx(done.best_distance, abs=1e-9)


def test_after_is_what_drawing_by_the_weights_gives(counts):
    done = reweight(counts, min_effective=0.3)
    assert_close(counts.subset(draw(done.weights, 40_000)).shares(), done.after, atol=0.005, rtol=0)
    assert done.weights.mean().item() == pytest.approx(1) and (done.weights >= 0).all()


def test_the_more_images_stay_in_effect_the_farther_from_the_target(counts):
    results = [reweight(counts, min_effective=least) for least in (0, 0.25, 0.5, 0.9, 1)]
    distances = [one.distance(one.after) for one in results]
    assert distances == sorted(distances) and distances[0] < distances[-1]
    for one, least in zip(results, (0, 0.25, 0.5, 0.9, 1)):
        assert one.effective_images >= least * 60 * 0.999
    assert_close(results[-1].weights, torch.ones(60).double(), atol=0.02, rtol=0)


def test_a_class_that_is_small_everywhere_stays_small():
    counts = Counts(TWO, torch.tensor([[99, 1, 0], [98, 2, 0], [100, 0, 0]]))
    done = reweight(counts, min_effective=0)
    assert done.after[1] <= 0.02 + 1e-9 and done.best_distance > 0.47
    assert "48 % is the best that is possible" in str(done) and "<table>" in done._repr_html_()


@pytest.mark.parametrize("target", [[0.5, 0.5], [0.5, 0.6, -0.1], [0.5, 0.2, 0.2], [0.5, 0.5, float("nan")]])
def test_wrong_arguments_are_refused(counts, target):
    with pytest.raises(ValueError, match="3 shares"):
        reweight(counts, target)
    with pytest.raises(ValueError, match="min_effective"):
        reweight(counts, min_effective=2)
    nowhere = Counts(CLASSES, torch.tensor([[5, 5, 0, 0]]))
    with pytest.raises(ValueError, match="no image contains weed"):
        reweight(nowhere, [0.4, 0.3, 0.3])
    assert reweight(nowhere).target.tolist() == [0.5, 0.5, 0]  # by default every class that occurs
