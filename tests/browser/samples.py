"""One of each widget: on a page, in the test's own process to compare it with, or in a notebook's kernel."""

from typing import Any

import numpy as np
import torch

from seglib.data.quality import Sharpness
from seglib.regions import propose
from seglib.scenes import Scenes
from seglib.widgets import BalanceBoard, LieDetector, MaskViewer, ProposalExplorer, RefinementExplorer
from seglib.widgets.lies import corrupt
from tests.widgets.refinements import scene

POOLS = Scenes(length=1)


def viewer() -> MaskViewer:
    image, mask = POOLS[0]
    maps = {"truth": mask, "prediction": corrupt(mask, "shift", 6)}
    return MaskViewer(image, maps, classes=POOLS.classes, instances=POOLS.instances(0))


def detector(at: int = 0) -> LieDetector:
    return LieDetector(*POOLS[0], POOLS.classes, at=at)


def blurred(pools: Scenes) -> Sharpness:
    """As if the images were blurred at random."""
    return Sharpness(pools, np.random.default_rng(0).random(len(pools)), np.zeros(len(pools)))


def board() -> BalanceBoard:
    pools = Scenes(6, size=(64, 64))
    return BalanceBoard(pools, sharpness=blurred(pools))


def proposals(**options: Any) -> ProposalExplorer:
    """With everything; each class's score is how much of the region it is."""
    pools = Scenes(length=1, size=(96, 96))
    image, mask = pools[0]
    found = propose(image, 200)
    scores = 3 * found.overlaps_many(mask == torch.arange(10)[:, None, None]) - 1
    return ProposalExplorer(image, found, pools.instances(0), classes=pools.classes, scores=scores, **options)


def refinement(**options: Any) -> RefinementExplorer:
    known = scene()
    unsure = known["truth"].clone()
    unsure[::3] = 255
    schemes = {"rectangles": known["truth"].roll(3, 1), "unsure": unsure}
    return RefinementExplorer(**known, schemes=schemes, **options)
