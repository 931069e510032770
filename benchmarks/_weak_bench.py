"""One data set of the weak benchmark: its splits, its boxes, and every training that was done on it."""

from __future__ import annotations

import argparse
import json
import math
import re
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import torch
from _noise import Objects
from _rows import rim, spread
from torch import nn

from seglib import backbones, cache
from seglib.data.catalog import load
from seglib.data.dataset import SegmentationDataset
from seglib.evaluate import Constant, evaluate
from seglib.fcn import FCN
from seglib.regions import propose
from seglib.scenes import Scenes
from seglib.segmenters import NetSegmenter
from seglib.tables import Table
from seglib.train import finish, train
from seglib.training.progress import Step
from seglib.weak.boxes import BoxAnnotations, load_boxes
from seglib.weak.labels import PseudoLabels
from seglib.weak.schemes import pseudo_labels

THINGS = ("car", "pedestrian", "bicyclist", "sign", "pole")
SIZES = {"scenes": (160, 160), "pets": (192, 192), "camvid": (192, 256)}  # what the nets see
#: a kept result is of this code, and of these versions of the libraries
CODE = tuple(
    f"seglib.{name}"
    for name in ["backbones", "data", "fcn", "metrics", "regions", "scenes", "train", "training", "weak"]
)
RATE = 1e-3  # chosen on the validation splits, with the sizes
Result = dict[str, Any]


