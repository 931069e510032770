"""evaluate: the judge, its scores worked by hand, their table, and the segmenters that need no training."""

import math
import re
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor
from torchvision.tv_tensors import Image, Mask

from seglib import metrics
from seglib.data.catalog import load
from seglib.data.in_memory import in_memory
from seglib.evaluate import Constant, OracleStride, Scores, evaluate
from seglib.labels import VOID, Classes
from seglib.metrics import boundary_counts, boundary_iou
from tests.data.conftest import InMemory
from tests.refused import refused


class Shapes(InMemory):
    """Images of different sizes with a square of class 1, a corner of void, and class 2 in the last one."""

    name, split = "shapes", "val"

    def __init__(self, count: int = 4) -> None:
        masks = [torch.zeros(40 + index, 50 + 3 * index, dtype=torch.uint8) for index in range(count)]
        for index, mask in enumerate(masks):
            mask[5:25, 8 + index : 30 + index] = 1
            mask[-4:, -6:] = VOID
            mask[30:31] = 2 * (index == count - 1)
        images = [mask.expand(3, -1, -1).contiguous() for mask in masks]
        super().__init__(["background", "square", "line", "kelp"], masks, images)


def says(answer: Callable[[Tensor], Any], name: str = "says") -> Any:
    """A segmenter that answers so."""
    return SimpleNamespace(name=name, predict=answer)


def two_off() -> Any:
    """Reads the mask that Shapes hides in the image, two pixels off."""
    return says(lambda image: image[0].clamp(max=2).roll(2, dims=1).long(), "two off")


def test_the_scores_are_those_of_all_pixels_together():
    data, blurred = Shapes(), two_off()
    scores = evaluate(blurred, data)
    pairs = [(blurred.predict(image), mask.as_subclass(Tensor)) for image, mask in data]
    preds, masks = (torch.cat([values.flatten() for values in side]) for side in zip(*pairs))
    cm = metrics.confusion_matrix(preds, masks, 4)
    assert torch.equal(scores.confusion, cm)
    assert (scores.name, scores.data, scores.images, scores.present) == ("two off", "shapes val", 4, "union")
    assert scores.pixel_accuracy == metrics.pixel_accuracy(cm)
    assert scores.mean_accuracy == metrics.mean_accuracy(cm)
    assert scores.mean_iou == metrics.mean_iou(cm)
    assert scores.frequency_weighted_iou == metrics.frequency_weighted_iou(cm)
    counts = sum(boundary_counts(*pair, 4) for pair in pairs)
    assert torch.equal(scores.boundary, counts)
    assert scores.mean_boundary_iou == pytest.approx(boundary_iou(counts)[1:].nanmean().item())


def test_only_an_oracle_sees_the_truth():
    given: list[int] = []

    def predict(*arguments: Tensor) -> Tensor:
        given.append(len(arguments))
        return torch.zeros(arguments[0].shape[1:], dtype=torch.long)

    peeks = says(predict, "peeks")
    evaluate(peeks, Shapes(1))
    peeks.sees_truth = True
    scores = evaluate(peeks, Shapes(1))
    assert given == [1, 2]
    assert str(scores).splitlines()[0].endswith("; an oracle: it sees the truth")
    assert not scores.baseline.sees_truth
    assert "oracle" not in str(evaluate(Constant(), Shapes(1)))


WRONG = "^says on image 0 of shapes.*"
test_a_wrong_prediction_names_segmenter_and_image = refused(
    lambda answer: evaluate(says(lambda image: answer), Shapes()),
    (torch.zeros(50, 40).long(), WRONG + r"\(40, 50\): predict returned \(50, 40\)"),
    (torch.zeros(1, 40, 50).long(), WRONG + r"predict returned \(1, 40, 50\)"),
    (torch.zeros(40, 50), WRONG + r"\(40, 50\): pred is torch.float32"),
    (torch.full((40, 50), 4), WRONG + r"\(40, 50\): pred holds the value 4 .* classes are 0\.\.3"),
    (torch.full((40, 50), 255), WRONG + "pred holds 255, which means void"),
    (None, WRONG + "predict returned a NoneType"),
)


def test_what_the_segmenter_raises_comes_through():
    def fails(image: Tensor) -> Tensor:
        raise ZeroDivisionError("inside the net")

    with pytest.raises(ZeroDivisionError, match="inside the net"):
        evaluate(says(fails), Shapes())


def test_no_images_unknown_policies_and_networks_are_refused_first():
    with pytest.raises(ValueError, match="shapes val has no images"):
        evaluate(Constant(), Shapes(0))
    with pytest.raises(ValueError, match="must be one of union, truth, all"):
        print(replace(SCORES, present="gt"))
    with pytest.raises(ValueError, match=r"a Conv2d has no name and predict\(image\); wrap a network"):
        evaluate(torch.nn.Conv2d(3, 2, 1), Shapes())


