"""Which regions stay, which lies on top."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as some
from torch import Tensor

from seglib.regions.proposals import Proposals
from seglib.regions.segmenter import paste, pick, region_nms

NEVER = -math.inf
LABELS = torch.tensor([[0, 0, 1, 2], [3, 3, 1, 2], [3, 3, 3, 3]])


def proposals(*members: list[int]) -> Proposals:
    return Proposals(LABELS, torch.tensor(members).bool(), torch.zeros(len(members)))


def test_one_shared_superpixel_is_enough_to_be_suppressed() -> None:
    members = torch.tensor([[1, 1, 1, 0], [0, 0, 1, 1], [0, 0, 0, 1]]).bool()
    assert region_nms(torch.tensor([0.3, 0.2, 0.1]), members).tolist() == [0, 2]
    assert region_nms(torch.tensor([0.2, 0.3, 0.1]), members).tolist() == [1]


@settings(max_examples=30, deadline=None)
@given(some.integers(0, 10_000))
def test_what_stays_is_disjoint_and_what_goes_met_a_better_one(seed: int) -> None:
    rng = torch.Generator().manual_seed(seed)
    members = torch.rand(12, 6, generator=rng) < 0.3
    scores = torch.randn(12, generator=rng)
    kept = region_nms(scores, members)
    assert int(members[kept].sum(dim=0).max()) <= 1
    for index in set(range(12)) - set(kept.tolist()):
        better = kept[scores[kept] >= scores[index]]
        assert (members[better] & members[index]).any()


def test_a_lower_threshold_only_adds_regions_below() -> None:
    """What the choice of the threshold relies on."""
    rng = torch.Generator().manual_seed(1)
    members = torch.rand(40, 4, generator=rng) < 0.4
    members = members[members.any(dim=1)]
    regions = Proposals(LABELS, members, torch.zeros(len(members)))
    scores = torch.randn(len(members), 3, generator=rng)
    all_of_them = pick(regions, scores)
    for threshold in (-1.0, 0.0, 0.7):
        above = all_of_them[scores[all_of_them].amax(dim=1) > threshold]
        assert torch.equal(pick(regions, scores, threshold=threshold), above)


def test_the_best_region_is_painted_last() -> None:
    regions = proposals([1, 1, 1, 0], [0, 1, 0, 0])
    over = paste(regions, torch.tensor([[NEVER, 0.5, 0.1], [NEVER, 0.2, 0.9]]))
    under = paste(regions, torch.tensor([[NEVER, 0.9, 0.1], [NEVER, 0.2, 0.5]]))
    assert over.tolist() == [[1, 1, 2, 1], [0, 0, 2, 1], [0, 0, 0, 0]]
    assert under.tolist() == [[1, 1, 1, 1], [0, 0, 1, 1], [0, 0, 0, 0]]


def test_no_region_above_the_threshold_leaves_the_rest() -> None:
    regions, scores = proposals([1, 1, 1, 0]), torch.tensor([[NEVER, 0.5]])
    assert paste(regions, scores, threshold=0.5, rest=7).unique().tolist() == [7]
    assert paste(regions, scores, threshold=0.4, rest=7).unique().tolist() == [1, 7]


def test_a_class_that_was_never_learned_is_never_painted() -> None:
    assert paste(proposals([1, 0, 0, 0]), torch.tensor([[NEVER, NEVER]])).unique().tolist() == [0]


def test_no_regions_at_all() -> None:
    nothing = Proposals(LABELS, torch.zeros(0, 4).bool(), torch.zeros(0))
    assert paste(nothing, torch.zeros(0, 2), rest=1).unique().tolist() == [1]


@pytest.mark.parametrize("scores", [torch.zeros(3, 2), torch.zeros(1)])
def test_scores_of_other_regions_are_said(scores: Tensor) -> None:
    with pytest.raises(ValueError, match=r"1 regions need scores \(R, K\), not \("):
        paste(proposals([1, 0, 0, 0]), scores)
