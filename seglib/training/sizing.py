"""How large the images of a training run are, and how many go into a step: decided before the first step.

On Linux a process that takes too much memory is killed without a word, so nothing is tried out at full size.
What a step will take is predicted from one and two small images: the bytes that the net keeps for the
backward pass grow in proportion to the pixels. To these come gradients, the optimiser's state and the images
in memory. `benchmarks/memory.py` compares the prediction with what was measured.
"""

import logging
import math
import time
import weakref
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from seglib.data.in_memory import InMemoryDataset, Size, free_bytes, scaled
from seglib.machine import pick_profile
from seglib.training.step import Loss, evaluating, logits_of

BATCH, FEWEST = 16, 4  # images in a step: by default, and the fewest before the images become smaller
ROOM = 0.8  # of the free memory may be taken
SURE = 20_000  # bytes a pixel, more than usual nets need: where even these fit, nothing is measured
SPARE = 1.15  # a process takes more than its tensors
FAIR = 0.1  # of the seconds of a run: a step is not to take more
PROBE = 96 * 96  # pixels of the small images
log = logging.getLogger("seglib")


@dataclass(frozen=True)
class Plan:
    """Size and number of the images of a step.

    Attributes:
        size: (height, width).
        batch_size: images in a step, over all processes.
        bytes: that a step takes, predicted; NaN if it was not measured.
        free: bytes of memory that are free.
        own: (height, width) of the first image if the size was chosen here, else `size`.
        fewer: whether the batch was chosen here and is smaller than usual.
    """

    size: Size
    batch_size: int
    bytes: float
    free: float
    own: Size
    fewer: bool

    def say(self, precision: str) -> None:
        """Log it in one line; as a warning, which is seen, where images are scaled or the batch is small."""
        chosen = self.own != self.size or self.fewer
        line = f"Training at {self.size[0]} x {self.size[1]}"
        line += f" (the images are {self.own[0]} x {self.own[1]})" if self.own != self.size else ""
        line += f", {self.batch_size} images a step, in {precision}"
        if not math.isnan(self.bytes):
            line += f": about {self.bytes / 1e9:.1f} GB of the {self.free / 1e9:.1f} GB that are free"
        log.log(logging.WARNING if chosen else logging.INFO, f"{line}.")


@dataclass(frozen=True)
class Cost:
    """What a step of a net takes: `pixel` bytes and `seconds` a pixel of its batch, and `fixed` bytes."""

    pixel: float
    fixed: float
    seconds: float = 0.0

    def bytes(self, size: Size, images: int) -> float:
        """The predicted peak above what the process has before the step."""
        return SPARE * (self.pixel * size[0] * size[1] * images + self.fixed)


