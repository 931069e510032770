"""The state of one training between two steps: what it knows, says, keeps and goes on from."""

from __future__ import annotations

import math
import warnings
import weakref
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from seglib.data.batches import Augmentation, Weights, batches
from seglib.data.dataset import SegmentationDataset
from seglib.data.in_memory import Size, to_device
from seglib.evaluate import Scores
from seglib.training import checkpoint, distributed, optimise
from seglib.training.clock import Clock
from seglib.training.precision import Loss, choose, pays_to_compile
from seglib.training.state import go_on, state_of, weights_from
from seglib.training.step import History, Preview, Step
from seglib.training.unread import LOOK, Unread

TRIAL = 60  # steps, or ten seconds: shorter trainings do not pay for trying out precisions
PATIENCE = 0.2  # share of the time for a training that trying out precisions may take


@dataclass
class Run:
    """One training: the arguments of `seglib.train.train` as attributes, and what the steps change."""

    net: nn.Module
    dataset: SegmentationDataset
    loss: Loss
    optimiser: torch.optim.Optimizer
    schedule: optimise.Schedule
    clock: Clock
    device: torch.device
    size: Size
    keeper: checkpoint.Keeper
    steps: int | None
    limit: float | None
    batch_size: int
    seed: int
    augment: Augmentation | None
    weights: Weights | None
    clip: float
    precision: str
    compiled: bool | None
    settings: dict[str, Any] = field(default_factory=dict)

    number: int = 0  # steps done
    now: float = 0.0  # seconds that went by, alike in all processes
    forward: nn.Module | None = None  # the net, compiled
    prepared: float = 0.0  # those before the first step
    pieces: int = 1  # in which a batch goes through the net
    rate: float = 0.0
    farewell: weakref.finalize[..., Any] | None = None
    begun: bool = False
    left: bool = False
    whole: bool = True  # no step was broken off in its middle
    origin: tuple[Path, dict[str, Any]] | None = None  # the checkpoint that it goes on from, until it does
    history: History = field(default_factory=History)
    pace: deque[float] = field(default_factory=lambda: deque(maxlen=LOOK))  # seconds of the last steps
    messages: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Losses are looked at as they come, or on a GPU later."""
        self.unread = Unread(self.device.type == "cpu", self.history.losses, self._diverged)

    def begin(self, path: Path | None) -> None:
        """Get everything ready, and go on from the checkpoint if there is one."""
        state = checkpoint.load(path) if path and path.exists() else None
        step = state["number"] if state else -1
        if path and distributed.broadcast(step) != step:
            raise ValueError(
                f"the first process and this one do not find the same at {path}; put the checkpoint where "
                "all machines can read it, or begin anew with resume=False"
            )
        if path and state:
            checkpoint.check_fit(path, state, self.net, self.settings)
            go_on(self, path, state)
            self.messages.append(f"Going on after step {self.number}, from {path}.")
            self.origin = path, state
        distributed.broadcast_tensors([*self.net.parameters(), *self.net.buffers()])
        self.dataset, message = to_device(self.dataset, self.size, self.device)
        self.messages += [message] * bool(message)
        if not state:
            if self.precision == "auto" and min(self.steps or math.inf, 6 * (self.limit or math.inf)) < TRIAL:
                self.precision = "float32"
            images, masks = next(self.batches())
            most = PATIENCE * (self.limit or math.inf)
            self.precision, why = choose(self.precision, self.net, self.loss, images, masks, most)
            self.messages += [why] * bool(why)
        if self.compiled:
            self.compile("as asked")

    def start(self) -> None:
        """The first step is near: getting ready is over. How long nobody asked for a step is no matter."""
        self.begun, self.whole = True, False
        self.keeper.claim()
        if self.origin:  # an older training may have gone on with the same net in the meantime
            weights_from(self, *self.origin)
            self.origin = None
        self.whole = True
        self.net.train()  # all of it: parts may be in another mode than the net
        if self.number:  # what it took to get ready once more is not counted
            self.clock = Clock(self.now)
            return
        self.clock.come_back()
        self.now = self.prepared = self.clock.seconds()
        if self.limit is not None and self.prepared >= self.limit:
            self.messages.append(
                f"Getting ready took {self.prepared:.0f} s, all of the {self.limit:g} s there were: one step "
                "is done; give it more seconds."
            )

    def batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        """This process's share of the batches, from the next step on."""
        return batches(
            self.dataset, batch_size=self.batch_size, size=self.size, seed=self.seed, start=self.number,
            augment=self.augment, weights=self.weights, device=self.device,
            share=distributed.rank_and_world_size(),
        )  # fmt: skip

    def done(self, number: int) -> float:
        """The share of the training that is over after this many steps, or now; 1 at the end."""
        if self.steps is not None:
            return number / self.steps
        assert self.limit is not None
        return (self.now - self.prepared) / max(self.limit - self.prepared, 1e-9)

    def over(self) -> bool:
        """Whether there is nothing more to do."""
        return self.done(self.number) >= 1

    def tick(self, learnt: bool = True) -> None:
        """Look at the clock that all processes share; after a step, note how long it took."""
        before, self.now = self.now, self.clock.seconds()
        if learnt:
            self.pace.append(self.now - before)
            if self.compiled is None and len(self.pace) == LOOK:
                self.compiled = pays_to_compile(self.device, self.seconds_left())
                if self.compiled:
                    self.compile("the steps left pay for it")

    def compile(self, why: str) -> None:
        """Let torch compile the net's forward and backward; validation keeps the plain net."""
        self.forward = torch.compile(self.net)  # type: ignore[assignment]
        self.messages.append(f"torch.compile: {why}; the next step takes up to some minutes.")

    def seconds_left(self) -> float:
        """How long it will take yet, if it goes on as before; NaN at the beginning."""
        over = self.done(self.number)
        return max(0.0, (self.now - self.prepared) * (1 - over) / over) if over else math.nan

    def report(
        self,
        *messages: str,
        loss: Tensor | None = None,
        scores: Scores | None = None,
        preview: Preview | None = None,
    ) -> Step:
        """What there is to say about the step that was just done."""
        said = " ".join([*self.messages, *messages, self.keeper.complaint]).strip()
        self.messages, self.keeper.complaint = [], ""
        pace = sum(self.pace) / len(self.pace) if self.pace else math.nan
        left = self.seconds_left()
        of = self.steps if self.steps is not None else self.number + (0 if self.over() else int(left / pace))
        speed = self.batch_size / pace if pace else math.nan
        return Step(
            self.number,
            of,
            self.now,
            left,
            speed,
            self.rate,
            self.history,
            scores,
            preview,
            said,
            loss,
        )  # fmt: skip

    def sound(self) -> bool:
        """Whether every loss so far is a number and the last step was done to its end: may this be kept?

        A training that is left in the middle is not stopped by a loss that nobody has looked at; it warns.
        """
        try:
            self.unread.read()
        except ValueError as error:
            warnings.warn(str(error), stacklevel=2)
        return self.unread.healthy and self.whole

    def leave(self) -> None:
        """The end, now or early: the net can be used, and what may be kept is kept.

        A training that never began leaves the net alone, which may be another training's by now.
        """
        if self.begun and not self.left:
            self.left = True
            if self.farewell:
                self.farewell.detach()
            self.net.eval()
            self.keeper.close(state_of(self) if self.sound() else None)

    def _diverged(self, value: float, number: int) -> str:
        path = self.keeper.path
        kept = f" {path} holds an earlier, good state." if path and path.exists() else ""
        bits = "; bfloat16 (try precision='float32')" if self.precision == "bfloat16" else ""
        return (
            f"the loss or its gradient is {value} at step {number}. Likely causes: a learning rate that is "
            f"too high (it was {self.rate:.2g}: try a tenth); a class weight that is nan or infinite; a net "
            f"or a loss that divides by zero or takes the logarithm of 0{bits}.{kept}"
        )
