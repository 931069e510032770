"""Best overlaps, recall and the ceiling, by hand and by masks."""

from __future__ import annotations

import pytest
import torch

from seglib.data.dataset import Instances
from seglib.regions import Proposals
from seglib.regions.recall import best_box_overlap, best_overlap, oracle_paste, overlap_by_number, recall

LABELS = torch.tensor([[0, 1, 1], [0, 2, 2]])
PROPOSALS = Proposals(
    LABELS, torch.tensor([[1, 0, 0], [0, 1, 0], [0, 1, 1]]).bool(), torch.tensor([3.0, 2.0, 1.0])
)
LEFT = torch.tensor([[1, 0, 0], [1, 0, 0]]).bool()
CORNER = torch.tensor([[0, 1, 1], [0, 0, 1]]).bool()
INSTANCES = Instances(torch.stack([LEFT, CORNER]), torch.tensor([2, 1]), torch.zeros(2, 4, dtype=torch.long))


def test_the_best_overlap_by_hand() -> None:
    assert best_overlap(PROPOSALS, INSTANCES.masks).tolist() == [1, 0.75]
    void = torch.tensor([[0, 0, 0], [0, 1, 1]]).bool()  # then the corner is the upper right, region 1
    assert best_overlap(PROPOSALS, INSTANCES.masks, void).tolist() == [1, 1]


def test_the_best_box_by_hand() -> None:
    proposed, objects = torch.tensor([[0, 0, 2, 2], [0, 0, 4, 2]]), torch.tensor([[0, 0, 4, 4], [0, 0, 2, 2]])
    assert best_box_overlap(proposed, objects).tolist() == [0.5, 1]


def test_more_proposals_are_never_worse() -> None:
    overlaps = PROPOSALS.overlaps_many(INSTANCES.masks)
    curve = overlap_by_number(overlaps)
    assert curve[:, 1].tolist() == pytest.approx([0, 2 / 3, 3 / 4])
    assert curve[-1].equal(best_overlap(PROPOSALS, INSTANCES.masks))


def test_recall_by_hand() -> None:
    best = torch.tensor([0.5, 0.69, 0.7, 1.0])
    assert [recall(best, at) for at in (0.5, 0.7, 1)] == [1, 0.5, 0.25]
    with pytest.raises(ValueError, match="there is no object"):
        recall(torch.zeros(0))
    with pytest.raises(ValueError, match="threshold must be an overlap, 0 to 1; got 50"):
        recall(best, 50)


def test_the_ceiling_by_hand() -> None:
    assert oracle_paste(PROPOSALS, INSTANCES).tolist() == [[2, 1, 1], [2, 1, 1]]


def test_the_better_fit_lies_in_front() -> None:
    """Region 2 is best for both: of class 1 it has 3/4, of class 5 only 1/4."""
    right = torch.tensor([[0, 0, 0], [0, 1, 0]]).bool()
    only = PROPOSALS.subset([2])
    for order in ([0, 1], [1, 0]):
        masks, classes = torch.stack([CORNER, right])[order], torch.tensor([1, 5])[order]
        pasted = oracle_paste(only, Instances(masks, classes, torch.zeros(2, 4)), background=9)
        assert pasted.tolist() == [[9, 1, 1], [9, 1, 1]]


def test_without_objects_or_overlap_the_ceiling_is_background() -> None:
    none = Instances(torch.zeros(0, 2, 3).bool(), torch.zeros(0).long(), torch.zeros(0, 4).long())
    assert not oracle_paste(PROPOSALS, none).any()
    left = Instances(LEFT[None], torch.tensor([2]), torch.zeros(1, 4))
    assert not oracle_paste(PROPOSALS.subset([2]), left).any()
    assert not oracle_paste(PROPOSALS.subset([]), INSTANCES).any()
