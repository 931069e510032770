"""Lies told to masks: arrays worked by hand, invariants, and scikit-learn as the oracle of the judge."""

from __future__ import annotations

import pytest
import torch
from sklearn.metrics import accuracy_score, f1_score, jaccard_score
from torch import Tensor

from seglib.labels import VOID, Classes
from seglib.scenes import Scenes
from seglib.widgets.lies import LIES, PIXELS, LieDetector, all_lies, corrupt, judge, sizes

CLASSES = Classes.of("background", "fish", "crab")
SQUARE = torch.tensor(
    [
        [0, 0, 0, 0, 0],
        [0, 1, 1, 1, 0],
        [0, 1, 1, 1, 0],
        [0, 1, 1, 1, 0],
        [0, 0, 0, 0, 0],
    ]
)


def rows(*lines: str) -> torch.Tensor:
    return torch.tensor([[int(value) for value in line] for line in lines], dtype=torch.uint8)


BY_HAND = {
    "erode": (1, rows("00000", "00000", "00100", "00000", "00000")),
    "dilate": (1, rows("01110", "11111", "11111", "11111", "01110")),  # a disc: corners are 1.4 away
    "shift": (2, rows("00000", "00011", "00011", "00011", "00000")),
    "drop": (1, rows("00000", "00000", "00000", "00000", "00000")),
    "swap": ((0, 2), rows("22222", "21112", "21112", "21112", "22222")),
}


@pytest.mark.parametrize("lie", BY_HAND)
def test_by_hand(lie: str) -> None:
    amount, expected = BY_HAND[lie]
    assert corrupt(SQUARE, lie, amount).tolist() == expected.tolist()


def test_blur_takes_what_is_thin_and_keeps_a_straight_edge() -> None:
    mask = torch.zeros(20, 20, dtype=torch.uint8)
    mask[:, 10:] = 1
    mask[5, :10] = 1  # one pixel high
    told = corrupt(mask, "blur", 2)
    assert told[5, 4] == 0 and (told[:, 14:] == 1).all() and (told[14:, :9] == 0).all()


@pytest.mark.parametrize("lie", ["erode", "dilate", "shift", "blur"])
def test_no_pixels_is_the_truth(lie: str) -> None:
    assert torch.equal(corrupt(SQUARE, lie, 0), SQUARE.byte())


def test_void_takes_the_nearest_class() -> None:
    mask = torch.tensor([[0, VOID, VOID, 2], [0, 0, 2, 2]])
    assert corrupt(mask, "shift", 0).tolist() == [[0, 0, 2, 2], [0, 0, 2, 2]]


def test_another_background() -> None:
    assert corrupt(torch.tensor([[1, 2, 2, 2, 1]]), "erode", 1, background=1).tolist() == [[1, 1, 2, 1, 1]]


@pytest.mark.parametrize("lie", ["erode", "dilate"])
@pytest.mark.parametrize("value", [0, 1])
def test_without_a_border_there_is_nothing_to_move(lie: str, value: int) -> None:
    mask = torch.full((3, 4), value)
    assert torch.equal(corrupt(mask, lie, 2), mask.byte())


def test_erosion_only_shrinks_and_dilation_only_grows_objects() -> None:
    pools = Scenes(length=1)
    lies = all_lies(pools[0][1], pools.classes)
    objects = [[int((step.mask != 0).sum()) for step in lies[lie]] for lie in ("erode", "dilate")]
    assert objects[0] == sorted(objects[0], reverse=True) and objects[0][0] > objects[0][-1]
    assert objects[1] == sorted(objects[1]) and objects[1][0] < objects[1][-1]


def test_swapping_twice_is_the_truth() -> None:
    assert torch.equal(corrupt(corrupt(SQUARE, "swap", (0, 1)), "swap", (0, 1)), SQUARE.byte())


def test_an_unknown_lie_names_those_there_are() -> None:
    with pytest.raises(ValueError, match="'bend'; there are erode, dilate, shift, blur, drop, swap"):
        corrupt(SQUARE, "bend", 1)


def test_a_mask_of_void_has_no_truth_to_bend() -> None:
    with pytest.raises(ValueError, match="every pixel of the mask is void"):
        corrupt(torch.full((2, 2), VOID), "erode", 1)


def test_judge_agrees_with_scikit_learn() -> None:
    generator = torch.Generator().manual_seed(0)
    mask, pred = torch.randint(0, 3, (2, 12, 12), generator=generator)
    scores = judge(pred, mask, CLASSES)
    true, guess = mask.flatten().numpy(), pred.flatten().numpy()
    per_class = jaccard_score(true, guess, average=None)
    assert scores["pixel accuracy"] == pytest.approx(accuracy_score(true, guess))
    assert scores["mIoU"] == pytest.approx(per_class.mean())
    assert scores["mIoU without background"] == pytest.approx(per_class[1:].mean())
    assert scores["Dice"] == pytest.approx(f1_score(true, guess, average="macro"))


def test_the_sizes_are_the_classes_in_the_mask() -> None:
    mask = rows("0000", "0022", "0011", "0222")
    choices = sizes(mask, CLASSES)
    assert choices["drop"] == [("crab", 2), ("fish", 1)]  # the largest first, background never
    assert choices["swap"] == [
        ("background ↔ crab", (0, 2)),
        ("background ↔ fish", (0, 1)),
        ("crab ↔ fish", (2, 1)),
    ]
    assert [amount for _, amount in choices["shift"]] == list(PIXELS)


def test_the_detector_shows_the_scores_of_another_judge() -> None:
    def halves(pred: Tensor, mask: Tensor, classes: Classes) -> dict[str, float]:
        return {"half": 0.5 * judge(pred, mask, classes)["mIoU"]}

    detector = LieDetector(torch.zeros(3, *SQUARE.shape, dtype=torch.uint8), SQUARE, CLASSES, measure=halves)
    assert [(row.name, row.texts) for row in detector.frame.numbers] == [("half", ("50.0", "0.0"))]


def test_all_lies_are_what_tell_and_judge_say() -> None:
    image_classes = Scenes(length=2).classes
    _, mask = Scenes(length=2)[1]
    lies = all_lies(mask, image_classes)
    assert list(lies) == list(LIES)
    for lie, choice in sizes(mask, image_classes).items():
        honest, *steps = lies[lie]
        assert honest.scores["mIoU"] == honest.scores["Boundary IoU"] == 1
        for (words, amount), step in zip(choice, steps, strict=True):
            told = corrupt(mask, lie, amount)
            assert (step.words, step.scores) == (words, judge(told, mask, image_classes))
            assert torch.equal(step.mask, told)
