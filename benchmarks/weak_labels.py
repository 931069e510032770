"""How good are masks made from boxes, and how many are made in a second? Nothing is trained.

Pets have boxes from their trimaps, CamVid objects are connected pieces of five classes, scenes know theirs.
Training images are spread evenly over the split; the cache on disk begins empty, so that seconds are those of
the work, decoding included.

    SEGLIB_DATA=... python benchmarks/weak_labels.py [--data pets camvid scenes] [--images 100] [--jobs 2]
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time

from _machine import machine
from _weak_bench import SIZES, images, needs

from seglib.data.dataset import SegmentationDataset
from seglib.weak.boxes import load_boxes
from seglib.weak.labels import compare, quality
from seglib.weak.schemes import SCHEMES, pseudo_labels


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", nargs="+", default=["pets", "camvid", "scenes"], choices=list(SIZES))
    parser.add_argument("--schemes", nargs="+", default=list(SCHEMES), choices=list(SCHEMES))
    parser.add_argument("--images", type=int, default=100)
    parser.add_argument("--jobs", type=int, default=1)
    asked = parser.parse_args()
    print(machine(f"{asked.jobs} jobs"))
    for name in asked.data:
        run(images(name, "train", asked.images), asked.schemes, asked.jobs)


def run(data: SegmentationDataset, schemes: list[str], jobs: int) -> None:
    """Every scheme on one data set."""
    boxes, measured, speeds = load_boxes(data), {}, []
    for scheme in schemes:
        with tempfile.TemporaryDirectory() as empty:
            os.environ["SEGLIB_CACHE"] = empty
            began = time.perf_counter()
            labels = pseudo_labels(data, scheme, boxes=boxes, jobs=jobs, **needs(scheme))
            speeds.append(f"{scheme} {len(data) / (time.perf_counter() - began):.2f}")
        measured[scheme] = quality(labels)
    print(f"\n{compare(measured)}\nimages per second: {', '.join(speeds)}", flush=True)


if __name__ == "__main__":
    main()
