"""How fast is the confusion matrix, as a share of the speed of one bare `torch.bincount` on the same pixels?

The bare call counts row numbers that are ready made, int64, without void, and without looking for values that
are no class. The aim is 0.8 of its throughput. Both are timed in turns, and the best of each is compared.

    python benchmarks/metrics.py [--threads 1] [--seconds 1.0]
"""

from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Callable

import torch
from torch import Tensor

from seglib.metrics import confusion_matrix

NUM_CLASSES = 21
SIZES = [(1, 160, 160), (1, 320, 240), (16, 128, 128), (1, 512, 512), (1, 1024, 1024), (16, 512, 512)]
DTYPES = [(torch.uint8, torch.uint8), (torch.int64, torch.uint8), (torch.int64, torch.int64)]


def masks(size: tuple[int, int, int], kind: str) -> tuple[Tensor, Tensor]:
    """Prediction and truth, uint8: cells of 20 pixels with 4 % void, as masks are, or noise."""
    count, height, width = size
    if kind == "noise":
        return torch.randint(0, NUM_CLASSES, (2, *size), dtype=torch.uint8).unbind()
    cells = torch.randint(0, NUM_CLASSES, (count, height // 20 + 1, width // 20 + 1), dtype=torch.uint8)
    mask = cells.repeat_interleave(20, 1).repeat_interleave(20, 2)[:, :height, :width].contiguous()
    pred = mask.roll((3, 3), (1, 2)).contiguous()
    mask[:, : height // 25] = 255
    return pred, mask


def fastest(calls: list[Callable[[], object]], seconds: float) -> list[float]:
    """The shortest time of each call, in turns, so that a busy machine slows all of them down alike."""
    best = [float("inf")] * len(calls)
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        for index, call in enumerate(calls):
            start = time.perf_counter()
            call()
            best[index] = min(best[index], time.perf_counter() - start)
    return best


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=1.0, help="per row")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    print(f"torch {torch.__version__}, {arguments.threads} thread(s), {platform.machine()}")
    print("share of the throughput of one bare torch.bincount, 21 classes; pred dtype / mask dtype")
    print(
        f"{'size':>16} {'kind':>6} {'bare ns/px':>10}", *(f"{str(a)[6:]}/{str(b)[6:]:>5}" for a, b in DTYPES)
    )
    for size in SIZES:
        for kind in ("mask", "noise"):
            pred, mask = masks(size, kind)
            pair = (mask.long().clamp(max=NUM_CLASSES) * NUM_CLASSES + pred).flatten()
            calls: list[Callable[[], object]] = [lambda pair=pair: torch.bincount(pair, minlength=462)]
            for pred_type, mask_type in DTYPES:
                given = pred.to(pred_type), mask.to(mask_type)
                calls.append(lambda given=given: confusion_matrix(*given, NUM_CLASSES))
            bare, *ours = fastest(calls, arguments.seconds)
            shares = (f"{bare / seconds:11.2f}" for seconds in ours)
            print(f"{'x'.join(map(str, size)):>16} {kind:>6} {1e9 * bare / mask.numel():10.2f}", *shares)


if __name__ == "__main__":
    main()
