"""Training: a generator of steps. Each `next()` trains the net on one batch; to stop, leave the loop.

    for step in train(net, dataset, val=val, seconds=60):
        print(step)

Scripts, progress bars, tests and the live monitor all use this one loop. Its parts are in `seglib.training`
(optimiser, checkpoints, validation, ...) and in `seglib.data.batches` (what the net sees).
"""

import weakref
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path

import torch
from torch import nn

from seglib.data.batches import Augment, Augmentation, Weights
from seglib.data.dataset import SegmentationDataset
from seglib.data.in_memory import Size
from seglib.losses import cross_entropy
from seglib.progress import tracked
from seglib.training.progress import Step
from seglib.training.run import Run
from seglib.training.step import LearningRate, Loss, Schedule, TrainStep, poly
from seglib.training.validation import Validator


def train(
    net: nn.Module, dataset: SegmentationDataset, *,
    steps: int | None = None, epochs: float | None = None, seconds: float | None = None,
    val: SegmentationDataset | None = None, val_every: int | None = None,
    size: Size | None = None, batch_size: int | None = None, augment: Augmentation | None = Augment(),  # noqa: B008
    weights: Weights | None = None, loss: Loss = cross_entropy, lr: LearningRate = 1e-3,
    optimiser: str = "adamw", weight_decay: float = 0.01, schedule: Schedule = poly, seed: int = 0,
    device: str | torch.device | None = None, precision: str = "auto",
    checkpoint: Path | str | None = None, checkpoint_seconds: float = 15.0, resume: bool = True,
    step: TrainStep | None = None,
) -> Generator[Step, None, None]:  # fmt: skip
    """Train a net step by step. However it ends, the net is usable, and there is a checkpoint if asked for.

    To stop, `break` is enough if nothing else holds the generator, as in `for step in train(...)`; otherwise
    `close()` it. All errors in the arguments are reported before the first step. The images are decoded once
    and stay in memory, on the net's device if they fit; to train several nets on the same data, load it with
    `seglib.data.in_memory` first.

    Args:
        net: images (N, 3, H, W) uint8 -> logits (N, K, H, W). It is trained in place, and in evaluation mode
            afterwards.
        dataset: images with masks; sizes may differ.
        steps: number of batches, or
        epochs: number of passes over the data set, or
        seconds: how long to train. Decoding counts; pauses, the time before the first `next()`, and decoding
            again after a resume do not. Give exactly one of the three.
        val: images to validate on, at the training size; None for no validation.
        val_every: steps between two validations; None for ten in the whole run.
        size: (height, width) of the images; by default their own, or the profile's if they differ or are
            much larger, and smaller still where memory or `seconds` ask for it. A data set in memory has its
            own.
        batch_size: images in a step, over all processes; by default 16, or fewer if they are large. What was
            chosen is logged before the first step, and a resumed run keeps it.
        augment: changes a batch, see `Augment`; None for no augmentation.
        weights: (N,) how often each image is drawn, relative to the others, see `seglib.data.sampling`; None
            for all of them once an epoch, shuffled.
        loss: (logits, masks) -> scalar; it must ignore void pixels (255).
        lr: learning rate, or one for each part of the net, see `seglib.training.step.optimiser`.
        optimiser: "adamw" or "sgd" (momentum 0.9).
        weight_decay: of everything except biases and norms.
        schedule: fraction of the run that is done, 0..1 -> factor of the learning rate.
        seed: decides order, augmentation and dropout.
        device: by default "cuda" if there is a GPU, else "cpu".
        precision: "float32", "bfloat16", or "auto": bfloat16 if the processor or GPU has instructions for it
            and the run has at least 60 steps or ten seconds; a resumed run keeps what was chosen.
        checkpoint: file that holds everything needed to resume, written from time to time. If it exists, the
            run resumes from it; on a CPU, bit for bit as if it had never stopped.
        checkpoint_seconds: how much a killed process loses at most, besides the current step; more only if
            writing takes more than 2 % of it.
        resume: False to start from scratch and overwrite the checkpoint.
        step: your own step, (net, images, masks, optimiser) -> loss, in place of the library's: it computes
            the loss of a batch, images (N, 3, H, W) uint8 and masks (N, H, W) uint8, calls `backward()` and
            `optimiser.step()`, and returns the loss before the update: a number, or a tensor of one. The
            rest stays: precision, seed, learning rate, the limit on the gradient. A batch is not split where
            memory is short, and only one process can train.

    Returns:
        A generator of Step. If the checkpoint is of a finished run, it has one last step.

    Raises:
        ValueError: an argument, an image, a mask, the net or the checkpoint is not what it must be, or a step
            of the size that was asked for does not fit into memory (the message says what does); later,
            the loss or its gradient is NaN or infinite, or not even one image fits into memory.

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
    run = Run(**locals())  # checks the arguments
    run.prepare()
    validator = None if val is None else Validator(val, run)
    run.leave()
    iterator = _steps(run, validator)
    # It closes the run also where a script ends, while files can still be written.
    run.finalizer = weakref.finalize(iterator, run.close)
    return iterator


def _steps(run: Run, validator: Validator | None) -> Generator[Step, None, None]:
    """The loop."""
    try:
        run.start()
        if run.progress.number and run.finished():
            run.messages.append("This run is already complete: its checkpoint says so.")
            yield run.report(None, *(validator.validate() if validator and validator.due() else ()))
            return
        for images, masks in run.batches():
            loss = run.train_step(images, masks)
            run.update_clock()
            validation = validator.validate() if validator and validator.due() else ()
            run.save_if_due()
            if run.finished():
                run.pending.flush()
            run.leave()
            yield run.report(loss, *validation)
            run.come_back()
            if run.finished():
                return
    finally:
        run.finalizer()


def with_bar(steps: Iterable[Step], label: str = "training") -> Iterator[Step]:
    """The same steps with a progress bar. After an interrupt, too, the net is usable and the state saved."""
    try:
        yield from tracked(steps, 1, label, fraction=lambda step: step.done)
    finally:
        if close := getattr(steps, "close", None):
            close()


def finish(steps: Iterable[Step], label: str = "training") -> Step:
    """Run all training steps, with a progress bar.

    Args:
        steps: what `train` returns; some steps may already be done.
        label: a few words for the bar.

    Returns:
        The last step.

    Raises:
        ValueError: what `train` raises, or the run had already ended.

    Example:
        >>> from seglib.scenes import Scenes
        >>> class Net(nn.Conv2d):
        ...     def forward(self, images):
        ...         return super().forward(images / 255)
        >>> data = Scenes(length=4, size=(32, 32))
        >>> finish(train(Net(3, len(data.classes), 3, padding=1), data, steps=3, batch_size=2)).number
        3
    """
    last = deque(with_bar(steps, label), maxlen=1)
    if not last:
        raise ValueError(f"{label}: this run has already ended; call train(...) for a new one")
    return last[0]
