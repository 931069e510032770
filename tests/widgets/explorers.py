"""An image of four superpixels with five regions and two objects, small enough to be counted by hand."""

from __future__ import annotations

import math
from typing import Any

import torch

from seglib.data.dataset import Instances
from seglib.labels import Classes
from seglib.regions import Proposals
from seglib.regions.grouping import Hierarchy

CLASSES = Classes.of("background", "fish", "crab")
LABELS = (
    torch.tensor([[0, 0, 1, 1], [0, 0, 1, 1], [2, 2, 2, 3]]).repeat_interleave(4, 0).repeat_interleave(4, 1)
)
MEMBERS = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1], [1, 0, 1, 0]]).bool()
PROPOSALS = Proposals(LABELS, MEMBERS, torch.linspace(1, 0.2, 5))
TREE = Hierarchy(LABELS, torch.tensor([[0, 1], [2, 3], [4, 5]]), torch.tensor([3.5, 2.25, 0.5]).double())
IMAGE = torch.randint(0, 256, (3, 12, 16), generator=torch.Generator().manual_seed(0)).byte()
# Object 1, a fish: superpixel 1. Object 2, a crab: superpixel 3 and as many pixels of 2.
OBJECTS = torch.stack([LABELS == 1, (LABELS == 3) | ((LABELS == 2) & (torch.arange(16) >= 8))])
INSTANCES = Instances(OBJECTS, torch.tensor([1, 2]), torch.zeros(2, 4, dtype=torch.int64))
LESS = -math.inf
SCORES = torch.tensor(
    [[LESS, -1.0, -2.0], [LESS, 0.25, -1.0], [LESS, 0.75, 0.5], [LESS, -0.5, 1.5], [LESS, -0.1, 0.4]]
)


def given(**changes: Any) -> dict[str, Any]:
    known = {"proposals": PROPOSALS, "instances": INSTANCES, "classes": CLASSES, "hierarchy": TREE}
    return {"image": IMAGE, **known, "scores": SCORES, **changes}
