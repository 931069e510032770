"""Optimisers and learning rates: which parameters are trained, and the learning rate at each step."""

import math
from collections.abc import Callable, Mapping

import torch
from torch import nn

Schedule = Callable[[float], float]
LearningRate = float | Mapping[str, float]
WARM_UP = 0.05  # the fraction of a run in which the learning rate rises from 0


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
