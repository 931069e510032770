"""The mean field against the same written as loops over pixels, and what smoothing does to a large image."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from seglib.weak.meanfield import mean_field, smooth
from tests.weak.samples import disc


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


def test_a_large_image_is_smoothed_as_a_small_one_would_be():
    image, inside = disc(size=160, radius=40)
    rng = torch.Generator().manual_seed(0)
    sure = (0.4 + 0.2 * inside + 0.2 * torch.randn(160, 160, generator=rng)).clamp(0.05, 0.95)
    found = smooth(image, torch.stack([1 - sure, sure]))
    assert (found.sum(0) - 1).abs().max() < 1e-5
    assert ((found[1] > 0.5) != inside).float().mean() < 0.02 < ((sure > 0.5) != inside).float().mean()


def test_wrong_sizes_are_refused():
    with pytest.raises(ValueError, match=r"must be \(K, 6, 6\), not \(2, 5, 6\)"):
        mean_field(torch.zeros(3, 6, 6, dtype=torch.uint8), torch.ones(2, 5, 6))
    with pytest.raises(ValueError, match="too many"):
        mean_field(torch.zeros(3, 200, 200, dtype=torch.uint8), torch.ones(2, 200, 200))
