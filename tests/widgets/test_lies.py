"""The lie detector without a browser: its state, its errors, what travels."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
import torch

from seglib import draw
from seglib.labels import VOID, Classes
from seglib.scenes import Scenes
from seglib.widgets import LieDetector
from seglib.widgets.lies import judge, tell
from seglib.widgets.telling import LIES

POOLS = Scenes(length=1)
IMAGE, MASK = POOLS[0]


@pytest.fixture(scope="module")
def shared() -> LieDetector:
    return LieDetector(IMAGE, MASK, POOLS.classes)


@pytest.fixture
def detector(shared: LieDetector) -> LieDetector:
    shared.lie, shared.step, shared.mode, shared.hidden = "erode", 0, "overlay", False
    return shared


def test_every_state_is_the_lie_it_says(detector: LieDetector) -> None:
    for lie in LIES:
        detector.lie = lie
        for step in range(len(detector._lies[lie])):
            detector.step = step
            for mode in ("overlay", "difference"):
                detector.mode = mode
                assert detector.compose().shape == IMAGE.shape
            assert detector.scores == judge(detector.mask, MASK, POOLS.classes)


def test_the_image_is_the_librarys(detector: LieDetector) -> None:
    detector.lie, detector.step = "shift", 4
    told = tell(MASK, "shift", 4)
    assert torch.equal(detector.compose(), draw.overlay(IMAGE, told, POOLS.classes))
    detector.mode = "difference"
    assert torch.equal(detector.compose(), draw.difference(IMAGE, told, MASK))


def test_a_shorter_lie_starts_at_the_truth(detector: LieDetector) -> None:
    detector.step = 10
    detector.set_state({"lie": "drop"})  # as the browser changes it
    assert detector.step == 0


def test_a_step_there_is_not_gets_a_sentence(detector: LieDetector) -> None:
    with pytest.raises(ValueError, match=r"the lie .erode. has the steps 0\.\.10 here, not 11"):
        detector.step = 11
    assert detector.step == 0


def test_words_keep_a_hidden_score_hidden(detector: LieDetector) -> None:
    detector.lie, detector.step = "erode", 2
    assert "erode, 2 px: pixel accuracy" in repr(detector)
    detector.hidden = True
    assert repr(detector).endswith("erode, 2 px: scores hidden")


def test_every_lie_travels(detector: LieDetector) -> None:
    for packed in detector.data["lies"]:
        for step, kept in zip(packed["steps"], detector._lies[packed["name"]], strict=True):
            labels = np.frombuffer(zlib.decompress(step["labels"]), "u1").reshape(MASK.shape)
            assert np.array_equal(labels, kept.mask.numpy())
            assert step["scores"] == list(kept.scores.values())


def test_a_score_that_is_not_there_travels_as_nothing() -> None:
    mask = torch.zeros(4, 4, dtype=torch.uint8)  # no object: without background there is no IoU
    data = LieDetector(IMAGE[:, :4, :4], mask, POOLS.classes).data
    assert data["lies"][0]["steps"][0]["scores"] == [1, 1, None, 1, 1]


def test_a_large_image_is_halved_until_lies_are_quick() -> None:
    big = MASK.repeat_interleave(8, dim=0).repeat_interleave(8, dim=1)
    detector = LieDetector(IMAGE[:, :1, :1].expand(3, *big.shape), big, POOLS.classes)
    assert detector.mask.shape == (320, 320) and detector.data["stride"] == 4


def test_without_a_background_the_largest_class_takes_its_place() -> None:
    mask = torch.ones(8, 8, dtype=torch.uint8)
    mask[2:6, 2:6] = 2
    mask[0, 0] = VOID
    detector = LieDetector(IMAGE[:, :8, :8], mask, Classes.of("sky", "road", "car"), lie="drop", step=1)
    assert (detector.told.words, detector.mask.unique().tolist()) == ("car", [1])


def test_a_mask_of_another_size_gets_a_sentence() -> None:
    with pytest.raises(ValueError, match=r"'truth' has the size \(80, 160\), the image \(160, 160\)"):
        LieDetector(IMAGE, MASK[:80], POOLS.classes)


def test_a_mask_of_void_gets_a_sentence() -> None:
    with pytest.raises(ValueError, match="every pixel of the mask is void"):
        LieDetector(IMAGE, torch.full_like(MASK, VOID), Classes.of("sky", "road"))
