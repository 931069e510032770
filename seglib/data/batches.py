"""Batches without end: which images, in which order, seen how; all of it a function of a seed and a number.

Batch number 700 is the same whether 699 came before it or none. That is what makes a training that was killed
go on as if nothing had been: no state of a generator or of a loader has to be kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import count as count_up
from itertools import islice
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from seglib.data.augment import CHANCES
from seglib.data.dataset import SegmentationDataset
from seglib.data.in_memory import InMemoryDataset, Size, sample
from seglib.machine import cores

Augmentation = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]


class EpochSampler(Protocol):
    """What chooses the images of an epoch; `seglib.data.sampling` has two."""

    def set_epoch(self, epoch: int) -> None:
        """Choose anew."""
        ...

    def __iter__(self) -> Iterator[int]:
        """Indices of images."""
        ...


def batches(
    dataset: SegmentationDataset,
    *,
    batch_size: int,
    size: Size | None = None,
    seed: int = 0,
    start: int = 0,
    augment: Augmentation | None = None,
    sampler: EpochSampler | None = None,
    device: str | torch.device = "cpu",
    share: tuple[int, int] = (0, 1),
) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches of images and masks on the device, for ever; all of them are full.

    An epoch shows every image once, in random order; a batch may begin in one epoch and end in the next.

    Args:
        dataset: an `InMemoryDataset`, which is only indexed; anything else is decoded by worker processes.
        batch_size: N, over all processes together.
        size: (height, width) of images that workers decode; an `InMemoryDataset` has its own.
        seed: with the number of the batch, decides everything.
        start: how many batches to pass over, at no cost.
        augment: takes images, masks and (N, 8) random numbers in 0..1, such as `Augment()`.
        sampler: chooses the images of an epoch, in place of all of them once.
        device: where the batches are to be.
        share: (rank, count) of this process: it gets every count-th image of each batch.

    Yields:
        Images (n, 3, h, w) uint8 and masks (n, h, w) uint8; n is N over the number of processes.

    Example:
        >>> from seglib.scenes import Scenes
        >>> from seglib.data import in_memory
        >>> images, masks = next(batches(in_memory(Scenes(length=3, size=(32, 32))), batch_size=4))
        >>> images.shape, masks.shape
        (torch.Size([4, 3, 32, 32]), torch.Size([4, 32, 32]))
    """
    rank, count = share
    stream = order(len(dataset), seed, sampler, skip=start * batch_size)
    chosen = (list(islice(stream, batch_size))[rank::count] for _ in count_up())
    for number, (images, masks) in enumerate(pick(dataset, chosen, size, device), start):
        if augment is not None:
            chance = torch.rand(batch_size, CHANCES, generator=random(seed, number, 1))
            images, masks = augment(images, masks, chance[rank::count])
        yield images, masks


def order(length: int, seed: int, sampler: EpochSampler | None = None, skip: int = 0) -> Iterator[int]:
    """Indices of images, epoch after epoch, for ever, without the first `skip`.

    Raises:
        ValueError: the sampler gives nothing, or an image that there is not.

    Example:
        >>> sorted(islice(order(3, seed=0), 3))
        [0, 1, 2]
    """
    epoch = 0
    while True:
        if sampler is None:
            indices = torch.randperm(length, generator=random(seed, epoch, 0)).tolist()
        else:
            sampler.set_epoch(epoch)
            indices = [*sampler]
        if not indices:
            raise ValueError("the sampler chose no image for a whole epoch; it must choose at least one")
        if not 0 <= min(indices) <= max(indices) < length:
            wrong = min(indices) if min(indices) < 0 else max(indices)
            raise ValueError(
                f"the sampler chose image {wrong}, but they are 0..{length - 1}; make it from the counts "
                "of this data set"
            )
        yield from indices[skip:]
        skip, epoch = max(0, skip - len(indices)), epoch + 1


def pick(
    dataset: SegmentationDataset,
    chosen: Iterable[list[int]],
    size: Size | None = None,
    device: str | torch.device = "cpu",
) -> Iterator[tuple[Tensor, Tensor]]:
    """For each list of indices their images (N, 3, H, W) and masks (N, H, W), uint8, on the device."""
    if isinstance(dataset, InMemoryDataset):
        home = dataset.images.device
        for indices in chosen:
            rows = torch.tensor(indices).to(home, non_blocking=True)
            # The device may be smaller than the data: then they lie in main memory, and batches travel.
            # index_select is 30 times as fast as images[rows] on a CPU.
            images, masks = dataset.images.index_select(0, rows), dataset.masks.index_select(0, rows)
            yield images.to(device), masks.to(device)
        return
    if size is None:
        raise ValueError("size is missing: images that are not in memory must be brought to one size")
    workers = max(1, cores() - 1)
    loader = torch.utils.data.DataLoader(_Fitted(dataset, size), batch_sampler=chosen, num_workers=workers)
    try:
        for images, masks in loader:
            yield images.to(device), masks.to(device)
    except ValueError as error:  # its text is the worker's traceback, whose last line is "module.Type: text"
        raise ValueError(re.sub(r"^[\w.]+: ", "", str(error).strip().split("\n")[-1])) from None


class _Fitted(torch.utils.data.Dataset[tuple[Tensor, Tensor]]):
    """What a worker process reads: checked samples of one size."""

    def __init__(self, dataset: SegmentationDataset, size: Size) -> None:
        self.dataset, self.size = dataset, size

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        torch.set_num_threads(1)  # the workers share the cores
        return sample(self.dataset, index, self.size)


def random(*seeds: int) -> torch.Generator:
    """Chance that depends on all the numbers, and mixes them: (1, 0) is not (0, 1)."""
    return torch.Generator().manual_seed(mixed(*seeds))


def mixed(*seeds: int) -> int:
    """One seed made of several."""
    return int(np.random.SeedSequence(seeds).generate_state(1)[0])
