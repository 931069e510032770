"""How good are masks made from boxes, and how many are made in a second? Nothing is trained.

Pets have boxes from their trimaps, CamVid objects are connected pieces of five classes, scenes know theirs.
Training images are chosen by chance; the memory on disk begins empty, so that seconds are those
of the work, decoding included.

    SEGLIB_DATA=... python benchmarks/weak_labels.py [--data pets camvid scenes] [--images 100] [--jobs 2]
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time

import numpy as np
from _machine import machine
from _noise import Objects

from seglib.data.catalog import load
from seglib.data.dataset import SegmentationDataset
from seglib.regions import propose
from seglib.weak.boxes import load_boxes
from seglib.weak.labels import compare, quality
from seglib.weak.schemes import SCHEMES, pseudo_labels

THINGS = ("car", "pedestrian", "bicyclist", "sign", "pole")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", nargs="+", default=["pets", "camvid", "scenes"])
    parser.add_argument("--schemes", nargs="+", default=list(SCHEMES), choices=list(SCHEMES))
    parser.add_argument("--images", type=int, default=100)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    print(machine(f"{asked.jobs} jobs"))
    for name in asked.data:
        run(chosen(name, asked.images, asked.seed), asked.schemes, asked.jobs)


def chosen(name: str, count: int, seed: int) -> SegmentationDataset:
    """`count` training images, by chance."""
    data = load(name, "train")
    data = Objects(data, THINGS) if name == "camvid" else data
    order = np.random.default_rng(seed).permutation(len(data))[:count]
    return data.subset(sorted(order.tolist()))


def run(data: SegmentationDataset, schemes: list[str], jobs: int) -> None:
    """Every scheme on one data set."""
    boxes, measured, speeds = load_boxes(data), {}, []
    for scheme in schemes:
        needs = {"propose": propose} if scheme in ("m-and-g+", "boxsup") else {}
        with tempfile.TemporaryDirectory() as empty:
            os.environ["SEGLIB_CACHE"] = empty
            began = time.perf_counter()
            labels = pseudo_labels(data, scheme, boxes=boxes, jobs=jobs, **needs)
            speeds.append(f"{scheme} {len(data) / (time.perf_counter() - began):.2f}")
        measured[scheme] = quality(labels)
    print(f"\n{compare(measured)}\nimages per second: {', '.join(speeds)}", flush=True)


if __name__ == "__main__":
    main()
