"""What does `seglib.backbones.depthwise` gain over PyTorch: layer by layer, and in a whole step?

A layer: the backward pass of each depthwise convolution of EfficientNet-Lite0 that has a stride or a kernel
of 5 x 5, for a batch of 8 images of 193 x 193, bfloat16, channels_last. A step: forward and backward of
FCN-8s on EfficientNet-Lite0, in float32, in bfloat16 with PyTorch's own, and with ours. All in turns, in one
process; the best of the rounds, in processor time, so that other work on the machine matters less.

    python benchmarks/depthwise.py [--rounds 5]
"""

from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Callable
from unittest import mock

import torch
import torch.nn.functional as F

from seglib import backbones
from seglib.backbones import lite
from seglib.backbones.depthwise import depthwise
from seglib.fcn import FCN
from seglib.losses import cross_entropy

# channels, side of the map, kernel, stride
LAYERS = [(96, 97, 3, 2), (144, 49, 5, 2), (240, 25, 5, 1), (240, 25, 3, 2), (480, 13, 5, 1), (672, 13, 5, 1),
          (672, 13, 5, 2), (1152, 7, 5, 1)]  # fmt: skip
BATCH = 8


def best(ways: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Milliseconds of each way, the least of the rounds."""
    times: dict[str, float] = dict.fromkeys(ways, float("inf"))
    for turn in range(rounds + 1):
        for name, way in ways.items():
            start = time.process_time()
            way()
            if turn:  # the first is for warming up
                times[name] = min(times[name], (time.process_time() - start) * 1000)
    return times


def layer(channels: int, side: int, kernel: int, stride: int, rounds: int) -> dict[str, float]:
    """Backward of one convolution, by PyTorch and by ours."""
    x, weight = torch.randn(BATCH, channels, side, side), torch.randn(channels, 1, kernel, kernel)
    x = x.bfloat16().contiguous(memory_format=torch.channels_last).requires_grad_()
    weight, padding = weight.bfloat16().requires_grad_(), (kernel // 2, kernel // 2)
    theirs = F.conv2d(x, weight, None, stride, padding, groups=channels)
    ours = depthwise(x, weight, stride, padding)
    grad = torch.randn_like(theirs)
    backward = {
        "PyTorch": lambda: torch.autograd.grad(theirs, (x, weight), grad, retain_graph=True),
        "ours": lambda: torch.autograd.grad(ours, (x, weight), grad, retain_graph=True),
    }
    return best(backward, rounds)


def step(rounds: int) -> dict[str, float]:
    """Forward and backward of a whole net."""
    net = FCN(backbones.load("lite0"), 3, stride=8).train().to(memory_format=torch.channels_last)
    images = torch.randint(0, 256, (BATCH, 3, 193, 193), dtype=torch.uint8)
    images = images.contiguous(memory_format=torch.channels_last)
    masks = torch.randint(0, 3, (BATCH, 193, 193), dtype=torch.uint8)

    def once(low: bool = True) -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=low):
            logits = net(images)
        cross_entropy(logits, masks).backward()

    def native() -> None:
        with mock.patch.object(lite, "applies", lambda x: False):
            once()

    return best({"float32": lambda: once(False), "bfloat16, PyTorch": native, "bfloat16, ours": once}, rounds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    torch.manual_seed(0)
    print(
        f"torch {torch.__version__}, {platform.processor() or platform.machine()}, one thread, batch {BATCH}"
    )
    print("backward of a depthwise convolution, ms     PyTorch     ours     ratio")
    for shape in LAYERS:
        times = layer(*shape, rounds)
        name = "{0} channels, {1} x {1}, kernel {2}, stride {3}".format(*shape)
        ratio = times["PyTorch"] / times["ours"]
        print(f"  {name:40}{times['PyTorch']:9.1f}{times['ours']:9.1f}{ratio:9.1f}")
    print("forward and backward of FCN-8s on EfficientNet-Lite0, 193 x 193")
    times = step(rounds)
    for name, milliseconds in times.items():
        print(f"  {name:20}{milliseconds:7.0f} ms{BATCH * 1000 / milliseconds:7.1f} images/s")


if __name__ == "__main__":
    main()
