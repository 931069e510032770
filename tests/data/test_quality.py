"""The blur score: on edges of known width, on what fools the usual one, and on injected blur."""

import cv2
import numpy as np
import pytest
import skimage
import torch
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from seglib.data import quality
from seglib.data.balance import Counts
from seglib.data.catalog import load
from seglib.data.quality import blur, class_shift, laplacian_variance, reblur, sharpness
from seglib.labels import Classes
from seglib.scenes import Scenes
from tests.data.conftest import InMemory


@pytest.fixture(autouse=True)
def forgetful(home):
    """Every test begins with nothing remembered."""


def tensor(pixels):
    """uint8 (3, H, W) of grey or colour pixels."""
    pixels = np.atleast_3d(pixels)
    pixels = np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels
    return torch.from_numpy(np.clip(np.round(pixels), 0, 255).astype(np.uint8)).permute(2, 0, 1)


def spoiled(image, sigma=0.0, noise=0.0, seed=0):
    """An image blurred by `sigma` pixels, then with noise of so many grey levels."""
    pixels = image.permute(1, 2, 0).numpy().astype(np.float32)
    pixels = cv2.GaussianBlur(pixels, (0, 0), sigma) if sigma else pixels
    return tensor(pixels + noise * np.random.default_rng(seed).standard_normal(pixels.shape))


@pytest.mark.parametrize("width", [0.5, 1, 2, 3, 4])
@pytest.mark.parametrize("contrast", [30, 200])
def test_an_edge_of_known_width(width, contrast):
    step = 20 + contrast * norm.cdf(np.arange(-60, 60) + 0.5, scale=width)
    expected = np.sqrt((width**2 + 4 / 3) / (width**2 + 13 / 3))
    assert blur(tensor(np.tile(step, (80, 1)))) == pytest.approx(expected, abs=0.04)


def test_noise_makes_no_blurred_image_sharp():
    sharp = tensor(skimage.data.astronaut())
    blurred = spoiled(sharp, sigma=4, noise=20)  # 2.5 pixels at 320
    assert laplacian_variance(blurred) > 0.5 * laplacian_variance(sharp)  # the usual score is taken in ...
    assert blur(blurred) > blur(sharp) + 0.15  # ... this one is not
    assert abs(blur(spoiled(sharp, noise=20)) - blur(sharp)) < 0.05


def test_a_smooth_image_is_not_a_blurred_one():
    moon, coins = tensor(skimage.data.moon()), tensor(skimage.data.coins())
    blurred = spoiled(coins, sigma=3)
    assert blur(moon) < blur(blurred)
    sky = tensor(np.tile(np.linspace(90, 200, 300)[:, None], (1, 300)))
    sky[:, 150, 100:200] = 20  # one thin wire
    assert blur(sky) < 0.6 and reblur(sky) > reblur(tensor(skimage.data.astronaut()))


@pytest.mark.parametrize("name", ["astronaut", "coffee", "chelsea", "rocket"])
def test_the_same_image_at_another_size_has_the_same_score(name):
    pixels = getattr(skimage.data, name)()
    large = cv2.resize(pixels, None, fx=2.5, fy=2.5, interpolation=cv2.INTER_CUBIC)
    step = blur(spoiled(tensor(pixels), sigma=2 * max(pixels.shape) / 320)) - blur(tensor(pixels))
    assert abs(blur(tensor(large)) - blur(tensor(pixels))) < 0.15 * step


@pytest.mark.parametrize(
    "pixels", [np.full((50, 60), 90.0), np.random.default_rng(0).normal(120, 10, (200, 200))]
)
def test_where_nothing_stands_out_nothing_is_said(pixels):
    assert np.isnan(blur(tensor(pixels)))


def test_brightness_and_contrast_do_not_matter_and_the_second_opinion_is_scikit_images():
    image = skimage.data.chelsea()
    assert blur(tensor(image * 0.4 + 60)) == pytest.approx(blur(tensor(image)), abs=0.02)
    gray = cv2.cvtColor(image[:200, :300], cv2.COLOR_RGB2GRAY)
    assert reblur(tensor(gray)) == pytest.approx(skimage.measure.blur_effect(gray / 255), abs=1e-5)