def test_a_student_s_own_count_fills_the_table():
    def transposed(pred, mask, num_classes):
        return metrics.confusion_matrix(pred, mask, num_classes).T

    counts = (metrics.confusion_matrix, transposed)
    usual, own = (evaluate(OracleStride(8), Shapes(), count=count) for count in counts)
    assert torch.equal(own.confusion, usual.confusion.T) and not torch.equal(own.confusion, usual.confusion)
    assert own.mean_accuracy != usual.mean_accuracy and own.mean_iou == usual.mean_iou


def test_without_boundary_nothing_is_said_of_it():
    scores = evaluate(two_off(), Shapes(), boundary=False)
    assert scores.boundary is None
    assert math.isnan(scores.mean_boundary_iou) and scores.boundary_iou.isnan().all()
    assert math.isnan(replace(scores, present="all").mean_boundary_iou) and "without" not in str(scores)
    assert scores.mean_iou == evaluate(two_off(), Shapes()).mean_iou


def test_only_predict_is_timed(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("seglib.evaluate.time.perf_counter", lambda: now[0])

    def slow(image: Tensor) -> Tensor:
        now[0] += 2
        return torch.zeros(image.shape[1:]).long()

    class SlowData(Shapes):
        def __getitem__(self, index: int) -> tuple[Image, Mask]:
            now[0] += 100
            return super().__getitem__(index)

    scores = evaluate(says(slow), SlowData(2))
    assert (scores.seconds, scores.seconds_per_image) == (4, 2)


# Square: 6 of 10 pixels found, 2 invented. Line: missed. Kelp: not there.
SCORES = Scores(
    name="two off",
    data="shapes val",
    classes=Classes.of("background", "square", "line", "kelp"),
    confusion=torch.tensor([[88, 2, 0, 0], [4, 6, 0, 0], [5, 0, 0, 0], [0, 0, 0, 0]]),
    boundary=torch.tensor([[30, 40], [2, 8], [0, 5], [0, 0]]),
    images=2,
    seconds=0.5,
)
IOU = [88 / 99, 6 / 12, 0]


def test_the_policy_reaches_every_mean():
    # class by class, the table below has the same numbers
    assert SCORES.mean_iou == pytest.approx(sum(IOU) / 3)
    assert SCORES.frequency_weighted_iou == pytest.approx((90 * IOU[0] + 10 * IOU[1]) / 105)
    assert SCORES.iou[3].isnan() and SCORES.boundary_iou[3].isnan()
    assert SCORES.mean_boundary_iou == pytest.approx((2 / 8 + 0) / 2)  # without background
    ground = replace(SCORES, classes=Classes.of("sand", "square", "line", "kelp"))
    assert ground.mean_boundary_iou == pytest.approx((30 / 40 + 2 / 8 + 0) / 3)
    every = replace(SCORES, present="all")
    assert every.mean_iou == pytest.approx(sum(IOU) / 4)
    assert every.mean_boundary_iou == pytest.approx(2 / 8 / 3)
    invented = SCORES.confusion.clone()
    invented[0, 3] = 10
    union, truth = (replace(SCORES, confusion=invented, present=present) for present in ("union", "truth"))
    assert union.mean_iou == pytest.approx((88 / 109 + 6 / 12) / 4)
    assert truth.mean_iou == pytest.approx((88 / 109 + 6 / 12) / 3)
    assert union.policy.endswith("absent: none") and truth.policy.endswith("absent: kelp")


def test_the_baseline_is_what_the_commonest_class_everywhere_scores():
    baseline = SCORES.baseline
    assert baseline.confusion.tolist() == [[90, 0, 0, 0], [10, 0, 0, 0], [5, 0, 0, 0], [0, 0, 0, 0]]
    assert (baseline.name, baseline.pixel_accuracy) == ("all background", pytest.approx(90 / 105))
    assert baseline.mean_iou == pytest.approx(90 / 105 / 3)
    street = Classes.of("road", "car", "pole", "sky")
    street = replace(SCORES, classes=street, confusion=SCORES.confusion.flip(0, 1))
    assert street.baseline.name == "all sky"
    crowded = replace(SCORES, confusion=SCORES.confusion.roll(1, 0).roll(1, 1))  # background is rare
    assert crowded.baseline.name == "all square" and crowded.constant(0).name == "all background"
    lazy = [crowded.constant(index) for index in range(4)]
    assert crowded.baseline.mean_iou == max(one.mean_iou for one in lazy)
    assert crowded.baseline.pixel_accuracy == max(one.pixel_accuracy for one in lazy)
    equal, two = torch.tensor([[5, 0], [0, 5]]), Classes.of("background", "sea")
    assert replace(SCORES, confusion=equal, classes=two).baseline.name == "all background"


def test_the_table_says_what_was_measured_and_what_was_averaged():
    assert str(SCORES).splitlines() == [
        "two off on shapes val, 2 images, 250.0 ms each",
        "%                       score  Boundary IoU  all background",
        "pixel accuracy           89.5                          85.7",
        "mean accuracy            52.6                          33.3",
        "frequency-weighted IoU   81.0                          73.5",
        "mean IoU                 46.3          12.5            28.6",
        "IoU of background        88.9          75.0            85.7",
        "IoU of square            50.0          25.0             0.0",
        "IoU of line               0.0           0.0             0.0",
        "IoU of kelp",  # absent: no number, not 0
        "mean over the 3 of 4 classes that occur in truth or prediction; absent: kelp; "
        "Boundary IoU: without background",
    ]
    assert repr(SCORES) == str(SCORES)


def test_the_html_table_has_headings_for_rows_and_columns():
    markup = replace(SCORES, classes=Classes.of("background", "<b>", "line", "kelp"))._repr_html_()
    assert markup.count('<th scope="col"') == 4 and markup.count('<th scope="row"') == 8
    assert re.search("<caption[^>]*>two off on shapes val", markup)
    assert "IoU of &lt;b&gt;" in markup and "<b>" not in markup
    assert "<p>mean over the 3 of 4 classes" in markup


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
    for stride in (2.5, 2.0, 0):
        with pytest.raises(ValueError, match="whole number"):
            OracleStride(stride)
    # Cells of 2 x 2, sampled at (1, 1), (1, 3), then at the last row and column where the image ends.
    expected = [[1, 1, 3, 3, 4], [1, 1, 3, 3, 4], [4, 4, 0, 0, 0]]
    assert OracleStride(2).predict(IMAGE, mask).tolist() == expected


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("stride", [1, 3, 7, 64])
@pytest.mark.parametrize("size", [(40, 50), (33, 64), (1, 9)])
def test_the_oracle_takes_any_size_and_never_predicts_void(stride, size, soft):
    """Hard, it is constant in each cell; at stride 1 both are exact; where all is void there is no class."""
    mask, oracle = noise(size), OracleStride(stride, soft=soft)
    pred = oracle.predict(IMAGE, mask)
    assert pred.shape == mask.shape and pred.dtype == torch.int64 and VOID not in pred
    for y in range(0, size[0], stride):
        for x in range(0, size[1], stride):
            assert soft or len(pred[y : y + stride, x : x + stride].unique()) == 1
    if stride == 1:
        assert torch.equal(pred[mask != VOID], mask[mask != VOID].long())
    assert not oracle.predict(IMAGE, torch.full_like(mask, VOID)).any()


def test_the_soft_oracle_worked_by_hand():
    # Shares of class 1 in cells of 4: 1, 1/2, 0. Between two centres they change evenly; half is not enough.
    mask = torch.tensor([[1] * 6 + [0] * 5]).expand(3, 11)
    assert OracleStride(4, soft=True).predict(IMAGE, mask).tolist() == [[1] * 6 + [0] * 5] * 3
    assert OracleStride(4).predict(IMAGE, mask).tolist() == [[1] * 4 + [0] * 7] * 3


def test_scores_fall_with_the_stride_faster_at_the_boundary_and_soft_is_better():
    scenes = in_memory(load("scenes", split="val").subset(range(8)))
    oracles = ([OracleStride(stride, soft=soft) for stride in (1, 4, 8, 16, 32)] for soft in (True, False))
    soft, hard = ([evaluate(oracle, scenes) for oracle in kind] for kind in oracles)
    assert soft[0].mean_iou == hard[0].mean_iou == hard[0].mean_boundary_iou == hard[0].pixel_accuracy == 1
    assert all(better.mean_iou > worse.mean_iou for better, worse in zip(soft[1:4], hard[1:4]))
    for scores in (soft, hard):
        area, rim = [s.mean_iou for s in scores], [s.mean_boundary_iou for s in scores]
        assert area == sorted(area, reverse=True) and rim == sorted(rim, reverse=True)
        assert all(outline < inside for outline, inside in zip(rim[1:], area[1:]))


@pytest.mark.photographs
@pytest.mark.parametrize(("name", "split"), [("pets", "test"), ("camvid", "val")])
def test_the_same_on_photographs(name, split, photographs):
    data = load(name, split=split, root=photographs).subset(range(12))
    scores = [evaluate(OracleStride(stride), data) for stride in (1, 8, 32)]
    assert scores[0].mean_iou == scores[0].mean_boundary_iou == 1
    for measure in ("mean_iou", "mean_boundary_iou"):
        assert 1 > getattr(scores[1], measure) > getattr(scores[2], measure), measure
    assert scores[2].mean_iou > scores[2].baseline.mean_iou
