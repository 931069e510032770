"""The progress of a training run: what a checkpoint stores, and what each step reports."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from seglib.evaluate import Scores
from seglib.labels import Classes

SAVED = ("precision", "number", "seconds", "setup_seconds", "micro_batches")  # of Progress
SAVED_SCORES = ("name", "data", "confusion", "images", "seconds")  # of Scores, in a validation


@dataclass(frozen=True)
class Preview:
    """The same few validation images each time, with the net's current predictions.

    Attributes:
        images: (M, 3, H, W) uint8, on the CPU.
        masks: (M, H, W) uint8, the truth.
        preds: (M, H, W) uint8, the predictions.
    """

    images: Tensor
    masks: Tensor
    preds: Tensor


@dataclass
class History:
    """Losses and scores from the first step on, those before an interruption included.

    Attributes:
        losses: one per step; on a GPU the last few arrive later, all of them by the end.
        scores: step number -> Scores of each validation.
    """

    losses: list[float] = field(default_factory=list)
    scores: dict[int, Scores] = field(default_factory=dict)


@dataclass(frozen=True)
class Step:
    """A completed training step.

    Attributes:
        number: 1 for the first step.
        total: how many steps there will be; an estimate if the run is limited by seconds.
        seconds: how long the run has taken so far, without pauses.
        seconds_left: how long it will still take, an estimate.
        images_per_second: speed of the steps, without validation.
        learning_rate: of this step, the largest if there are several.
        history: losses and scores from the first step on.
        scores: of the validation images, at the steps that have a validation, else None.
        preview: a few validation images with their predictions, where there are scores.
        message: something the user should know, a sentence, usually "".
        size: (height, width) of the images that the net sees.
    """

    number: int
    total: int
    seconds: float
    seconds_left: float
    images_per_second: float
    learning_rate: float
    history: History = field(repr=False)
    scores: Scores | None = None
    preview: Preview | None = field(default=None, repr=False)
    message: str = ""
    _loss: Tensor | None = field(default=None, repr=False)
    size: tuple[int, int] | None = None

    @property
    def loss(self) -> float:
        """The loss of this step's batch, before the update. Reading it waits for the GPU."""
        return float("nan") if self._loss is None else self._loss.item()

    @property
    def done(self) -> float:
        """The fraction of the run that is done, 0..1."""
        if math.isfinite(self.seconds_left) and self.seconds:
            return self.seconds / (self.seconds + self.seconds_left)
        return self.number / max(self.total, 1)

    def __str__(self) -> str:
        """The step in one line."""
        line = f"step {self.number} of {self.total}, loss {self.loss:.3f}, "
        line += f"{self.images_per_second:.0f} images/s, {self.seconds_left:.0f} s left"
        return line + (f", mean IoU {100 * self.scores.mean_iou:.1f} %" if self.scores else "")


@dataclass
class Progress:
    """The state that changes from step to step and is saved, except the net and the optimiser.

    Attributes:
        precision: "float32" or "bfloat16"; "auto" before it is decided.
        number: steps done.
        seconds: how long the run has taken, the same in all processes.
        setup_seconds: of these, the seconds before the first step.
        micro_batches: into how many parts a batch is split so that it fits into memory.
        history: losses and scores.
    """

    precision: str
    number: int = 0
    seconds: float = 0.0
    setup_seconds: float = 0.0
    micro_batches: int = 1
    history: History = field(default_factory=History)

    def state_dict(self) -> dict[str, Any]:
        """Tensors, numbers and strings for `load_state_dict`."""
        scores = self.history.scores.items()
        return {name: getattr(self, name) for name in SAVED} | {
            "losses": torch.tensor(self.history.losses, dtype=torch.float64),
            "scores": [[step, {name: getattr(one, name) for name in SAVED_SCORES}] for step, one in scores],
        }

    def load_state_dict(self, state: Mapping[str, Any], classes: Classes) -> None:
        """Continue from a saved state; a precision that was chosen explicitly stays."""
        for name in SAVED[self.precision != "auto" :]:
            setattr(self, name, state[name])
        self.history.losses[:] = state["losses"].tolist()
        for step, values in state["scores"]:
            scores = Scores(classes=classes, **{name: values[name] for name in SAVED_SCORES})
            if type(step) is not int or scores.confusion.shape != (len(classes), len(classes)):
                raise ValueError("scores")
            self.history.scores[step] = scores
