"""Bad boxes on purpose, and true masks for some images: exact where exact, and never no box."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
import torch

from seglib.scenes import Scenes
from seglib.weak.boxes import BoxAnnotations, check, load_boxes
from seglib.weak.schemes import pseudo_labels
from tests.weak.samples import Discs

SPEC = importlib.util.spec_from_file_location("noise", Path(__file__).parents[2] / "benchmarks" / "_noise.py")
assert SPEC and SPEC.loader
noise = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(noise)
loosened, misnamed, missing, shifted = noise.loosened, noise.misnamed, noise.missing, noise.shifted
Objects, with_masks = noise.Objects, noise.with_masks

SIZE = (40, 60)
MANY = BoxAnnotations(torch.tensor([[x, 3, x + 9, 23] for x in range(50)]), torch.ones(50).long())
NOTHING = BoxAnnotations(torch.zeros(0, 4).long(), torch.zeros(0).long())


def test_sides_move_by_at_most_their_share_and_stay_inside():
    moved = shifted(MANY, 0.2, SIZE, seed=3)
    check(moved, SIZE)
    away = (moved.boxes - MANY.boxes).abs()
    assert away[:, ::2].max() <= 2 and away[:, 1::2].max() <= 4 and away.float().mean() > 0.5
    assert torch.equal(shifted(MANY, 0.2, SIZE, seed=3).boxes, moved.boxes)
    assert not torch.equal(shifted(MANY, 0.2, SIZE, seed=4).boxes, moved.boxes)
    assert torch.equal(shifted(MANY, 0, SIZE, seed=3).boxes, MANY.boxes)


def test_a_box_of_one_pixel_survives():
    one = BoxAnnotations(torch.tensor([[0, 0, 1, 1], [59, 39, 60, 40]]), torch.tensor([1, 1]))
    for seed in range(20):
        check(shifted(one, 0.49, SIZE, seed=seed), SIZE)


def test_boxes_are_loosened_about_their_centre():
    assert loosened(MANY, 1.2, SIZE).boxes[20].tolist() == [19, 1, 30, 25]


def test_more_boxes_are_missing_the_larger_the_share():
    few, more = missing(MANY, 0.2, seed=0), missing(MANY, 0.6, seed=0)
    assert 30 < len(few.boxes) < 50 and 8 < len(more.boxes) < 32
    assert {tuple(box) for box in more.boxes.tolist()} <= {tuple(box) for box in few.boxes.tolist()}


def test_wrong_classes_are_wrong_and_objects():
    wrong = misnamed(MANY, 0.5, [1, 2, 3], seed=0).classes
    assert 10 < (wrong != 1).sum() < 40 and set(wrong.tolist()) == {1, 2, 3}


@pytest.mark.parametrize(
    "spoil",
    [
        lambda one: loosened(one, 1.2, SIZE),
        lambda one: shifted(one, 0.1, SIZE, seed=0),
        lambda one: missing(one, 0.5, seed=0),
        lambda one: misnamed(one, 0.5, [1, 2], seed=0),
    ],
)
def test_no_boxes_stay_no_boxes(spoil):
    assert len(spoil(NOTHING).boxes) == 0


def test_wrong_settings_are_said():
    with pytest.raises(ValueError, match=r"share 0.5 must be in 0..0.49"):
        shifted(MANY, 0.5, SIZE, seed=0)
    with pytest.raises(ValueError, match=r"share 2 must be a probability"):
        missing(MANY, 2, seed=0)
    with pytest.raises(ValueError, match="needs a second one"):
        misnamed(MANY, 0.5, [1], seed=0)
    with pytest.raises(ValueError, match="9 masks of discs"):
        with_masks(pseudo_labels(Discs(), "rectangles"), 9, seed=0)


def test_some_masks_are_true_and_more_keep_those_before():
    scenes = Scenes(length=6)
    labels = pseudo_labels(scenes, "rectangles")

    def true(count: int) -> set[int]:
        mixed = with_masks(labels, count, seed=1)
        return {i for i in range(6) if torch.equal(mixed.mask(i), scenes[i][1].as_subclass(torch.Tensor))}

    assert len(true(2)) == 2 and true(2) < true(4) and len(load_boxes(scenes)) == 6
