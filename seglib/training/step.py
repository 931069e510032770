"""What a training tells whoever watches it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from torch import Tensor

from seglib.evaluate import Scores


@dataclass(frozen=True)
class Preview:
    """The same few validation images each time, and what the net makes of them now.

    Attributes:
        images: (M, 3, H, W) uint8, on the CPU.
        masks: (M, H, W) uint8, the truth.
        preds: (M, H, W) uint8, the prediction.
    """

    images: Tensor
    masks: Tensor
    preds: Tensor


@dataclass
class History:
    """What happened so far, also before an interruption.

    Attributes:
        losses: one a step, from the first step on; on a GPU the last few arrive later, all by the end.
        scores: step number -> Scores of each validation.
    """

    losses: list[float] = field(default_factory=list)
    scores: dict[int, Scores] = field(default_factory=dict)


@dataclass(frozen=True)
class Step:
    """One step of a training, done.

    Attributes:
        number: 1 for the first step.
        total: how many steps there will be; an estimate where the training stops by seconds.
        seconds: how long the training has taken so far, pauses left out.
        seconds_left: how long it will take yet, an estimate.
        images_per_second: speed of the steps, without validation.
        learning_rate: of this step, the largest where there are several.
        scores: of the validation images, at the steps that have a validation, else None.
        preview: a few validation images with their predictions, where there are scores.
        message: what happened that somebody should know, a sentence, mostly "".
        history: losses and scores from the first step on.
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

    @property
    def loss(self) -> float:
        """The loss of this step's batch, before the step. Reading it waits for a GPU to get there."""
        return float("nan") if self._loss is None else self._loss.item()

    @property
    def done(self) -> float:
        """The share of the training that is over, 0..1."""
        if math.isfinite(self.seconds_left) and self.seconds:
            return self.seconds / (self.seconds + self.seconds_left)
        return self.number / max(self.total, 1)

    def __str__(self) -> str:
        """The step in a line."""
        said = (
            f"step {self.number} of {self.total}, loss {self.loss:.3f}, {self.images_per_second:.0f} images/s"
        )
        said += f", {self.seconds_left:.0f} s left"
        return said + (f", mean IoU {100 * self.scores.mean_iou:.1f} %" if self.scores else "")
