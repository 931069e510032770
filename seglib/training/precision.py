"""bfloat16 and compiled code, where they make a run faster."""

import copy
import math
import time
import timeit
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from seglib.progress import tracked
from seglib.training.step import Loss, if_it_fits, logits_of

MAX_RATIO = 0.85  # bfloat16 must take at most this part of float32's time: it has 8 bits of precision, not 24
MAX_SLOWDOWN = 3.0  # of a convolution in bfloat16; without instructions for it, 100 is usual
STEPS_TRIED = 6  # three in each precision
SAVED, COST = 0.15, 60.0  # assumed gain of compiling, as a fraction of a step, and its cost in seconds


def choose(
    net: nn.Module, loss: Loss, images: Tensor, masks: Tensor, *,
    max_seconds: float = math.inf, broadcast: Callable[[float], float] = float,
) -> tuple[str, str]:  # fmt: skip
    """Choose between "float32" and "bfloat16" by timing a few steps.

    Two steps are timed in each, after one that is not timed. On a CPU without instructions for bfloat16 no
    step is tried: one could take as long as the whole run.

    Args:
        net: is not changed.
        loss: (logits, masks) -> scalar.
        images: a batch, on the net's device.
        masks: its masks.
        max_seconds: of timing; the trial ends where the first steps show that it would take longer.
        broadcast: gives every process the first one's measurement.

    Returns:
        The precision, and a sentence that says why.
    """
    if images.device.type not in ("cpu", "cuda"):
        return "float32", f"float32: bfloat16 is not tried on {images.device.type}."
    if images.device.type == "cpu" and (slowdown := broadcast(_slowdown())) > MAX_SLOWDOWN:
        return "float32", f"float32: a convolution takes {slowdown:.0f} times as long in bfloat16 here."
    with torch.random.fork_rng([images.device] if images.device.type == "cuda" else []):
        full = half = 0.0
        while len(images) and not full:  # a batch, or as much of it as fits into memory
            seconds = if_it_fits(partial(_seconds, net, loss, images, masks, max_seconds))
            full, half = seconds or (0.0, 0.0)
            images, masks = images[: len(images) // 2], masks[: len(masks) // 2]
    if not (ratio := broadcast(half / full if full else 0.0)):
        return "float32", f"float32: {'steps take too long' if full else 'memory is too small'} to try both."
    chosen = "bfloat16" if ratio < MAX_RATIO else "float32"
    return chosen, f"{chosen}: a step takes {1e3 * full:.0f} ms in float32, {1e3 * half:.0f} ms in bfloat16."


def pays_to_compile(device: torch.device, seconds_left: float) -> bool:
    """Whether `torch.compile` is estimated to save more time than it costs; never on a CPU, where it is slow.

    Example:
        >>> [pays_to_compile(torch.device("cuda"), seconds) for seconds in (60, 600)]
        [False, True]
    """
    return device.type == "cuda" and SAVED * seconds_left > COST


def _slowdown() -> float:
    """Time of a small convolution in bfloat16 as a multiple of that in float32; the fastest of three each."""
    x, w = torch.ones(1, 64, 32, 32), torch.ones(64, 64, 3, 3)
    full, half = (
        timeit.repeat(partial(torch.conv2d, x.to(dtype), w.to(dtype), padding=1), number=1, repeat=3)
        for dtype in (torch.float32, torch.bfloat16)
    )
    return min(half) / min(full)


def _seconds(
    net: nn.Module, loss: Loss, images: Tensor, masks: Tensor, max_seconds: float
) -> tuple[float, float]:
    """The time of a step, forward and backward, in float32 and in bfloat16; the latter 0 if not tried.

    The faster of two each, after one that warms up. The precisions take turns, so that other work on the
    machine slows both down.
    """
    trial = copy.deepcopy(net).train()
    times: dict[str, list[float]] = {"float32": [], "bfloat16": []}
    for precision in tracked([*times] * (STEPS_TRIED // 2), STEPS_TRIED, "trying out float32 and bfloat16"):
        begin = time.perf_counter()
        loss(logits_of(trial, images, precision), masks).backward()
        if images.device.type == "cuda":
            torch.cuda.synchronize(images.device)
        times[precision].append(time.perf_counter() - begin)
        full = times["float32"]
        if full[-1] * (STEPS_TRIED if len(full) > 1 else 1) > max_seconds:  # the first one warms up
            return full[-1], 0.0
    return min(times["float32"][1:]), min(times["bfloat16"][1:])
