"""segmenters: the constant and the oracle, by hand, on drawn and on real images."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from seglib.data.catalog import load
from seglib.evaluate import Constant, OracleStride, evaluate
from seglib.labels import VOID

IMAGE = torch.zeros(3, 5, 7, dtype=torch.uint8)


def noise(size: tuple[int, int]) -> Tensor:
    """(H, W) uint8 with five classes and a corner of void."""
    mask = torch.randint(0, 5, size, generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    mask[-2:, -3:] = VOID
    return mask


def test_a_constant_is_the_same_everywhere():
    pred = Constant(3).predict(IMAGE)
    assert pred.dtype == torch.int64 and pred.tolist() == [[3] * 7] * 5
    assert Constant().predict(IMAGE).sum() == 0


def test_the_oracle_worked_by_hand():
    mask = torch.tensor([[0, 0, 2, 2, 2], [0, 1, 2, 3, 4], [4, 4, 0, 0, 0]])
    # Cells of 2 x 2, sampled at (1, 1), (1, 3), then at the last row and column where the image ends.
    expected = [[1, 1, 3, 3, 4], [1, 1, 3, 3, 4], [4, 4, 0, 0, 0]]
    assert OracleStride(2).predict(IMAGE, mask).tolist() == expected


@pytest.mark.parametrize("stride", [1, 3, 7, 64])
@pytest.mark.parametrize("size", [(40, 50), (33, 64), (1, 9)])
def test_the_oracle_is_constant_in_each_cell_and_never_predicts_void(stride: int, size: tuple[int, int]):
    mask = noise(size)
    pred = OracleStride(stride).predict(IMAGE, mask)
    assert pred.shape == mask.shape and pred.dtype == torch.int64 and VOID not in pred
    for y in range(0, size[0], stride):
        for x in range(0, size[1], stride):
            assert len(pred[y : y + stride, x : x + stride].unique()) == 1
    if stride == 1:
        assert torch.equal(pred[mask != VOID], mask[mask != VOID].long())


def test_the_oracle_knows_no_class_where_all_is_void():
    assert OracleStride(4).predict(IMAGE, torch.full((5, 7), VOID)).tolist() == [[0] * 7] * 5


def test_a_stride_that_is_no_whole_number_is_refused():
    with pytest.raises(ValueError, match=r"stride 2\.5 must be a whole number"):
        OracleStride(2.5)


def test_a_stride_below_one_is_refused():
    with pytest.raises(ValueError, match="stride 0 must be a whole number of 1 or more"):
        OracleStride(0)


def test_the_ceiling_falls_with_the_stride_and_faster_at_the_boundary():
    scenes = load("scenes", split="val").subset(range(12))
    scores = [evaluate(OracleStride(stride), scenes) for stride in (1, 4, 8, 16, 32)]
    ceiling, rim = [s.mean_iou for s in scores], [s.mean_boundary_iou for s in scores]
    assert ceiling[0] == rim[0] == scores[0].mean_boundary_f1 == scores[0].pixel_accuracy == 1
    assert ceiling == sorted(ceiling, reverse=True) and rim == sorted(rim, reverse=True)
    assert all(outline < area for outline, area in zip(rim[1:], ceiling[1:]))


@pytest.mark.photographs
@pytest.mark.parametrize(("name", "split"), [("pets", "test"), ("camvid", "val")])
def test_the_same_on_photographs(name: str, split: str, photographs: Path):
    data = load(name, split=split, root=photographs).subset(range(12))
    scores = [evaluate(OracleStride(stride), data) for stride in (1, 8, 32)]
    assert scores[0].mean_iou == scores[0].mean_boundary_iou == scores[0].mean_boundary_f1 == 1
    for measure in ("mean_iou", "mean_boundary_iou", "mean_boundary_f1"):
        assert 1 > getattr(scores[1], measure) > getattr(scores[2], measure), measure
    assert scores[2].mean_iou > scores[2].baseline.mean_iou
