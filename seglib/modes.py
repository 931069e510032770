"""Training mode and evaluation mode: drop-out and batch norm work otherwise in each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def evaluating(net: nn.Module) -> Iterator[None]:
    """A net in evaluation mode; afterwards each of its modules is in the mode it was in.

    `net.train(mode)` would not do: some modules may be in another mode than the net, such as a frozen part.

    Example:
        >>> net = nn.Sequential(nn.Dropout(), nn.BatchNorm2d(3).eval())
        >>> with evaluating(net):
        ...     net[0].training
        False
        >>> [layer.training for layer in net]
        [True, False]
    """
    modes = [(module, module.training) for module in net.modules()]
    net.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training
