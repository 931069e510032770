"""Batches without end: which images, in which order, seen how, as a function of a seed and a number.

Batch number 700 is the same whether or not batch 699 was asked for before it. So a training run that was
killed resumes exactly, without any state of a generator or a loader being saved.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count as count_up
from itertools import islice

import numpy as np
import torch
from torch import Tensor

from seglib.data.dataset import SegmentationDataset, check_dataset
from seglib.data.in_memory import GREY, InMemoryDataset, Size, resized, sample
from seglib.labels import VOID
from seglib.machine import cores

RANDOMS = 8  # random numbers for each image of a batch
BATCHES_AHEAD = 2  # that threads decode while the net learns
Device = str | torch.device
Span = tuple[slice, slice]  # along one side: which pixels of the image are seen, and where they are put
LUMA = torch.tensor([0.299, 0.587, 0.114])  # brightness of red, green and blue, ITU-R BT.601
Augmentation = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]
Weights = Sequence[float] | Tensor  # one for each image


def batches(
    dataset: SegmentationDataset, *, batch_size: int, size: Size | None = None, seed: int = 0, start: int = 0,
    augment: Augmentation | None = None, weights: Weights | None = None, device: Device = "cpu",
    share: tuple[int, int] = (0, 1),
) -> Iterator[tuple[Tensor, Tensor]]:  # fmt: skip
    """Batches of images and masks on the device, without end; all of them are full.

    An epoch shows every image once, in random order, or with weights as many images as there are, drawn with
    replacement. A batch may begin in one epoch and end in the next.

    Args:
        dataset: an `InMemoryDataset`, which is only indexed; anything else is decoded by threads, when used.
        batch_size: N, over all processes together.
        size: (height, width) of images that are decoded then; an `InMemoryDataset` has its own.
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
    check_dataset(dataset)
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
    try:
        tensor = torch.as_tensor(weights, dtype=torch.float64, device="cpu")
    except (TypeError, ValueError):
        tensor = torch.tensor(torch.nan)
    if tensor.shape != (length,) or not (tensor.isfinite() & (tensor >= 0)).all() or not tensor.any():
        rule = f"{length} finite numbers, one for each image, at least 0 and not all 0"
        raise ValueError(f"weights must be {rule}; got {weights!r:.60}")
    return tensor


