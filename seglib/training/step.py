"""Parts of a training step: forward pass, running out of memory, delayed interrupts, and losses read late."""

import math
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

T = TypeVar("T")
Loss = Callable[[Tensor, Tensor], Tensor]
RECENT = 5  # batch norm's statistics are those of the last fifth of the steps, see `averaging`
FLUSH_EVERY = 20  # steps between two readings of the losses on a GPU


def logits_of(net: nn.Module, images: Tensor, precision: str) -> Tensor:
    """(N, K, H, W) float32 logits, computed in "float32" or "bfloat16"."""
    with torch.autocast(images.device.type, torch.bfloat16, enabled=precision == "bfloat16"):
        logits = net(images)
    return logits.float()


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, on a GPU or in main memory.

    Example:
        >>> out_of_memory(RuntimeError("DefaultCPUAllocator: can't allocate memory"))
        True
    """
    words = ("out of memory", "can't allocate memory", "not enough memory")
    return isinstance(error, MemoryError) or any(word in str(error).lower() for word in words)


def if_it_fits(compute: Callable[[], T]) -> T | None:
    """The result of a computation, or None if memory ran out.

    It returns only after the error is freed, whose traceback holds the tensors that filled the memory.
    """
    try:
        return compute()
    except (RuntimeError, MemoryError) as error:
        if not out_of_memory(error):
            raise
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()
    return None


@contextmanager
def evaluating(net: nn.Module) -> Iterator[None]:
    """Put a net into evaluation mode; afterwards each of its modules is in its previous mode.

    `net.train(mode)` would not restore it: modules may be in different modes, such as a frozen part.

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


@contextmanager
def averaging(net: nn.Module, number: int) -> Iterator[None]:
    """Let batch norm's running statistics follow the last fifth of the steps, unless its momentum is higher.

    A momentum of 0.01, as in EfficientNet, leaves 22 % of the initial statistics after 150 steps: a net that
    is trained from scratch then predicts a single class, though its training loss has fallen. Here the first
    batch replaces them, and later ones count as about the fourth power of their number, until the weight of
    a batch has fallen to the layer's own momentum. The momentum is restored afterwards. Layers in evaluation
    mode, such as frozen ones, keep their statistics.

    Args:
        net: the net that is trained.
        number: steps done before this one.

    Reference:
        Shamir, Zhang, "Stochastic Gradient Descent for Non-smooth Optimization", 2013, section 4:
        polynomial-decay averaging, there of weights.

    Example:
        >>> net = nn.BatchNorm1d(1, momentum=0.01)
        >>> with averaging(net, number=0):
        ...     _ = net(torch.tensor([[2.0], [4.0]]))
        >>> net.running_mean, net.momentum
        (tensor([3.]), 0.01)
    """
    norms = [
        (part, part.momentum) for part in net.modules() if isinstance(part, _BatchNorm) and part.momentum
    ]
    for norm, momentum in norms:
        norm.momentum = max(momentum, RECENT / (number + RECENT))
    try:
        yield
    finally:
        for norm, momentum in norms:
            norm.momentum = momentum


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Delay an interrupt (Ctrl-C, a notebook's stop button) until the block is done.

    In the middle of an update, a part of the weights is new and the others are old. A second interrupt is not
    delayed. Outside of the main thread no interrupt arrives; one that the process ignores, as under `nohup`,
    stays ignored.
    """
    previous = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or previous is signal.SIG_IGN:
        yield
        return
    came: list[object] = []

    def hold(number: int, frame: object) -> None:
        if came:
            raise KeyboardInterrupt
        came.append(frame)

    signal.signal(signal.SIGINT, hold)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)
    if came:
        raise KeyboardInterrupt


class PendingLosses:
    """Losses that are still on the GPU. Reading one waits for the GPU, so they are read 20 at a time.

    Args:
        at_once: read each loss when it is appended, as on a CPU, where that costs nothing.
        losses: gets those that are finite, in the order of the steps.
        explain: value and step -> the message about one that is not finite.

    Attributes:
        is_finite: whether all losses read so far were finite.

    Example:
        >>> pending = PendingLosses(True, losses := [], lambda value, step: f"{value} at step {step}")
        >>> pending.append(torch.tensor(0.5))
        >>> pending.append(torch.tensor(torch.nan))
        Traceback (most recent call last):
        ValueError: nan at step 2
        >>> losses, pending.is_finite
        ([0.5], False)
    """

    def __init__(self, at_once: bool, losses: list[float], explain: Callable[[float, int], str]) -> None:
        self.at_once, self.losses, self.explain = at_once, losses, explain
        self.waiting: list[Tensor] = []
        self.is_finite = True

    def append(self, loss: Tensor) -> None:
        """Take a loss, and read it now or together with later ones."""
        self.waiting.append(loss)
        if self.at_once or len(self.waiting) >= FLUSH_EVERY:
            self.flush()

    def flush(self) -> None:
        """Read all that are waiting.

        Raises:
            ValueError: one of them is NaN or infinite.
        """
        values, self.waiting = torch.stack(self.waiting).tolist() if self.waiting else [], []
        for value in values:
            if not math.isfinite(value):
                self.is_finite = False
                raise ValueError(self.explain(value, len(self.losses) + 1))
            self.losses.append(value)
