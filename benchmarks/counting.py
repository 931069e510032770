"""How fast are classes counted, compared with only decoding the same masks?

Three ways to read all masks once, in turns, in one process, with an empty cache:

    file       a file into an array of its values, with Pillow, and nothing else; scenes are drawn
    decoded    the same, and its values into class indices: the mask as the data set gives it
    counted    `count`, with the hash by which the result is found again, and writing it to disk

The target is 0.8 of the throughput of decoding. "again" is `count` when nothing has changed. Masks are copied
to 2000 files, each different in bytes that no reader looks at, so that start-up costs have their usual share.

    SEGLIB_DATA=... python benchmarks/counting.py [--rounds 7]
"""

from __future__ import annotations

import argparse
import copy
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL
import torch

from seglib.data.balance import count
from seglib.data.catalog import found, load
from seglib.data.dataset import SegmentationDataset
from seglib.data.files import FileDataset, read_labels
from seglib.data.photographs import Pets


def file(dataset: SegmentationDataset) -> None:
    """Every mask, as it lies on disk."""
    for index in range(len(dataset)):
        if isinstance(dataset, FileDataset):
            read_labels(Path(dataset.samples[index].mask))
        else:
            dataset[index]


def decoded(dataset: SegmentationDataset) -> None:
    """Every mask, as class indices."""
    for index in range(len(dataset)):
        if isinstance(dataset, FileDataset):
            dataset.decode(index, read_labels(Path(dataset.samples[index].mask)))
        else:
            dataset[index]


def counted(dataset: SegmentationDataset) -> None:
    """Every mask, in this process, with an empty cache."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["SEGLIB_CACHE"] = folder
        count(dataset, jobs=1)


def seconds(call: Callable[[SegmentationDataset], object], dataset: SegmentationDataset) -> float:
    start = time.process_time()
    call(dataset)
    return time.process_time() - start


def copied(dataset: FileDataset, folder: Path, number: int = 2000) -> FileDataset:
    """The same data set with many masks, whose images are not looked at."""
    samples = []
    for place in range(number):
        sample = dataset.samples[place % len(dataset)]
        mask = folder / f"{place}.png"
        mask.write_bytes(Path(sample.mask).read_bytes() + str(place).encode())
        samples.append(sample._replace(mask=str(mask)))
    many = copy.copy(dataset)
    many.samples = samples
    if isinstance(many, Pets):
        many.animals = [many.animals[place % len(dataset)] for place in range(number)]
    return many


def row(dataset: SegmentationDataset, rounds: int) -> str:
    """One line of the table."""
    calls = (file, decoded, counted)
    times = [[seconds(call, dataset) for call in calls] for _ in range(rounds + 1)][1:]  # the first warms up
    ratios = [statistics.median(one[k] / one[2] for one in times) for k in (0, 1)]
    each = [1e3 * statistics.median(column) / len(dataset) for column in zip(*times)]
    with tempfile.TemporaryDirectory() as folder:
        os.environ["SEGLIB_CACHE"] = folder
        count(dataset, jobs=1)
        again = 1e3 * seconds(lambda data: count(data, jobs=1), dataset) / len(dataset)
    cells = "".join(f"{value:10.3f}" for value in (*each, again))
    return f"{dataset.name:8}{len(dataset):6}{cells}{ratios[0]:15.2f}{ratios[1]:18.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print(f"NumPy {np.__version__}, Pillow {PIL.__version__}, one process, {platform.machine()}")
    print("milliseconds of processor time a mask, median of the rounds, and the ratios of throughput")
    print("          masks      file   decoded   counted     again   counted/file   counted/decoded")
    for name in ("pets", "camvid", "voc"):
        if name in found():
            with tempfile.TemporaryDirectory() as folder:
                dataset = copied(load(name), Path(folder))  # type: ignore[arg-type]
                print(row(dataset, arguments.rounds), flush=True)
        else:
            print(f"{name:8}not found; set SEGLIB_DATA to a folder that holds it")
    print(row(load("scenes", length=50), 2))


if __name__ == "__main__":
    main()
