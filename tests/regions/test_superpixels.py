"""Superpixels and colour spaces: against scikit-image, on flat shapes, and at the smallest sizes."""

import numpy as np
import pytest
import torch
from skimage.color import rgb2hsv, rgb2lab

from seglib.regions import superpixels as module
from seglib.regions.superpixels import Channels, as_rgb, in_space, renumber, superpixels


def test_colours_are_those_of_scikit_image(scene):
    rgb = scene.permute(1, 2, 0).numpy()
    lab = in_space(scene, "lab") * [100, 255, 255] - [0, 128, 128]
    assert lab == pytest.approx(rgb2lab(rgb), abs=0.6)
    assert in_space(scene, "hsv") == pytest.approx(rgb2hsv(rgb), abs=1e-5)
    for space in ("rgb", "lab", "hsv", "chroma", "grey"):
        colours = in_space(scene, space)
        assert colours.dtype == np.float32 and colours.min() >= 0 and colours.max() <= 1


def test_small_pieces_join_a_neighbour_but_never_more_than_100_pixels(monkeypatch):
    """Squares of 36 and of 144 pixels on black: the least size is 25, 100 and 100 pixels."""
    monkeypatch.setattr(module, "SIGMA", 0.1)  # smoothing would add pieces along the edges
    image = torch.zeros(3, 60, 80, dtype=torch.uint8)
    image[:, 10:16, 10:16], image[:, 30:42, 40:52] = 255, 255
    pieces = {n: len(superpixels(image, scale=n).unique()) for n in (50, 200, 900)}
    assert pieces == {50: 3, 200: 2, 900: 2}


def test_numbers_have_no_gaps_and_a_larger_scale_gives_fewer(scene):
    fine, coarse = (superpixels(scene, scale=scale) for scale in (20, 200))
    for labels in (fine, coarse):
        assert labels.dtype == torch.int64
        assert labels.unique().tolist() == list(range(int(labels.max()) + 1))
    assert fine.max() > coarse.max()
    assert renumber(torch.tensor([[7, 7, 2], [10**9, 2, 2]])).tolist() == [[1, 1, 0], [2, 0, 0]]
    with pytest.raises(ValueError, match="scale must be above 0"):
        superpixels(scene, scale=0)
    with pytest.raises(ValueError, match="rgb, lab, hsv, chroma, grey; got 'cmyk'"):
        superpixels(scene, space="cmyk")


def test_another_algorithm_gets_the_colours_and_its_map_is_renumbered(scene):
    def halves(colours: Channels, scale: float, sigma: float, min_size: int) -> np.ndarray:
        assert colours.shape == (60, 80, 1) and (scale, sigma, min_size) == (30, 0.8, 15)
        return np.where(np.arange(80) < 40, 9, 4).repeat(60).reshape(80, 60).T.astype(np.int32)

    labels = superpixels(scene, scale=30, space="grey", cut=halves)
    assert labels.dtype == torch.int64 and labels[0].tolist() == [1] * 40 + [0] * 40


@pytest.mark.parametrize(("size", "count"), [((1, 1), 1), ((1, 40), 2), ((40, 1), 2), ((2, 2), 1)])
def test_images_of_one_row_or_pixel(size, count):
    image = torch.zeros(3, *size, dtype=torch.uint8)
    image[:, size[0] // 2 :, size[1] // 2 :] = 255 if max(size) > 2 else 0
    labels = superpixels(image, scale=10)
    assert labels.shape == size and int(labels.max()) + 1 == count


def test_grey_images_get_three_channels_and_other_things_are_refused():
    grey = torch.arange(12, dtype=torch.uint8).reshape(3, 4)
    assert as_rgb(grey).shape == as_rgb(grey[None]).shape == (3, 3, 4)
    others = [torch.zeros(*shape).byte() for shape in ((4, 4, 3), (2, 3, 4, 4), (3, 0, 4), (2, 4, 4), (0, 4))]
    for wrong in (torch.zeros(3, 4, 4), np.zeros((3, 4, 4), np.uint8), *others):
        with pytest.raises(ValueError, match=r"\(3, H, W\) uint8"):
            as_rgb(wrong)