class Bench:
    """One data set: its splits, its boxes, and every training that was done on it."""

    def __init__(self, name: str, asked: argparse.Namespace) -> None:
        self.name, self.asked = name, asked
        self.memory: dict[str, Result] = {}
        self.data, self.val = images(name, "train", asked.images), images(name, "val", asked.judged)
        self.test, self.boxes = images(name, "test", asked.judged), load_boxes(self.data)
        height, width = SIZES[name]
        scale = min(1, (asked.side or math.inf) / max(height, width))
        self.size = round(height * scale), round(width * scale)
        self.training = {"steps": asked.steps, "batch_size": 8, "lr": RATE, "precision": asked.precision}
        lazy = evaluate(Constant(self.data.classes.background or 0), self.test)
        self.lazy = {"miou": 100 * lazy.mean_iou, "rim": rim(lazy)}

    def net(self) -> nn.Module:
        """A fresh net; the caller seeds it."""
        return FCN(backbones.load(self.asked.backbone), len(self.data.classes), 8)

    def labels(self, scheme: str, boxes: Sequence[BoxAnnotations] | None = None) -> PseudoLabels:
        """Labels of a scheme, from the disk where they were made before."""
        boxes = boxes or self.boxes
        return pseudo_labels(self.data, scheme, boxes=boxes, jobs=self.asked.jobs, **needs(scheme))

    def judged(self, segmenter: NetSegmenter) -> Result:
        """The measures of a net on the test split, in %."""
        scores = evaluate(segmenter, self.test)
        return {"miou": 100 * scores.mean_iou, "rim": rim(scores)}

    def trained(self, what: str, data: SegmentationDataset, seed: int, *, times: int = 1) -> Result:
        """A training: done before, or done now and kept."""

        def work() -> Result:
            began, steps = time.monotonic(), times * self.asked.steps
            val = {"val": self.val, "val_every": max(1, steps // 10)} if what.startswith("full") else {}
            net, last = self._train(what, data, seed, steps=steps, **val)
            curve = {str(n): 100 * one.mean_iou for n, one in last.history.scores.items()}
            found = self.judged(NetSegmenter(net, self.data.classes, size=self.size))
            return found | {"curve": curve, "seconds": time.monotonic() - began}

        return self.known(f"{what}, seed {seed}", work)

    def by_scale(self, what: str, data: SegmentationDataset, seed: int, scales: Sequence[float]) -> Result:
        """Mean IoU on the validation split, in %, by size, in times that of the training."""

        def work() -> Result:
            net, _ = self._train(what, data, seed, steps=self.asked.steps)
            found = {}
            for scale in scales:
                segmenter = NetSegmenter(net, self.data.classes, size=self.size, scale=scale)
                scores = evaluate(segmenter, self.val, boundary=False)
                found[f"{scale:g}"] = 100 * scores.mean_iou
            return found

        return self.known(f"{what} by size, seed {seed}", work)

    def _train(self, what: str, data: SegmentationDataset, seed: int, **kind: Any) -> tuple[nn.Module, Step]:
        """A net and its last step."""
        torch.manual_seed(seed)
        net = self.net()
        return net, finish(train(net, data, **self.training | {"size": self.size, "seed": seed} | kind), what)

    def known(self, what: str, work: Callable[[], Result]) -> Result:
        """A result: from this run, from the folder, or made now."""
        if what not in self.memory:
            self.memory[what] = self._kept(what, work)
        return self.memory[what]

    def _kept(self, what: str, work: Callable[[], Result]) -> Result:
        """A result of the same code from the folder, or made and kept there."""
        asked, folder = self.asked, self.asked.folder
        whole = f"{asked.images} of {asked.judged}, {asked.backbone}, {asked.steps} steps, {what}"
        whole += f", {asked.precision}, {asked.side or ''}, {cache.key(code=CODE)[:8]}"
        file = folder / self.name / f"{re.sub('[^a-z0-9]+', '-', whole.lower())}.json" if folder else None
        if file and file.exists():
            return json.loads(file.read_text())
        found = work()
        if file:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(found))
        if "miou" in found:
            print(f"  {self.name}, {what}: {found['miou']:.1f} / {found['rim']:.1f}"
                  f" ({found['seconds']:.0f} s)", flush=True)  # fmt: skip
        return found

    def runs(self, what: str, data: SegmentationDataset) -> list[Result]:
        """One training for each seed."""
        return [self.trained(what, data, seed) for seed in range(self.asked.seeds)]

    def full(self) -> list[Result]:
        """Full supervision, which every ratio is to."""
        return self.runs("full supervision", self.data)

    def ratios(self, runs: list[Result]) -> list[float]:
        """Gain over all background, in % of that of full supervision, seed by seed; NaN if that has none."""
        gains = [[run["miou"] - self.lazy["miou"] for run in these] for these in (runs, self.full())]
        return [100 * mine / most if most > 0 else float("nan") for mine, most in zip(*gains)]

    def row(self, what: str, runs: list[Result], *more: str) -> list[str]:
        """A row of a table."""
        columns = [spread([run[key] for run in runs]) for key in ("miou", "rim")]
        return [what, *columns, self.share(runs), spread([run["seconds"] for run in runs]), *more]

    def share(self, runs: list[Result]) -> str:
        """The ratios' mean and spread; nothing where full supervision learned nothing."""
        ratios = self.ratios(runs)
        return "none to reach" if any(map(math.isnan, ratios)) else spread(ratios)

    def table(self, title: str, rows: list[list[str]], *more: str) -> None:
        """Rows with that of all background below."""
        rows.append(["all background", f"{self.lazy['miou']:.1f}", f"{self.lazy['rim']:.1f}", "0.0"])
        width = 5 + len(more)
        rows = [row + [""] * (width - len(row)) for row in rows]
        head = ["%", "mIoU", "Boundary IoU", "of full gain", "seconds", *more]
        told = f"{self.name} test, {len(self.test)} images; trained on {len(self.data)}"
        note = "mean ± standard deviation over seeds; boundaries without the background's"
        print(Table(f"\n{title}: {told}", head, rows, note), flush=True)


def images(name: str, split: str, number: int) -> SegmentationDataset:
    """A split, or `number` images evenly spread over it; of CamVid, the objects."""
    data = Scenes(number, split=split) if name == "scenes" else load(name, split).spread(number)
    return Objects(data, THINGS) if name == "camvid" else data


def needs(scheme: str) -> dict[str, Any]:
    """The settings that a scheme cannot do without."""
    return {"propose": propose} if scheme in ("m-and-g+", "boxsup") else {}


def worth(reached: float, alone: list[tuple[int, float]]) -> str:
    """How many masks alone reach as much, between two counts on a straight line."""
    for (few, low), (many, high) in pairwise(alone):
        if low <= reached < high:
            return f"{few + (many - few) * (reached - low) / (high - low):.0f} masks"
    return f"{alone[-1][0]} masks or more" if reached >= alone[-1][1] else "no mask"
