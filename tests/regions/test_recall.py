"""True regions, recall and the best possible mask, by hand."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from seglib.data.dataset import Instances
from seglib.regions import Proposals
from seglib.regions.recall import oracle_paste, overlap_by_number, recall, true_regions
from seglib.scenes import Scenes

MASK = torch.tensor([[1, 1, 0, 1], [1, 1, 0, 1], [2, 2, 255, 255]], dtype=torch.uint8)
MEMBERS = torch.tensor([[1, 0, 0], [0, 1, 0], [0, 1, 1]]).bool()
PROPOSALS = Proposals(torch.tensor([[0, 1, 1], [0, 2, 2]]), MEMBERS, torch.tensor([3, 2, 1.0]))
LEFT = torch.tensor([[1, 0, 0], [1, 0, 0]]).bool()
CORNER = torch.tensor([[0, 1, 1], [0, 0, 1]]).bool()


def instances(masks: Tensor, classes: list[int]) -> Instances:
    return Instances(masks, torch.tensor(classes), torch.zeros(len(masks), 4, dtype=torch.long))


def test_components_by_hand() -> None:
    regions, classes = true_regions(MASK)
    assert regions.labels.tolist() == [[1, 1, 0, 2], [1, 1, 0, 2], [3, 3, 0, 0]]
    assert classes.tolist() == [1, 1, 2] and regions.boxes.tolist()[1] == [3, 0, 4, 2]


def test_without_a_background_every_class_has_regions() -> None:
    regions, classes = true_regions(MASK, background=None)
    assert sorted(classes.tolist()) == [0, 1, 1, 2] and int(regions.areas.sum()) == 10  # two pixels are void


def test_known_objects_that_touch_stay_apart() -> None:
    masks = torch.zeros(2, 3, 4).bool()
    masks[0, :2, :2], masks[1, :, 2:] = True, True
    regions, classes = true_regions(MASK, instances(masks, [2, 1]))
    assert torch.equal(regions.masks(), masks) and classes.tolist() == [2, 1]


def test_hidden_objects_and_specks_are_left_out() -> None:
    regions, classes = true_regions(MASK, instances(torch.ones(2, 3, 4).bool(), [2, 1]))
    assert len(regions) == 1 and classes.tolist() == [1]
    mask = torch.zeros(100, 100, dtype=torch.uint8)
    mask[0, :4], mask[50, :5] = 1, 1
    assert true_regions(mask)[0].areas.tolist() == [5]


@pytest.mark.parametrize("value", [0, 255])
def test_a_mask_without_objects_has_no_regions(value: int) -> None:
    regions, classes = true_regions(torch.full((3, 4), value, dtype=torch.uint8))
    assert len(regions) == 0 and classes.shape == (0,) and classes.dtype == torch.int64


def test_scenes_agree_with_their_own_instances() -> None:
    scenes = Scenes(3)
    for index in range(3):
        known = scenes.instances(index)
        regions, classes = true_regions(scenes[index][1], known)
        assert len(regions) == len(classes) <= len(known)
        assert set(classes.tolist()) <= set(known.classes.tolist())


def test_more_proposals_are_never_worse() -> None:
    curve = overlap_by_number(PROPOSALS.overlaps_many(torch.stack([LEFT, CORNER])))
    assert curve[:, 0].tolist() == [1, 1, 1]
    assert curve[:, 1].tolist() == pytest.approx([0, 2 / 3, 3 / 4])
    void = torch.tensor([[0, 0, 0], [0, 1, 1]]).bool()  # then the corner is the upper right, region 1
    assert overlap_by_number(PROPOSALS.overlaps_many(CORNER[None], void))[-1].item() == 1


def test_recall_by_hand() -> None:
    best = torch.tensor([0.5, 0.69, 0.7, 1.0])
    assert [recall(best, at) for at in (0.5, 0.7, 1)] == [1, 0.5, 0.25]
    with pytest.raises(ValueError, match="best is empty"):
        recall(torch.zeros(0))
    with pytest.raises(ValueError, match=r"0..1; got 50"):
        recall(best, 50)


def test_the_oracle_pastes_the_best_region_of_each_object() -> None:
    objects = instances(torch.stack([LEFT, CORNER]), [2, 1])
    assert oracle_paste(PROPOSALS, objects).tolist() == [[2, 1, 1], [2, 1, 1]]


@pytest.mark.parametrize("order", [[0, 1], [1, 0]])
def test_the_better_fit_is_in_front(order: list[int]) -> None:
    """Region 2 is best for both: of class 1 it has 3/4, of class 5 only 1/4."""
    right = torch.tensor([[0, 0, 0], [0, 1, 0]]).bool()
    objects = instances(torch.stack([CORNER, right])[order], [[1, 5][place] for place in order])
    pasted = oracle_paste(PROPOSALS.subset([2]), objects, background=9)
    assert pasted.tolist() == [[9, 1, 1], [9, 1, 1]]


def test_without_objects_overlap_or_proposals_the_oracle_pastes_background() -> None:
    assert not oracle_paste(PROPOSALS, instances(torch.zeros(0, 2, 3).bool(), [])).any()
    left = instances(LEFT[None], [2])
    assert not oracle_paste(PROPOSALS.subset([2]), left).any()
    assert not oracle_paste(PROPOSALS.subset([]), left).any()
