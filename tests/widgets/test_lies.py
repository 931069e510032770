"""The lie detector without a browser: every lie as a frame, its words and numbers, and what is refused."""

from __future__ import annotations

import pytest
import torch

from seglib import draw
from seglib.labels import VOID, Classes
from seglib.scenes import Scenes
from seglib.widgets import LieDetector
from seglib.widgets.lies import LIES, all_lies, corrupt

POOLS = Scenes(length=1)
IMAGE, MASK = POOLS[0]


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


def test_a_shorter_lie_starts_at_the_truth(detector: LieDetector) -> None:
    detector.at = 10
    detector.reel = list(LIES).index("drop")
    assert detector.at == 0


def test_the_words_say_which_score_notices(detector: LieDetector) -> None:
    detector.reel, detector.at = list(LIES).index("shift"), 3
    _, lie, scores = repr(detector).splitlines()
    assert lie.startswith("On show, lies, Shift, 3 px: The whole mask slides to the right. ")
    assert scores.startswith("pixel accuracy ")
    assert "Boundary IoU notices most (−" in detector.frame.words


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


@pytest.mark.parametrize(
    ("mask", "state", "message"),
    [
        (MASK[:80], {}, r"'truth' has the size \(80, 160\), the image \(160, 160\)"),
        (torch.full_like(MASK, VOID), {}, "every pixel of the mask is void"),
        (MASK, {"at": 11}, "at must be 0 to 10"),
        (MASK, {"reel": 6}, "reel must be 0 to 5"),
        (MASK, {"lie": "erode"}, "no option 'lie'"),
    ],
)
def test_what_does_not_fit_gets_a_sentence(mask: torch.Tensor, state: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LieDetector(IMAGE, mask, POOLS.classes, **state)
