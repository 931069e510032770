"""A training from here to its end, where nobody wants to look at each step."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

from seglib.progress import tracked
from seglib.training.step import Step


def with_bar(steps: Iterable[Step], what: str = "training") -> Iterator[Step]:
    """The same steps, with a bar; an interrupt, too, leaves a net in evaluation mode and a checkpoint."""
    try:
        yield from tracked(steps, 1, what, share=lambda step: step.done)
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
        >>> from seglib.train import train
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