def plan(
    options: SimpleNamespace, size: Size, device: torch.device, precision: str, processes: int = 1
) -> Plan:
    """Size and batch of a run: those asked for, or else what fits into memory and time.

    Args:
        options: the arguments of `train`. Only a size or batch that is None there may change: first the batch
            becomes smaller, down to 4, then the images, then the batch again. For lack of time, images become
            no smaller than half of the profile's.
        size: (height, width) to begin with.
        device: the memory that counts.
        precision: "float32" or "bfloat16".
        processes: that share a batch.

    Raises:
        ValueError: the step does not fit into main memory; the message says what would. (A GPU says so itself
            when it is full, and then the batch is split.)
    """
    parts = [part for part in (options.dataset, options.val) if part is not None]
    images = sum(len(part) for part in parts if not isinstance(part, InMemoryDataset))
    fewest, free = max(FEWEST, processes), free_bytes(device)
    batch = options.batch_size or max(fewest, usual_batch(size))
    smaller = options.size is None and not isinstance(options.dataset, InMemoryDataset)
    fewer, limit = options.batch_size is None, options.seconds
    timed = limit is not None and (smaller or fewer)
    cost = Cost(SURE, 0)

    def fits(size: Size, batch: int, in_time: bool = True) -> bool:
        pixels, each = size[0] * size[1], math.ceil(batch / processes)
        decoded = 4 * pixels * images  # more than half of what is free is not kept in memory
        room = ROOM * free - (decoded if decoded <= free / 2 else 0)
        slow = timed and in_time and cost.seconds * pixels * each > FAIR * limit
        return cost.bytes(size, each) <= room and not slow

    def planned(taken: float = math.nan) -> Plan:
        own = tuple(options.dataset[0][1].shape) if smaller else size
        return Plan(size, batch, taken, free, (own[0], own[1]), fewer and batch < BATCH)

    if fits(size, batch) and (not timed or size[0] * size[1] * batch <= 2 * PROBE):
        return planned()
    measured = cost_of(options.net, options.loss, len(options.dataset.classes), size, device, precision)
    if measured is None:  # the checks of the net will say why
        return planned()
    cost = measured
    while fewer and batch > fewest and not fits(size, batch):
        batch = max(fewest, batch // 2)
    height, width = pick_profile().size
    while smaller and min(size) > 32 and not fits(size, batch, size[0] * size[1] > height * width / 2):
        size = scaled(size, 0.75 * size[0] * size[1])
    while fewer and batch > processes and not fits(size, batch, in_time=False):
        batch = max(processes, batch // 2)
    if device.type == "cpu" and not fits(size, batch, in_time=False):
        raise ValueError(_refusal(size, batch, cost, free, partial(fits, in_time=False)))
    return planned(cost.bytes(size, math.ceil(batch / processes)))


def usual_batch(size: Size) -> int:
    """16 images, or fewer of images that are larger than those of this machine's profile; at least 4.

    Example:
        >>> usual_batch((32, 32)), usual_batch((4000, 4000))
        (16, 4)
    """
    height, width = pick_profile().size
    return min(BATCH, max(FEWEST, BATCH * height * width // (size[0] * size[1])))


def _refusal(size: Size, batch: int, cost: Cost, free: float, fits: Callable[..., bool]) -> str:
    small, few = size, batch
    while min(small) > 32 and not fits(small, batch):
        small = scaled(small, 0.75 * small[0] * small[1])
    while few > 1 and not fits(size, few):
        few -= 1
    ways = [f"size={small}"] * fits(small, batch) + [f"batch_size={few}"] * fits(size, few)
    return (
        f"a step with {batch} images of {size[0]} x {size[1]} takes about "
        f"{cost.bytes(size, batch) / 1e9:.1f} GB, too much for the {free / 1e9:.1f} GB of memory that are "
        f"free; {' or '.join(ways) or 'a smaller net'} would fit"
    )


def cost_of(
    net: nn.Module, loss: Loss, num_classes: int, size: Size, device: torch.device, precision: str
) -> Cost | None:
    """Measure a net and its loss on small images, in evaluation mode, which changes nothing in the net.

    Returns:
        The cost of a step, for AdamW; None if the net or the loss fails.
    """
    if not isinstance(net, nn.Module):
        return None
    small = size if size[0] * size[1] <= PROBE else scaled(size, PROBE)
    weights = [weight for weight in net.to(device).parameters() if weight.requires_grad]
    mask = (torch.arange(small[1], device=device) % num_classes).to(torch.uint8).expand(2, *small)
    images = torch.full((2, 3, *small), 127, dtype=torch.uint8, device=device)
    images = images.contiguous(memory_format=torch.channels_last)

    def loss_of(count: int) -> Tensor:
        return loss(logits_of(net, images[:count], precision), mask[:count])

    held = [*net.parameters(), *net.buffers(), images, mask]
    try:
        with evaluating(net):
            one, two = (live_bytes(held, partial(loss_of, count)) for count in (1, 2))
            seconds = min(_seconds(lambda: loss_of(2), weights) for _ in range(2))  # the first one is slow
    except Exception:
        return None
    pixels = small[0] * small[1]
    moments = 3 * sum(weight.nbytes for weight in weights)  # gradients, and two of the optimiser
    return Cost((two - one) / pixels, max(0, 2 * one - two) + moments, seconds / (2 * pixels))


def _seconds(loss: Callable[[], Tensor], weights: list[nn.Parameter]) -> float:
    """Of a forward and a backward pass, as if this process had its cores for itself."""
    begin = time.process_time()
    grads = torch.autograd.grad(loss(), weights, allow_unused=True)
    [float(grad.sum()) for grad in grads if grad is not None]  # waits for a GPU
    return (time.process_time() - begin) / torch.get_num_threads()


def live_bytes(held: Iterable[Tensor], compute: Callable[[], object]) -> int:
    """The most bytes that tensors take at one time while `compute` runs; those `held` before do not count.

    Example:
        >>> live_bytes([], lambda: torch.zeros(10).add(1).sum())  # two of 40 bytes, then one and the sum
        80
    """
    with _Live(held) as live:
        compute()
    return live.most


class _Live(TorchDispatchMode):
    """Sees the result of every operation, and counts its memory until it is freed."""

    def __init__(self, held: Iterable[Tensor]) -> None:
        super().__init__()
        self.now = self.most = 0
        self.seen = {tensor.untyped_storage()._cdata for tensor in held}

    def __torch_dispatch__(self, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = operation(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, Tensor) and (key := tensor.untyped_storage()._cdata) not in self.seen:
                storage = tensor.untyped_storage()
                self.seen.add(key)
                self.now += storage.nbytes()
                self.most = max(self.most, self.now)
                weakref.finalize(storage, self._freed, key, storage.nbytes())
        return result

    def _freed(self, key: int, size: int) -> None:
        self.seen.discard(key)
        self.now -= size
