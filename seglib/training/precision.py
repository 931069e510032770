"""Sixteen bits where they pay."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

Loss = Callable[[Tensor, Tensor], Tensor]
WORTH = 0.85  # bfloat16 must take at most this share of float32's time: it has 8 bits of precision, not 24


def choose(wish: str, net: nn.Module, loss: Loss, images: Tensor, masks: Tensor) -> tuple[str, str]:
    """Which of "float32" and "bfloat16" to compute in, and why, in a sentence.

    Args:
        wish: one of the two, or "auto": time one step in each, after one that is not timed.
        net: stays as it is.
        loss: takes logits and masks.
        images: a batch, on the net's device.
        masks: its masks.

    Raises:
        ValueError: there is no such precision.
    """
    if wish not in ("auto", "float32", "bfloat16"):
        raise ValueError(f"precision {wish!r} does not exist; use auto, float32 or bfloat16")
    if wish != "auto":
        return wish, ""
    if images.device.type not in ("cpu", "cuda"):
        return "float32", ""
    trial = copy.deepcopy(net).train()
    full, half = (_seconds(trial, loss, images, masks, kind) for kind in ("float32", "bfloat16"))
    chosen = "bfloat16" if half < WORTH * full else "float32"
    return chosen, f"{chosen}: a step takes {1e3 * full:.0f} ms in float32, {1e3 * half:.0f} ms in bfloat16."


def logits_of(net: nn.Module, images: Tensor, precision: str) -> Tensor:
    """(N, K, H, W) float32 logits, computed in this precision."""
    with torch.autocast(images.device.type, torch.bfloat16, enabled=precision == "bfloat16"):
        logits = net(images)
    return logits.float()


def _seconds(net: nn.Module, loss: Loss, images: Tensor, masks: Tensor, precision: str) -> float:
    """The time of the faster of two steps, forward and backward, after one that warms up."""
    times = []
    for _ in range(3):
        begin = time.perf_counter()
        loss(logits_of(net, images, precision), masks).backward()
        if images.device.type == "cuda":
            torch.cuda.synchronize(images.device)
        times.append(time.perf_counter() - begin)
    return min(times[1:])
