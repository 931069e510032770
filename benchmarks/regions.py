"""Full box, foreground or both: scores and time of region features, compared with FCN-8s.

For each data set and seed a segmenter is fitted with each kind of features, on the same images: the full
box, the foreground, both joined; and again with a foreground pathway that was fine-tuned on foregrounds
(SDS's net B). The seed draws the training images, the ranking of the proposals and the first negatives. The
threshold is chosen on the validation split; the test split is only judged. Published, VOC 2011 val: full
43.0, foreground 43.7, joined 47.9 (R-CNN, table 5). FCN-8s learns from the same images, and is timed on the
same ones; published, it is about 10 points better and 286 times faster than SDS at 2000 regions, 114 times
counting the nets alone (FCN, table 3).

    SEGLIB_DATA=... python benchmarks/regions.py [--data scenes pets camvid] [--seeds 3] [--images 120]
                                                 [--judged 60] [--number 250] [--size 96] [--steps 80]
                                                 [--fcn 150]

Proposals and features stay in SEGLIB_CACHE, so that a run that was stopped resumes. `region_growth.py` has
time and memory by images and regions.
"""

from __future__ import annotations

import argparse
import dataclasses
import time

import torch
from _finetune import finetune
from _machine import machine
from _rows import held, rim, spread
from torch import Tensor

from seglib import backbones
from seglib.data.catalog import found, load
from seglib.data.dataset import SegmentationDataset
from seglib.evaluate import Constant, evaluate
from seglib.fcn import FCN, FCNSegmenter
from seglib.labels import Classes
from seglib.regions import RegionFeatures, RegionSegmenter
from seglib.regions.extractor import resize_mask
from seglib.regions.features import KINDS, Kind
from seglib.regions.segmenter import paste
from seglib.scenes import Scenes
from seglib.tables import Table
from seglib.train import finish
from seglib.train import train as steps_of

Row = dict[str, tuple[float, float]]
LARGE = 2000  # regions, as many as SDS has


class FromDisk:
    """A fitted segmenter that reads features from the cache: five kinds share the work of two pathways."""

    def __init__(self, segmenter: RegionSegmenter) -> None:
        self.segmenter, self.name = segmenter, segmenter.name

    def predict(self, image: Tensor) -> Tensor:
        """(3, H, W) -> (H, W)."""
        mine = self.segmenter
        proposals, features = mine.extractor.cached(image)
        scores = mine.svms.scores(features)
        mask = paste(proposals, scores, threshold=mine.threshold, fill_class=mine.fill_class)
        return resize_mask(mask, (image.shape[1], image.shape[2]))


def split(name: str, part: str, number: int) -> SegmentationDataset:
    """`number` images spread over a split."""
    return Scenes(number, split=part) if name == "scenes" else load(name, part).spread(number)


def drawn(name: str, number: int, seed: int) -> SegmentationDataset:
    """`number` random training images."""
    whole = Scenes(2 * number) if name == "scenes" else load(name, "train")
    chance = torch.Generator().manual_seed(seed)
    return whole.subset(torch.randperm(len(whole), generator=chance)[:number].tolist())


def scores_of_kinds(name: str, asked: argparse.Namespace, seed: int) -> Row:
    """(mIoU, Boundary IoU) in % of every kind of features, for one seed."""
    train, val = drawn(name, asked.images, seed), split(name, "val", asked.judged)
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
        net = finetune(mine.extractor, train, steps=asked.steps, seed=seed)
        tuned = RegionFeatures(foreground=net, size=asked.size, precision=asked.precision)
        run("foreground, fine-tuned", "foreground", tuned)
        mine = run("joined, fine-tuned", "joined", tuned)
    net = fcn(train, test.classes, asked.fcn, seed, asked.precision)
    scores = evaluate(net, test)
    result["FCN-8s"] = 100 * scores.mean_iou, rim(scores)
    print(f"  {name}, seed {seed}, FCN-8s: {result['FCN-8s'][0]:.1f} / {result['FCN-8s'][1]:.1f}", flush=True)
    if seed == 0:
        speed(mine, net, test)
    return result


