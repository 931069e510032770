"""How time and memory of the region pipeline grow with the number of images and of regions.

Each number has a process of its own with an empty cache. Images: all of `fit`, one process, 60 regions
each. Regions: `predict`, per image of 320 x 240 pixels.

    python benchmarks/region_growth.py [--precision float32]
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import resource
import subprocess
import sys
import tempfile
import time
from itertools import pairwise

from _machine import machine

from seglib.regions.features import RegionFeatures
from seglib.regions.segmenter import RegionSegmenter
from seglib.scenes import Scenes
from seglib.tables import Table


def growth(precision: str) -> None:
    """Seconds and memory for each number of images and of regions, each in a process of its own."""
    rows = []
    for what, numbers in (("images", (20, 40, 80)), ("regions", (250, 500, 1000, 2000))):
        steps = [_step(precision, what, number) for number in numbers]
        rows += [[f"{n:.0f} {what}", f"{seconds:.2f}", f"{peak:.0f}"] for n, seconds, peak in steps]
        for (n, seconds, peak), (more, longer, higher) in pairwise(steps):
            print(f"{n:.0f} -> {more:.0f} {what}: {more / n:.2f} times as many, "
                  f"{longer / seconds:.2f} times the time, {higher - peak:+.0f} MB", flush=True)  # fmt: skip
    note = "images: all of fit, one process, an empty cache, 60 regions each; regions: predict, per image"
    print(Table("\ngrowth", ["", "seconds", "peak MB"], rows, note))


def _step(precision: str, what: str, number: int) -> tuple[float, float, float]:
    """How many there were, seconds, and the peak of memory in MB, from a process with an empty cache."""
    command = [sys.executable, __file__, "--one", what, str(number), "--precision", precision]
    with tempfile.TemporaryDirectory() as folder:
        alone = {**os.environ, "SEGLIB_CACHE": folder}
        output = subprocess.run(command, env=alone, stdout=subprocess.PIPE, text=True, check=True).stdout
    many, seconds, peak = map(float, output.split())
    return many, seconds, peak


def one(what: str, number: int, precision: str) -> None:
    """What `_step` reads. Images have 320 x 240 pixels; a plain one has fewer regions than asked for."""
    data = Scenes(number if what == "images" else 4, size=(240, 320))
    features = RegionFeatures(size=64 if what == "images" else 96, precision=precision)
    mine, began = RegionSegmenter(data.classes, features=features, number=60), time.perf_counter()
    mine.fit(data, data.subset(range(2)), jobs=1)
    many, seconds = number, time.perf_counter() - began
    if what == "regions":
        mine.extractor = dataclasses.replace(mine.extractor, number=number)
        images = [data[index][0] for index in range(2)]
        many = sum(len(mine.extractor.propose(image)) for image in images) / len(images)
        for image in images:
            mine.predict(image)
        seconds = sum(mine.seconds_by_stage.values())
    print(many, seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        return one(asked.one[0], int(asked.one[1]), asked.precision)
    print(machine(asked.precision))
    return growth(asked.precision)


if __name__ == "__main__":
    main()
