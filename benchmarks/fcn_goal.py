"""How good is FCN-8s with the packaged weights after two minutes on pets, ten on CamVid?

Settings were chosen on the validation splits (`--split val`); the numbers that count are of the official test
lists, on which nothing was chosen. Goals: mIoU .90 on pets (background, cat, dog; the fur line is void) in
120 s on 2 cores, and .60 on CamVid (11 classes, 320x240) in 600 s. FCN-8 is published at 57.0 on CamVid, at
twice the resolution. Where pets are an excerpt, the number of images tells. The clock of `train` runs from
the call to the last step: decoding is counted, pauses are not.

    SEGLIB_DATA=... python benchmarks/fcn_goal.py [--data pets camvid] [--split test] [--seeds 3]
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import Any

import torch
from _machine import machine

from seglib import backbones
from seglib.data.batches import Augment
from seglib.data.catalog import found, load
from seglib.evaluate import Constant, evaluate
from seglib.fcn import FCN, FCNSegmenter
from seglib.train import finish, train
from seglib.training.optimise import cosine

SETTINGS: dict[str, dict[str, Any]] = {
    "pets": {"seconds": 118, "size": (192, 192), "batch_size": 8, "lr": 1e-3, "augment": Augment()},
    "camvid": {
        "seconds": 596,
        "size": (240, 320),
        "batch_size": 6,
        "lr": 1e-3,
        "augment": Augment(zoom=(0.9, 2.0)),
    },
}
ENLARGE = {"pets": 1.0, "camvid": 1.5}  # a pole is two pixels wide; chosen on val
GOALS = {"pets": (0.90, 120), "camvid": (0.60, 600)}


def main() -> None:
    """Train and judge."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    here = [name for name in SETTINGS if name in found()]
    parser.add_argument("--data", nargs="+", default=here, choices=list(SETTINGS))
    parser.add_argument("--split", default="test", choices=("val", "test"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--seconds", type=float, help="in place of the goal's")
    asked = parser.parse_args()
    print(machine())
    if not asked.data:
        print("Not run: neither pets nor camvid is here; set SEGLIB_DATA to the folder that holds them.")
    for name in asked.data:
        run(name, asked.split, asked.seeds, asked.seconds)


def run(name: str, split: str, seeds: int, seconds: float | None) -> None:
    """One data set, every seed."""
    data, judge = load(name, "train"), load(name, split)
    settings = SETTINGS[name] | ({"seconds": seconds} if seconds else {})
    print(f"\n{name}: {len(data)} training images, judged on {len(judge)} of {split}; {settings}")
    results = []
    for seed in range(seeds):
        torch.manual_seed(seed)
        net = FCN(backbones.load("lite0"), len(data.classes), 8)
        began = time.monotonic()
        end = finish(train(net, data, schedule=cosine, seed=seed, **settings), f"{name}, seed {seed}")
        clock = time.monotonic() - began
        scores = evaluate(FCNSegmenter(net, data.classes, scale=ENLARGE[name]), judge)
        results.append(scores.mean_iou)
        print(
            f"seed {seed}: mIoU {scores.mean_iou:.3f}, Boundary IoU {scores.mean_boundary_iou:.3f}; "
            f"{end.number} steps in {clock:.0f} s, {end.images_per_second:.0f} images/s",
            flush=True,
        )
    spread = statistics.stdev(results) if seeds > 1 else 0.0
    goal, limit = GOALS[name]
    lazy = evaluate(Constant(0), judge)
    print(scores)
    print(f"{name} {split}: mIoU {statistics.mean(results):.3f} ± {spread:.3f}; goal {goal} in {limit} s; "
          f"all {data.classes.names[0]}: {lazy.mean_iou:.3f}")  # fmt: skip


if __name__ == "__main__":
    main()
