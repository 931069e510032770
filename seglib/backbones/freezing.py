"""A part of a network that can be kept as it is while the rest is trained."""

from __future__ import annotations

from typing import Self

from torch import nn


class Freezable(nn.Module):
    """A module with `freeze`: its weights and its batch norm statistics stay as they are.

    `requires_grad = False` alone is not enough: in training mode, batch norm would go on averaging.

    Attributes:
        frozen: whether it is.
    """

    frozen = False

    def freeze(self, frozen: bool = True) -> Self:
        """Keep everything in here as it is, or with False let it be trained again."""
        self.frozen = frozen
        self.requires_grad_(not frozen)
        return self.train(self.training)

    def train(self, mode: bool = True) -> Self:
        """As in every module, but what is frozen stays as in `eval()`."""
        return super().train(mode and not self.frozen)
