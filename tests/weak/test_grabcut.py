"""GrabCut+ and its votes on easy objects, and its parts against slow or independent computations."""

from itertools import product

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal

from seglib.labels import VOID
from seglib.weak import grabcut
from seglib.weak.grabcut import edge_map, grabcut_plus, grabcut_votes, minimum_cut
from tests.weak.samples import box_of, disc

ONE = torch.tensor([1])


@pytest.mark.parametrize("seed", range(6))
def test_a_cut_costs_as_little_as_the_best_of_all_4096(seed):
    rng = np.random.default_rng(seed)
    own, other = rng.integers(0, 9, (2, 3, 4)).astype(float)
    right, down = rng.integers(0, 6, (3, 3)).astype(float), rng.integers(0, 6, (2, 4)).astype(float)
    start, free = rng.random((3, 4)) < 0.5, rng.random((3, 4)) < (0.7 if seed % 2 else 2)

    def cost(mask):
        cut = (right * (mask[:, 1:] != mask[:, :-1])).sum() + (down * (mask[1:] != mask[:-1])).sum()
        return np.where(mask, own, other).sum() + cut

    masks = (np.array(bits).reshape(3, 4) for bits in product([False, True], repeat=12))
    best = min(cost(mask) for mask in masks if (mask == start)[~free].all())
    found = minimum_cut(own, other, right, down, start, free)
    assert cost(found) == best and (found == start)[~free].all()


def test_edges_are_where_the_colours_change():
    image = np.zeros((20, 30, 3), np.uint8)
    image[:, 15:] = 200
    edges = edge_map(image)
    assert edges.shape == (20, 30)
    assert edges[:, 14:16].min() > 5 and max(edges[:, :9].max(), edges[:, 21:].max()) < 0.1
    assert np.allclose(edges, edges[:, ::-1], atol=1e-4) and edge_map(np.zeros_like(image)).max() == 0


def test_the_likelihood_of_a_colour_is_that_of_a_mixture_of_gaussians():
    rng = np.random.default_rng(0)
    weights, means = np.array([0.5, 0.3, 0.2, 0, 0]), rng.uniform(0, 255, (5, 3))
    roots = rng.normal(0, 9, (5, 3, 3))
    covariances = roots @ roots.transpose(0, 2, 1) + 20 * np.eye(3)
    colours = rng.uniform(0, 255, (50, 3))
    density = sum(
        weight * multivariate_normal(mean, covariance + 0.01 * np.eye(3)).pdf(colours)
        for weight, mean, covariance in zip(weights, means, covariances)
        if weight
    )
    model = np.concatenate([weights, means.ravel(), covariances.ravel()])
    found = grabcut._negative_log_likelihood(colours, model) - 1.5 * np.log(2 * np.pi) * -1
    near = density > 1e-280
    assert near.sum() > 5 and np.allclose(found[near], -np.log(density[near]))


def test_a_large_image_is_cut_at_full_size_and_votes_leave_the_disagreement_out():
    image, inside = disc(size=400, radius=100)
    mask = grabcut_plus(image, box_of(inside, loose=10), ONE)
    assert ((mask == 1) != inside).sum() < 60  # the outline is 630 pixels long
    image, inside = disc()
    mask = grabcut_votes(image, box_of(inside, loose=2), ONE, runs=5)
    known = mask != VOID
    assert ((mask == 1) == inside)[known].float().mean() > 0.99
    assert known[inside].float().mean() > 0.9
    with pytest.raises(ValueError, match="runs must be at least 1, not 0"):
        grabcut_votes(image, box_of(inside), ONE, runs=0)
