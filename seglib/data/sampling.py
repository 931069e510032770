"""Raking: the most even weights that bring sums over images near to what is wanted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from torch import Tensor
from torch.utils.data import Sampler

from seglib.data.balance import Counts, Unit
from seglib.labels import Classes
from seglib.tables import Table

Array = NDArray[np.float64]


def rake(amounts: Array, wanted: Array, evenness: float) -> Array:
    """Weights for images, so that the classes' shares of the weighted sum come near to `wanted`.

    With q[i] the shares in image i, u[i] what it contributes to the plain sum and x[i] what it contributes
    to the weighted one (both sum to 1), they minimise

        |x q - wanted|^2 / (2 evenness) + sum_i x[i] log(x[i] / u[i])

    Of all weights that reach the same shares these are the most even ones: x[i] ~ u[i] exp(l q[i]) with one
    number l for each class (Deming and Stephan, 1940; as "entropy balancing" Hainmueller, 2012, who asks for
    equality where we, since it is often out of reach, ask for nearness). The numbers minimise the dual,

        log sum_i u[i] exp(l q[i]) - l wanted + evenness |l|^2 / 2

    which is smooth and convex in K numbers, however many images there are.

    Args:
        amounts: (N, K) float64, at least 0: how much of each class each image holds.
        wanted: (K,) float64 shares that sum to 1.
        evenness: above 0; small: as near as possible, large: all weights alike.

    Returns:
        (N,) float64 of mean 1; 0 for images that hold nothing.

    Example:
        >>> rake(np.array([[1.0, 0.0], [0.5, 0.5]]), np.array([0.6, 0.4]), 1e-9).round(3)
        array([0.4, 1.6])
    """
    size = amounts.sum(axis=1)
    some = size > 0
    q, u = amounts[some] / size[some, None], size[some] / size.sum()

    def contributions(factors: Array) -> tuple[Array, float]:
        """x, and the logarithm of the sum by which it was divided."""
        height = np.log(u) + q @ factors
        raw = np.exp(height - height.max())  # of large numbers without overflow
        return raw / raw.sum(), height.max() + np.log(raw.sum())

    def dual(factors: Array) -> float:
        return float(contributions(factors)[1] - factors @ wanted + evenness / 2 * factors @ factors)

    def slope(factors: Array) -> Array:
        return contributions(factors)[0] @ q - wanted + evenness * factors

    def bend(factors: Array) -> Array:
        x = contributions(factors)[0]
        return (q.T * x) @ q - np.outer(x @ q, x @ q) + evenness * np.eye(len(factors))

    start = np.zeros(q.shape[1])
    found = minimize(dual, start, jac=slope, hess=bend, method="trust-exact", options={"gtol": 1e-9})
    weights = np.zeros(len(size))
    weights[some] = contributions(found.x)[0] / size[some]
    return weights / weights.mean()


def worth(weights: Array) -> float:
    """How many equal weights would be as much: (sum w)^2 / sum w^2 (effective size; Kish, 1965).

    Example:
        >>> worth(np.array([1.0, 1.0, 0.0])), worth(np.array([4.0, 1.0, 1.0]))
        (2.0, 2.0)
    """
    return float(weights.sum() ** 2 / (weights**2).sum())


# Grade a data set: weight its images, or pick some, so that classes come in the shares that are wanted.
#
# Whole images are all there is to choose from. How near one can come is therefore a question about the data,
# and the answer is part of the result: a class that is a small part of every image stays small.

Array_grading = NDArray[np.float64]
CANDIDATES = 2000  # images that `pick` compares at each step
EXCHANGES = 3  # how often `pick` goes round to exchange what it picked
ROUNDS = 30  # of halving the interval in which the evenness lies


@dataclass(frozen=True)
class Grade:
    """How much each image shall count, and what comes of it.

    Attributes:
        classes: K classes.
        weights: (N,) float64 with a mean of 1: how often an image shall be drawn, beside the others. For
            `torch.utils.data.WeightedRandomSampler(grade.weights, len(dataset))`.
        unit: what the shares are of: "pixels", "images" or "objects".
        wanted: (K,) float64 shares.
        before: (K,) float64 shares when all images count the same.
        after: (K,) float64 shares with these weights, on average over many draws.
        nearest: the distance to `wanted` below which hardly anything comes, however few images remain; NaN
            where images were picked.
    """

    classes: Classes
    weights: Tensor
    unit: Unit
    wanted: Tensor
    before: Tensor
    after: Tensor
    nearest: float

    @property
    def chosen(self) -> list[int]:
        """The images with a weight above 0."""
        return self.weights.nonzero().flatten().tolist()

    @property
    def images(self) -> float:
        """How many equally weighted images would be as much."""
        return worth(self.weights.numpy())

    def distance(self, shares: Tensor) -> float:
        """Total variation to what is wanted, 0..1: the part of the shares that is in the wrong class."""
        return (shares - self.wanted).abs().sum().item() / 2

    def table(self) -> Table:
        """Shares before and after beside those wanted, and how near that is."""
        columns = (self.before, self.after, self.wanted)
        rows = [[name, *(f"{100 * c[k]:.2f}" for c in columns)] for k, name in enumerate(self.classes)]
        near = f"; at best it would be {self.nearest:.3f}" if self.nearest == self.nearest else ""
        return Table(
            f"Shares of {self.unit} in %, {len(self.weights)} images",
            ["", "before", "after", "wanted"],
            rows,
            f"In the wrong class: {self.distance(self.before):.3f} before,"
            f" {self.distance(self.after):.3f} after{near}. The weights are worth"
            f" {self.images:.0f} images; the largest is {self.weights.max():.1f} times the mean.",
        )

    def __str__(self) -> str:
        """The table as text."""
        return str(self.table())

    def _repr_html_(self) -> str:
        """The table in a notebook."""
        return self.table()._repr_html_()


def grade(
    counts: Counts,
    wanted: Sequence[float] | Tensor | None = None,
    *,
    unit: Unit = "pixels",
    keep: float = 0.5,
) -> Grade:
    """Weight images so that the classes' shares come as near as they can to what is wanted.

    What comes nearest is usually a handful of images, drawn over and over: nothing to train on. So `keep`
    demands that the weights be worth a part of the images; see `seglib.data.sampling` for how they are found.

    Args:
        counts: of the images.
        wanted: K shares that sum to 1; without it the same for every class that occurs.
        unit: shares of what: "pixels" (without void), "images" that contain the class, or "objects".
        keep: at least this part of the images, 0..1, by `Grade.images`. 0 is the nearest at any price.

    Returns:
        The weights, the shares before and after, and how near the nearest would be.

    Raises:
        ValueError: `wanted` is not K shares that sum to 1, or wants a class that no image contains; `keep`
            is out of range; there is nothing of this unit.

    Example:
        >>> counts = Counts(Classes.of("sea", "fish"), torch.tensor([[100, 0, 0], [50, 50, 0]]))
        >>> grade(counts, [0.6, 0.4], keep=0).weights.round(decimals=2)
        tensor([0.4000, 1.6000], dtype=torch.float64)
    """
    if not 0 <= keep <= 1:
        raise ValueError(f"keep is the part of the images that must remain in effect, 0..1; got {keep}")
    problem = _problem(counts, wanted, unit)
    low, high = np.log(1e-5), np.log(1e4)  # of the evenness: the nearest, and all weights alike
    nearest = weights = rake(problem.amounts, problem.wanted, np.exp(low))
    if worth(nearest) < keep * len(counts):
        for _ in range(ROUNDS):
            middle = (low + high) / 2
            weights = rake(problem.amounts, problem.wanted, np.exp(middle))
            low, high = (middle, high) if worth(weights) < keep * len(counts) else (low, middle)
        weights = rake(problem.amounts, problem.wanted, np.exp(high))
    distance = float(np.abs(problem.shares(nearest) - problem.wanted).sum() / 2)
    return problem.result(weights, distance)


def pick(
    counts: Counts,
    number: int,
    wanted: Sequence[float] | Tensor | None = None,
    *,
    unit: Unit = "pixels",
    seed: int = 0,
) -> Grade:
    """Pick images, each at most once, so that the classes' shares come near to what is wanted.

    Greedy: at each step the image that brings the shares of those picked nearest (of 2000 at random, where
    there are more); then, three times, each in turn is given back for a better one. That need not be the best
    choice of all, which nobody can compute.

    Args:
        counts: of the images.
        number: how many to pick, 1..N.
        wanted: as in `grade`.
        unit: as in `grade`.
        seed: decides which 2000 are compared.

    Returns:
        `.chosen` are the picked images; print it for the shares.

    Raises:
        ValueError: `number` is out of range, or as in `grade`.
    """
    if not 1 <= number <= len(counts):
        raise ValueError(f"number must be 1..{len(counts)}, the images that there are; got {number}")
    problem, rng = _problem(counts, wanted, unit), np.random.default_rng(seed)
    free, total = np.ones(len(counts), bool), np.zeros(len(problem.wanted))
    chosen = [-1] * number  # -1: nobody yet
    for place in [*range(number)] * (1 + EXCHANGES):
        if chosen[place] >= 0:
            free[chosen[place]] = True
            total -= problem.amounts[chosen[place]]
        chosen[place] = problem.best(np.flatnonzero(free), total, rng, chosen[place])
        free[chosen[place]] = False
        total += problem.amounts[chosen[place]]
    return problem.result(~free * len(counts) / number, float("nan"))


class _Problem(NamedTuple):
    """Images, and the shares that are wanted of them."""

    counts: Counts
    unit: Unit
    amounts: Array_grading  # (N, K)
    wanted: Array_grading  # (K,)

    def shares(self, weights: Array_grading) -> Array_grading:
        """(K,) the shares when images count by weights (N,)."""
        total = weights @ self.amounts
        return total / total.sum()

    def best(self, free: NDArray[np.int64], total: Array_grading, rng: np.random.Generator, now: int) -> int:
        """Of the free images (and `now`) the one that, added to `total`, comes nearest."""
        several = free if len(free) <= CANDIDATES else rng.choice(free, CANDIDATES, replace=False)
        several = several if now < 0 else np.append(now, several)  # first: it stays where none is better
        sums = total + self.amounts[several]  # (M, K)
        shares = sums / np.maximum(sums.sum(axis=1, keepdims=True), 1)
        return int(several[np.abs(shares - self.wanted).sum(axis=1).round(12).argmin()])

    def result(self, weights: Array_grading, nearest: float) -> Grade:
        """The grade that these weights make."""
        wanted, after = torch.from_numpy(self.wanted), torch.from_numpy(self.shares(weights))
        before = self.counts.shares(self.unit)
        return Grade(
            self.counts.classes, torch.from_numpy(weights), self.unit, wanted, before, after, nearest
        )


def _problem(counts: Counts, wanted: Sequence[float] | Tensor | None, unit: Unit) -> _Problem:
    """Amounts and wishes, checked."""
    there = counts.shares(unit) > 0
    goal = there.double() / there.sum() if wanted is None else torch.as_tensor(wanted, dtype=torch.float64)
    if goal.shape != there.shape or not (goal >= 0).all() or abs(goal.sum().item() - 1) > 1e-6:
        raise ValueError(
            f"wanted must be {len(there)} shares that sum to 1, one for each of {', '.join(counts.classes)};"
            f" got {goal.tolist()}"
        )
    if (missing := (goal > 0) & ~there).any():
        names = ", ".join(name for name, absent in zip(counts.classes, missing) if absent)
        raise ValueError(f"no image contains {names}: want 0 of it, or add images that do")
    return _Problem(counts, unit, counts.of(unit).double().numpy(), goal.numpy())


# Samplers that show images with rare classes more often.
#
# They choose whole images. An image with a rare fish is still mostly water, so the share of fish among all
# pixels that are seen can never rise above its share in the image that is richest in fish: what is rare
# inside every image stays rare, whatever is drawn. Weights in the loss are what acts on pixels. And a
# image that is seen ten times is not ten images: it is learnt by heart sooner.


class ClassBalanced(Sampler[int]):
    """Draw a class, each as often, then an image that contains it (class-aware; Shen, Lin and Huang, 2016).

    They go round through a shuffled list of images for each class; here both draws are independent. An
    image is drawn for each class that it contains, so a class that comes along everywhere, as a background
    does, is still in nearly every image. What holds is that each class is in at least one of K draws, on
    average.

    Args:
        counts: of the images to draw from, in the order of the data set.
        length: draws in an epoch; by default as many as there are images.
        seed: with `epoch`, decides all draws.

    Raises:
        ValueError: no class occurs, or `length` is below 1.

    Example:
        >>> from seglib.labels import Classes
        >>> pixels = torch.tensor([[9, 0, 0], [9, 0, 0], [9, 0, 0], [8, 1, 0]])
        >>> sampler = ClassBalanced(Counts(Classes.of("sea", "fish"), pixels), length=1000, seed=0)
        >>> 0.55 < sum(index == 3 for index in sampler) / 1000 < 0.7  # 1/2 + 1/2 * 1/4
        True
    """

    def __init__(self, counts: Counts, *, length: int | None = None, seed: int = 0) -> None:
        holders = [column.nonzero().flatten() for column in counts.of("images").T]
        self.holders = [images for images in holders if len(images)]
        self.length, self.seed, self.epoch = len(counts) if length is None else length, seed, 0
        if not self.holders or self.length < 1:
            raise ValueError(
                f"{len(self.holders)} classes occur and length is {self.length}; both must be at least 1"
            )

    def set_epoch(self, epoch: int) -> None:
        """Other draws for another epoch; without this each is the same, as in `DistributedSampler`."""
        self.epoch = epoch

    def __len__(self) -> int:
        """Draws in an epoch."""
        return self.length

    def __iter__(self) -> Iterator[int]:
        """Indices of images."""
        rng = _rng(self.seed, self.epoch)
        kinds = torch.randint(len(self.holders), (self.length,), generator=rng)
        spots = torch.rand(self.length, generator=rng, dtype=torch.float64)
        for kind, spot in zip(kinds.tolist(), spots.tolist()):
            images = self.holders[kind]
            yield int(images[int(spot * len(images))])


class RepeatFactor(Sampler[int]):
    """Repeat images by the rarest class in them (LVIS; Gupta, Dollár and Girshick, 2019).

    A class in the share f of the images has the factor max(1, sqrt(t / f)), an image the largest factor of
    its classes. A factor of 2.3 is two appearances and, in 3 of 10 epochs, a third, as in Detectron2.
    Classes in more than the share t of the images are left alone: no factor is below 1, so an epoch only
    gets longer.

    Args:
        counts: of the images to draw from, in the order of the data set.
        threshold: t, above 0 up to 1. LVIS uses 0.001 for 1200 classes; for ten, try 0.1 to 0.5.
        seed: with `epoch`, decides order and rounding.

    Raises:
        ValueError: `threshold` is out of range, or there is no image.

    Example:
        >>> from seglib.labels import Classes
        >>> pixels = torch.tensor([[9, 0, 0], [9, 0, 0], [9, 0, 0], [8, 1, 0]])
        >>> RepeatFactor(Counts(Classes.of("sea", "fish"), pixels), threshold=1.0).factors.tolist()
        [1.0, 1.0, 1.0, 2.0]
    """

    def __init__(self, counts: Counts, *, threshold: float, seed: int = 0) -> None:
        if not 0 < threshold <= 1 or not len(counts):
            raise ValueError(
                f"threshold {threshold} must be above 0 and at most 1, and {len(counts)} images at least 1"
            )
        self.factors, self.seed, self.epoch = repeat_factors(counts, threshold), seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Another order and other rounding for another epoch; without this, each epoch is the same."""
        self.epoch = epoch

    def __len__(self) -> int:
        """Appearances in this epoch; the rounding makes it differ a little from epoch to epoch."""
        return int(self._times(_rng(self.seed, self.epoch)).sum())

    def __iter__(self) -> Iterator[int]:
        """Indices of images, shuffled."""
        rng = _rng(self.seed, self.epoch)
        repeated = torch.arange(len(self.factors)).repeat_interleave(self._times(rng))
        yield from repeated[torch.randperm(len(repeated), generator=rng)].tolist()

    def _times(self, rng: torch.Generator) -> Tensor:
        """(N,) how often each image comes: its factor, rounded up or down by chance."""
        whole = self.factors.floor()
        return (whole + (torch.rand(whole.shape, generator=rng) < self.factors - whole)).long()


def repeat_factors(counts: Counts, threshold: float) -> Tensor:
    """(N,) float64, the factor of each image: the largest of its classes' max(1, sqrt(threshold / f))."""
    present = counts.of("images")
    share = present.sum(dim=0) / len(counts)
    factor = (threshold / share).sqrt().clamp(min=1)
    return torch.where(present > 0, factor.double(), 1.0).amax(dim=1)


def _rng(seed: int, epoch: int) -> torch.Generator:
    """Chance that depends on both, and mixes them: seed 1, epoch 0 is not seed 0, epoch 1."""
    return torch.Generator().manual_seed(int(np.random.SeedSequence([seed, epoch]).generate_state(1)[0]))
