"""Segmenters: the constant and the oracle by hand, on drawn and on real images; and a net as one."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from seglib.data.catalog import load
from seglib.evaluate import Constant, OracleStride, evaluate
from seglib.labels import VOID, Classes
from seglib.segmenters import NetSegmenter
from tests.weak.tiny import Blobs

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


TWO = Classes.of("background", "fish")


class Bright(nn.Module):
    """Tells pixels brighter than 100 apart, and remembers which size it saw."""

    num_classes = 2

    def forward(self, images: Tensor) -> Tensor:
        self.seen = tuple(images.shape[2:])
        bright = images.float().mean(1, keepdim=True) - 100
        return torch.cat([-bright, bright], 1)


class Layers(nn.Sequential):
    """Drop-out and batch norm, of which the second was frozen by hand."""

    def __init__(self) -> None:
        super().__init__(nn.Conv2d(3, 2, 1), nn.Dropout(0.5), nn.BatchNorm2d(2).eval())

    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images / 255)


def half_bright(height: int, width: int) -> Tensor:
    image = torch.zeros(3, height, width, dtype=torch.uint8)
    image[:, :, width // 2 :] = 200
    return image


@pytest.mark.parametrize("size", [(1, 1), (33, 47)])
def test_the_mask_is_the_best_score_and_each_module_stays_in_its_mode(size: tuple[int, int]):
    net = Layers()
    before = {key: value.clone() for key, value in net.state_dict().items()}
    modes = [module.training for module in net.modules()]
    image = torch.randint(0, 256, (3, *size), dtype=torch.uint8)
    mask = NetSegmenter(net, TWO).predict(image)
    assert mask.shape == size and mask.dtype == torch.int64
    assert [module.training for module in net.modules()] == modes
    assert all(torch.equal(before[key], value) for key, value in net.state_dict().items())
    with torch.no_grad():
        assert torch.equal(mask, net.eval()(image[None])[0].argmax(0))


@pytest.mark.parametrize(
    ("size", "scale", "seen"),
    [
        (None, 1.0, (4, 6)),
        (None, 1.5, (6, 9)),
        (None, 2.0, (8, 12)),
        (None, 0.5, (2, 3)),
        (None, 0.01, (1, 1)),
        ((4, 6), 1.0, (4, 6)),
        ((16, 12), 1.0, (8, 12)),  # fitted in, not distorted
        ((8, 99), 1.5, (12, 18)),
        ((1, 1), 1.0, (1, 1)),
    ],
)
def test_the_net_sees_a_resized_image_and_the_mask_keeps_its_size(size, scale, seen):
    net = Bright()
    segmenter = NetSegmenter(net, TWO, size=size, scale=scale)
    mask, probabilities = segmenter.predict(half_bright(4, 6)), segmenter.probabilities(half_bright(4, 6))
    assert net.seen == seen and mask.shape == (4, 6) and probabilities.shape == (2, 4, 6)
    assert torch.allclose(probabilities.sum(0), torch.ones(4, 6))
    if min(seen) > 2:
        assert mask[:, :2].eq(0).all() and mask[:, 4:].eq(1).all()


def test_the_probabilities_can_be_trained_on():
    weight = torch.ones(2, 1, 1, requires_grad=True)
    (NetSegmenter(Bright(), TWO).probabilities(half_bright(4, 6)) * weight).sum().backward()
    assert weight.grad is not None


def test_fit_trains_at_the_segmenters_size_and_gives_itself():
    seen = []

    class Watched(Layers):
        def forward(self, images: Tensor) -> Tensor:
            seen.append(tuple(images.shape[2:]))
            return super().forward(images)

    data = Blobs()
    segmenter = NetSegmenter(Watched(), data.classes, size=(8, 8))
    assert segmenter.fit(data, data, steps=2, batch_size=2, device="cpu") is segmenter
    assert set(seen) == {(8, 8)} and not segmenter.net.training
    with pytest.raises(ValueError, match="blobs has the classes background, blob, but this segmenter has"):
        NetSegmenter(Layers(), TWO).fit(data, steps=1)


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (torch.zeros(3, 4, 4), r"not \(3, 4, 4\) float32"),
        (torch.zeros(4, 4, dtype=torch.uint8), r"not \(4, 4\)"),
        (torch.zeros(1, 4, 4, dtype=torch.uint8), r"not \(1, 4, 4\)"),
        (torch.zeros(1, 3, 4, 4, dtype=torch.uint8), r"not \(1, 3, 4, 4\)"),
        (torch.zeros(3, 0, 4, dtype=torch.uint8), "at least one pixel"),
    ],
)
@pytest.mark.parametrize("options", [{}, {"scale": 2}, {"size": (8, 8)}])
def test_an_image_that_is_something_else_is_refused(image: Tensor, reason: str, options: dict):
    with pytest.raises(ValueError, match=reason):
        NetSegmenter(Bright(), TWO, **options).predict(image)


class Gives(nn.Module):
    """A net that gives always the same."""

    def __init__(self, what: object) -> None:
        super().__init__()
        self.what = what

    def forward(self, images: Tensor) -> object:
        return self.what


@pytest.mark.parametrize("options", [{}, {"scale": 2}, {"size": (8, 8)}])
@pytest.mark.parametrize(
    ("what", "reason"),
    [
        (torch.zeros(1, 2, 5, 5), r"gives \(1, 2, 5, 5\) for images \(1, 3, "),
        (torch.zeros(20, 30), r"gives \(20, 30\) for images"),
        ({"out": torch.zeros(1, 2, 20, 30)}, r"gives a dict for images .* scores \(N, K, H, W\)"),
    ],
)
def test_what_is_not_a_score_for_every_pixel_is_refused(what: object, reason: str, options: dict):
    with pytest.raises(ValueError, match=reason):
        NetSegmenter(Gives(what), TWO, **options).predict(half_bright(20, 30))


def test_a_wrong_number_of_classes_or_scale_is_refused():
    with pytest.raises(ValueError, match=r"scores 2 classes, but there are 3 names .*num_classes=3"):
        NetSegmenter(Bright(), Classes.of("a", "b", "c"))
    with pytest.raises(ValueError, match="scores 5 classes, but there are 2 names"):
        NetSegmenter(nn.Conv2d(3, 5, 1), TWO, scale=2).predict(half_bright(4, 4))
    for scale in (0, -1, float("inf"), float("nan")):
        with pytest.raises(ValueError, match="above 0"):
            NetSegmenter(Bright(), TWO, scale=scale)
