"""evaluate: one judge, the same questions to everyone."""

from __future__ import annotations

import math
import time

import pytest
import torch
from torch import Tensor
from torchvision.tv_tensors import Image, Mask

from seglib import metrics
from seglib.data.dataset import SegmentationDataset
from seglib.evaluate import Constant, evaluate
from seglib.labels import VOID, Classes
from seglib.metrics import boundary_counts, boundary_f1, boundary_iou


class Shapes(SegmentationDataset):
    """Images of different sizes with a square of class 1, a corner of void, and class 2 in the last one."""

    def __init__(self, count: int = 4, classes: Classes | None = None) -> None:
        self.name, self.split, self.count = "shapes", "val", count
        self.classes = classes or Classes.of("background", "square", "line", "kelp")

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[Image, Mask]:
        if not 0 <= index < self.count:
            raise IndexError(index)
        mask = torch.zeros(40 + index, 50 + 3 * index, dtype=torch.uint8)
        mask[5:25, 8 + index : 30 + index] = 1
        mask[-4:, -6:] = VOID
        if index == self.count - 1:
            mask[30] = 2
        return Image(mask.expand(3, -1, -1).contiguous()), Mask(mask)

    def sample_id(self, index: int) -> str:
        return f"shape_{index}"


class Says:
    """A segmenter that answers with whatever it is given."""

    name = "says"

    def __init__(self, answer) -> None:
        self.answer = answer

    def predict(self, image: Tensor) -> Tensor:
        return self.answer(image)


class Blurred:
    """Reads the mask that Shapes hides in the image, two pixels off."""

    name = "two off"

    def predict(self, image: Tensor) -> Tensor:
        return image[0].clamp(max=2).roll(2, dims=1).long()


def test_the_scores_are_those_of_all_pixels_together():
    data, blurred = Shapes(), Blurred()
    scores = evaluate(blurred, data)
    pairs = [(blurred.predict(image), mask.as_subclass(Tensor)) for image, mask in data]
    cm = metrics.confusion_matrix(
        *(torch.cat([values.flatten() for values in side]) for side in zip(*pairs)), 4
    )
    assert torch.equal(scores.confusion, cm)
    assert (scores.name, scores.data, scores.images, scores.present) == ("two off", "shapes val", 4, "union")
    assert scores.pixel_accuracy == metrics.pixel_accuracy(cm)
    assert scores.mean_accuracy == metrics.mean_accuracy(cm)
    assert scores.mean_iou == metrics.mean_iou(cm)
    assert scores.frequency_weighted_iou == metrics.frequency_weighted_iou(cm)
    assert scores.dice.nan_to_num(-1).tolist() == metrics.dice(cm).nan_to_num(-1).tolist()
    counts = sum(boundary_counts(*pair, 4) for pair in pairs)
    assert torch.equal(scores.boundary, counts)
    assert scores.mean_boundary_iou == pytest.approx(boundary_iou(counts).nanmean().item())
    outlines = torch.stack([boundary_f1(*pair, 4) for pair in pairs])  # (N, K)
    assert scores.boundary_f1[:3].tolist() == pytest.approx(outlines.nanmean(0)[:3].tolist())
    assert scores.boundary_f1[3].isnan()
    assert scores.mean_boundary_f1 == pytest.approx(outlines.nanmean(1).mean().item())


def test_halves_add_up_to_the_whole():
    data = Shapes()
    whole = evaluate(Blurred(), data)
    halves = evaluate(Blurred(), data.subset([0, 1])) + evaluate(Blurred(), data.subset([2, 3]))
    for count in ("confusion", "boundary", "outlines"):
        assert torch.equal(getattr(halves, count), getattr(whole, count)), count
    assert (halves.images, halves.mean_iou, halves.data) == (4, whole.mean_iou, "shapes val")
    assert halves.seconds > 0


def test_only_an_oracle_sees_the_truth():
    given: list[int] = []

    class Peeks:
        name = "peeks"

        def predict(self, *arguments: Tensor) -> Tensor:
            given.append(len(arguments))
            return torch.zeros(arguments[0].shape[1:], dtype=torch.long)

    evaluate(Peeks(), Shapes(1))
    Peeks.sees_truth = True  # type: ignore[attr-defined]
    scores = evaluate(Peeks(), Shapes(1))
    assert given == [1, 2]
    assert scores.row()["method"] == "peeks (oracle)" and "an oracle: it sees the truth" in str(scores)
    assert "oracle" not in str(evaluate(Constant(), Shapes(1)))


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda image: torch.zeros(50, 40).long(), r"predict gave \(50, 40\), but the mask is \(40, 50\)"),
        (
            lambda image: torch.zeros(1, 40, 50).long(),
            r"predict gave \(1, 40, 50\), but the mask is \(40, 50\)",
        ),
        (lambda image: torch.zeros(40, 50), r"\(40, 50\): pred is torch.float32"),
        (
            lambda image: torch.full((40, 50), 4),
            r"\(40, 50\): pred holds the value 4; the classes are 0\.\.3",
        ),
        (lambda image: torch.full((40, 50), 255), "predict a class everywhere"),
        (lambda image: None, "predict gave NoneType; it must give a tensor of"),
    ],
)
def test_a_wrong_prediction_names_segmenter_and_image(answer, words: str):
    with pytest.raises(ValueError, match=words) as error:
        evaluate(Says(answer), Shapes())
    assert str(error.value).startswith("says on image shape_0 of shapes")
    assert "\n" not in str(error.value)


def test_what_the_segmenter_raises_comes_through():
    def fails(image: Tensor) -> Tensor:
        raise ZeroDivisionError("inside the net")

    with pytest.raises(ZeroDivisionError, match="inside the net"):
        evaluate(Says(fails), Shapes())


def test_nothing_to_evaluate_and_unknown_policies_are_said_first():
    with pytest.raises(ValueError, match="shapes val has no images"):
        evaluate(Constant(), Shapes(0))
    with pytest.raises(ValueError, match="must be one of union, truth, all"):
        evaluate(Constant(), Shapes(0), present="gt")  # type: ignore[arg-type]


def test_without_boundary_nothing_is_said_of_it():
    scores = evaluate(Blurred(), Shapes(), boundary=False)
    assert (
        scores.boundary is None
        and math.isnan(scores.mean_boundary_iou)
        and math.isnan(scores.mean_boundary_f1)
    )
    assert scores.boundary_iou.isnan().all() and scores.boundary_f1.isnan().all()
    assert scores.mean_iou == evaluate(Blurred(), Shapes()).mean_iou


def test_only_predict_is_timed():
    def slow(image: Tensor) -> Tensor:
        time.sleep(0.02)
        return torch.zeros(image.shape[1:]).long()

    class SlowData(Shapes):
        def __getitem__(self, index: int) -> tuple[Image, Mask]:
            time.sleep(0.2)
            return super().__getitem__(index)

    scores = evaluate(Says(slow), SlowData(2))
    assert scores.seconds >= 0.04 and scores.seconds_per_image == scores.seconds / 2
    assert evaluate(Constant(), SlowData(2)).seconds < 0.2  # of at least .4 that the images take


def test_a_net_is_no_segmenter_and_is_told_so():
    with pytest.raises(ValueError, match=r"a Conv2d has no name and predict\(image\); make a net"):
        evaluate(torch.nn.Conv2d(3, 2, 1), Shapes())
