"""Grade a data set: weight its pictures, or pick some, so that classes come in the shares that are wanted.

Whole pictures are all there is to choose from. How near one can come is therefore a question about the data,
and the answer is part of the result: a class that is a small part of every picture stays small.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seglib.data.balance import Counts, Unit
from seglib.data.raking import rake, worth
from seglib.labels import Classes
from seglib.tables import Table

Array = NDArray[np.float64]
CANDIDATES = 2000  # pictures that `pick` compares at each step
EXCHANGES = 3  # how often `pick` goes round to exchange what it picked
ROUNDS = 30  # of halving the interval in which the evenness lies


@dataclass(frozen=True)
class Grade:
    """How much each picture shall count, and what comes of it.

    Attributes:
        classes: K classes.
        weights: (N,) float64 with a mean of 1: how often a picture shall be drawn, beside the others. For
            `torch.utils.data.WeightedRandomSampler(grade.weights, len(dataset))`.
        unit: what the shares are of: "pixels", "images" or "objects".
        wanted: (K,) float64 shares.
        before: (K,) float64 shares when all pictures count the same.
        after: (K,) float64 shares with these weights, on average over many draws.
        nearest: the distance to `wanted` below which hardly anything comes, however few pictures remain; NaN
            where pictures were picked.
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
        """The pictures with a weight above 0."""
        return self.weights.nonzero().flatten().tolist()

    @property
    def pictures(self) -> float:
        """How many equally weighted pictures would be as much."""
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
            f"Shares of {self.unit} in %, {len(self.weights)} pictures",
            ["", "before", "after", "wanted"],
            rows,
            f"In the wrong class: {self.distance(self.before):.3f} before,"
            f" {self.distance(self.after):.3f} after{near}. The weights are worth"
            f" {self.pictures:.0f} pictures; the largest is {self.weights.max():.1f} times the mean.",
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
    """Weight pictures so that the classes' shares come as near as they can to what is wanted.

    What comes nearest is usually a handful of pictures, drawn over and over: nothing to train on. So `keep`
    demands that the weights be worth a part of the pictures; see `seglib.data.raking` for how they are found.

    Args:
        counts: of the pictures.
        wanted: K shares that sum to 1; without it the same for every class that occurs.
        unit: shares of what: "pixels" (without void), "images" that contain the class, or "objects".
        keep: at least this part of the pictures, 0..1, by `Grade.pictures`. 0 is the nearest at any price.

    Returns:
        The weights, the shares before and after, and how near the nearest would be.

    Raises:
        ValueError: `wanted` is not K shares that sum to 1, or wants a class that no picture contains; `keep`
            is out of range; there is nothing of this unit.

    Example:
        >>> counts = Counts(Classes.of("sea", "fish"), torch.tensor([[100, 0, 0], [50, 50, 0]]))
        >>> grade(counts, [0.6, 0.4], keep=0).weights.round(decimals=2)
        tensor([0.4000, 1.6000], dtype=torch.float64)
    """
    if not 0 <= keep <= 1:
        raise ValueError(f"keep is the part of the pictures that must remain in effect, 0..1; got {keep}")
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
    """Pick pictures, each at most once, so that the classes' shares come near to what is wanted.

    Greedy: at each step the picture that brings the shares of those picked nearest (of 2000 at random, where
    there are more); then, three times, each in turn is given back for a better one. That need not be the best
    choice of all, which nobody can compute.

    Args:
        counts: of the pictures.
        number: how many to pick, 1..N.
        wanted: as in `grade`.
        unit: as in `grade`.
        seed: decides which 2000 are compared.

    Returns:
        `.chosen` are the picked pictures; print it for the shares.

    Raises:
        ValueError: `number` is out of range, or as in `grade`.
    """
    if not 1 <= number <= len(counts):
        raise ValueError(f"number must be 1..{len(counts)}, the pictures that there are; got {number}")
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
    """Pictures, and the shares that are wanted of them."""

    counts: Counts
    unit: Unit
    amounts: Array  # (N, K)
    wanted: Array  # (K,)

    def shares(self, weights: Array) -> Array:
        """(K,) the shares when pictures count by weights (N,)."""
        total = weights @ self.amounts
        return total / total.sum()

    def best(self, free: NDArray[np.int64], total: Array, rng: np.random.Generator, now: int) -> int:
        """Of the free pictures (and `now`) the one that, added to `total`, comes nearest."""
        several = free if len(free) <= CANDIDATES else rng.choice(free, CANDIDATES, replace=False)
        several = several if now < 0 else np.append(now, several)  # first: it stays where none is better
        sums = total + self.amounts[several]  # (M, K)
        shares = sums / np.maximum(sums.sum(axis=1, keepdims=True), 1)
        return int(several[np.abs(shares - self.wanted).sum(axis=1).round(12).argmin()])

    def result(self, weights: Array, nearest: float) -> Grade:
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
        raise ValueError(f"no picture contains {names}: want 0 of it, or add pictures that do")
    return _Problem(counts, unit, counts.of(unit).double().numpy(), goal.numpy())
