"""Weights by which images are drawn for training, so that rare classes are seen more often.

Each function returns one weight an image. `train(net, dataset, weights=...)` and `batches(..., weights=...)`
draw images in proportion to them, with replacement.

Whole images are all there is to choose from. An image with a rare fish is still mostly water, so the share
of fish among all pixels that are seen can never rise above its share in the image that is richest in fish:
what is rare inside every image stays rare, whatever is drawn. Class weights in the loss are what acts on
pixels. And an image that is seen ten times is not ten images: it is memorised sooner.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from torch import Tensor

from seglib.data.balance import Counts, check_counts
from seglib.labels import Classes
from seglib.tables import Table, Tabled

Array = NDArray[np.float64]

STEPS = 30  # of the bisection for the ridge
RIDGES = (1e-5, 1e4)  # from as near to the target as possible to all weights alike


def class_balanced(counts: Counts) -> Tensor:
    """Weights as if a class were drawn first, each as often, then an image that contains it.

    This is class-aware sampling (Shen, Lin and Huang, 2016), which goes round through a shuffled list of
    images for each class; here draws are independent. An image of the set of classes C has the weight
    N / K * sum over c in C of 1 / n_c, where n_c images contain class c. An image is drawn for each class
    that it contains, so a class that is in every image, as a background is, is still in every draw. What
    holds is that each class is in at least one of K draws, on average.

    Args:
        counts: of the N images, K classes of which occur.

    Returns:
        (N,) float64 of mean 1; 0 for images that contain no class.

    Raises:
        ValueError: no class occurs.

    Example:
        >>> pixels = torch.tensor([[9, 0, 0], [9, 0, 0], [9, 0, 0], [8, 1, 0]])
        >>> class_balanced(Counts(Classes.of("sea", "fish"), pixels))
        tensor([0.5000, 0.5000, 0.5000, 2.5000], dtype=torch.float64)
    """
    check_counts(counts)
    counts.shares("images")  # raises if no class occurs
    present = counts.of("images").double()  # (N, K)
    present = present[:, present.any(0)]
    return len(counts) * (present / present.sum(0)).mean(1)


def repeat_factor(counts: Counts, threshold: float) -> Tensor:
    """Repeat factors: how often an image counts because of the rarest class in it.

    A class in the share f of the images has the factor max(1, sqrt(t / f)), an image the largest factor of
    its classes (LVIS; Gupta, Dollár and Girshick, 2019). Classes in more than the share t of the images are
    left alone. LVIS makes an epoch longer by these factors; drawn by weights it keeps its length, and the
    images come in the same proportions.

    Args:
        counts: of the N images.
        threshold: t, above 0 up to 1. LVIS uses 0.001 for 1200 classes; for ten, try 0.1 to 0.5.

    Returns:
        (N,) float64, at least 1.

    Raises:
        ValueError: `threshold` is out of range.

    Example:
        >>> pixels = torch.tensor([[9, 0, 0], [9, 0, 0], [9, 0, 0], [8, 1, 0]])
        >>> repeat_factor(Counts(Classes.of("sea", "fish"), pixels), threshold=1.0).tolist()
        [1.0, 1.0, 1.0, 2.0]
    """
    if not 0 < threshold <= 1:
        raise ValueError(f"threshold must be above 0 and at most 1, got {threshold}")
    present = counts.of("images").double()  # (N, K)
    of_class = (threshold / present.mean(0)).sqrt().clamp(min=1).nan_to_num(posinf=1)  # of absent ones: 1
    return (present * of_class).amax(1).clamp(min=1)


@dataclass(frozen=True, repr=False)
class Reweighting(Tabled):
    """Weights that bring the classes' shares near to a target, and how near; `reweight` makes it.

    Attributes:
        classes: K classes.
        weights: (N,) float64 of mean 1, for `train(weights=...)`: how often an image is drawn, relative to
            the others.
        target: (K,) float64 shares of the pixels.
        before: (K,) float64 shares when all images have the same weight.
        after: (K,) float64 shares with these weights, on average over many draws.
        best_distance: the distance to the target below which hardly anything gets, however few images remain.
    """

    classes: Classes
    weights: Tensor
    target: Tensor
    before: Tensor
    after: Tensor
    best_distance: float

    @property
    def effective_images(self) -> float:
        """The effective sample size of the weights: as many images of equal weight are worth as much."""
        return effective_sample_size(self.weights.numpy())

    def distance(self, shares: Tensor) -> float:
        """Total variation to the target, 0..1: the part of the shares that is in the wrong class."""
        return (shares - self.target).abs().sum().item() / 2

    @property
    def table(self) -> Table:
        """Shares before and after next to the target, and how near that is."""
        columns = (self.before, self.after, self.target)
        rows = [[name, *(f"{100 * c[k]:.2f}" for c in columns)] for k, name in enumerate(self.classes)]
        return Table(
            f"Shares of pixels in %, {len(self.weights)} images",
            ["", "before", "after", "target"],
            rows,
            f"Distance from the target: {100 * self.distance(self.before):.0f} % before,"
            f" {100 * self.distance(self.after):.0f} % after;"
            f" {100 * self.best_distance:.0f} % is the best that is possible."
            f" The weights are worth {self.effective_images:.0f} images; the largest is"
            f" {self.weights.max():.1f} times the mean.",
        )


def reweight(
    counts: Counts, target: Sequence[float] | Tensor | None = None, *, min_effective: float = 0.5
) -> Reweighting:
    """Weight images so that the classes' shares of the pixels come as near as possible to a target.

    What comes nearest is usually a handful of images, drawn over and over, which is not enough to train on.
    So `min_effective` bounds the effective sample size of the weights from below. `balance_weights` says how
    they are found.

    Args:
        counts: of N images.
        target: K shares that sum to 1; by default the same for every class that occurs.
        min_effective: least effective sample size, as a share of N, 0..1; 0 for as near as possible at any
            price.

    Returns:
        The weights, the shares before and after, and how near one can come.

    Raises:
        ValueError: `target` is not K shares that sum to 1, or asks for a class that no image contains;
            `min_effective` is out of range; there is nothing but void.

    Example:
        >>> counts = Counts(Classes.of("sea", "fish"), torch.tensor([[100, 0, 0], [50, 50, 0]]))
        >>> reweight(counts, [0.6, 0.4], min_effective=0).weights.round(decimals=2)
        tensor([0.4000, 1.6000], dtype=torch.float64)
    """
    if not 0 <= min_effective <= 1:
        raise ValueError(f"min_effective must be a share of the images, 0..1; got {min_effective}")
    amounts, goal = counts.of("pixels").double().numpy(), _checked_target(counts, target)
    least = min_effective * len(counts)
    low, high = np.log(RIDGES)
    nearest = weights = balance_weights(amounts, goal, RIDGES[0])
    if effective_sample_size(nearest) < least:
        for _ in range(STEPS):
            middle = (low + high) / 2
            weights = balance_weights(amounts, goal, np.exp(middle))
            low, high = (middle, high) if effective_sample_size(weights) < least else (low, middle)
        weights = balance_weights(amounts, goal, np.exp(high))
    best = float(np.abs(_shares(amounts, nearest) - goal).sum() / 2)
    drawn, wanted, after = map(torch.from_numpy, (weights, goal, _shares(amounts, weights)))
    return Reweighting(counts.classes, drawn, wanted, counts.shares(), after, best)


def balance_weights(amounts: Array, target: Array, ridge: float) -> Array:
    """Weights for images, so that the classes' shares of the weighted sum come near to `target`.

    With q[i] the shares in image i, u[i] its part of the plain sum and x[i] its part of the weighted one
    (both sum to 1), they minimise

        |x q - target|^2 / (2 ridge) + sum_i x[i] log(x[i] / u[i])

    Of all weights that reach the same shares these are the most even ones: x[i] ~ u[i] exp(l q[i]) with one
    number l for each class (raking: Deming and Stephan, 1940; entropy balancing: Hainmueller, 2012, who asks
    for equality where we, since it is often out of reach, ask for nearness). l minimises the dual,

        log sum_i u[i] exp(l q[i]) - l target + ridge |l|^2 / 2

    which is smooth and convex in K numbers, however many images there are.

    Args:
        amounts: (N, K) float64, at least 0: how much of each class each image holds.
        target: (K,) float64 shares that sum to 1.
        ridge: above 0; small: as near to the target as possible, large: all weights alike.

    Returns:
        (N,) float64 of mean 1; 0 for images that hold nothing.

    Example:
        >>> balance_weights(np.array([[1.0, 0.0], [0.5, 0.5]]), np.array([0.6, 0.4]), 1e-9).round(3)
        array([0.4, 1.6])
    """
    size = amounts.sum(axis=1)
    some = size > 0
    q, u = amounts[some] / size[some, None], size[some] / size.sum()

    def parts(factors: Array) -> tuple[Array, float]:
        """x, and the logarithm of the sum by which it was divided."""
        height = np.log(u) + q @ factors
        raw = np.exp(height - height.max())  # of large numbers without overflow
        return raw / raw.sum(), height.max() + np.log(raw.sum())

    def dual(factors: Array) -> float:
        return float(parts(factors)[1] - factors @ target + ridge / 2 * factors @ factors)

    def gradient(factors: Array) -> Array:
        return parts(factors)[0] @ q - target + ridge * factors

    def hessian(factors: Array) -> Array:
        x = parts(factors)[0]
        return (q.T * x) @ q - np.outer(x @ q, x @ q) + ridge * np.eye(len(factors))

    start = np.zeros(q.shape[1])
    found = minimize(dual, start, jac=gradient, hess=hessian, method="trust-exact", options={"gtol": 1e-9})
    weights = np.zeros(len(size))
    weights[some] = parts(found.x)[0] / size[some]
    return weights / weights.mean()


def effective_sample_size(weights: Array) -> float:
    """How many equal weights are worth as much: (sum w)^2 / sum w^2 (Kish, 1965).

    Example:
        >>> effective_sample_size(np.array([1.0, 1.0, 0.0])), effective_sample_size(np.array([4.0, 1.0, 1.0]))
        (2.0, 2.0)
    """
    return float(weights.sum() ** 2 / (weights**2).sum())


def _shares(amounts: Array, weights: Array) -> Array:
    """(K,) the shares when images count by weights (N,)."""
    total = weights @ amounts
    return total / total.sum()


def _checked_target(counts: Counts, target: Sequence[float] | Tensor | None) -> Array:
    """(K,) shares, by default the same for each class that occurs."""
    occurs = counts.shares() > 0
    goal = occurs.double() / occurs.sum() if target is None else torch.as_tensor(target, dtype=torch.float64)
    if goal.shape != occurs.shape or not (goal >= 0).all() or abs(goal.sum().item() - 1) > 1e-6:
        shares = f"{len(occurs)} shares that sum to 1, one for each of {', '.join(counts.classes)}"
        raise ValueError(f"target must be {shares}; got {goal.tolist()}")
    if (missing := (goal > 0) & ~occurs).any():
        names = ", ".join(name for name, absent in zip(counts.classes, missing) if absent)
        raise ValueError(f"no image contains {names}: set its target to 0, or add images that contain it")
    return goal.numpy()
