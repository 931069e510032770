"""One step: forward, backward, in as many pieces as memory asks for, and the optimiser's move."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from seglib.data.batches import mixed
from seglib.training import distributed, optimise
from seglib.training.clock import uninterrupted
from seglib.training.precision import logits_of, out_of_memory

if TYPE_CHECKING:
    from seglib.training.run import Run


def learn(run: Run, images: Tensor, masks: Tensor) -> Tensor:
    """Learn from a batch.

    Args:
        run: its net, optimiser and number change.
        images: (n, 3, H, W) uint8, this process's share of the batch.
        masks: (n, H, W) uint8.

    Returns:
        The loss of the whole batch before the step, still on the device.

    Raises:
        ValueError: the loss or its gradient is not finite, or not even one image at a time fits into
            memory.
    """
    with uninterrupted():
        run.whole = False
        if not run.net.training:  # whoever looked on may have left it in evaluation mode
            run.net.train()
        last = 1.0 if run.steps is None else run.steps / (run.steps + 1)  # so that the last step moves, too
        run.rate = optimise.adjust(run.optimiser, run.schedule(last * run.done(run.number + 1)))
        loss = _gradients(run, images.contiguous(memory_format=torch.channels_last), masks)
        loss = distributed.all_reduce_gradients(run.net, loss)
        moving = [parameter for group in run.optimiser.param_groups for parameter in group["params"]]
        length = nn.utils.clip_grad_norm_(moving, run.clip)
        # On a CPU, a loss or a gradient that is no number stops here, before it spoils the weights.
        run.unread.add(torch.where(length.isfinite(), loss, torch.nan))
        run.optimiser.step()
        run.number += 1
        run.whole = True
    return loss


def _gradients(run: Run, images: Tensor, masks: Tensor) -> Tensor:
    """Gradients in the net's parameters; this share's part of the loss: parts are to be added up."""
    while True:
        try:
            return _accumulate(run, images, masks)
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error):
                raise
        # Outside of the `except`: in there the error would still hold on to the tensors.
        _halve(run, len(images))


def _accumulate(run: Run, images: Tensor, masks: Tensor) -> Tensor:
    run.optimiser.zero_grad(set_to_none=True)
    total = torch.zeros((), device=run.device)
    forward = run.net if run.forward is None else run.forward  # a compiled net is neither true nor false
    devices = [run.device] if run.device.type == "cuda" else []
    with torch.random.fork_rng(devices):  # dropout, too, is a function of the seed and the step
        torch.manual_seed(mixed(run.seed, run.number, distributed.rank_and_world_size()[0], 2))
        for piece, truth in zip(images.chunk(run.pieces), masks.chunk(run.pieces)):
            loss = run.loss(logits_of(forward, piece, run.precision), truth)
            loss = loss * (len(piece) / run.batch_size)
            loss.backward()
            total += loss.detach().reshape(())
    return total


def _halve(run: Run, count: int) -> None:
    """From now on, twice as many pieces."""
    if run.pieces >= count:
        raise ValueError(
            f"out of memory at step {run.number + 1}, even with one image of {run.size[0]} x {run.size[1]} "
            "at a time; take smaller images (size=...) or a smaller net"
        )
    run.optimiser.zero_grad(set_to_none=True)
    if run.device.type == "cuda":
        torch.cuda.empty_cache()
    run.pieces = min(2 * run.pieces, count)
    run.messages.append(
        f"Out of memory at step {run.number + 1}: from here on, batches of {count} go through the net in "
        f"{run.pieces} pieces of at most {math.ceil(count / run.pieces)}. Batch normalisation notices, and "
        "so does a mean over pixels where some images have more void than others."
    )
