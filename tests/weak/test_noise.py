"""What benchmarks/weak.py does to boxes and masks: exact where exact, and every box stays a box."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
import torch

from seglib.data.catalog import load
from seglib.scenes import Scenes
from seglib.weak.boxes import BoxAnnotations, check
from seglib.weak.schemes import pseudo_labels
from tests.weak.samples import NOTHING

SPEC = importlib.util.spec_from_file_location("noise", Path(__file__).parents[2] / "benchmarks" / "_noise.py")
assert SPEC and SPEC.loader
noise = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(noise)
SIZE = (40, 60)
MANY = BoxAnnotations(torch.tensor([[x, 3, x + 9, 23] for x in range(50)]), torch.ones(50).long())


def test_sides_move_by_at_most_their_share_and_stay_inside():
    moved = noise.shifted(MANY, 0.2, SIZE, seed=3)
    check(moved, SIZE)
    away = (moved.boxes - MANY.boxes).abs()
    assert away[:, ::2].max() <= 2 and away[:, 1::2].max() <= 4 and away.float().mean() > 0.5
    assert torch.equal(noise.shifted(MANY, 0.2, SIZE, seed=3).boxes, moved.boxes)
    assert not torch.equal(noise.shifted(MANY, 0.2, SIZE, seed=4).boxes, moved.boxes)
    assert torch.equal(noise.shifted(MANY, 0, SIZE, seed=3).boxes, MANY.boxes)
    one = BoxAnnotations(torch.tensor([[0, 0, 1, 1], [59, 39, 60, 40]]), torch.tensor([1, 1]))
    for seed in range(20):
        check(noise.shifted(one, 0.49, SIZE, seed=seed), SIZE)


def test_boxes_are_loosened_forgotten_and_misnamed():
    assert noise.loosened(MANY, 1.2, SIZE).boxes[20].tolist() == [19, 1, 30, 25]
    few, more = noise.missing(MANY, 0.2, seed=0), noise.missing(MANY, 0.6, seed=0)
    assert 30 < len(few.boxes) < 50 and 8 < len(more.boxes) < 32
    assert {tuple(box) for box in more.boxes.tolist()} <= {tuple(box) for box in few.boxes.tolist()}
    wrong = noise.misnamed(MANY, 0.5, [1, 2, 3], seed=0).classes
    assert 10 < (wrong != 1).sum() < 40 and set(wrong.tolist()) == {1, 2, 3}


@pytest.mark.parametrize("name", ["loosened", "shifted", "missing", "misnamed"])
def test_no_boxes_stay_no_boxes(name):
    given = {"loosened": (1.2, SIZE), "shifted": (0.1, SIZE), "missing": (0.5,), "misnamed": (0.5, [1, 2])}
    seed = {} if name == "loosened" else {"seed": 0}
    assert len(getattr(noise, name)(NOTHING, *given[name], **seed).boxes) == 0


def test_some_masks_are_true_and_more_keep_those_before():
    scenes = Scenes(length=6)
    labels = pseudo_labels(scenes, "rectangles")
    found = {}
    for count in (2, 4):
        mixed, drawn = noise.with_masks(labels, count, seed=1)
        true = {i for i in range(6) if torch.equal(mixed.mask(i), scenes[i][1].as_subclass(torch.Tensor))}
        assert true == set(drawn) and len(drawn) == count
        found[count] = true
    assert found[2] < found[4]


def test_pieces_of_a_class_are_objects():
    photo = load("photo")
    name = photo.classes.names[int(photo.instances(0).classes[0])]
    things = noise.Objects(photo, [name])
    objects, mask = things.instances(0), things[0][1].as_subclass(torch.Tensor)
    assert torch.equal(objects.masks.any(0), mask == 1) and (objects.masks.flatten(1).sum(1) >= 50).all()
