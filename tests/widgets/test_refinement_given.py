"""The refinement explorer: arguments that do not fit, and a browser that sends nonsense."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import traitlets

from seglib.labels import Classes
from seglib.weak.boxes import BoxAnnotations
from seglib.widgets import RefinementExplorer
from tests.widgets.refinements import IMAGE, ONE, ROUNDS, TRUTH, given

HALF = ROUNDS[0].clone()
HALF[0, 2, 1] += 0.5
BAD: dict[str, tuple[dict[str, Any], str]] = {
    "float image": ({"image": IMAGE / 255}, r"the image must be a uint8 tensor \(3, H, W\), not \(3, 3, 4\)"),
    "other truth": ({"truth": TRUTH[:2]}, r"the label map 'truth' has the size \(2, 4\), the image \(3, 4\)"),
    "other scheme": ({"schemes": {"box-i": TRUTH[:, :2]}}, r"'scheme box-i' has the size \(3, 2\)"),
    "a class that is not": (
        {"schemes": {"a": TRUTH % 255 + 2}},
        "'scheme a' does not fit its classes: the mask",
    ),
    "not by name": ({"schemes": [TRUTH]}, r"schemes must be labels by name, as in schemes=\{"),
    "no background": ({"classes": Classes.of("sea", "fish", "crab")}, "no class is called background"),
    "boxes alone": ({"one": ONE.boxes}, r"one must be the boxes of the image, BoxAnnotations.*not a Tensor"),
    "no box, no class": ({"one": BoxAnnotations(ONE.boxes, torch.zeros(0).long())}, "1 boxes and"),
    "outside": (
        {"one": BoxAnnotations(torch.tensor([[1, 0, 5, 2]]), ONE.classes)},
        r"box 0, \(1, 0, 5, 2\): it leaves the image, which is 4 wide and 3 high",
    ),
    "unknown class": (
        {"one": BoxAnnotations(ONE.boxes, torch.tensor([7]))},
        r"there is no class 7; the classes are 0..2",
    ),
    "no such first": ({"first": "boxsup"}, "no scheme is called 'boxsup'; there are rectangles, unsure"),
    "one class less": (
        {"rounds": [ROUNDS[0][:2]]},
        r"rounds\[0\] must be the probabilities of 3 classes \(background, fish, crab\).*not \(2, 3, 4\)",
    ),
    "not in a list": ({"rounds": ROUNDS[0]}, r"rounds must be one tensor \(K, H, W\) a round in a list"),
    "a label": ({"rounds": [TRUTH]}, r"rounds\[0\] must be the probabilities of 3 classes, floating point"),
    "logits": (
        {"rounds": [ROUNDS[0], HALF]},
        r"rounds\[1\] must be .*1 in all; at \(x, y\) = \(1, 2\) they are .*; give logits.softmax\(dim=0\)",
    ),
    "below 0": ({"rounds": [ROUNDS[0] * 2 - 1 / 3]}, r"1 in all; at \(x, y\) = \(0, 0\) they are"),
    "no number": ({"rounds": [ROUNDS[0] * torch.nan]}, r"at \(x, y\) = \(0, 0\) they are nan"),
    "usual of others": ({"usual": [1.0]}, r"usual must be 3 shares 0..1, what each class.*not \[1.0\]"),
    "more than full": ({"usual": [1, 1.5, 1]}, r"not \[1.0, 1.5, 1.0\]"),
    "threshold": ({"threshold": 50}, "threshold 50 must be 0..1"),
    "too many": ({"qualities": [None] * 4}, "4 qualities of rounds, but there are only 3 labels"),
    "no quality": ({"qualities": [0.5]}, r"qualities\[0\] must be a Quality, as round.quality, not a float"),
    "no such round": ({"round": 3}, "round=3 is not there; there are 0, 1, 2"),
    "no such scheme": ({"scheme": "x"}, "scheme='x' is not there; there are rectangles, unsure"),
    "no such stage": (
        {"stage": "smooth"},
        "stage='smooth' is not there; there are net, possible, inside, reset",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_mistake_gets_one_sentence(case: str) -> None:
    wrong, sentence = BAD[case]
    with pytest.raises(ValueError, match=sentence) as caught:
        RefinementExplorer(**given(**wrong))
    assert "\n" not in str(caught.value)


def test_a_threshold_between_the_stops_is_one_of_them() -> None:
    explorer = RefinementExplorer(**given(threshold=0.333))
    assert explorer.threshold == 0.333 and len(explorer.data["thresholds"]) == 102
    with pytest.raises(ValueError, match=r"threshold=0.334 is not there; there are hundredths of 0..1"):
        explorer.threshold = 0.334


def test_a_browser_that_sends_nonsense_is_told_and_nothing_changes() -> None:
    explorer = RefinementExplorer(**given())
    with pytest.raises(traitlets.TraitError):
        explorer.set_state({"round": 9})
    assert "round=9" in explorer.error and explorer.round == 1
