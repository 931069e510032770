"""Sixteen bits, and compiled code, where they pay."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from seglib.progress import tracked
from seglib.training.distributed import broadcast

Loss = Callable[[Tensor, Tensor], Tensor]
PRECISIONS = ("auto", "float32", "bfloat16")
WORTH = 0.85  # bfloat16 must take at most this share of float32's time: it has 8 bits of precision, not 24
DETOUR = 3.0  # a convolution that takes so many times as long in bfloat16 has no instructions; 100 is usual
STEPS_TRIED = 6  # three in each precision
SAVED, COST = 0.15, 60.0  # what compiling is assumed to save, as a share of a step, and to cost, in seconds


def choose(
    wish: str, net: nn.Module, loss: Loss, images: Tensor, masks: Tensor, most: float = math.inf
) -> tuple[str, str]:
    """Which of "float32" and "bfloat16" to compute in, and why, in a sentence.

    Args:
        wish: one of the two, or "auto": time two steps in each, after one that is not timed. On a processor
            without instructions for bfloat16 no step is tried: it could take as long as the training.
        net: stays as it is.
        loss: takes logits and masks.
        images: a batch, on the net's device.
        masks: its masks.
        most: seconds that timing may take; where the first steps say that it would take more, none follow.
    """
    if wish != "auto":
        return wish, ""
    if images.device.type not in ("cpu", "cuda"):
        return "float32", ""
    if images.device.type == "cpu" and (detour := broadcast(_detour())) > DETOUR:
        return "float32", f"float32: a convolution takes {detour:.0f} times as long in bfloat16 here."
    with torch.random.fork_rng([images.device] if images.device.type == "cuda" else []):
        full, half = _seconds_of_what_fits(net, loss, images, masks, most)
    if not (ratio := broadcast(half / full if full else 0.0)):
        return "float32", f"float32: {'steps take too long' if full else 'memory is too small'} to try both."
    chosen = "bfloat16" if ratio < WORTH else "float32"
    return chosen, f"{chosen}: a step takes {1e3 * full:.0f} ms in float32, {1e3 * half:.0f} ms in bfloat16."


def logits_of(net: nn.Module, images: Tensor, precision: str) -> Tensor:
    """(N, K, H, W) float32 logits, computed in this precision."""
    with torch.autocast(images.device.type, torch.bfloat16, enabled=precision == "bfloat16"):
        logits = net(images)
    return logits.float()


def pays_to_compile(device: torch.device, seconds_left: float) -> bool:
    """Whether `torch.compile` saves more than it costs, estimated; never on a CPU, where it takes minutes.

    Example:
        >>> [pays_to_compile(torch.device("cuda"), seconds) for seconds in (60, 600)]
        [False, True]
    """
    return device.type == "cuda" and SAVED * seconds_left > COST


def out_of_memory(error: BaseException) -> bool:
    """Whether this error says that memory ran out, on a GPU or in main memory.

    Example:
        >>> out_of_memory(RuntimeError("DefaultCPUAllocator: can't allocate memory"))
        True
    """
    words = ("out of memory", "can't allocate memory", "not enough memory")
    return isinstance(error, MemoryError) or any(word in str(error).lower() for word in words)


def _detour() -> float:
    """Time of a small convolution in bfloat16 as a multiple of that in float32; the fastest of three each."""
    seconds = []
    for kind in (torch.float32, torch.bfloat16):
        image, weight, times = torch.ones(1, 64, 32, 32, dtype=kind), torch.ones(64, 64, 3, 3, dtype=kind), []
        for _ in range(3):
            begin = time.perf_counter()
            torch.conv2d(image, weight, padding=1)
            times.append(time.perf_counter() - begin)
        seconds.append(min(times))
    return seconds[1] / seconds[0]


def _seconds_of_what_fits(
    net: nn.Module, loss: Loss, images: Tensor, masks: Tensor, most: float
) -> tuple[float, float]:
    """`_seconds` of a batch, or of as much of it as fits into memory; zeros where not one image does."""
    while len(images):
        try:
            return _seconds(net, loss, images, masks, most)
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error):
                raise
        # Outside of the `except`: in there the error would still hold on to the tensors.
        if images.device.type == "cuda":
            torch.cuda.empty_cache()
        images, masks = images[: len(images) // 2], masks[: len(masks) // 2]
    return 0.0, 0.0


def _seconds(net: nn.Module, loss: Loss, images: Tensor, masks: Tensor, most: float) -> tuple[float, float]:
    """The time of a step, forward and backward, in float32 and in bfloat16; the latter 0 if not tried.

    The faster of two each, after one that warms up. By turns, so that what else the machine does for a moment
    does not decide.
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
        if full[-1] * (STEPS_TRIED if len(full) > 1 else 1) > most:  # the first is long: it warms up
            return full[-1], 0.0
    return min(times["float32"][1:]), min(times["bfloat16"][1:])
