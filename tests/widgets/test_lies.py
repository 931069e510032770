"""The lie detector: lies worked by hand, scikit-learn as oracle of the judge, and every lie as a frame."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from sklearn.metrics import accuracy_score, f1_score, jaccard_score
from torch import Tensor

from seglib import draw
from seglib.labels import VOID, Classes
from seglib.scenes import Scenes
from seglib.widgets import LieDetector
from seglib.widgets.lies import LIES, PIXELS, all_lies, corrupt, judge, sizes
from tests.refused import refused

CLASSES = Classes.of("background", "fish", "crab")
POOLS = Scenes(length=1)
IMAGE, MASK = POOLS[0]


def rows(*lines: str) -> Tensor:
    """(H, W) uint8; a dot is void."""
    return torch.tensor([[VOID if value == "." else int(value) for value in line] for line in lines]).byte()


# Lies and scores.

SQUARE = rows("00000", "01110", "01110", "01110", "00000")
BY_HAND: list[tuple[Tensor, str, Any, Tensor]] = [
    (SQUARE, "erode", 1, rows("00000", "00000", "00100", "00000", "00000")),
    (SQUARE, "dilate", 1, rows("01110", "11111", "11111", "11111", "01110")),  # a disc: corners are 1.4 away
    (SQUARE, "shift", 2, rows("00000", "00011", "00011", "00011", "00000")),
    (SQUARE, "drop", 1, 0 * SQUARE),
    (SQUARE, "swap", (0, 1), 1 - SQUARE),
    (rows("0..2", "0022"), "shift", 0, rows("0022", "0022")),  # void takes the nearest class
    *((SQUARE, lie, 0, SQUARE) for lie in ("erode", "dilate", "shift", "blur")),
    *((0 * SQUARE + k, lie, 2, 0 * SQUARE + k) for lie in ("erode", "dilate") for k in (0, 1)),  # no border
]


@pytest.mark.parametrize(("mask", "lie", "amount", "expected"), BY_HAND)
def test_by_hand(mask: Tensor, lie: str, amount: Any, expected: Tensor) -> None:
    assert torch.equal(corrupt(mask, lie, amount), expected)


def test_another_background() -> None:
    assert torch.equal(corrupt(rows("12221"), "erode", 1, background=1), rows("11211"))


def test_blur_takes_what_is_thin_and_keeps_a_straight_edge() -> None:
    mask = torch.zeros(20, 20, dtype=torch.uint8)
    mask[:, 10:] = 1
    mask[5, :10] = 1  # one pixel high
    told = corrupt(mask, "blur", 2)
    assert told[5, 4] == 0 and (told[:, 14:] == 1).all() and (told[14:, :9] == 0).all()


def test_erosion_only_shrinks_and_dilation_only_grows_objects() -> None:
    lies = all_lies(MASK, POOLS.classes)
    objects = [[int((step.mask != 0).sum()) for step in lies[lie]] for lie in ("erode", "dilate")]
    assert objects[0] == sorted(objects[0], reverse=True) and objects[0][0] > objects[0][-1]
    assert objects[1] == sorted(objects[1]) and objects[1][0] < objects[1][-1]


def test_judge_agrees_with_scikit_learn() -> None:
    mask, pred = torch.randint(0, 3, (2, 12, 12), generator=torch.Generator().manual_seed(0))
    scores = judge(pred, mask, CLASSES)
    true, guess = mask.flatten().numpy(), pred.flatten().numpy()
    per_class = jaccard_score(true, guess, average=None)
    assert scores["pixel accuracy"] == pytest.approx(accuracy_score(true, guess))
    assert scores["mIoU"] == pytest.approx(per_class.mean())
    assert scores["mIoU without background"] == pytest.approx(per_class[1:].mean())
    assert scores["Dice"] == pytest.approx(f1_score(true, guess, average="macro"))


def test_the_sizes_are_the_classes_in_the_mask() -> None:
    choices = sizes(rows("0000", "0022", "0011", "0222"), CLASSES)
    assert choices["drop"] == [("crab", 2), ("fish", 1)]  # the largest first, background never
    pairs = {"background ↔ crab": (0, 2), "background ↔ fish": (0, 1), "crab ↔ fish": (2, 1)}
    assert choices["swap"] == [*pairs.items()]
    assert [amount for _, amount in choices["shift"]] == list(PIXELS)


def test_all_lies_are_what_corrupt_and_judge_say() -> None:
    lies = all_lies(MASK, POOLS.classes)
    assert list(lies) == list(LIES)
    for lie, choice in sizes(MASK, POOLS.classes).items():
        honest, *steps = lies[lie]
        assert honest.scores["mIoU"] == honest.scores["Boundary IoU"] == 1
        for (words, amount), step in zip(choice, steps, strict=True):
            told = corrupt(MASK, lie, amount)
            assert (step.words, step.scores) == (words, judge(told, MASK, POOLS.classes))
            assert torch.equal(step.mask, told)


# The detector.


@pytest.fixture(scope="module")
def shared() -> LieDetector:
    return LieDetector(IMAGE, MASK, POOLS.classes)


@pytest.fixture
def detector(shared: LieDetector) -> LieDetector:
    shared.reel, shared.at, shared.difference = 0, 0, False
    return shared


def test_every_frame_is_the_lie_it_says(detector: LieDetector) -> None:
    for detector.reel, (lie, steps) in enumerate(all_lies(MASK, POOLS.classes).items()):
        for detector.at, step in enumerate(steps):
            frame = detector.frame
            assert torch.equal(frame.panels[0].labels.pixels, step.mask.long())
            shown = {row.name: row.texts[0] for row in frame.numbers}
            assert shown == {name: f"{100 * score:.1f}" for name, score in step.scores.items()}
            assert frame.words.startswith(LIES[lie])
            assert ("No score" in frame.words) == (detector.at == 0)


def test_the_image_is_the_librarys(detector: LieDetector) -> None:
    detector.reel, detector.at = list(LIES).index("shift"), 4
    shifted = corrupt(MASK, "shift", 4)
    assert torch.equal(detector.compose()[0], draw.overlay(IMAGE, shifted, POOLS.classes))
    detector.difference = True
    assert torch.equal(detector.compose()[0], draw.difference(IMAGE, shifted, MASK))


def test_the_words_say_which_score_notices(detector: LieDetector) -> None:
    detector.reel, detector.at = list(LIES).index("shift"), 3
    _, lie, scores = repr(detector).splitlines()
    assert lie.startswith("On show, lies, Shift, 3 px: The whole mask slides to the right. ")
    assert scores.startswith("pixel accuracy ")
    assert "Boundary IoU notices most (−" in detector.frame.words


def test_the_scores_are_those_of_another_judge() -> None:
    def halves(pred: Tensor, mask: Tensor, classes: Classes) -> dict[str, float]:
        return {"half": 0.5 * judge(pred, mask, classes)["mIoU"]}

    detector = LieDetector(IMAGE[:, :5, :5], SQUARE, CLASSES, measure=halves)
    assert [(row.name, row.texts) for row in detector.frame.numbers] == [("half", ("50.0", "0.0"))]


def test_a_score_that_is_not_there_is_a_dash() -> None:
    mask = torch.zeros(4, 4, dtype=torch.uint8)  # no object: without background there is no IoU
    detector = LieDetector(IMAGE[:, :4, :4], mask, POOLS.classes)
    assert [row.texts[0] for row in detector.frame.numbers] == ["100.0", "100.0", "–", "100.0", "–"]


def test_a_large_image_is_halved_until_lies_are_quick() -> None:
    big = MASK.repeat_interleave(8, dim=0).repeat_interleave(8, dim=1)
    detector = LieDetector(IMAGE[:, :1, :1].expand(3, *big.shape), big, POOLS.classes)
    assert detector.frame.panels[0].labels.base.shape == (320, 320)
    assert "1 of every 4 pixels" in detector.frame.words


def test_without_a_background_the_largest_class_takes_its_place() -> None:
    mask = torch.ones(8, 8, dtype=torch.uint8)
    mask[2:6, 2:6] = 2
    mask[0, 0] = VOID
    detector = LieDetector(IMAGE[:, :8, :8], mask, Classes.of("sky", "road", "car"), reel=4, at=1)
    assert detector.frame.panels[0].labels.base.unique().tolist() == [1]
    assert "Drop a class, car" in repr(detector)


test_there_is_no_such_lie = refused(
    corrupt, (SQUARE, "bend", 1, "'bend'; there are erode, dilate, shift, blur, drop, swap")
)
test_what_does_not_fit_gets_a_sentence = refused(
    lambda mask, state: LieDetector(IMAGE, mask, POOLS.classes, **state),
    (MASK[:80], {}, r"'truth' has the size \(80, 160\), the image \(160, 160\)"),
    (torch.full_like(MASK, VOID), {}, "every pixel of the mask is void"),
    (MASK, {"at": 11}, "at must be 0 to 10"),
    (MASK, {"reel": 6}, "reel must be 0 to 5"),
    (MASK, {"lie": "erode"}, "no option 'lie'"),
)
