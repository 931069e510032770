"""Forward and backward, in as many pieces as memory asks for."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from seglib.data.batches import mixed
from seglib.training import processes
from seglib.training.precision import logits_of

if TYPE_CHECKING:
    from seglib.training.run import Run


def gradients(run: Run, images: Tensor, masks: Tensor) -> Tensor:
    """Put the gradients of this process's share of a batch into the net's parameters.

    Returns:
        The share's part of the loss of the whole batch, still on the device: parts are to be added up.

    Raises:
        ValueError: not even one picture at a time fits into memory.
    """
    while True:
        try:
            return _accumulate(run, images, masks)
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error):
                raise
        # Outside of the `except`: in there the error would still hold on to the tensors.
        _halve(run, len(images))


def out_of_memory(error: BaseException) -> bool:
    """Whether this error says that memory ran out, on a GPU or in main memory.

    Example:
        >>> out_of_memory(RuntimeError("DefaultCPUAllocator: can't allocate memory"))
        True
    """
    words = ("out of memory", "can't allocate memory", "not enough memory")
    return isinstance(error, MemoryError) or any(word in str(error).lower() for word in words)


def _accumulate(run: Run, images: Tensor, masks: Tensor) -> Tensor:
    run.optimiser.zero_grad(set_to_none=True)
    total = torch.zeros((), device=run.device)
    devices = [run.device] if run.device.type == "cuda" else []
    with torch.random.fork_rng(devices):  # dropout, too, is a function of the seed and the step
        torch.manual_seed(mixed(run.seed, run.number, processes.share()[0], 2))
        for piece, truth in zip(images.chunk(run.pieces), masks.chunk(run.pieces)):
            loss = run.loss(logits_of(run.net, piece, run.precision), truth)
            loss = loss * (len(piece) / run.batch_size)
            loss.backward()
            total += loss.detach()
    return total


def _halve(run: Run, count: int) -> None:
    """From now on, twice as many pieces."""
    if run.pieces >= count:
        raise ValueError(
            f"out of memory at step {run.number + 1}, even with one picture of {run.size[0]} x {run.size[1]} "
            "at a time; take smaller pictures (size=...) or a smaller net"
        )
    run.optimiser.zero_grad(set_to_none=True)
    if run.device.type == "cuda":
        torch.cuda.empty_cache()
    run.pieces = min(2 * run.pieces, count)
    run.messages.append(
        f"Out of memory at step {run.number + 1}: from here on, batches of {count} go through the net in "
        f"{run.pieces} pieces of at most {math.ceil(count / run.pieces)}; only batch normalisation notices."
    )
