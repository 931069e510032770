"""Colours of classes: do they stay apart for eyes that lack one kind of cone?"""

import itertools

import matplotlib
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from skimage.color import deltaE_ciede2000, rgb2lab

from seglib import labels as palettes
from seglib import scenes
from seglib.labels import Classes

EYES = ["normal", "protanope", "deuteranope", "tritanope"]


def seen_with(eyes: str, colors: NDArray[np.float64]) -> NDArray[np.float64]:
    """(M, 3) in 0..1 as a dichromat sees it: Machado, Oliveira, Fernandes 2009, table 1, severity 1."""
    simulation = {
        "normal": "1 0 0  0 1 0  0 0 1",
        "protanope": "0.152286 1.052583 -0.204868  0.114503 0.786281 0.099216  -0.003882 -0.048116 1.051998",
        "deuteranope": "0.367322 0.860646 -0.227968  0.280085 0.672501 0.047413  -0.011820 0.042940 0.968881",
        "tritanope": "1.255528 -0.076749 -0.178779  -0.078411 0.930809 0.147602  0.004733 0.691367 0.303900",
    }
    matrix = np.array(simulation[eyes].split(), float).reshape(3, 3)
    linear = np.where(colors > 0.04045, ((colors + 0.055) / 1.055) ** 2.4, colors / 12.92)
    seen = np.clip(np.einsum("ij,mj->mi", matrix, linear), 0, 1)
    return np.where(seen > 0.0031308, 1.055 * seen ** (1 / 2.4) - 0.055, 12.92 * seen)


def smallest_distance(eyes: str, colors: list[tuple[int, int, int]]) -> float:
    lab = rgb2lab(seen_with(eyes, np.array(colors) / 255))
    return min(float(deltaE_ciede2000(a, b)) for a, b in itertools.combinations(lab, 2))


@pytest.mark.parametrize("eyes", EYES)
@pytest.mark.parametrize(("count", "distance"), [(15, 11), (20, 9), (32, 7)])
def test_classes_background_and_void_stay_apart_for_all_eyes(count, distance, eyes):
    """For comparison: the ten colours of matplotlib's tab10 come down to 1.3."""
    classes = Classes.of("background", *map(str, range(count)))
    assert smallest_distance(eyes, [*classes.colors, classes.void_color]) > distance


def test_another_class_recolours_none():
    assert palettes.palette(40)[:12] == palettes.palette(12)
    assert palettes.palette(3) == palettes.PETROFF10[:3]
    petroff = [tuple(round(255 * v) for v in color) for color in matplotlib.color_sequences["petroff10"]]
    assert list(palettes.PETROFF10) == [tuple(map(int, color)) for color in petroff]


@pytest.mark.parametrize("eyes", EYES)
def test_the_masks_of_the_scenes_stay_apart_and_do_not_vanish_on_stones(eyes):
    assert smallest_distance(eyes, [*scenes.CLASSES.colors, scenes.CLASSES.void_color]) > 11
    pools = scenes.Scenes(12, size=(64, 64))
    ground = torch.cat([image[:, mask == 0] for image, mask in pools], dim=1).T.numpy()[::97] / 255
    for name, color in zip(scenes.CLASSES.names[1:], scenes.CLASSES.colors[1:]):
        half = (ground + np.array(color) / 255) / 2  # as the viewer shows a mask at first
        change = deltaE_ciede2000(rgb2lab(seen_with(eyes, ground)), rgb2lab(seen_with(eyes, half)))
        assert change.mean() > 12, name  # the grey of palette() comes down to 7
