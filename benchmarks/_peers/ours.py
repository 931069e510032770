"""FCN-8s by seglib. Settings were chosen on the validation splits."""

from __future__ import annotations

from typing import Any

from _peers.task import Clock, Task
from seglib import backbones
from seglib.data.batches import Augment
from seglib.data.catalog import load
from seglib.fcn import FCN, FCNSegmenter
from seglib.train import train as steps_of
from seglib.training.step import cosine

AUGMENT = {"pets": Augment(), "camvid": Augment(zoom=(0.9, 2.0))}
SETTINGS: dict[tuple[str, str], dict[str, Any]] = {
    ("pets", "imagenet"): {"backbone": "lite0", "lr": 1e-3},
    ("camvid", "imagenet"): {"backbone": "lite0", "lr": {"": 3e-3, "backbone.": 1e-3}},
    ("pets", "scratch"): {"backbone": "small", "lr": 3e-3},
    ("camvid", "scratch"): {"backbone": "small", "lr": 3e-3},
}


def train(task: Task, clock: Clock) -> FCNSegmenter:
    """`train` is given the seconds and looks at its own clock; decoding is counted, in both."""
    settings = dict(SETTINGS[task.data, task.weights])
    backbone = backbones.load(settings.pop("backbone"), pretrained=task.pretrained)
    net = FCN(backbone, len(task.classes), 8)
    data = load(task.data, "train")
    clock.start()
    for _ in steps_of(
        net, data, seconds=task.seconds, size=task.size, batch_size=task.batch, seed=task.seed,
        augment=AUGMENT[task.data], schedule=cosine, **settings,
    ):  # fmt: skip
        clock.tick()
    return FCNSegmenter(net, task.classes)