def auc(images, sigma, noise, score=blur):
    """Of half of the images blurred and all of them noisy: how well the score tells which."""
    blurred = np.random.default_rng(0).permutation(len(images)) < len(images) // 2
    scores = [score(spoiled(im, sigma * b, noise, seed)) for seed, (im, b) in enumerate(zip(images, blurred))]
    return roc_auc_score(blurred, np.nan_to_num(scores, nan=1.0))


PHOTOGRAPHS = [pytest.param(name, marks=pytest.mark.photographs) for name in ("pets", "camvid")]


@pytest.mark.parametrize("noise", [0, 10])
@pytest.mark.parametrize("name", ["scenes", *PHOTOGRAPHS])
def test_injected_blur_is_found(name, noise, request):
    dataset = Scenes(40, "test")
    if name != "scenes":
        dataset = load(name, "test", root=request.getfixturevalue("photographs")).subset(range(0, 230, 4))
    assert auc([image for image, _ in dataset], 2, noise) >= 0.95


def test_a_data_set_is_judged_by_ranks():
    sharp = tensor(skimage.data.chelsea()[:150, :150])
    images = [spoiled(sharp, sigma) for sigma in (2, 0, 4, 1)] + [tensor(np.full((150, 150), 80))]
    judged = sharpness(InMemory(["cat"], [torch.zeros(150, 150, dtype=torch.uint8)] * 5, images))
    assert judged.blurred(1.0) == [2, 0, 3, 1] and judged.blurred(0.5) == [2, 0] and judged.blurred(0) == []
    assert [row[2] for row in judged.table.rows] == ["100", "67", "33", "0"]  # percentiles
    assert "ranks correlate with 1.00." in str(judged)
    assert "without a clear edge, which have no score: 1." in str(judged)
    assert str(judged).splitlines()[2].startswith("2 ")
    with pytest.raises(ValueError, match=r"0\.\.1; got 2"):
        judged.blurred(2)


def test_what_was_judged_is_remembered(monkeypatch):
    first = sharpness(Scenes(3))
    monkeypatch.setattr(quality, "blur", None)  # calling it would fail
    assert np.array_equal(sharpness(Scenes(3)).scores, first.scores)
    with pytest.raises(TypeError):
        sharpness(Scenes(3, seed=1))


def test_the_images_at_both_ends_are_shown_with_words_and_a_single_one_once(capsys):
    sharp, flat = tensor(skimage.data.chelsea()[:100, :100]), torch.zeros(3, 100, 100, dtype=torch.uint8)
    mask = torch.zeros(100, 100, dtype=torch.uint8)
    sharpness(InMemory(["cat"], [mask, mask], [spoiled(sharp, 3), sharp])).show()
    assert "Above the 1 sharpest images, below the 1 most blurred: 1: 0." in capsys.readouterr().out
    sharpness(InMemory(["cat"], [mask, mask], [sharp, flat])).show()
    assert "The image: 0: 0." in capsys.readouterr().out
    with pytest.raises(ValueError, match="no image has an edge"):
        sharpness(InMemory(["cat"], [mask], [flat])).show()
    with pytest.raises(ValueError, match="nothing to measure"):
        sharpness(InMemory(["a"], []))


def test_class_shift_by_hand():
    pixels = torch.tensor([[80, 20, 0, 0], [0, 100, 0, 50], [20, 70, 10, 0], [0, 100, 0, 0]])
    table = class_shift(Counts(Classes.of("sky", "road", "sign"), pixels), [0])
    assert "1 of 4 images dropped (25 %)" in str(table)
    assert [" ".join(row) for row in table.rows] == [
        "sky 25.0 6.7 50.0 33.3 80.0",  # 20 of 300, 1 of 3; 80 of 100 lost
        "road 72.5 90.0 100.0 100.0 6.9",
        "sign 2.5 3.3 25.0 33.3 0.0",
    ]
    with pytest.raises(ValueError, match="all images"):
        class_shift(Counts(Classes.of("sky", "road", "sign"), pixels), range(4))
