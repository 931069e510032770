"""Full box, foreground or both: what region features are worth, where their time goes, and how it grows.

For each data set and seed a segmenter is fitted with each kind of features, on the same pictures: the full
box, the foreground, both joined; and again with a foreground pathway that was fine-tuned on foregrounds
(SDS's net B). The seed draws the training pictures, the ranking of the proposals and the first negatives. The
threshold is chosen on the validation split; the test split is only judged. Published, VOC 2011 val: full
43.0, foreground 43.7, joined 47.9 (R-CNN, table 5).

    SEGLIB_DATA=... python benchmarks/regions.py [--data scenes pets camvid] [--seeds 3] [--pictures 120]
                                                 [--judged 60] [--number 250] [--size 96] [--steps 80]
    SEGLIB_DATA=... python benchmarks/regions.py --growth      time and memory, by pictures and regions

Proposals and features stay in SEGLIB_CACHE, so that a run that was stopped goes on.
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

import torch
from _machine import machine
from _rows import rim, spread
from torch import Tensor

from seglib.data.catalog import found, load
from seglib.data.dataset import SegmentationDataset
from seglib.data.scenes import Scenes
from seglib.evaluate import evaluate
from seglib.regions.examples import resized
from seglib.regions.features import KINDS, Kind, RegionFeatures
from seglib.regions.finetune import finetune
from seglib.regions.segmenter import RegionSegmenter
from seglib.regions.selection import paste
from seglib.segmenters import Constant
from seglib.tables import Table

Row = dict[str, tuple[float, float]]


class FromDisk:
    """A fitted segmenter whose features come from the disk, so that five kinds share two pathways' work."""

    def __init__(self, segmenter: RegionSegmenter) -> None:
        self.segmenter, self.name = segmenter, segmenter.name

    def predict(self, image: Tensor) -> Tensor:
        """(3, H, W) -> (H, W)."""
        mine = self.segmenter
        proposals, features = mine.looker.known(image)
        scores = mine.svms.scores(features)
        mask = paste(proposals, scores, threshold=mine.threshold, rest=mine.rest)
        return resized(mask, (image.shape[1], image.shape[2]))


def split(name: str, part: str, number: int) -> SegmentationDataset:
    """A split, or `number` pictures evenly spread over it, from the first to the last."""
    whole = Scenes(number, split=part) if name == "scenes" else load(name, part)
    picked = torch.linspace(0, len(whole) - 1, min(number, len(whole)), dtype=torch.double)
    return whole.subset(picked.round().long().tolist())


def drawn(name: str, number: int, seed: int) -> SegmentationDataset:
    """`number` training pictures by chance."""
    whole = Scenes(2 * number) if name == "scenes" else load(name, "train")
    chance = torch.Generator().manual_seed(seed)
    return whole.subset(torch.randperm(len(whole), generator=chance)[:number].tolist())


def scores_of_kinds(name: str, asked: argparse.Namespace, seed: int) -> Row:
    """(mIoU, Boundary IoU) in % of every kind of features, for one seed."""
    train, val = drawn(name, asked.pictures, seed), split(name, "val", asked.judged)
    test, result = split(name, "test", asked.judged), {}

    def run(label: str, kind: Kind, features: RegionFeatures) -> RegionSegmenter:
        began = time.monotonic()
        mine = RegionSegmenter(test.classes, features=features, kind=kind, number=asked.number, seed=seed)
        scores = evaluate(FromDisk(mine.fit(train, val, jobs=asked.jobs)), test)
        result[label] = 100 * scores.mean_iou, rim(scores)
        print(f"  {name}, seed {seed}, {label}: {result[label][0]:.1f} / {result[label][1]:.1f}, threshold"
              f" {mine.threshold:.1f} ({time.monotonic() - began:.0f} s)", flush=True)  # fmt: skip
        return mine

    features = RegionFeatures(size=asked.size, precision=asked.precision)
    for kind in KINDS:
        mine = run(kind, kind, features)
    if asked.steps:
        net = finetune(mine.looker, train, steps=asked.steps, seed=seed)
        tuned = RegionFeatures(foreground=net, size=asked.size, precision=asked.precision)
        run("foreground, fine-tuned", "foreground", tuned)
        mine = run("joined, fine-tuned", "joined", tuned)
    if seed == 0:
        stages(mine, test)
    return result


def stages(mine: RegionSegmenter, test: SegmentationDataset, number: int = 5) -> None:
    """Seconds per picture by stage, nothing from the disk."""
    for index in range(min(number, len(test))):
        mine.predict(test[index][0])
    seconds = mine.seconds_by_stage
    said = ", ".join(f"{stage} {value:.3f}" for stage, value in seconds.items())
    looker = mine.looker
    print(f"  {test.name}: seconds per picture at {looker.number} regions, crops of {looker.features.size}: "
          f"{said}; together {sum(seconds.values()):.2f}", flush=True)  # fmt: skip


