"""Batches without end: which images, in which order, seen how, as a function of a seed and a number.

Batch number 700 is the same whether or not batch 699 was asked for before it. So a training run that was
killed resumes exactly, without any state of a generator or a loader being saved.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import count as count_up
from itertools import islice

import numpy as np
import torch
from torch import Tensor

from seglib.data.augment import RANDOMS
from seglib.data.dataset import SegmentationDataset
from seglib.data.in_memory import InMemoryDataset, Size, sample
from seglib.machine import cores

Augmentation = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]
Weights = Sequence[float] | Tensor  # one for each image


def batches(
    dataset: SegmentationDataset,
    *,
    batch_size: int,
    size: Size | None = None,
    seed: int = 0,
    start: int = 0,
    augment: Augmentation | None = None,
    weights: Weights | None = None,
    device: str | torch.device = "cpu",
    share: tuple[int, int] = (0, 1),
) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches of images and masks on the device, without end; all of them are full.

    An epoch shows every image once, in random order, or with weights as many images as there are, drawn with
    replacement. A batch may begin in one epoch and end in the next.

    Args:
        dataset: an `InMemoryDataset`, which is only indexed; anything else is decoded by worker processes.
        batch_size: N, over all processes together.
        size: (height, width) of images that workers decode; an `InMemoryDataset` has its own.
        seed: with the number of the batch, decides everything.
        start: how many batches to skip, at no cost.
        augment: takes images, masks and (N, 8) random numbers in 0..1; for example `Augment()`.
        weights: (N,) how often each image is drawn, relative to the others; see `seglib.data.sampling`.
        device: of the batches.
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
    stream = order(len(dataset), seed, weights, skip=start * batch_size)
    chosen = (list(islice(stream, batch_size))[rank::count] for _ in count_up())
    for number, (images, masks) in enumerate(gather(dataset, chosen, size, device), start):
        if augment is not None:
            u = torch.rand(batch_size, RANDOMS, generator=random(seed, number, 1))
            images, masks = augment(images, masks, u[rank::count])
        yield images, masks


def order(length: int, seed: int, weights: Weights | None = None, skip: int = 0) -> Iterator[int]:
    """Indices of images, epoch after epoch, without end, except for the first `skip`.

    Example:
        >>> sorted(islice(order(3, seed=0), 3))
        [0, 1, 2]
    """
    drawn = None if weights is None else checked_weights(weights, length)
    for epoch in count_up(skip // length):
        rng = random(seed, epoch, 0)
        if drawn is None:
            indices = torch.randperm(length, generator=rng)
        else:
            indices = torch.multinomial(drawn, length, replacement=True, generator=rng)
        yield from indices[skip % length :].tolist()
        skip = 0


def checked_weights(weights: Weights, length: int) -> Tensor:
    """The weights as (N,) float64.

    Raises:
        ValueError: they are not one finite number of at least 0 for each image, or all are 0.
    """
    tensor = torch.as_tensor(weights, dtype=torch.float64, device="cpu")
    if tensor.shape != (length,) or not (tensor.isfinite() & (tensor >= 0)).all() or not tensor.any():
        raise ValueError(
            f"weights must be {length} finite numbers, one for each image, at least 0 and not all 0;"
            f" got {tensor.tolist()!r:.60}"
        )
    return tensor


def gather(
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
            # Data too large for the device are in main memory, and each batch is copied to it.
            # index_select is 30 times as fast as images[rows] on a CPU.
            images, masks = dataset.images.index_select(0, rows), dataset.masks.index_select(0, rows)
            yield images.to(device), masks.to(device)
        return
    if size is None:
        raise ValueError("size is missing: images that are not in memory must be brought to one size")
    workers = max(1, cores() - 1)
    loader = torch.utils.data.DataLoader(_Samples(dataset, size), batch_sampler=chosen, num_workers=workers)
    try:
        for images, masks in loader:
            yield images.to(device), masks.to(device)
    except ValueError as error:  # its text is the worker's traceback, whose last line is "module.Type: text"
        raise ValueError(re.sub(r"^[\w.]+: ", "", str(error).strip().split("\n")[-1])) from None


class _Samples(torch.utils.data.Dataset[tuple[Tensor, Tensor]]):
    """What a worker process reads: checked samples, all of one size."""

    def __init__(self, dataset: SegmentationDataset, size: Size) -> None:
        self.dataset, self.size = dataset, size

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        torch.set_num_threads(1)  # the workers share the cores
        return sample(self.dataset, index, self.size)


def random(*seeds: int) -> torch.Generator:
    """A generator seeded by all the numbers in their order: (1, 0) is not (0, 1)."""
    return torch.Generator().manual_seed(mixed(*seeds))


def mixed(*seeds: int) -> int:
    """One seed made of several."""
    return int(np.random.SeedSequence(seeds).generate_state(1)[0])
