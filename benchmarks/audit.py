"""How fast does the audit look at images of one megapixel, compared with only reading the same files?

Makes a folder of images like photographs (1000 x 1000, JPEG) with masks (PNG): train, val and test. Goes over
it twice in one process, on all cores: once reading every image and mask and nothing else, once with `audit`.
Prints images per second, processor time per image, and the ratios. A loaded machine changes the first.

    python benchmarks/audit.py [--images 1000] [--side 1000]
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from joblib import Parallel, delayed
from PIL import Image

from seglib.data.audit import audit
from seglib.data.catalog import load
from seglib.data.dataset import SegmentationDataset

SHARES = {"train": 0.8, "val": 0.1, "test": 0.1}
Data = dict[str, SegmentationDataset]


def make(root: Path, images: int, side: int) -> None:
    """Blurred noise with a fine grain, as in photographs; rectangles of two classes."""
    rng = np.random.default_rng(0)
    (root / "classes.txt").write_text("background\nfish\nweed\n")
    for split, share in SHARES.items():
        for part in ("images", "masks"):
            (root / part / split).mkdir(parents=True)
        for number in range(round(images * share)):
            coarse = rng.integers(0, 255, (12, 12, 3), np.uint8)
            image = cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC)
            grain = np.resize(rng.integers(0, 12, (199, side, 3), np.uint8), image.shape)
            mask = np.zeros((side, side), np.uint8)
            for label, (top, left) in enumerate(rng.integers(0, side * 3 // 4, (4, 2))):
                mask[top : top + side // 4, left : left + side // 4] = 1 + label % 2
            name = f"{split}{number:05}"
            Image.fromarray(cv2.add(image, grain)).save(root / "images" / split / f"{name}.jpg", quality=90)
            Image.fromarray(mask).save(root / "masks" / split / f"{name}.png")


def read(datasets: Data) -> None:
    """Every image and mask, on all cores, and nothing else."""
    for data in datasets.values():
        tasks = (delayed(data.__getitem__)(index) for index in range(len(data)))
        for _ in Parallel(n_jobs=-1, prefer="threads", return_as="generator")(tasks):
            pass


def seconds(call: Callable[[Data], object], data: Data) -> tuple[float, float]:
    """By the clock, and of processor time in all threads."""
    start, worked = time.perf_counter(), time.process_time()
    call(data)
    return time.perf_counter() - start, time.process_time() - worked


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--side", type=int, default=1000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        make(Path(folder), options.images, options.side)
        data = {split: load(folder, split) for split in SHARES}
        times = {name: seconds(call, data) for name, call in (("only read", read), ("audit", audit))}
    load_now = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "not known"
    count, pixels = options.images, options.side**2 / 1e6
    print(
        f"{count} images of {pixels:.2f} megapixels, {os.cpu_count()} cores, load of the machine {load_now}"
    )
    for name, (clock, worked) in times.items():
        rate, each = count / clock, 1000 * worked / count
        print(f"{name:10}{clock:8.1f} s {rate:8.1f} images/s {each:8.1f} ms of processor time an image")
    ratios = (b / a for a, b in zip(*times.values()))
    print("audit / only read: {:.2f} by the clock, {:.2f} of processor time".format(*ratios))


if __name__ == "__main__":
    main()
