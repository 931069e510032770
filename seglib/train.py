"""Training: a generator of steps. Asking for the next step trains the net; to stop, stop asking.

    for step in train(net, dataset, val=val, seconds=60):
        print(step)

A script, a progress bar, a test and a live monitor all use this one loop. What it leaves to others stands in
`seglib.data.batches` (what the net sees) and `seglib.training` (optimiser, processes, checkpoints, ...).
"""

from __future__ import annotations

import math
import weakref
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path

import torch
from torch import nn

from seglib.data.augment import Augment
from seglib.data.batches import Augmentation, Weights, checked_weights
from seglib.data.dataset import SegmentationDataset
from seglib.data.in_memory import InMemoryDataset, Size, common_size, sample
from seglib.losses import cross_entropy
from seglib.progress import tracked
from seglib.training import checks, distributed, optimise
from seglib.training.checkpoint import Keeper
from seglib.training.clock import Clock
from seglib.training.learn import learn
from seglib.training.optimise import LearningRate, Schedule, poly
from seglib.training.precision import Loss
from seglib.training.run import Run
from seglib.training.state import state_of
from seglib.training.step import Step
from seglib.training.validation import Judge


def train(
    net: nn.Module,
    dataset: SegmentationDataset,
    *,
    steps: int | None = None,
    epochs: float | None = None,
    seconds: float | None = None,
    val: SegmentationDataset | None = None,
    val_every: int | None = None,
    val_every_seconds: float | None = None,
    size: Size | None = None,
    batch_size: int = 16,
    augment: Augmentation | None = Augment(),  # noqa: B008 - it is frozen
    weights: Weights | None = None,
    loss: Loss = cross_entropy,
    lr: LearningRate = 1e-3,
    optimiser: str = "adamw",
    weight_decay: float = 0.01,
    schedule: Schedule = poly,
    clip: float = 1.0,
    seed: int = 0,
    device: str | torch.device | None = None,
    precision: str = "auto",
    checkpoint: Path | str | None = None,
    checkpoint_seconds: float = 15.0,
    resume: bool = True,
    compiled: bool | None = None,
) -> Generator[Step, None, None]:
    """Train a net, step by step; to stop, stop asking: a usable net and, given a path, a checkpoint stay.

    `break` is enough where nothing else holds the generator, as in `for step in train(...)`; else `close()`.

    Everything that can be wrong is said before the first step. The data are decoded once and stay in memory,
    next to the net if they fit; see `in_memory`, whose result serves several nets.

    Args:
        net: images (N, 3, H, W) uint8 -> logits (N, K, H, W). It is trained in place, and in evaluation mode
            afterwards.
        dataset: images with masks; sizes may differ.
        steps: how many batches, or
        epochs: how often each image, or
        seconds: for how long. Decoding is counted; pauses, waiting for the first `next()` and decoding anew
            for a training that goes on are not. Give one of the three.
        val: judged now and then at the size of the training; None for never.
        val_every: steps between two validations; with neither this nor `val_every_seconds`
            there are ten in all.
        val_every_seconds: seconds between two validations.
        size: (height, width) of the images; by default their own, or the profile's where they differ. A
            data set `in_memory` has its own.
        batch_size: images in a step, over all processes.
        augment: changes a batch, see `Augment`; None for nothing.
        weights: how often each image is drawn, relative to the others, see `seglib.data.sampling`; None for
            every image once an epoch.
        loss: (logits, masks) -> scalar, which leaves out void.
        lr: learning rate, or one for each part of the net, see `seglib.training.optimise.optimiser`.
        optimiser: "adamw" or "sgd".
        weight_decay: of everything but biases and norms.
        schedule: share of the training done, 0..1 -> factor of the learning rate.
        clip: gradients are scaled down to this length, over all parameters.
        seed: decides order, augmentation and dropout.
        device: "cuda" where there is one, else "cpu".
        precision: "float32", "bfloat16", or "auto": what a few timed steps say, if there are enough to pay; a
            training that goes on keeps what was chosen.
        checkpoint: file that holds everything needed to go on, written now and then. If it is there, the
            training goes on from it; on a CPU, with the same numbers as if it had never stopped.
        checkpoint_seconds: at most this much, and what is under way, is lost when the process is killed.
        resume: False begins anew and overwrites the checkpoint.
        compiled: let `torch.compile` make the net faster; None for on a GPU, if the steps left pay for it.

    Returns:
        A generator of Step. If the checkpoint is of a finished training, it has one last step.

    Raises:
        ValueError: an argument, an image, a mask, the net or the checkpoint is not what it must be; later,
            the loss or its gradient is not finite, or not even one image fits into memory.

    Example:
        >>> from seglib.scenes import Scenes
        >>> class Net(nn.Conv2d):
        ...     def forward(self, images):
        ...         return super().forward(images / 255)
        >>> data = Scenes(length=4, size=(32, 32))
        >>> net = Net(3, len(data.classes), 3, padding=1)
        >>> [step.number for step in train(net, data, steps=3, batch_size=2)]
        [1, 2, 3]
    """
    clock, device = Clock(), checks.checked_device(device)
    checks.check_stop(steps, epochs, seconds)
    checks.check_choices(precision, seed, val_every, val_every_seconds)
    checks.check_settings(net, lr, clip, size)
    checks.check_data(dataset, val)
    weights = None if weights is None else checked_weights(weights, len(dataset))
    (rank, count), path = distributed.rank_and_world_size(), Path(checkpoint) if checkpoint else None
    checks.check_batch(batch_size, count)
    if isinstance(dataset, InMemoryDataset):
        checks.check_in_memory(size, dataset.size)
        size = dataset.size
    size = size or common_size(dataset)
    net.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    image, mask = (part[None].to(device) for part in sample(dataset, 0, size))
    checks.check_loss(loss, checks.check_net(net, image, dataset), mask)
    moves = optimise.optimiser(net, optimiser, lr, weight_decay)
    run = Run(
        net, dataset, loss, moves, schedule, clock, device, size,
        keeper=Keeper(path if rank == 0 else None, checkpoint_seconds),
        steps=math.ceil(epochs * len(dataset) / batch_size) if epochs else steps, limit=seconds, clip=clip,
        batch_size=batch_size, seed=seed, augment=augment, weights=weights, precision=precision,
        compiled=compiled,
    )  # fmt: skip
    run.settings = {
        "data": f"{dataset.name} {dataset.split}, {len(dataset)} images of {size[0]} x {size[1]}",
        "classes": ", ".join(dataset.classes), "batch_size": batch_size, "seed": seed, "lr": str(lr),
        "optimiser": optimiser, "weight_decay": weight_decay,
        "loss": str(getattr(loss, "__name__", type(loss))),
    }  # fmt: skip
    run.begin(path if resume else None)
    judge = Judge(val, run, val_every, val_every_seconds) if val is not None else None
    run.clock.leave()
    iterator = _steps(run, judge)
    # Also where a script ends, while files can still be written. What is over holds on to nothing.
    run.farewell = weakref.finalize(iterator, run.leave)
    return iterator