def fcn(train: SegmentationDataset, classes: Classes, steps: int, seed: int, precision: str) -> FCNSegmenter:
    """FCN-8s, trained on the same images and from the same ImageNet weights."""
    torch.manual_seed(seed)
    net = FCN(backbones.load("lite0"), len(classes), 8)
    size = (240, 320) if train.name == "camvid" else (192, 192)
    kind = {"batch_size": 8, "size": size, "seed": seed, "precision": precision}
    finish(steps_of(net, train, steps=steps, **kind), "FCN-8s")
    return FCNSegmenter(net, classes)


def speed(mine: RegionSegmenter, net: FCNSegmenter, test: SegmentationDataset, photos: int = 4) -> None:
    """Seconds per image by stage, without the cache, compared with FCN-8s on the same images."""
    images = [test[index][0] for index in range(min(photos, len(test)))]
    net.predict(images[0])
    began = time.perf_counter()
    for image in images:
        net.predict(image)
    other = (time.perf_counter() - began) / len(images)
    print(f"  {test.name}: FCN-8s {other:.3f} s an image", flush=True)
    for number in (mine.extractor.number, LARGE):
        timed = RegionSegmenter(mine.classes)  # counts seconds of its own
        timed.extractor = dataclasses.replace(mine.extractor, number=number)
        timed.svms, timed.threshold = mine.svms, mine.threshold
        many = [len(timed.extractor.propose(image)) for image in images]
        for image in images:
            timed.predict(image)
        seconds = timed.seconds_by_stage
        stages = ", ".join(f"{stage} {value:.3f}" for stage, value in seconds.items())
        whole, alone = sum(seconds.values()) / other, seconds["net"] / other
        print(f"  {sum(many) / len(many):.0f} regions, crops of {mine.extractor.features.size}: {stages}; "
              f"{whole:.0f} times FCN-8s, the net alone {alone:.0f} times", flush=True)  # fmt: skip


def report(name: str, asked: argparse.Namespace, runs: list[Row]) -> None:
    """A row for each kind, mean and spread over the seeds; then every relation, held or not."""
    test = split(name, "test", asked.judged)
    lazy = evaluate(Constant(test.classes.background or 0), test)
    rows = [[kind, *(spread([run[kind][k] for run in runs]) for k in (0, 1))] for kind in runs[0]]
    rows.append([lazy.name, f"{100 * lazy.mean_iou:.1f}", f"{rim(lazy):.1f}"])
    print(Table(f"\n{name} test, {len(test)} images, %", ["", "mIoU", "Boundary IoU"], rows, lazy.policy))
    for better, worse in (
        ("joined", "full"), ("joined", "foreground"), ("foreground", "full"),
        ("foreground, fine-tuned", "foreground"), ("joined, fine-tuned", "joined"),
        ("joined, fine-tuned", "foreground, fine-tuned"), ("FCN-8s", "joined, fine-tuned"),
    ):  # fmt: skip
        if better in runs[0]:
            held(f"{better} > {worse}", [run[better][0] - run[worse][0] for run in runs])


def main() -> None:
    """Fit, judge and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--data", nargs="+", default=["scenes", *(n for n in ("pets", "camvid") if n in found())]
    )
    for option, number in (
        ("seeds", 3), ("images", 120), ("judged", 60), ("number", 250), ("size", 96), ("steps", 80),
        ("fcn", 150),
    ):  # fmt: skip
        parser.add_argument(f"--{option}", type=int, default=number)
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--jobs", type=int, default=None)
    asked = parser.parse_args()
    print(machine(f"{asked.precision}, {asked.number} regions, crops of {asked.size}"))
    for name in asked.data:
        report(name, asked, [scores_of_kinds(name, asked, seed) for seed in range(asked.seeds)])


if __name__ == "__main__":
    main()
