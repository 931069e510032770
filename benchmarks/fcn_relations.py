"""What skips, pre-training and fine-tuning are worth: FCN-32s, 16s and 8s on the same net, data and steps.

Each row is a training run of EfficientNet-Lite0 that differs from another in little:

    FCN-32s             N steps
    FCN-16s, FCN-8s     that net, and a skip added, N / 3 steps more each (staged, as in the paper)
    FCN-32s, as long    that net, 2 N / 3 steps more and no skip: the compute-matched control
    FCN-8s at once      5 N / 3 steps, with both skips from the first
    from scratch        the same, from random weights, all of which learn at the rate of the score layers
    score layers only   the same as at once, everything else frozen

The staged nets have a schedule, with its warm-up, for each stage; the control has one for both together.
Judged on the test split, which nothing here was chosen on. Steps are fixed, not seconds, so that the numbers
do not depend on how busy the machine is.

    SEGLIB_DATA=... python benchmarks/fcn_relations.py [--data scenes pets camvid] [--steps 90] [--seeds 3]
"""

from __future__ import annotations

import argparse
import copy
import time

import torch
from _machine import machine
from _rows import held, rim, spread

from seglib import backbones
from seglib.data import InMemoryDataset, in_memory
from seglib.data.catalog import found, load
from seglib.data.dataset import SegmentationDataset
from seglib.evaluate import Constant, evaluate
from seglib.fcn import FCN, FCNSegmenter
from seglib.scenes import Scenes
from seglib.tables import Table
from seglib.train import finish, train

SIZES = {"scenes": (160, 160), "pets": (160, 160), "camvid": (180, 240)}
RATES = {"": 3e-3, "backbone.": 5e-4}
LOWER = {"": 1e-3, "backbone.": 1e-4}
BATCH = 8
Row = dict[str, tuple[float, float]]


def splits(name: str) -> tuple[InMemoryDataset, SegmentationDataset]:
    """The training images, decoded, and the test split."""
    if name == "scenes":
        return in_memory(Scenes(240, split="train"), size=SIZES[name]), Scenes(120, split="test")
    return in_memory(load(name, "train"), size=SIZES[name]), load(name, "test")


def training_runs(data: InMemoryDataset, test: SegmentationDataset, steps: int, seed: int) -> Row:
    """(mIoU, Boundary IoU) in % of every net, for one seed."""
    result: Row = {}

    def run(name: str, net: FCN, number: int, rates: dict[str, float]) -> FCN:
        began = time.monotonic()
        finish(train(net, data, steps=number, batch_size=BATCH, lr=rates, seed=seed), name)
        scores = evaluate(FCNSegmenter(net, test.classes), test)
        result[name] = 100 * scores.mean_iou, rim(scores)
        print(f"  seed {seed}, {name}: {result[name][0]:.1f} / {result[name][1]:.1f}"
              f" ({time.monotonic() - began:.0f} s)", flush=True)  # fmt: skip
        return net

    torch.manual_seed(seed)
    number, third, long = len(test.classes), steps // 3, steps + 2 * (steps // 3)
    net = run("FCN-32s", FCN(backbones.load("lite0"), number, 32), steps, RATES)
    control = copy.deepcopy(net)
    run("FCN-16s", net.add_skip(), third, LOWER)
    run("FCN-8s", net.add_skip(), third, LOWER)
    run("FCN-32s, as long", control, 2 * third, LOWER)
    run("FCN-8s at once", FCN(backbones.load("lite0"), number, 8), long, RATES)
    scratch = FCN(backbones.load("lite0", pretrained=False), number, 8)
    run("from scratch", scratch, long, {"": 3e-3})
    run("score layers only", FCN(backbones.load("lite0"), number, 8).freeze(), long, {"": 3e-3})
    return result


def report(name: str, test: SegmentationDataset, runs: list[Row]) -> None:
    """A row for each net, mean and spread over the seeds; then every relation, held or not."""
    lazy = evaluate(Constant(0), test)
    rows = [[net, *(spread([run[net][k] for run in runs]) for k in (0, 1))] for net in runs[0]]
    rows.append([f"all {test.classes.names[0]}", f"{100 * lazy.mean_iou:.1f}", f"{rim(lazy):.1f}"])
    print(Table(f"\n{name} test, {len(test)} images, %", ["", "mIoU", "Boundary IoU"], rows, lazy.policy))
    for better, worse in (
        ("FCN-16s", "FCN-32s"), ("FCN-8s", "FCN-16s"), ("FCN-8s", "FCN-32s, as long"),
        ("FCN-8s at once", "from scratch"), ("FCN-8s at once", "score layers only"),
    ):  # fmt: skip
        for k, measure in enumerate(("mIoU", "Boundary IoU")):
            held(f"{better} > {worse} in {measure}", [run[better][k] - run[worse][k] for run in runs])


def main() -> None:
    """Train and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--data", nargs="+", default=["scenes", *(n for n in ("pets", "camvid") if n in found())]
    )
    parser.add_argument("--steps", type=int, default=90)
    parser.add_argument("--seeds", type=int, default=3)
    asked = parser.parse_args()
    print(machine(f"{asked.steps} steps of {BATCH}, sizes {SIZES}"))
    for name in asked.data:
        data, test = splits(name)
        report(name, test, [training_runs(data, test, asked.steps, seed) for seed in range(asked.seeds)])


if __name__ == "__main__":
    main()
