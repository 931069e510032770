"""Samplers that show pictures with rare classes more often.

They choose whole pictures. A picture with a rare fish is still mostly water, so the share of fish among all
pixels that are seen can never rise above its share in the picture that is richest in fish: what is rare
inside every picture stays rare, whatever is drawn. Weights in the loss are what acts on pixels. And a
picture that is seen ten times is not ten pictures: it is learnt by heart sooner.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Sampler

from seglib.data.balance import Counts


class ClassBalanced(Sampler[int]):
    """Draw a class, each as often, then a picture that contains it (class-aware; Shen, Lin and Huang, 2016).

    They go round through a shuffled list of pictures for each class; here both draws are independent. A
    picture is drawn for each class that it contains, so a class that comes along everywhere, as a background
    does, is still in nearly every picture. What holds is that each class is in at least one of K draws, on
    average.

    Args:
        counts: of the pictures to draw from, in the order of the data set.
        length: draws in an epoch; by default as many as there are pictures.
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
        self.holders = [pictures for pictures in holders if len(pictures)]
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
        """Indices of pictures."""
        rng = _rng(self.seed, self.epoch)
        kinds = torch.randint(len(self.holders), (self.length,), generator=rng)
        spots = torch.rand(self.length, generator=rng, dtype=torch.float64)
        for kind, spot in zip(kinds.tolist(), spots.tolist()):
            pictures = self.holders[kind]
            yield int(pictures[int(spot * len(pictures))])


class RepeatFactor(Sampler[int]):
    """Repeat pictures by the rarest class in them (LVIS; Gupta, Dollár and Girshick, 2019).

    A class in the share f of the pictures has the factor max(1, sqrt(t / f)), a picture the largest factor of
    its classes. A factor of 2.3 is two appearances and, in 3 of 10 epochs, a third, as in Detectron2.
    Classes in more than the share t of the pictures are left alone: no factor is below 1, so an epoch only
    gets longer.

    Args:
        counts: of the pictures to draw from, in the order of the data set.
        threshold: t, above 0 up to 1. LVIS uses 0.001 for 1200 classes; for ten, try 0.1 to 0.5.
        seed: with `epoch`, decides order and rounding.

    Raises:
        ValueError: `threshold` is out of range, or there is no picture.

    Example:
        >>> from seglib.labels import Classes
        >>> pixels = torch.tensor([[9, 0, 0], [9, 0, 0], [9, 0, 0], [8, 1, 0]])
        >>> RepeatFactor(Counts(Classes.of("sea", "fish"), pixels), threshold=1.0).factors.tolist()
        [1.0, 1.0, 1.0, 2.0]
    """

    def __init__(self, counts: Counts, *, threshold: float, seed: int = 0) -> None:
        if not 0 < threshold <= 1 or not len(counts):
            raise ValueError(
                f"threshold {threshold} must be above 0 and at most 1, and {len(counts)} pictures at least 1"
            )
        self.factors, self.seed, self.epoch = repeat_factors(counts, threshold), seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Another order and other rounding for another epoch; without this, each epoch is the same."""
        self.epoch = epoch

    def __len__(self) -> int:
        """Appearances in this epoch; the rounding makes it differ a little from epoch to epoch."""
        return int(self._times(_rng(self.seed, self.epoch)).sum())

    def __iter__(self) -> Iterator[int]:
        """Indices of pictures, shuffled."""
        rng = _rng(self.seed, self.epoch)
        repeated = torch.arange(len(self.factors)).repeat_interleave(self._times(rng))
        yield from repeated[torch.randperm(len(repeated), generator=rng)].tolist()

    def _times(self, rng: torch.Generator) -> Tensor:
        """(N,) how often each picture comes: its factor, rounded up or down by chance."""
        whole = self.factors.floor()
        return (whole + (torch.rand(whole.shape, generator=rng) < self.factors - whole)).long()


def repeat_factors(counts: Counts, threshold: float) -> Tensor:
    """(N,) float64, the factor of each picture: the largest of its classes' max(1, sqrt(threshold / f))."""
    present = counts.of("images")
    share = present.sum(dim=0) / len(counts)
    factor = (threshold / share).sqrt().clamp(min=1)
    return torch.where(present > 0, factor.double(), 1.0).amax(dim=1)


def _rng(seed: int, epoch: int) -> torch.Generator:
    """Chance that depends on both, and mixes them: seed 1, epoch 0 is not seed 0, epoch 1."""
    return torch.Generator().manual_seed(int(np.random.SeedSequence([seed, epoch]).generate_state(1)[0]))
