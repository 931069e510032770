"""The pool of notebook 00 shows what its text says; when scenes change, another may have to be chosen."""

import re
from pathlib import Path

import torch

from seglib.boxes import from_mask
from seglib.course.content.nb00.answers import paint, reddish
from seglib.scenes import Scenes

SOURCE = (Path(__file__).parents[2] / "notebooks/source/00_start.py").read_text(encoding="utf-8")


def iou(mine, truth):
    return float((mine & truth).sum() / (mine | truth).sum())


def test_a_red_crab_on_bluish_sand():
    pools = Scenes(200, size=(160, 160))
    index = int(re.search(r"= pools\[(\d+)\]", SOURCE)[1])
    image, mask = pools[index]
    truth = mask == pools.classes.index("crab")
    plain = truth.as_subclass(torch.Tensor)
    tight = tuple(from_mask(truth).tolist())
    assert truth.sum() > 0.03 * truth.numel()
    assert iou(paint((160, 160), tight), truth) < 0.5
    assert iou(reddish(image), truth) > 0.8
    faulty = image[0] - image[2] > 60
    assert iou(faulty, truth) < 0.2 and faulty.float().mean() > 0.4
    assert image[2][~plain].float().mean() > image[0][~plain].float().mean()


def test_the_open_task_takes_a_few_tries_and_not_one():
    pools = Scenes(200, size=(160, 160))
    crab = pools.classes.index("crab")
    shown = [(image, mask) for image, mask in pools if (mask == crab).any()]
    scores = [iou(reddish(image) & (mask != 255), mask == crab) for image, mask in shown]
    assert 0.25 < sum(score < 0.3 for score in scores) / len(scores) < 0.5
