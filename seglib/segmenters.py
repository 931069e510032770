"""What every method of this course is, a segmenter, and two that need no training."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from seglib.labels import VOID
from seglib.void import nearest_known


class Segmenter(Protocol):
    """Anything that turns a picture into a mask.

    One that also has `sees_truth = True` is an oracle: `evaluate` calls `predict(image, mask)` with the true
    mask, and marks its scores. It is no method, it tells what a method could reach.

    Attributes:
        name: what a table calls it.
    """

    @property
    def name(self) -> str:
        """What a table calls it."""
        ...

    def predict(self, image: Tensor, /) -> Tensor:
        """(3, H, W) uint8 picture of any size -> (H, W) int64 class indices."""
        ...


class Constant:
    """Predicts one class everywhere; by default class 0, which is background in most data sets.

    The least that every method has to beat, and it can look good: its pixel accuracy is the class's share.

    Args:
        index: the class.

    Example:
        >>> Constant(0).predict(torch.zeros(3, 1, 2, dtype=torch.uint8))
        tensor([[0, 0]])
    """

    def __init__(self, index: int = 0) -> None:
        self.index = index
        self.name = f"constant {index}"

    def predict(self, image: Tensor) -> Tensor:
        """(3, H, W) -> (H, W) int64, the same class in every pixel."""
        return torch.full(image.shape[1:], self.index, device=image.device)


class OracleStride:
    """The truth, seen through a grid: one pixel of each `stride` x `stride` cell, blown up to the whole cell.

    What can be reached with an output that is `stride` times coarser than the picture. Before the truth is
    sampled, void pixels take the class of the nearest pixel that has one, so that void is never predicted.

    Args:
        stride: width and height of a cell in pixels, at least 1.

    Reference:
        Long, Shelhamer, Darrell, "Fully Convolutional Networks for Semantic Segmentation", 2015, appendix A:
        mean IoU 98.5, 96.4, 92.8, 86.1 at strides 4, 8, 16, 32 on VOC. They leave open how they resample and
        where void goes; if it is sampled like a class, small strides score lower than here.

    Example:
        >>> image, mask = torch.zeros(3, 2, 4, dtype=torch.uint8), torch.tensor([[0, 0, 0, 0], [0, 1, 0, 0]])
        >>> OracleStride(2).predict(image, mask)
        tensor([[1, 1, 0, 0],
                [1, 1, 0, 0]])
    """

    sees_truth = True

    def __init__(self, stride: int) -> None:
        if stride < 1 or stride != int(stride):
            raise ValueError(f"stride {stride} must be a whole number of 1 or more")
        self.stride = stride
        self.name = f"oracle at stride {stride}"

    def predict(self, image: Tensor, mask: Tensor) -> Tensor:
        """Picture (not looked at) and its true mask (H, W) -> (H, W) int64."""
        if (mask == VOID).all():
            return torch.zeros(mask.shape, dtype=torch.long, device=mask.device)
        known = mask[nearest_known(mask)].long()
        rows, columns = (self._sampled(length, mask.device) for length in mask.shape)
        return known[rows[:, None], columns]

    def _sampled(self, length: int, device: torch.device) -> Tensor:
        """(length,) for each place along a side, the place in its cell that is sampled: the middle."""
        cell = torch.arange(length, device=device) // self.stride
        return (cell * self.stride + self.stride // 2).clamp_(max=length - 1)