def report(name: str, asked: argparse.Namespace, runs: list[Row]) -> None:
    """A row for each kind, mean and spread over the seeds; then every relation, held or not."""
    test = split(name, "test", asked.judged)
    lazy = evaluate(Constant(test.classes.background or 0), test)
    rows = [[kind, *(spread([run[kind][k] for run in runs]) for k in (0, 1))] for kind in runs[0]]
    rows.append([lazy.name, f"{100 * lazy.mean_iou:.1f}", f"{rim(lazy):.1f}"])
    print(Table(f"\n{name} test, {len(test)} pictures, %", ["", "mIoU", "Boundary IoU"], rows, lazy.policy))
    for better, worse in (
        ("joined", "full"), ("joined", "foreground"), ("foreground", "full"),
        ("foreground, fine-tuned", "foreground"), ("joined, fine-tuned", "joined"),
    ):  # fmt: skip
        if better in runs[0]:
            gains = [run[better][0] - run[worse][0] for run in runs]
            said = "yes" if min(gains) > 0 else "NO" if max(gains) <= 0 else "not in every seed"
            print(f"{better} > {worse}: {said} ({', '.join(f'{gain:+.1f}' for gain in gains)})")


def growth(asked: argparse.Namespace) -> None:
    """Seconds and memory for each number of pictures and of regions, each in a process of its own."""
    rows = []
    for what, numbers in (("pictures", (20, 40, 80)), ("regions", (250, 500, 1000, 2000))):
        steps = [_step(asked, what, number) for number in numbers]
        rows += [[f"{n:.0f} {what}", f"{seconds:.2f}", f"{peak:.0f}"] for n, seconds, peak in steps]
        for (n, seconds, peak), (more, longer, higher) in pairwise(steps):
            print(f"{n:.0f} -> {more:.0f} {what}: {more / n:.2f} times as many, "
                  f"{longer / seconds:.2f} times the time, {higher - peak:+.0f} MB", flush=True)  # fmt: skip
    told = "pictures: all of fit, one process, nothing known, 60 regions each; regions: predict, per picture"
    print(Table("\ngrowth", ["", "seconds", "peak MB"], rows, told))


def _step(asked: argparse.Namespace, what: str, number: int) -> tuple[float, float, float]:
    """How many there were, seconds, and the peak of memory in MB, from a process with an empty cache."""
    command = [sys.executable, __file__, "--one", what, str(number), "--precision", asked.precision]
    with tempfile.TemporaryDirectory() as folder:
        alone = {**os.environ, "SEGLIB_CACHE": folder}
        said = subprocess.run(command, env=alone, stdout=subprocess.PIPE, text=True, check=True).stdout
    many, seconds, peak = map(float, said.split())
    return many, seconds, peak


def one(what: str, number: int, precision: str) -> None:
    """What `_step` reads. Pictures have 320 x 240 pixels; a plain one has fewer regions than asked for."""
    data = Scenes(number if what == "pictures" else 4, size=(240, 320))
    features = RegionFeatures(size=64 if what == "pictures" else 96, precision=precision)
    mine, began = RegionSegmenter(data.classes, features=features, number=60), time.perf_counter()
    mine.fit(data, data.subset(range(2)), jobs=1)
    many, seconds = number, time.perf_counter() - began
    if what == "regions":
        mine.looker = dataclasses.replace(mine.looker, number=number)
        pictures = [data[index][0] for index in range(2)]
        many = sum(len(mine.looker.propose(image)) for image in pictures) / len(pictures)
        for image in pictures:
            mine.predict(image)
        seconds = sum(mine.seconds_by_stage.values())
    print(many, seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def main() -> None:
    """Fit, judge and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--data", nargs="+", default=["scenes", *(n for n in ("pets", "camvid") if n in found())]
    )
    for option, number in (
        ("seeds", 3), ("pictures", 120), ("judged", 60), ("number", 250), ("size", 96), ("steps", 80),
    ):  # fmt: skip
        parser.add_argument(f"--{option}", type=int, default=number)
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--jobs", type=int, default=None)
    parser.add_argument("--growth", action="store_true")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        return one(asked.one[0], int(asked.one[1]), asked.precision)
    print(machine(f"{asked.precision}, {asked.number} regions, crops of {asked.size}"))
    if asked.growth:
        return growth(asked)
    for name in asked.data:
        report(name, asked, [scores_of_kinds(name, asked, seed) for seed in range(asked.seeds)])
    return None


if __name__ == "__main__":
    main()