def gather(
    dataset: SegmentationDataset,
    chosen: Iterable[list[int]],
    size: Size | None = None,
    device: Device = "cpu",
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
    # Threads: processes could not read a data set whose class is defined in a notebook, and need shared
    # memory, of which containers have little. Decoders let other threads run meanwhile.
    pool, ahead = ThreadPoolExecutor(max(1, cores() - 1)), deque[list[Future[tuple[Tensor, Tensor]]]]()
    try:
        for indices in chosen:
            ahead.append([pool.submit(sample, dataset, index, size) for index in indices])
            if len(ahead) > BATCHES_AHEAD:
                yield _stacked(ahead.popleft(), device)
        while ahead:
            yield _stacked(ahead.popleft(), device)
    finally:
        pool.shutdown(cancel_futures=True)


def _stacked(samples: list[Future[tuple[Tensor, Tensor]]], device: Device) -> tuple[Tensor, Tensor]:
    """A batch of samples on the device; raises what reading one of them raised."""
    images, masks = zip(*(one.result() for one in samples))
    return torch.stack(images).to(device), torch.stack(masks).to(device)


def random(*seeds: int) -> torch.Generator:
    """A generator seeded by all the numbers in their order: (1, 0) is not (0, 1)."""
    return torch.Generator().manual_seed(mixed(*seeds))


def mixed(*seeds: int) -> int:
    """One seed made of several."""
    return int(np.random.SeedSequence(seeds).generate_state(1)[0])


# Augmentation: the same images flipped, magnified, shifted and recoloured.


@dataclass(frozen=True)
class Augment:
    """Change each image of a batch by its own row of random numbers, and its mask with it.

    Masks are resampled to the nearest pixel, so that no new class appears between two others; what lies
    outside of the image is void. Batches stay uint8.

    Attributes:
        flip: mirror half of the images, left and right.
        zoom: least and largest magnification, drawn on a logarithmic scale; (1, 1) for none.
        colour: range of brightness, contrast and saturation: 0.2 is a factor of 0.8 to 1.2; 0 for none.

    Raises:
        ValueError: a value is out of range.

    Example:
        >>> images = torch.zeros(1, 3, 1, 2, dtype=torch.uint8)
        >>> masks = torch.tensor([[[0, 1]]], dtype=torch.uint8)
        >>> Augment(zoom=(1, 1), colour=0)(images, masks, torch.zeros(1, 8))[1]  # 0 is below 1/2: flipped
        tensor([[[1, 0]]], dtype=torch.uint8)
    """

    flip: bool = True
    zoom: tuple[float, float] = (0.75, 1.5)
    colour: float = 0.2

    def __post_init__(self) -> None:
        if not 0 < self.zoom[0] <= self.zoom[1]:
            raise ValueError(f"zoom {self.zoom} must be (least, largest), both above 0; (1, 1) for none")
        if not 0 <= self.colour < 1:
            raise ValueError(f"colour {self.colour} must be at least 0 and below 1")

    def __call__(self, images: Tensor, masks: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
        """Augmented copies of a batch.

        Args:
            images: (N, 3, H, W) uint8.
            masks: (N, H, W) uint8.
            u: (N, 8) float in 0..1 on the CPU, a row of random numbers for each image: the same rows give the
                same batch on every device, and split over any number of processes.

        Returns:
            (N, 3, H, W) uint8 and (N, H, W) uint8.
        """
        if self.flip or self.zoom != (1, 1):
            images, masks = self._resampled(images, masks, u)
        return (self._recoloured(images, u[:, 4:7]) if self.colour else images), masks

    def _resampled(self, images: Tensor, masks: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
        (least, largest), (height, width) = self.zoom, images.shape[2:]
        rows = u.tolist()
        zooms = [least * (largest / least) ** row[1] for row in rows]
        flipped = [self.flip and row[0] < 0.5 for row in rows]
        spans = [(_span(height, zoom, r[2]), _span(width, zoom, r[3])) for zoom, r in zip(zooms, rows)]
        way = resample_batched if images.is_cuda else resample_loop
        return way(images, masks, spans, flipped, (height, width), outside=(GREY, VOID))

    def _recoloured(self, images: Tensor, u: Tensor) -> Tensor:
        """Brightness, contrast (around mid-grey) and saturation are all linear: one matrix an image."""
        bright, contrast, saturation = (1 + self.colour * (2 * u.float() - 1)).T[:, :, None, None]
        grey = (1 - saturation) * LUMA.expand(3, 3)  # (N, 3, 3), each row the weights of grey
        matrix = bright * contrast * (saturation * torch.eye(3) + grey)
        offset = bright * (1 - contrast) * GREY  # (N, 1, 1)
        matrix, offset = (few.to(images.device, non_blocking=True) for few in (matrix, offset))
        pixels = images.flatten(2).float()  # (N, 3, H * W)
        return torch.baddbmm(offset, matrix, pixels).clamp_(0, 255).to(torch.uint8).view(images.shape)


def _span(length: int, zoom: float, place: float) -> Span:
    """Along one side: which pixels of the image are visible, and where in the result they are put."""
    window = max(1, round(length / zoom))  # in pixels of the image; may be longer than the image
    start = round(place * (length - window))
    begin, end = max(start, 0), min(start + window, length)
    scale = length / window
    first = min(round((begin - start) * scale), length - 1)
    return slice(begin, end), slice(first, max(round((end - start) * scale), first + 1))


# Windows of images and masks in another size: one by one, as is fast on a CPU, or a whole batch in a few
# large operations, as is fast on a GPU, where starting hundreds of small ones takes longer than they do. Both
# give equal masks, and images that differ by at most one grey level of rounding.


def resample_batched(
    images: Tensor, masks: Tensor, spans: Sequence[tuple[Span, Span]], flipped: Sequence[bool],
    size: tuple[int, int], outside: tuple[int, int],
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Windows of a whole batch, enlarged or reduced: images smooth with antialiasing, masks to the nearest.

    Args:
        images: (N, 3, H, W) uint8.
        masks: (N, H, W) uint8.
        spans: for each image the span along its rows and that along its columns.
        flipped: for each image whether it is mirrored left and right before its window is taken.
        size: (h, w) of the result.
        outside: what the image and what the mask hold where there is no window.

    Returns:
        (N, 3, h, w) uint8 and (N, h, w) uint8.

    Example:
        >>> images = torch.tensor([[[[10, 30]]]], dtype=torch.uint8).expand(1, 3, 1, 2)
        >>> masks, whole = torch.tensor([[[0, 1]]], dtype=torch.uint8), slice(0, 1)
        >>> spans = [((whole, whole), (slice(0, 2), slice(0, 4)))]
        >>> image, mask = resample_batched(images, masks, spans, [True], (1, 5), (128, 255))
        >>> image[0, 0].tolist(), mask[0].tolist()
        ([[30, 25, 15, 10, 128]], [[1, 1, 0, 0, 255]])
    """
    ends = [[[seen.start, seen.stop, new.start, new.stop] for seen, new in pair] for pair in spans]
    places = torch.tensor(ends).to(images.device, non_blocking=True)  # (N, 2, 4)
    mirror = torch.tensor(flipped).to(images.device, non_blocking=True)
    rows, row, in_rows = _along(places[:, 0], images.shape[2], size[0])
    columns, column, in_columns = _along(places[:, 1], images.shape[3], size[1])
    columns = torch.where(mirror[:, None, None], columns.flip(2), columns)
    column = torch.where(mirror[:, None], images.shape[3] - 1 - column, column)

    inside = in_rows[:, :, None] & in_columns[:, None]  # (N, h, w)
    smooth = rows[:, None] @ images.float() @ columns[:, None].transpose(2, 3)  # (N, 3, h, w)
    smooth = torch.where(inside[:, None], smooth.round().clamp(0, 255), outside[0]).to(torch.uint8)
    number = torch.arange(len(masks), device=masks.device)[:, None, None]
    nearest = masks[number, row[:, :, None], column[:, None]]
    return smooth, torch.where(inside, nearest, outside[1])


def resample_loop(
    images: Tensor, masks: Tensor, spans: Sequence[tuple[Span, Span]], flipped: Sequence[bool],
    size: tuple[int, int], outside: tuple[int, int],
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """The same as `resample_batched`, by torchvision."""
    seen = images.new_full((len(images), 3, *size), outside[0])
    truth = masks.new_full((len(masks), *size), outside[1])
    for image, mask, new_image, new_mask, mirror, span in zip(images, masks, seen, truth, flipped, spans):
        (rows, new_rows), (columns, new_columns) = span
        if mirror:
            image, mask = image.flip(-1), mask.flip(-1)
        target = new_mask[new_rows, new_columns]
        image, mask = resized(image[:, rows, columns], mask[rows, columns], target.shape)
        target.copy_(mask)
        new_image[:, new_rows, new_columns] = image
    return seen, truth


def _along(places: Tensor, length: int, wanted: int) -> tuple[Tensor, Tensor, Tensor]:
    """Along one side: (N, wanted, length) weights, (N, wanted) nearest pixels, (N, wanted) inside or not."""
    begin, end, first, last = places.T[:, :, None]  # each (N, 1)
    at = torch.arange(wanted, device=places.device) - first
    inside = (at >= 0) & (at < last - first)
    scale = (end - begin) / (last - first)  # pixels of the image in one of the result
    middles = torch.arange(length, device=places.device) + 0.5
    distance = (middles - (begin + (at + 0.5) * scale)[..., None]).abs()
    weights = (1 - distance / scale.clamp(min=1)[..., None]).clamp(min=0)  # a roof, no narrower than a pixel
    weights = weights * ((middles > begin) & (middles < end))[:, None]
    weights = weights / weights.sum(2, keepdim=True).clamp(min=1e-6)
    nearest = ((at + 0.5).double() * scale).float().floor().long()  # with the roundings of torch's own
    return weights, begin + nearest.clamp(min=0).minimum(end - begin - 1), inside
