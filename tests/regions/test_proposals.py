"""Proposals: sums over superpixels are the pixels' own numbers; files; what does not fit is said."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from seglib import boxes
from seglib.files import TensorFileError, write
from seglib.regions import Proposals

LABELS = torch.tensor([[0, 0, 1, 1], [0, 2, 2, 1], [3, 3, 2, 2]])
MEMBERS = torch.tensor([[1, 0, 0, 0], [1, 1, 0, 0], [0, 0, 1, 1]]).bool()
SCORES = torch.tensor([0.9, 0.5, 0.5])


def small() -> Proposals:
    return Proposals(LABELS, MEMBERS, SCORES)


def random(regions: int = 60, superpixels: int = 25, seed: int = 0) -> Proposals:
    rng = torch.Generator().manual_seed(seed)
    labels = torch.randint(superpixels, (30, 41), generator=rng)
    members = torch.rand(regions, superpixels, generator=rng) < 0.3
    members[torch.arange(regions), torch.randint(superpixels, (regions,), generator=rng)] = True
    return Proposals(labels, members, torch.rand(regions, generator=rng).sort(descending=True).values)


def iou(one: Tensor, other: Tensor) -> float:
    return float((one & other).sum() / (one | other).sum())


def test_by_hand() -> None:
    proposals = small()
    assert len(proposals) == 3
    assert proposals.areas.tolist() == [3, 6, 6]
    assert proposals.boxes.tolist() == [[0, 0, 2, 2], [0, 0, 4, 2], [0, 1, 4, 3]]
    assert proposals.masks([2]).int().tolist() == [[[0, 0, 0, 0], [0, 1, 1, 0], [1, 1, 1, 1]]]
    mask = torch.tensor([[1, 1, 1, 0], [0, 0, 0, 0], [0, 0, 0, 0]]).bool()
    assert proposals.overlaps(mask).tolist() == pytest.approx([2 / 4, 3 / 6, 0])
    assert proposals.shared(0).tolist() == [True, True, False]


def test_everything_equals_the_same_made_from_masks() -> None:
    proposals = random()
    masks = proposals.masks()
    assert masks.shape == (60, 30, 41)
    assert proposals.areas.tolist() == masks.flatten(1).sum(dim=1).tolist()
    assert proposals.boxes.equal(boxes.from_masks(masks))
    assert proposals.shared(7).equal((masks & masks[7]).flatten(1).any(dim=1))
    others = torch.rand(4, 30, 41, generator=torch.Generator().manual_seed(1)) < 0.4
    expected = torch.tensor([[iou(mask, other) for other in others] for mask in masks])
    assert proposals.overlaps_many(others).equal(expected)
    assert proposals.overlaps(others[2]).equal(expected[:, 2])


def test_void_counts_neither_for_nor_against() -> None:
    proposals = random()
    rng = torch.Generator().manual_seed(2)
    mask, void = (torch.rand(30, 41, generator=rng) < share for share in (0.4, 0.2))
    expected = [iou(region & ~void, mask & ~void) for region in proposals.masks()]
    assert proposals.overlaps(mask, void).tolist() == pytest.approx(expected, abs=1e-6)
    everything = torch.ones(30, 41, dtype=torch.bool)
    assert proposals.overlaps(mask, everything).tolist() == [0] * 60


def test_a_region_overlaps_itself_fully_and_an_empty_mask_not_at_all() -> None:
    proposals = random()
    assert proposals.overlaps_many(proposals.masks()).diagonal().tolist() == [1] * 60
    assert proposals.overlaps(torch.zeros(30, 41, dtype=torch.bool)).tolist() == [0] * 60
    assert proposals.overlaps_many(torch.zeros(0, 30, 41, dtype=torch.bool)).shape == (60, 0)


def test_a_subset_and_none() -> None:
    proposals = random()
    some = proposals.subset([3, 8])
    assert some.masks().equal(proposals.masks([3, 8])) and some.boxes.equal(proposals.boxes[[3, 8]])
    none = proposals.subset([])
    assert len(none) == 0 and none.boxes.shape == (0, 4) and none.areas.shape == (0,)
    assert none.overlaps(torch.ones(30, 41, dtype=torch.bool)).shape == (0,)
    with pytest.raises(ValueError, match="best region comes first"):
        proposals.subset([8, 3])


@pytest.mark.parametrize(("regions", "superpixels"), [(60, 25), (1, 1), (9, 16), (0, 3)])
def test_a_file_holds_the_same(tmp_path: Path, regions: int, superpixels: int) -> None:
    proposals = random(regions, superpixels)
    proposals.save(tmp_path / "new" / "a.pt")
    back = Proposals.load(tmp_path / "new" / "a.pt")
    assert back.labels.equal(proposals.labels) and back.members.equal(proposals.members)
    assert back.scores.equal(proposals.scores) and back.labels.dtype == torch.int64


def test_a_file_is_small(tmp_path: Path) -> None:
    labels = (torch.arange(320)[None] // 10 + torch.arange(240)[:, None] // 10 * 32).long()  # 768 squares
    members = torch.rand(2000, 768, generator=torch.Generator().manual_seed(0)) < 0.02
    members[:, 0] = True
    Proposals(labels, members, torch.zeros(2000)).save(tmp_path / "a.pt")
    assert (tmp_path / "a.pt").stat().st_size < 2000 * 768 / 8


def test_other_files_are_said_to_be_none(tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    with pytest.raises(FileNotFoundError, match=r"a\.pt: no such file"):
        Proposals.load(path)
    write(path, {"weights": torch.ones(3)})
    with pytest.raises(TensorFileError, match="holds no region proposals"):
        Proposals.load(path)
    small().save(path)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(TensorFileError, match="cut off"):
        Proposals.load(path)


@pytest.mark.parametrize(
    ("labels", "members", "scores", "words"),
    [
        (LABELS.int(), MEMBERS, SCORES, r"labels must be \(H, W\) int64, not \(3, 4\) torch.int32"),
        (LABELS[0], MEMBERS, SCORES, r"labels must be \(H, W\) int64, not \(4,\)"),
        (LABELS[:0], MEMBERS, SCORES, r"not \(0, 4\)"),
        (LABELS, MEMBERS.int(), SCORES, r"members must be \(R, S\) bool"),
        (LABELS, MEMBERS[:, :3], SCORES, r"labels run from 0 to 3, but members knows the superpixels 0..2"),
        (LABELS, MEMBERS, SCORES[:2], r"3 regions, but scores is \(2,\)"),
        (LABELS, MEMBERS, SCORES.flip(0), "scores must descend"),
        (LABELS, MEMBERS & False, SCORES, "region 0 of 3 has no pixels"),
    ],
)
def test_what_does_not_fit_is_said(labels: Tensor, members: Tensor, scores: Tensor, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Proposals(labels, members, scores)


@pytest.mark.parametrize("mask", [torch.zeros(3, 5).bool(), torch.zeros(3, 4), torch.zeros(3, 4).byte()])
def test_masks_of_another_size_or_kind_are_said(mask: Tensor) -> None:
    with pytest.raises(ValueError, match=r"masks must be bool, \(3, 4\) each"):
        small().overlaps(mask)
