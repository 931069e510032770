"""How fast is the training loop, as a share of the speed of the bare step?

In turns, in one process, with the same net, precision and optimiser:

    bare     forward, backward and step, again and again on one batch that lies ready
    loop     `train`: other images each time, augmented, gradients clipped, the loss looked at
    judged   the same with a validation on `--val` images every `--every` steps, whose forward passes are
             included

The aim is 0.95 on a CPU and 0.9 on a GPU. On a CPU processor time is compared, which other work on the
machine disturbs less than time on the clock; the fastest turns are those that it disturbed least. A
checkpoint every 15 seconds is measured apart: with turns, it would fall into anybody's.

The speed is also given as a share of the machine's peak: the operations of a step, counted, over its time,
against a product of two large matrices in the same precision, measured here.

    python benchmarks/train_loop.py [--net fcn8s-lite0] [--size 160] [--batch-size 16] [--precision bfloat16]
    python benchmarks/train_loop.py --net fcn32s-resnet50 --size 512 --batch-size 32    # what a GPU is asked
"""

from __future__ import annotations

import argparse
import copy
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from _machine import machine
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from seglib.data import InMemoryDataset, in_memory
from seglib.losses import cross_entropy
from seglib.scenes import Scenes
from seglib.train import train
from seglib.train_command import build
from seglib.training.checkpoint import CheckpointWriter
from seglib.training.step import logits_of, optimiser


def bare(net: nn.Module, data: InMemoryDataset, batch_size: int, precision: str) -> Iterator[None]:
    """Forward, backward and step on one batch."""
    images = data.images[:batch_size].contiguous(memory_format=torch.channels_last)
    masks, moves = data.masks[:batch_size], optimiser(net, "adamw", 1e-3, 0.01)
    net.train()
    while True:
        moves.zero_grad(set_to_none=True)
        cross_entropy(logits_of(net, images, precision), masks).backward()
        moves.step()
        yield


def clock_of(device: torch.device) -> Callable[[], float]:
    """Processor time, of all threads together, which other programs do not lengthen; for a GPU, seconds."""
    return time.process_time if device.type == "cpu" else time.perf_counter


def timed(steps: Iterator[object], count: int, clock: Callable[[], float]) -> float:
    """Seconds per step, over `count` steps."""
    wait_for_gpu()
    begin = clock()
    for _ in range(count):
        next(steps)
    wait_for_gpu()
    return (clock() - begin) / count


def wait_for_gpu() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def operations(net: nn.Module, images: torch.Tensor) -> float:
    """Floating-point operations of a step: those of the forward pass, counted, times three.

    A multiplication and an addition are two. The backward pass does each product twice, once for the input
    and once for the weights.
    """
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        net(images)
    return 3.0 * counter.get_total_flops()


def peak(device: torch.device, precision: str) -> float:
    """Operations a second of a product of two large matrices of random numbers, the median of ten."""
    side = 8192 if device.type == "cuda" else 2048
    dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
    a, b = (torch.randn(side, side, device=device, dtype=dtype) for _ in range(2))
    products = iter(lambda: a @ b, None)
    clock = clock_of(device)
    timed(products, 3, clock)  # warms up
    return 2 * side**3 / statistics.median(timed(products, 1, clock) for _ in range(10))


def measured(arguments: argparse.Namespace) -> tuple[dict[str, list[float]], float]:
    """Seconds a step, round after round, of the three; and the operations of one."""
    device, size = torch.device(arguments.device), (arguments.size, arguments.size)
    data = in_memory(Scenes(max(64, arguments.batch_size), size=size), device=device)
    val = in_memory(Scenes(arguments.val, "val", size=size), device=device)
    net = build(arguments.net, len(data.classes), pretrained=arguments.pretrained)
    net.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    common = {"batch_size": arguments.batch_size, "precision": arguments.precision, "device": device}
    ways: dict[str, Iterator[object]] = {
        "bare": bare(copy.deepcopy(net), data, arguments.batch_size, arguments.precision),
        "loop": train(copy.deepcopy(net), data, steps=10**6, **common),
        "judged": train(copy.deepcopy(net), data, steps=10**6, val=val, val_every=arguments.every, **common),
    }
    clock = clock_of(device)
    for way in ways.values():
        timed(way, 3, clock)  # warms up
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(arguments.rounds):
        for name, way in ways.items():
            times[name].append(timed(way, arguments.every if name == "judged" else arguments.steps, clock))
    return times, operations(net, data.images[: arguments.batch_size])


def checkpoint_seconds(net: nn.Module) -> float:
    """Processor time of one checkpoint."""
    moves, times = optimiser(net, "adamw", 1e-3, 0.01), []
    net(torch.zeros(1, 3, 64, 64, dtype=torch.uint8)).mean().backward()
    moves.step()
    with tempfile.TemporaryDirectory() as folder:
        writer = CheckpointWriter(Path(folder) / "a.pt", 0)
        writer.claim()
        for _ in range(5):
            begin = time.process_time()
            writer.write({"net": net.state_dict(), "optimiser": moves.state_dict()})
            times.append(time.process_time() - begin)
    return statistics.median(times)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--net", default="fcn8s-lite0")
    parser.add_argument("--pretrained", action="store_true", help="the weights do not matter for the speed")
    parser.add_argument("--size", type=int, default=160)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--precision", default="bfloat16", choices=("float32", "bfloat16"))
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--val", type=int, default=16)
    parser.add_argument("--every", type=int, default=20)
    parser.add_argument("--steps", type=int, default=5, help="of each in a round")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    card = [torch.cuda.get_device_name()] if arguments.device != "cpu" else []
    print(machine(*card))
    unit = "seconds of processor time" if arguments.device == "cpu" else "seconds"
    what = f"{arguments.batch_size} scenes of {arguments.size} a side, {arguments.precision}, in {unit}"
    print(f"{arguments.net}, {what}")
    times, count = measured(arguments)
    print(
        "          ms a step   images/s   share of the bare speed: median of the turns   of the fastest turns"
    )
    for name, seconds in times.items():
        ratio = statistics.median(base / one for base, one in zip(times["bare"], seconds))
        each = statistics.median(seconds)
        print(
            f"{name:8}{1e3 * each:11.1f}{arguments.batch_size / each:11.1f}"
            f"{ratio:47.3f}{min(times['bare']) / min(seconds):23.3f}"
        )
    rate, best = count / min(times["loop"]), peak(torch.device(arguments.device), arguments.precision)
    print(
        f"{count / 1e9:.3g} GFLOP a step; the loop's fastest turn did {rate / 1e9:.3g} GFLOP/s, "
        f"{rate / best:.1%} of the {best / 1e9:.3g} that a product of matrices reaches here"
    )
    cost = checkpoint_seconds(build(arguments.net, 9, pretrained=False))
    print(f"a checkpoint: {1e3 * cost:.0f} ms of processor time, {cost / 15:.2%} of 15 seconds")


if __name__ == "__main__":
    main()
