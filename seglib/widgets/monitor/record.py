"""The record of a training run: its last step, and some validations with their images."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import fmean

import psutil
import torch
from torch import Tensor

from seglib.evaluate import Scores
from seglib.labels import VOID
from seglib.training.progress import Step
from seglib.training.step import Loss
from seglib.widgets.pack import stride_of

Point = tuple[float, float]
LONGEST = 256  # points of a curve: half as many as a chart has pixels
MOST = 24  # validations whose images are kept
# Pixels of an image's longer side. Of a larger one every second pixel is left out until it fits.
LARGEST = 256


def curve(losses: Sequence[float]) -> list[Point]:
    """The loss of each step as at most 256 points (step, mean), in order.

    Equally many steps make a mean, and the last one may be of fewer; its step is the middle of them.

    Example:
        >>> curve([3.0, 2.0])
        [(1.0, 3.0), (2.0, 2.0)]
    """
    width = 1
    while len(losses) // width >= LONGEST:
        width *= 2
    parts = [losses[start : start + width] for start in range(0, len(losses), width)]
    return [(k * width + (len(part) + 1) / 2, fmean(part)) for k, part in enumerate(parts)]


class Seen:
    """A loss that also counts the classes of the masks it is given, batch by batch.

        seen = Seen(cross_entropy)
        Monitor(train(net, data, val=val, loss=seen, steps=60), seen=seen)

    The counts are of what the net really saw: drawn by weights, cut out and magnified by augmentation.

    Args:
        loss: (logits, masks) -> scalar, as `train` takes it.

    Attributes:
        pixels: (256,) int64, how often each value was in a mask since the last `clear`.

    Example:
        >>> seen = Seen(lambda logits, masks: logits.mean())
        >>> _ = seen(torch.zeros(1, 2, 1, 3), torch.tensor([[[0, 1, 255]]]))
        >>> seen.shares(2)
        tensor([0.5000, 0.5000], dtype=torch.float64)
    """

    def __init__(self, loss: Loss) -> None:
        self.loss = loss
        self.__name__ = getattr(loss, "__name__", type(loss).__name__)
        self.clear()

    def __call__(self, logits: Tensor, masks: Tensor) -> Tensor:
        """(N, K, H, W) and (N, H, W) -> the loss, a scalar."""
        self.pixels += torch.bincount(masks.flatten(), minlength=VOID + 1).cpu()
        return self.loss(logits, masks)

    def clear(self) -> None:
        """Count from the beginning: `train` has tried the loss before its first step."""
        self.pixels = torch.zeros(VOID + 1, dtype=torch.int64)

    def shares(self, num_classes: int) -> Tensor:
        """(K,) float64: the class's share of all pixels so far, void left out; 0 before the first batch."""
        pixels = self.pixels[:num_classes].double()
        return pixels / pixels.sum().clamp(min=1)


@dataclass(frozen=True)
class Validation:
    """One validation.

    Attributes:
        number: the step after which it was.
        seconds: since the training run began.
        scores: of all validation images.
        preds: (M, h, w) uint8, the predictions for the few images that are shown; None without images.
        seen: (K,) each class's share of the batches until then; None where they are not counted.
    """

    number: int
    seconds: float
    scores: Scores
    preds: Tensor | None
    seen: Tensor | None = None


@dataclass
class Record:
    """A training run so far; `take` gets every step of it.

    Attributes:
        step: the last one, None before the first.
        scores: (step, mean IoU) of every validation, also those before an interruption.
        validations: at most 24 of them, the first and the last among them.
        images: the few validation images, made small: images (M, 3, h, w) and masks (M, h, w), uint8, or ().
        messages: what the run reported, each with its step.
        seen: counts the classes of the batches, or None.
    """

    step: Step | None = None
    scores: list[Point] = field(default_factory=list)
    validations: list[Validation] = field(default_factory=list)
    images: tuple[Tensor, ...] = ()
    messages: list[str] = field(default_factory=list)
    seen: Seen | None = None

    @property
    def losses(self) -> list[float]:
        """The loss of each step's batch; on a GPU the last few arrive later."""
        return self.step.history.losses if self.step else []

    def take(self, step: Step) -> None:
        """Take one more step; cheap unless it has a validation."""
        self.step = step
        if step.message:
            self.messages.append(f"Step {step.number:,}: {step.message}")
        if step.scores is None:
            return
        if not self.scores:  # what was before an interruption
            history = step.history.scores.items()
            self.scores = [(number, old.mean_iou) for number, old in history if number < step.number]
        self.scores.append((step.number, step.scores.mean_iou))
        preds = None
        if step.preview is not None:
            self.images = self.images or (small(step.preview.images), small(step.preview.masks))
            preds = small(step.preview.preds)
        shares = self.seen.shares(len(step.scores.classes)) if self.seen else None
        self.validations.append(Validation(step.number, step.seconds, step.scores, preds, shares))
        if len(self.validations) > MOST:
            self.validations = [*self.validations[:-1:2], self.validations[-1]]


def small(images: Tensor) -> Tensor:
    """Return a copy of (..., H, W), every n-th row and column of it, its longer side at most 256 pixels."""
    stride = stride_of(images.shape[-2:], LARGEST)
    return images[..., ::stride, ::stride].clone()


def memory() -> str:
    """What the process uses: main memory, and that of the GPU if there is one in use."""
    held = f"{psutil.Process().memory_info().rss / 1e9:.1f} GB"
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        held += f", GPU {torch.cuda.memory_reserved() / 1e9:.1f} GB"
    return held
