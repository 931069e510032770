"""One training run: its arguments, its state between two steps, and what a step changes."""

import math
import time
import warnings
import weakref
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from seglib.data.batches import Augmentation, Weights, batches, checked_weights, mixed
from seglib.data.dataset import SegmentationDataset
from seglib.data.in_memory import Size, to_device
from seglib.evaluate import Scores
from seglib.training import checkpoint, checks, distributed, optimise
from seglib.training.checkpoint import CheckpointWriter
from seglib.training.precision import choose, pays_to_compile
from seglib.training.progress import Preview, Progress, Step
from seglib.training.step import (
    FLUSH_EVERY,
    Loss,
    PendingLosses,
    averaging,
    if_it_fits,
    logits_of,
    uninterrupted,
)  # fmt: skip

PAUSE = 1.0  # seconds: a caller that keeps the run waiting for longer has paused it
MIN_STEPS_FOR_TRIAL = 60  # or ten seconds: a shorter run does not gain from trying out precisions
MAX_TRIAL = 0.2  # the fraction of the time that trying out precisions may take


@dataclass
class Run:
    """One training run: the arguments of `seglib.train.train`, checked, and what the steps change.

    Attributes:
        progress: what a checkpoint holds, besides the net, the optimiser and `settings`.
        settings: numbers and strings that must be the same in a checkpoint and the run that resumes from it.
        step_complete: False in the middle of a step, when a part of the weights may be new.
        finalizer: calls `close`, once: when the loop is left, or where a script ends.

    Raises:
        ValueError: an argument is not what it must be.
    """

    net: nn.Module
    dataset: SegmentationDataset
    steps: float | None
    epochs: float | None
    seconds: float | None
    val: SegmentationDataset | None
    val_every: int | None
    val_every_seconds: float | None
    size: Size
    batch_size: int
    augment: Augmentation | None
    weights: Weights | None
    loss: Loss
    lr: optimise.LearningRate
    optimiser: str
    weight_decay: float
    schedule: optimise.Schedule
    clip: float
    seed: int
    device: torch.device
    precision: str
    checkpoint: Path | str | None
    checkpoint_seconds: float
    resume: bool
    compiled: bool | None

    def __post_init__(self) -> None:
        self.begin = self.left_at = time.monotonic()
        self.progress = Progress(self.precision)
        self.device = checks.checked_device(self.device)
        checks.check_options(vars(self))
        checks.check_data(self.dataset, self.val)
        if self.weights is not None:
            self.weights = checked_weights(self.weights, len(self.dataset))
        self.size = checks.checked_size(self.dataset, self.size)
        checks.check_net(self.net, self.loss, self.dataset, self.size, self.device)
        self.stepper = optimise.optimiser(self.net, self.optimiser, self.lr, self.weight_decay)
        if self.epochs is not None:
            self.steps = math.ceil(self.epochs * len(self.dataset) / self.batch_size)
        self.rank, self.world_size = 0, 1  # of this process, and how many there are
        if dist.is_available() and dist.is_initialized():
            self.rank, self.world_size = dist.get_rank(), dist.get_world_size()
        if self.batch_size < self.world_size:
            raise ValueError(
                f"batch_size={self.batch_size} must be at least {self.world_size}, one a process"
            )
        self.path = Path(self.checkpoint) if self.checkpoint else None
        self.writer: CheckpointWriter | None = None
        if self.path and self.rank == 0:
            self.writer = CheckpointWriter(self.path, self.checkpoint_seconds)
        self.settings = {
            "data": f"{self.dataset.name} {self.dataset.split}, {len(self.dataset)} images of "
            f"{self.size[0]} x {self.size[1]}",
            "classes": ", ".join(self.dataset.classes.names), "batch_size": self.batch_size,
            "seed": self.seed, "lr": str(self.lr), "optimiser": self.optimiser,
            "weight_decay": self.weight_decay, "loss": str(getattr(self.loss, "__name__", type(self.loss))),
        }  # fmt: skip
        self.pending = PendingLosses(self.device.type == "cpu", self.progress.history.losses, self._diverged)
        self.forward: Any = self.net  # or the net, compiled
        self.current_lr = 0.0
        self.started, self.step_complete = False, True
        self.resumed: dict[str, Any] | None = None  # the state to resume from, until the first step
        self.finalizer: weakref.finalize[..., Any]
        self.step_seconds: deque[float] = deque(maxlen=FLUSH_EVERY)
        self.messages: list[str] = []

    def prepare(self) -> None:
        """Load the checkpoint, if there is one, and the data, and choose the precision."""
        path = self.path if self.resume else None
        state = checkpoint.load(path) if path and path.exists() else None
        step = state["number"] if state else -1
        if self.same_everywhere(step) != step:
            raise ValueError(
                f"the processes disagree about the checkpoint {path}; put it where all machines can "
                "read it, or start anew with resume=False"
            )
        if path and state:
            checkpoint.restore(path, state, self.net, self.stepper, self.settings)
            self.progress.load_state_dict(state, self.dataset.classes)
            self.messages.append(f"Resumed after step {self.progress.number}, from {path}.")
            self.resumed = state
        if self.world_size > 1:
            distributed.broadcast_tensors([*self.net.parameters(), *self.net.buffers()])
        self.dataset, message = to_device(self.dataset, self.size, self.device)
        self.messages.append(message)
        max_seconds = self.seconds or math.inf
        if self.progress.precision == "auto":
            if min(self.steps or math.inf, 6 * max_seconds) < MIN_STEPS_FOR_TRIAL:
                self.progress.precision = "float32"
            else:
                trial = partial(choose, max_seconds=MAX_TRIAL * max_seconds, broadcast=self.same_everywhere)
                self.progress.precision, why = trial(self.net, self.loss, *next(self.batches()))
                self.messages.append(why)
        if self.compiled:
            self._compile("as requested")

    def start(self) -> None:
        """Get ready for the first step. How long the caller has waited until now does not count."""
        self.started, self.step_complete = True, False
        if self.writer:
            self.writer.claim()
        if self.path and self.resumed:  # an older run may have trained the same net in the meantime
            checkpoint.restore(self.path, self.resumed, self.net, self.stepper, self.settings)
            self.resumed = None
        self.step_complete = True
        self.net.train()  # all of it: parts may be in another mode than the net
        progress = self.progress
        if progress.number:  # preparing once more is not counted
            self.begin = time.monotonic() - progress.seconds
            return
        self.come_back()
        progress.seconds = progress.setup_seconds = self.same_everywhere(time.monotonic() - self.begin)
        if self.seconds is not None and progress.seconds >= self.seconds:
            self.messages.append(
                f"Preparing took {progress.seconds:.0f} s of the {self.seconds:g} s allowed, so only one "
                "step is done; increase seconds=."
            )

    def leave(self) -> None:
        """Give control to the caller; what it keeps beyond one second is not counted."""
        self.left_at = time.monotonic()

    def come_back(self) -> None:
        """Take control again."""
        away = time.monotonic() - self.left_at
        self.begin += away if away > PAUSE else 0

    def batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        """This process's part of the batches, from the next step on."""
        return batches(
            self.dataset, batch_size=self.batch_size, size=self.size, seed=self.seed,
            start=self.progress.number, augment=self.augment, weights=self.weights, device=self.device,
            share=(self.rank, self.world_size),
        )  # fmt: skip

    def train_step(self, images: Tensor, masks: Tensor) -> Tensor:
        """Learn from one batch. An interrupt waits until the step is complete.

        Args:
            images: (n, 3, H, W) uint8, this process's part of the batch.
            masks: (n, H, W) uint8.

        Returns:
            The loss of the whole batch before the update, still on the device.

        Raises:
            ValueError: the loss or its gradient is NaN or infinite, or not even one image at a time fits into
                memory.
        """
        with uninterrupted():
            self.step_complete = False
            if not self.net.training:  # the caller may have left it in evaluation mode
                self.net.train()
            last = 1.0 if self.steps is None else self.steps / (self.steps + 1)  # the last step's lr is not 0
            factor = self.schedule(last * self.fraction_done(self.progress.number + 1))
            self.current_lr = optimise.adjust(self.stepper, factor)
            images = images.contiguous(memory_format=torch.channels_last)
            with averaging(self.net, self.progress.number):
                while (loss := if_it_fits(partial(self._gradients, images, masks))) is None:
                    self._split(len(images))
            if self.world_size > 1:
                loss = distributed.all_reduce_gradients(self.net, loss)
            trained = [parameter for group in self.stepper.param_groups for parameter in group["params"]]
            length = nn.utils.clip_grad_norm_(trained, self.clip)
            # On a CPU, a loss or gradient that is not finite stops the run here and spoils no weights.
            self.pending.append(torch.where(length.isfinite(), loss, torch.nan))
            self.stepper.step()
            self.progress.number += 1
            self.step_complete = True
        return loss

    def _gradients(self, images: Tensor, masks: Tensor) -> Tensor:
        """Compute this process's gradients, part by part to save memory, and return its part of the loss.

        The global random state, which dropout uses, is seeded for each step and restored.
        """
        progress, total = self.progress, torch.zeros((), device=self.device)
        self.stepper.zero_grad(set_to_none=True)
        with torch.random.fork_rng([self.device] if self.device.type == "cuda" else []):
            torch.manual_seed(mixed(self.seed, progress.number, self.rank, 2))
            for part, truth in zip(*(whole.chunk(progress.micro_batches) for whole in (images, masks))):
                loss = self.loss(logits_of(self.forward, part, progress.precision), truth)
                loss = loss * (len(part) / self.batch_size)
                loss.backward()
                total += loss.detach().reshape(())
        return total

    def _split(self, count: int) -> None:
        """From now on, split a batch of `count` images into twice as many parts."""
        step, parts = self.progress.number + 1, self.progress.micro_batches
        if parts >= count:
            raise ValueError(
                f"out of memory at step {step}, even with one image of {self.size[0]} x {self.size[1]} "
                "at a time; use smaller images (size=...) or a smaller net"
            )
        parts = self.progress.micro_batches = min(2 * parts, count)
        self.messages.append(
            f"Out of memory at step {step}: from now on, batches of {count} go through the net in {parts} "
            f"parts of at most {math.ceil(count / parts)}. This changes batch normalisation, and means over "
            "pixels where some images have more void than others."
        )

    def fraction_done(self, number: int) -> float:
        """The fraction of the run that is done after this many steps, or now; 1 or more at the end."""
        if self.steps is not None:
            return number / self.steps
        setup, limit = self.progress.setup_seconds, self.seconds or 0.0
        return (self.progress.seconds - setup) / max(limit - setup, 1e-9)

    def finished(self) -> bool:
        """Whether there is nothing more to do."""
        return self.fraction_done(self.progress.number) >= 1

    def same_everywhere(self, value: float) -> float:
        """The first process's value."""
        return distributed.broadcast(value) if self.world_size > 1 else value

    def update_clock(self, after_step: bool = True) -> None:
        """Read the clock that all processes share; after a step, note how long it took."""
        before = self.progress.seconds
        self.progress.seconds = self.same_everywhere(time.monotonic() - self.begin)
        if after_step:
            self.step_seconds.append(self.progress.seconds - before)
            if self.compiled is None and len(self.step_seconds) == FLUSH_EVERY:
                self.compiled = pays_to_compile(self.device, self.seconds_left())
                if self.compiled:
                    self._compile("the remaining steps pay for it")

    def _compile(self, why: str) -> None:
        """Compile the net's forward and backward pass; validation keeps the plain net."""
        self.forward = torch.compile(self.net)
        self.messages.append(f"torch.compile: {why}; the next step can take minutes.")

    def seconds_left(self) -> float:
        """How long it will still take at the speed so far; NaN at the beginning."""
        done = self.fraction_done(self.progress.number)
        spent = self.progress.seconds - self.progress.setup_seconds
        return max(0.0, spent * (1 - done) / done) if done else math.nan

    def report(
        self, loss: Tensor | None = None, scores: Scores | None = None, preview: Preview | None = None
    ) -> Step:
        """The step that was just completed."""
        number, left = self.progress.number, self.seconds_left()
        seconds = sum(self.step_seconds) / max(len(self.step_seconds), 1)  # of a step; a coarse clock says 0
        more = round(left / seconds) if left > 0 and seconds else 0
        total = number + more if self.steps is None else math.ceil(self.steps)
        message, self.messages = " ".join(filter(None, self.messages)), []
        return Step(
            number, total, self.progress.seconds, left, self.batch_size / seconds if seconds else math.nan,
            self.current_lr, self.progress.history, scores, preview, message, loss,
        )  # fmt: skip

    def state_dict(self) -> dict[str, Any]:
        """Everything needed to resume: tensors, numbers and strings."""
        parts = {"net": self.net.state_dict(), "optimiser": self.stepper.state_dict()}
        return parts | {"settings": self.settings} | self.progress.state_dict()

    def save_if_due(self) -> None:
        """Write the checkpoint if it is time to."""
        if self.writer and self.writer.due():
            self.pending.flush()  # a net whose loss was NaN must not be saved
            self.messages.append(self.writer.write(self.state_dict()))

    def close(self) -> None:
        """End the run, at its end or early: the net can be used, and a complete state is saved.

        A run that never started leaves the net alone: another run may be training it.
        """
        if not self.started:
            return
        self.net.eval()
        try:
            self.pending.flush()
        except ValueError as error:  # the caller has left: a warning instead of an error
            warnings.warn(str(error), stacklevel=3)
        if self.writer:
            whole = self.pending.is_finite and self.step_complete
            if whole and (warning := self.writer.write(self.state_dict())):
                warnings.warn(warning, stacklevel=3)
            self.writer.release()

    def _diverged(self, value: float, number: int) -> str:
        kept = f" {self.path} holds an earlier, good state." if self.path and self.path.exists() else ""
        bits = "; bfloat16 (try precision='float32')" if self.progress.precision == "bfloat16" else ""
        return (
            f"the loss or its gradient is {value} at step {number}. Likely causes: a learning rate that is "
            f"too high (it was {self.current_lr:.2g}: try a tenth); a NaN or infinite class weight; a "
            f"division by zero or a logarithm of 0 in the net or the loss{bits}.{kept}"
        )
