"""True regions: objects where they are known, connected pieces elsewhere."""

from __future__ import annotations

import torch

from seglib.data.dataset import Instances
from seglib.regions.recall import true_regions
from seglib.scenes import Scenes

MASK = torch.tensor([[1, 1, 0, 1], [1, 1, 0, 1], [2, 2, 255, 255]], dtype=torch.uint8)


def test_pieces_by_hand() -> None:
    regions, classes = true_regions(MASK)
    assert regions.labels.tolist() == [[1, 1, 0, 2], [1, 1, 0, 2], [3, 3, 0, 0]]
    assert classes.tolist() == [1, 1, 2] and regions.boxes.tolist()[1] == [3, 0, 4, 2]


def test_without_a_background_every_class_has_regions() -> None:
    regions, classes = true_regions(MASK, background=None)
    assert sorted(classes.tolist()) == [0, 1, 1, 2] and int(regions.areas.sum()) == 10  # two pixels are void


def test_known_objects_are_not_joined() -> None:
    masks = torch.zeros(2, 3, 4).bool()
    masks[0, :2, :2], masks[1, :, 2:] = True, True
    regions, classes = true_regions(MASK, Instances(masks, torch.tensor([2, 1]), torch.zeros(2, 4).long()))
    assert torch.equal(regions.masks(), masks) and classes.tolist() == [2, 1]


def test_an_object_that_another_hides_is_left_out() -> None:
    masks = torch.ones(2, 3, 4).bool()
    regions, classes = true_regions(MASK, Instances(masks, torch.tensor([2, 1]), torch.zeros(2, 4).long()))
    assert len(regions) == 1 and classes.tolist() == [1]


def test_specks_are_left_out() -> None:
    mask = torch.zeros(100, 100, dtype=torch.uint8)
    mask[0, :4], mask[50, :5] = 1, 1
    regions, _ = true_regions(mask)
    assert regions.areas.tolist() == [5]


def test_nothing_there() -> None:
    for mask in (torch.zeros(3, 4, dtype=torch.uint8), torch.full((3, 4), 255, dtype=torch.uint8)):
        regions, classes = true_regions(mask)
        assert len(regions) == 0 and classes.shape == (0,) and classes.dtype == torch.int64


def test_scenes_agree_with_their_own_instances() -> None:
    scenes = Scenes(3)
    for index in range(3):
        known = scenes.instances(index)
        regions, classes = true_regions(scenes[index][1], known)
        assert len(regions) == len(classes) <= len(known)
        assert set(classes.tolist()) <= set(known.classes.tolist())
