"""Parts of a training step: precision, optimiser, batch norm, memory, interrupts, and losses read late."""

import math
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

T = TypeVar("T")
Loss = Callable[[Tensor, Tensor], Tensor]
#: net, images, masks, optimiser -> the loss before the update
TrainStep = Callable[[nn.Module, Tensor, Tensor, torch.optim.Optimizer], float | Tensor]
Schedule = Callable[[float], float]
LearningRate = float | Mapping[str, float]
WARM_UP = 0.05  # the fraction of a run in which the learning rate rises from 0
RECENT = 5  # batch norm's statistics are those of the last fifth of the steps, see `averaging`
FLUSH_EVERY = 20  # steps between two readings of the losses on a GPU


def has_bfloat16(device: torch.device) -> bool:
    """Whether a GPU or processor has instructions for bfloat16; without them it is up to 100 times slower."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    found: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return device.type == "cpu" and bool(found.get("amx_bf16") or found.get("avx512_bf16"))


def logits_of(net: Callable[[Tensor], Tensor], images: Tensor, precision: str) -> Tensor:
    """(N, K, H, W) float32 logits, computed in "float32" or "bfloat16"."""
    with torch.autocast(images.device.type, torch.bfloat16, enabled=precision == "bfloat16"):
        logits = net(images)
    return logits.float()


@contextmanager
def computing_in(net: nn.Module, precision: str) -> Iterator[None]:
    """Within the block, `net(images)` gives what `logits_of(net, images, precision)` gives.

    Only the forward pass is in that precision: not a loss or a backward pass that the block computes.
    """
    forward = net.forward
    net.forward = lambda images: logits_of(forward, images, precision)
    try:
        yield
    finally:
        del net.forward  # the class's own is seen again


def poly(done: float) -> float:
    """Rise for a twentieth of the run, then fall towards 0 almost linearly (DeepLab, 2016: power 0.9).

    Args:
        done: the fraction of the run that is done, 0..1.

    Returns:
        The factor of the learning rate, 0..1.

    Example:
        >>> [round(poly(done), 2) for done in (0.025, 0.05, 0.5, 1)]
        [0.5, 1.0, 0.56, 0.0]
    """
    return min(done / WARM_UP, 1) * _left(done) ** 0.9


def cosine(done: float) -> float:
    """Rise for a twentieth of the run, then fall along half a cosine (Loshchilov and Hutter, 2017).

    Example:
        >>> [round(cosine(done), 2) for done in (0.025, 0.05, 0.525, 1)]
        [0.5, 1.0, 0.5, 0.0]
    """
    return min(done / WARM_UP, 1) * (1 - math.cos(math.pi * _left(done))) / 2


def _left(done: float) -> float:
    """The fraction that is left of the steps after the warm-up."""
    return min(1.0, max(0.0, (1 - done) / (1 - WARM_UP)))


def optimiser(net: nn.Module, kind: str, lr: LearningRate, weight_decay: float) -> torch.optim.Optimizer:
    """AdamW or SGD over the trainable parameters of a net; biases and norms have no weight decay.

    Args:
        net: parameters with `requires_grad=False` are left out.
        kind: "adamw", or "sgd" with momentum 0.9.
        lr: the learning rate, or one for each part of the net by the start of its parameters' names:
            `{"": 1e-3, "backbone.": 1e-4}`; the longest start that fits counts.
        weight_decay: of matrices and kernels.

    Raises:
        ValueError: there is no such optimiser, every parameter is frozen, or a learning rate fits nothing.

    Example:
        >>> [len(group["params"]) for group in optimiser(nn.Conv2d(3, 2, 1), "sgd", 0.1, 1e-4).param_groups]
        [1, 1]
    """
    if kind not in ("adamw", "sgd"):
        raise ValueError(f"optimiser {kind!r} does not exist; use adamw or sgd")
    rates = dict(lr) if isinstance(lr, Mapping) else {"": lr}
    unused, groups = set(rates), dict[tuple[str, bool], list[nn.Parameter]]()
    for name, parameter in net.named_parameters():
        fitting = {start for start in rates if name.startswith(start)}
        if not fitting:
            raise ValueError(f"no learning rate for {name}: lr has {', '.join(rates)}; add one for ''")
        unused -= fitting
        if parameter.requires_grad:
            groups.setdefault((max(fitting, key=len), parameter.ndim > 1), []).append(parameter)
    if not groups:
        raise ValueError("every parameter of the net is frozen (requires_grad=False); unfreeze at least one")
    if unused:
        raise ValueError(f"lr has {', '.join(map(repr, sorted(unused)))}, but no parameter starts with it")
    settings = [
        {"params": parameters, "lr": rates[part], "base": rates[part], "weight_decay": weight_decay * decays}
        for (part, decays), parameters in groups.items()
    ]
    if kind == "sgd":
        return torch.optim.SGD(settings, momentum=0.9, fused=True)
    return torch.optim.AdamW(settings, fused=True)


def adjust(optimiser: torch.optim.Optimizer, factor: float) -> float:
    """Set every learning rate to this multiple of its initial value; returns the largest."""
    for group in optimiser.param_groups:
        group["lr"] = group["base"] * factor
    return max(group["lr"] for group in optimiser.param_groups)


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
