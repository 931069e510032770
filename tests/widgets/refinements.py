"""An image of 3 x 4 pixels with one box, to be counted by hand; and a scene with nets that are made up."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from seglib.labels import VOID, Classes
from seglib.scenes import Scenes
from seglib.weak.boxes import BoxAnnotations

CLASSES = Classes.of("background", "fish", "crab")
IMAGE = torch.randint(0, 256, (3, 3, 4), generator=torch.Generator().manual_seed(0)).byte()
TRUTH = torch.tensor([[0, 1, 1, 0], [0, 1, 1, 0], [0, 0, 0, VOID]]).byte()
ONE = BoxAnnotations(torch.tensor([[1, 0, 4, 2]]), torch.tensor([1]))
RECTANGLE = torch.tensor([[0, 1, 1, 1], [0, 1, 1, 1], [0, 0, 0, 0]]).byte()
UNSURE = torch.tensor([[0, VOID, 1, VOID], [0, 1, VOID, VOID], [0, 0, 0, 0]]).byte()
# The net says crab in one pixel, which has no box; fish is what it holds second most likely there.
NET = torch.tensor([[1, 1, 0, 0], [0, 1, 2, 0], [0, 1, 0, 0]])
POSSIBLE = torch.tensor([[1, 1, 0, 0], [0, 1, 1, 0], [0, 1, 0, 0]])
INSIDE = torch.tensor([[0, 1, 0, 0], [0, 1, 1, 0], [0, 0, 0, 0]])  # half of the box
NONE = BoxAnnotations(torch.zeros(0, 4, dtype=torch.int64), torch.zeros(0, dtype=torch.int64))


def soft(label: Tensor, second: Tensor, count: int = 3) -> Tensor:
    """(K, H, W) probabilities: 0.6 for a class, 0.3 for another, the rest for all others."""
    first, other = (F.one_hot(one.long(), count).permute(2, 0, 1) for one in (label, second))
    return 0.6 * first + 0.3 * other + 0.1 * (1 - first - other) / (count - 2)


ROUNDS = [soft(NET, torch.where(NET == 1, 0, 1)), soft(TRUTH % VOID, torch.full((3, 4), 2))]


def given(**changes: Any) -> dict[str, Any]:
    known = {"image": IMAGE, "truth": TRUTH, "boxes": ONE, "classes": CLASSES}
    more = {"schemes": {"rectangles": RECTANGLE, "unsure": UNSURE}, "rounds": ROUNDS}
    return {**known, **more, **changes}


def scene(side: int = 48, nets: int = 2) -> dict[str, Any]:
    """A scene with its boxes, and nets whose answers are the truth, moved and blurred, with noise."""
    scenes = Scenes(length=1, size=(side, side))
    (image, truth), objects = scenes[0], scenes.instances(0)
    plain, count = truth.as_subclass(Tensor), len(scenes.classes)
    rng = torch.Generator().manual_seed(1)
    one = F.one_hot(torch.where(plain == VOID, 0, plain).long(), count).permute(2, 0, 1).float()
    rounds = []
    for number in range(nets):
        noise = F.interpolate(torch.randn(1, count, 6, 6, generator=rng), size=(side, side), mode="bilinear")
        shifted = F.avg_pool2d(one.roll(4 - number, 2)[None], 5, 1, 2)
        rounds.append((4 * shifted + (1.5 - 0.5 * number) * noise)[0].softmax(dim=0))
    boxes = BoxAnnotations(objects.boxes, objects.classes)
    usual = torch.full((count,), 0.6)
    known = {"image": image, "truth": truth, "boxes": boxes, "classes": scenes.classes}
    return {**known, "rounds": rounds, "fill_rates": usual}