def _steps(run: Run, judge: Judge | None) -> Generator[Step, None, None]:
    """The loop."""
    try:
        run.start()
        if run.number and run.over():
            missed = judge is not None and run.number not in run.history.scores  # it was interrupted
            scores, preview = judge.judge(run) if judge and missed else (None, None)
            said = "This training is over already: its checkpoint says so."
            yield run.report(said, scores=scores, preview=preview)
            return
        for images, masks in run.batches():
            loss = learn(run, images, masks)
            run.tick()
            judged, kept = judge is not None and judge.due(run), run.keeper.due()
            if judged or kept or run.over():
                run.unread.read()  # a GPU is waited for anyway, and a net that is spoilt is not kept
            scores, preview = judge.judge(run) if judge and judged else (None, None)
            if kept:
                run.keeper.write(state_of(run))
            with run.clock.paused():
                yield run.report(loss=loss, scores=scores, preview=preview)
            if run.over():
                return
    finally:
        run.leave()


def with_bar(steps: Iterable[Step], what: str = "training") -> Iterator[Step]:
    """The same steps, with a bar; an interrupt, too, leaves a net in evaluation mode and a checkpoint."""
    try:
        yield from tracked(steps, 1, what, fraction=lambda step: step.done)
    finally:
        if close := getattr(steps, "close", None):
            close()


def finish(steps: Iterable[Step], what: str = "training") -> Step:
    """Let a training run to its end, with a bar, and return its last step.

    Args:
        steps: what `train` returns; it may have begun.
        what: a few words for the bar.

    Raises:
        ValueError: what `train` raises, or the training was over before.

    Example:
        >>> from torch import nn
        >>> from seglib.scenes import Scenes
        >>> class Net(nn.Conv2d):
        ...     def forward(self, images):
        ...         return super().forward(images / 255)
        >>> data = Scenes(length=4, size=(32, 32))
        >>> finish(train(Net(3, len(data.classes), 3, padding=1), data, steps=3, batch_size=2)).number
        3
    """
    final = deque(with_bar(steps, what), maxlen=1)
    if not final:
        raise ValueError(f"{what}: there was no step to do")
    return final[0]
