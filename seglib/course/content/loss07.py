"""The bug clinic of notebook 07: a loss that never asks about the background."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, one_hot

from seglib.course.lesson import Wrong


def box_loss(logits: Tensor, masks: Tensor) -> Tensor:
    """The course's answer to 07.5."""
    return cross_entropy(logits, masks.long(), ignore_index=255)


def convinced(mask: Tensor, num_classes: int) -> Tensor:
    """Scores of a net that is sure of a mask.

    Args:
        mask: (H, W) classes, no void.
        num_classes: K.

    Returns:
        (1, K, H, W) float32.

    Example:
        >>> convinced(torch.tensor([[0, 1]]), 2)[0, :, 0].tolist()
        [[10.0, 0.0], [0.0, 10.0]]
    """
    return 10 * one_hot(mask.long(), num_classes).permute(2, 0, 1)[None].float()


def check_box_loss(fn: Callable[[Tensor, Tensor], Tensor]) -> str:
    """07.5: background teaches, void does not."""
    rng = torch.Generator().manual_seed(5)
    masks = torch.tensor([[[0, 0, 0, 1, 255], [0, 2, 2, 1, 255]]]).to(torch.uint8)
    logits = torch.randn(1, 3, 2, 5, generator=rng)
    got, wanted = torch.as_tensor(fn(logits, masks)).float(), box_loss(logits, masks)
    if got.numel() != 1:
        raise Wrong(
            f"One number for the batch: the mean over its pixels. Yours has shape {tuple(got.shape)}."
        )
    value, long = float(got), masks.long()
    if abs(value - float(wanted)) < 1e-4:
        return "Now 'animal everywhere' is as expensive as it is wrong."
    if abs(value - float(cross_entropy(logits, torch.where(long == 255, 0, long), ignore_index=0))) < 1e-4:
        raise Wrong("Background still teaches nothing: a net that says 'animal' everywhere is never wrong.")
    if abs(value - float(cross_entropy(logits, torch.where(long == 255, 0, long)))) < 1e-4:
        raise Wrong("Now void is background. Nobody knows what is there: it must teach nothing.")
    if abs(value - 8 * float(wanted)) < 1e-3:
        raise Wrong("That is the sum over the pixels. A mean does not depend on the size of the image.")
    raise Wrong(f"On this batch the loss is {float(wanted):.3f}; yours is {value:.3f}. Which pixels teach?")
