"""One training run: its arguments, its state between two steps, and what a step changes."""

import math
import time
import warnings
import weakref
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from seglib.data.batches import batches, checked_weights, mixed
from seglib.data.in_memory import InMemoryDataset, to_device
from seglib.training import checkpoint, checks, distributed, sizing, step
from seglib.training.checkpoint import CheckpointWriter
from seglib.training.progress import Progress, Step

PAUSE = 1.0  # seconds: a caller that keeps the run waiting for longer has paused it
LONG = 60  # steps, or ten seconds: shorter runs stay in float32, and give the same numbers on every processor
MAX_NORM = 1.0  # of the gradient over all parameters; a longer one is shortened


class Run:
    """One training run: the arguments of `seglib.train.train`, checked, and what the steps change.

    Attributes:
        options: the arguments by name.
        progress: what a checkpoint holds, besides the net, the optimiser and `settings`.
        settings: numbers and strings that must be the same in a checkpoint and the run that resumes from it.
        steps: how many there will be; None if the run is limited by seconds.
        rank: of this process.
        world_size: how many processes there are.
        step_complete: False in the middle of a step, when a part of the weights may be new.
        finalizer: calls `close`, once: when the loop is left, or where a script ends.

    Raises:
        ValueError: an argument is not what it must be.
    """

    finalizer: "weakref.finalize[..., Any]"
    writer: CheckpointWriter | None

    def __init__(self, **options: Any) -> None:
        self.begin = self.left_at = time.monotonic()
        self.options = given = SimpleNamespace(**options)
        self.net, self.dataset, self.steps = given.net, given.dataset, given.steps
        self.device = checks.checked_device(given.device)
        checks.check_options(options)
        checks.check_data(self.dataset)
        name = f"{self.dataset.name} {self.dataset.split}"
        if given.val is not None:
            checks.check_data(given.val, self.dataset.classes, name)
        if given.weights is not None:
            given.weights = checked_weights(given.weights, len(self.dataset))
        self.rank, self.world_size = 0, 1
        if dist.is_available() and dist.is_initialized():
            self.rank, self.world_size = dist.get_rank(), dist.get_world_size()
        checks.check_step(given.step, given.loss, self.world_size)
        self.path, self.writer = Path(given.checkpoint) if given.checkpoint else None, None
        found = self.path if self.path and given.resume and self.path.exists() else None
        self.resumed = checkpoint.load(found) if found else None  # the state, until the first step
        self.progress, self.messages = Progress(given.precision), list[str]()
        self._plan()
        self.stepper = step.optimiser(self.net, given.optimiser, given.lr, given.weight_decay)
        if given.epochs is not None:
            self.steps = math.ceil(given.epochs * len(self.dataset) / given.batch_size)
        if self.path and self.rank == 0:
            self.writer = CheckpointWriter(self.path, given.checkpoint_seconds)
        self.settings = {
            "data": f"{name}, {len(self.dataset)} images of {self.size[0]} x {self.size[1]}",
            "classes": ", ".join(self.dataset.classes.names),
            **{name: getattr(given, name) for name in ("batch_size", "seed", "optimiser", "weight_decay")},
            "lr": str(given.lr), "loss": checks.name_of(given.step or given.loss),
        }  # fmt: skip
        losses = self.progress.history.losses
        self.pending = step.PendingLosses(self.device.type == "cpu", losses, self._diverged)
        self.current_lr, self.started, self.step_complete = 0.0, False, True
        self.gradient: Tensor | None = None  # its length, from the moment at which the optimiser is called
        self.step_seconds: deque[float] = deque(maxlen=step.FLUSH_EVERY)

    def _plan(self) -> None:
        """Choose size, batch and precision, and say them; those of a checkpoint stay. Then try the net."""
        given, saved = self.options, self.resumed or {}
        if given.size is None and not isinstance(self.dataset, InMemoryDataset):
            given.size = saved.get("size")
        given.batch_size = given.batch_size or saved.get("settings", {}).get("batch_size")
        precision = given.precision
        if precision == "auto":
            passes = (given.epochs or math.inf) * len(self.dataset) / (given.batch_size or sizing.BATCH)
            long = min(given.steps or passes, 6 * (given.seconds or math.inf)) >= LONG
            fast = self.same_everywhere(long and step.has_bfloat16(self.device))
            precision = saved.get("precision", "bfloat16" if fast else "float32")
        if (given.batch_size or self.world_size) < self.world_size:
            raise ValueError(
                f"batch_size={given.batch_size} must be at least {self.world_size}, one per process"
            )
        size = checks.checked_size(self.dataset, given.size)
        plan = sizing.plan(given, size, self.device, precision, self.world_size)
        height, width, batch = (int(self.same_everywhere(one)) for one in (*plan.size, plan.batch_size))
        self.size, given.batch_size = (height, width), batch
        share = batch // self.world_size
        checks.check_net(self.net, given.loss, self.dataset, self.size, self.device, share)
        if self.rank == 0:
            plan.say(precision)
        self.progress.precision = precision

    def prepare(self) -> None:
        """Load the checkpoint, if there is one, and the data."""
        path, state = self.path, self.resumed
        number = state["number"] if state else -1
        if self.same_everywhere(number) != number:
            raise ValueError(
                f"the processes disagree about the checkpoint {path}; put it where all machines can "
                "read it, or start anew with resume=False"
            )
        if path and state:
            checkpoint.restore(path, state, self.net, self.stepper, self.settings)
            with checkpoint.reading(path):
                self.progress.load_state_dict(state, self.dataset.classes)
            self.messages.append(f"Resumed after step {self.progress.number}, from {path}.")
        if self.world_size > 1:
            distributed.broadcast_tensors([*self.net.parameters(), *self.net.buffers()])
        self.dataset, message = to_device(self.dataset, self.size, self.device)
        self.messages.append(message)

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
        progress, limit = self.progress, self.options.seconds
        if progress.number:  # preparing once more is not counted
            self.begin = time.monotonic() - progress.seconds
            return
        self.come_back()
        progress.seconds = progress.setup_seconds = self.same_everywhere(time.monotonic() - self.begin)
        if limit is not None and progress.seconds >= limit:
            self.messages.append(
                f"Preparing took {progress.seconds:.0f} s of the {limit:g} s allowed, so only one step is "
                "done; increase seconds=."
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
        given = self.options
        return batches(
            self.dataset, batch_size=given.batch_size, size=self.size, seed=given.seed,
            start=self.progress.number, augment=given.augment, weights=given.weights, device=self.device,
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
        with step.uninterrupted():
            self.step_complete = False
            if not self.net.training:  # the caller may have left it in evaluation mode
                self.net.train()
            last = 1.0 if self.steps is None else self.steps / (self.steps + 1)  # the last step's lr is not 0
            factor = self.options.schedule(last * self.fraction_done(self.progress.number + 1))
            self.current_lr = step.adjust(self.stepper, factor)
            images = images.contiguous(memory_format=torch.channels_last)
            with step.averaging(self.net, self.progress.number), self._clipping():
                if self.options.step is None:
                    loss = self._own_step(images, masks)
                else:
                    loss = self._given_step(images, masks)
            if self.gradient is None:
                raise ValueError("step= did not call optimiser.step(), so nothing was learned; call it")
            self.pending.append(torch.where(self.gradient.isfinite(), loss, torch.nan))
            self.progress.number += 1
            self.step_complete = True
        return loss

    def _own_step(self, images: Tensor, masks: Tensor) -> Tensor:
        """What a step does where the caller gave none: the loss of the whole batch before the update."""
        while (loss := step.if_it_fits(partial(self._gradients, images, masks))) is None:
            self._split(len(images))
        if self.world_size > 1:
            loss = distributed.all_reduce_gradients(self.net, loss)
        self.stepper.step()
        return loss

    def _given_step(self, images: Tensor, masks: Tensor) -> Tensor:
        """The caller's own step, with the same precision and the same random numbers as ours."""
        with self._seeded(), step.computing_in(self.net, self.progress.precision):
            loss = step.if_it_fits(lambda: (self.options.step(self.net, images, masks, self.stepper),))
        if loss is None:  # a step of one's own cannot be split: it may have updated the net already
            raise ValueError("out of memory in the step that was given (step=...); use a smaller batch_size")
        try:
            return torch.as_tensor(loss[0], dtype=torch.float32, device=self.device).detach().reshape(())
        except (TypeError, ValueError, RuntimeError):
            raise ValueError(f"step= must return the loss, one number; it returned {loss[0]!r:.60}") from None

    @contextmanager
    def _clipping(self) -> Iterator[None]:
        """Whoever calls the optimiser within the block: a gradient that is too long is shortened first.

        On a CPU, one that is not finite stops the run here and spoils no weights.
        """

        def before_update(*_: Any) -> None:
            trained = [parameter for group in self.stepper.param_groups for parameter in group["params"]]
            self.gradient = nn.utils.clip_grad_norm_(trained, MAX_NORM)
            if self.pending.at_once and not self.gradient.isfinite():
                self.pending.append(torch.tensor(torch.nan))

        self.gradient, hook = None, self.stepper.register_step_pre_hook(before_update)
        try:
            yield
        finally:
            hook.remove()

    @contextmanager
    def _seeded(self) -> Iterator[None]:
        """The global random state, which dropout uses: seeded for each step, and restored."""
        with torch.random.fork_rng([self.device] if self.device.type == "cuda" else []):
            torch.manual_seed(mixed(self.options.seed, self.progress.number, self.rank, 2))
            yield

    def _gradients(self, images: Tensor, masks: Tensor) -> Tensor:
        """Compute this process's gradients, part by part to save memory, and return its part of the loss."""
        given, progress, total = self.options, self.progress, torch.zeros((), device=self.device)
        self.stepper.zero_grad(set_to_none=True)
        with self._seeded():
            for part, truth in zip(*(whole.chunk(progress.micro_batches) for whole in (images, masks))):
                loss = given.loss(step.logits_of(self.net, part, progress.precision), truth)
                loss = loss * (len(part) / given.batch_size)
                loss.backward()
                total += loss.detach().reshape(())
        return total

    def _split(self, count: int) -> None:
        """From now on, split a batch of `count` images into twice as many parts."""
        number, parts = self.progress.number + 1, self.progress.micro_batches
        if parts >= count:
            raise ValueError(
                f"out of memory at step {number}, even with one image of {self.size[0]} x {self.size[1]} "
                "at a time; use smaller images (size=...) or a smaller net"
            )
        parts = self.progress.micro_batches = min(2 * parts, count)
        self.messages.append(
            f"Out of memory at step {number}: from now on, batches of {count} go through the net in {parts} "
            f"parts of at most {math.ceil(count / parts)}. This changes batch normalisation, and means over "
            "pixels where some images have more void than others."
        )

    def fraction_done(self, number: int) -> float:
        """The fraction of the run that is done after this many steps, or now; 1 or more at the end."""
        if self.steps is not None:
            return number / self.steps
        setup, limit = self.progress.setup_seconds, self.options.seconds
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

    def report(self, loss: Tensor | None, *validation: Any) -> Step:
        """The step that was just completed; a validation gives its scores and preview."""
        progress, done = self.progress, self.fraction_done(self.progress.number)
        spent = progress.seconds - progress.setup_seconds
        left = max(0.0, spent * (1 - done) / done) if done else math.nan  # at the speed so far
        seconds = sum(self.step_seconds) / max(len(self.step_seconds), 1)  # of a step; a coarse clock says 0
        more = round(left / seconds) if left > 0 and seconds else 0
        total = progress.number + more if self.steps is None else math.ceil(self.steps)
        message, self.messages = " ".join(filter(None, self.messages)), []
        scores, preview = validation or (None, None)
        speed = self.options.batch_size / seconds if seconds else math.nan
        return Step(
            progress.number, total, progress.seconds, left, speed, self.current_lr, progress.history,
            scores, preview, message, loss, self.size,
        )  # fmt: skip

    def state_dict(self) -> dict[str, Any]:
        """Everything needed to resume: tensors, numbers and strings."""
        parts = {"net": self.net.state_dict(), "optimiser": self.stepper.state_dict(), "size": [*self.size]}
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
        complete = self.pending.is_finite and self.step_complete
        if self.writer and complete and (warning := self.writer.write(self.state_dict())):
            warnings.warn(warning, stacklevel=3)

    def _diverged(self, value: float, number: int) -> str:
        kept = f" {self.path} holds an earlier, good state." if self.path and self.path.exists() else ""
        bits = "; bfloat16 (try precision='float32')" if self.progress.precision == "bfloat16" else ""
        return (
            f"the loss or its gradient is {value} at step {number}. Likely causes: a learning rate that is "
            f"too high (it was {self.current_lr:.2g}: try a tenth); a NaN or infinite class weight; a "
            f"division by zero or a logarithm of 0 in the net or the loss{bits}.{kept}"
        )
