"""The refinement explorer without a browser: its frames by hand and as in the library, what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from seglib.labels import VOID, Classes
from seglib.scenes import Scenes
from seglib.weak.boxes import BoxAnnotations
from seglib.weak.cleaning import Rules, box_fill_rates, reset_outliers
from seglib.weak.labels import image_quality, quality
from seglib.weak.schemes import pseudo_labels
from seglib.widgets import RefinementExplorer
from seglib.widgets.film import Frame, Reel
from tests.refused import refused
from tests.widgets.refinements import (
    CLASSES,
    IMAGE,
    INSIDE,
    NET,
    NONE,
    ONE,
    POSSIBLE,
    RECTANGLE,
    ROUNDS,
    TRUTH,
    UNSURE,
    given,
    scene,
)


def reel(view: str, index: int = 0, **changes: Any) -> Reel:
    return RefinementExplorer(**given(**changes))._views[view].reels[index]


def label(frame: Frame) -> Tensor:
    """The label on show, the last panel."""
    return frame.panels[-1].labels.pixels


def test_the_measures_of_a_scheme_by_hand() -> None:
    rectangles, unsure = reel("schemes").frames
    assert torch.equal(label(rectangles), RECTANGLE.long()) and torch.equal(label(unsure), UNSURE.long())
    found = image_quality(RECTANGLE, TRUTH, CLASSES).filled
    assert found.iou.tolist() == pytest.approx([5 / 7, 4 / 6, np.nan], nan_ok=True)
    rim = f"{100 * found.mean_boundary_iou:.1f}"
    assert rectangles.words == f"rectangles: mIoU 69.0 %, Boundary IoU {rim} %."
    assert rectangles.row is not None and rectangles.row.texts == ("69.0", rim, "0.0", "69.0")
    assert "33.3 % of the pixels are ignored, and scored as the nearest label says" in unsure.words
    assert unsure.words.endswith("without them mIoU is 100.0 %.")


def test_what_is_ignored_is_not_called_wrong() -> None:
    rectangles, unsure = (frame.panels[1].truth for frame in reel("schemes").frames)
    assert rectangles is not None and torch.equal(rectangles, TRUTH)
    assert unsure is not None and torch.equal(unsure, torch.where(UNSURE == VOID, VOID, TRUTH))
    names = reel("schemes").frames[1].panels[1]
    assert names.palette.entries[VOID][0] == "ignored" and "ignored 33 %" in names.words


def test_the_rules_by_hand() -> None:
    rules = reel("rules")
    assert rules.stops == ("Net", "Box classes", "Keep inside", "Reset", "Smoothing")
    *before, _ = rules.frames
    for frame, expected in zip(before, (NET, POSSIBLE, INSIDE, INSIDE)):
        assert torch.equal(label(frame), expected.long())
    assert [frame.row.texts[0] for frame in before if frame.row] == ["", "1", "2", "0"]
    reset = reel("reset").frames[51]
    assert torch.equal(label(reset), RECTANGLE.long())
    assert [frame.boxes[0][4] for frame in (before[3], reset)] == [False, True]  # wide: reset
    changed = reset.panels[0]
    assert changed.labels.pixels.tolist() == [[2, 0, 3, 3], [0, 0, 1, 3], [0, 2, 0, 0]]
    assert rules.frames[1].panels[0].labels.pixels.tolist() == [[0, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]]
    assert changed.palette.entries[3][0] == "reset" and changed.palette.grey


def test_what_each_rule_says() -> None:
    net, possible, inside, reset, _ = (frame.words for frame in reel("rules").frames)
    assert net.startswith("The net of round 0 says: mIoU ")
    assert "ruled out. Pixels changed: 1; now right: 1, now wrong: 0" in possible
    assert "Pixels changed: 2; now right: 2, now wrong: 0" in inside
    assert "Boxes reset: 0 of 1. Pixels changed: 0" in reset
    words = reel("reset").frames[51].words
    assert "Boxes reset: 1 of 1. Pixels changed: 3; now right: 1, now wrong: 2." in words


def test_a_pixel_that_two_rules_change_is_told() -> None:
    net = torch.full((3, 4), 2)  # all crab, which has no box: it becomes fish, and background outside
    crab, fish = (torch.nn.functional.one_hot(one, 3) for one in (net, torch.ones(3, 4).long()))
    frames = reel("rules", rounds=[(0.6 * crab + 0.4 * fish).permute(2, 0, 1)]).frames
    assert frames[1].words.endswith("; changed again by a later rule: 6.")
    assert [frame.row.texts[0] for frame in frames if frame.row][:4] == ["", "12", "6", "0"]


def test_the_read_out_follows_a_pixel_through_the_rules() -> None:
    frame = reel("rules").frames[1]
    names = {panel.title: panel.palette.entries[int(panel.labels.pixels[1, 2])][0] for panel in frame.reads}
    read = {"truth": "fish", "net": "crab", "after box classes": "fish"}
    assert names == read | {"which rule changed a pixel last": "box classes"}


@pytest.mark.parametrize(("rates", "last"), [([1, 1, 1], 50), ([1, 0.75, 1], 66), ([1, 0.5, 1], 100)])
def test_the_dial_is_a_share_of_the_usual(rates: list[float], last: int) -> None:
    dial = reel("reset", fill_rates=rates)
    assert len(dial.frames) == 101 and dial.begin == 50
    for step, frame in enumerate(dial.frames):
        given = INSIDE.byte(), ONE, RECTANGLE, torch.tensor(rates)
        expected, low = reset_outliers(*given, threshold=step / 100)
        assert torch.equal(label(frame), expected.long()) and bool(low) == (step > last)
        (row,) = frame.numbers
        assert row.texts == (f"50 %, usual {100 * rates[1]:.0f} %", "reset" if low else "kept")
        assert row.marks == (rates[1], round(rates[1] * step / 100, 4)) and row.strong == bool(low)
        assert ("learned with a threshold of 0.5" in frame.words) == (step != 50)


def test_on_a_scene_every_label_is_that_of_the_rules() -> None:
    known = scene()
    first = known["truth"].as_subclass(Tensor).roll(9, 0)  # to which a box is reset
    views = RefinementExplorer(**known, schemes={"moved": first})._views
    image, boxes = known["image"].as_subclass(Tensor), known["boxes"]
    for number, net in enumerate(known["rounds"]):
        for stop in (0, 30, 50, 62, 100):
            rules = Rules(tuple(known["fill_rates"].tolist()), threshold=stop / 100, smoothing=stop == 50)
            expected = rules.after_each(image, net, boxes, first)
            assert torch.equal(label(views["reset"].reels[number].frames[stop]), expected["reset"].long())
            if stop == 50:
                frames = views["rules"].reels[number].frames
                assert all(
                    torch.equal(label(frame), mask.long())
                    for frame, mask in zip(frames, expected.values(), strict=True)
                )
                last = rules(image, net, boxes, 1, first).long()
                assert torch.equal(label(views["rounds"].reels[0].frames[number + 1]), last)
                fills = [row.bar[1] for row in views["reset"].reels[number].frames[0].numbers if row.bar]
                assert fills == pytest.approx(box_fill_rates(expected["inside"], boxes), abs=1e-4)


def test_measures_are_those_of_a_data_set_of_one_image() -> None:
    labels = pseudo_labels(Scenes(length=1, size=(48, 48)), "box-i")
    expected = quality(labels)
    known = scene(nets=1) | {"schemes": {"box-i": labels.mask(0)}}
    views = RefinementExplorer(**known, qualities=[expected])._views
    row = views["schemes"].reels[0].frames[0].row
    scores = expected.filled
    shares = (scores.mean_iou, scores.mean_boundary_iou, expected.ignored, expected.labelled.mean_iou)
    assert row is not None and row.texts == tuple(f"{100 * share:.1f}" for share in shares)
    chart = views["rounds"].reels[0].chart
    assert chart is not None
    lines = {line.name: line.points[:, 1].tolist() for line in chart.lines}
    assert lines["mIoU, all images"] == lines["mIoU, this image"][:1] == [pytest.approx(scores.mean_iou)]


def test_rounds_begin_with_the_scheme_that_was_trained_on() -> None:
    rounds = reel("rounds", schemes={"unsure": UNSURE, "rectangles": RECTANGLE})
    assert rounds.begin == 1 and torch.equal(label(rounds.frames[0]), UNSURE.long())
    assert rounds.frames[0].words.startswith("Round 0 trains on unsure: ")
    assert rounds.frames[1].words.startswith("Round 1, made from what the net of round 0 says: ")
    differs = float((label(rounds.frames[1]) != UNSURE).float().mean())
    assert (
        f"{100 * differs:.1f} % of the pixels have another label than in round 0." in rounds.frames[1].words
    )


def test_a_image_without_boxes_and_rounds() -> None:
    explorer = RefinementExplorer(IMAGE, TRUTH, NONE, CLASSES)
    assert list(explorer._views) == ["schemes"] and not label(explorer.frame).any()
    assert explorer.frame.words.startswith("There is no box. rectangles: mIoU ")
    assert "without boxes" in explorer.description()


def test_a_truth_that_is_all_void_is_said_to_be_unknown() -> None:
    explorer = RefinementExplorer(**given(truth=torch.full((3, 4), 255)))
    frames = [one for view in explorer._views.values() for each in view.reels for one in each.frames]
    assert all("nan" not in frame.words for frame in frames) and "nan" not in explorer.description()
    assert {text for frame in frames[:2] if frame.row for text in frame.row.texts[:2]} == {"–"}
    chart = explorer._views["rounds"].reels[0].chart
    assert chart is not None and not any(len(line.points) for line in chart.lines) and explorer.still()


def test_the_smaller_box_is_in_front() -> None:
    two = BoxAnnotations(torch.tensor([[1, 0, 3, 2], [0, 0, 4, 3]]), torch.tensor([1, 2]))
    assert reel("schemes", boxes=two).frames[0].boxes == ((0, 0, 4, 3, False), (1, 0, 3, 2, False))


HALF = ROUNDS[0].clone()
HALF[0, 2, 1] += 0.5
test_a_mistake_gets_one_sentence = refused(
    lambda wrong: RefinementExplorer(**given(**wrong)),
    ({"image": IMAGE / 255}, r"image must be .*\(3, 3, 4\) float32"),
    ({"truth": TRUTH[:2]}, r"'truth' has the size \(2, 4\), the image \(3, 4\)"),
    ({"schemes": {"box-i": TRUTH[:, :2]}}, r"'scheme box-i' has the size \(3, 2\)"),
    ({"schemes": {"a": TRUTH % 255 + 2}}, "'scheme a' holds the value"),
    ({"schemes": [TRUTH]}, "schemes must be labels by name"),
    ({"classes": Classes.of("sea", "fish", "crab")}, "background"),
    ({"boxes": ONE.boxes}, "BoxAnnotations.*not a Tensor"),
    ({"boxes": BoxAnnotations(ONE.boxes, torch.zeros(0).long())}, "1 boxes"),
    ({"boxes": BoxAnnotations(torch.tensor([[1, 0, 5, 2]]), ONE.classes)}, r"\(1, 0, 5, 2\)"),
    ({"boxes": BoxAnnotations(ONE.boxes, torch.tensor([7]))}, "class 7"),
    ({"rounds": [ROUNDS[0][:2]]}, r"rounds\[0\].*3 classes.*not \(2, 3, 4\)"),
    ({"rounds": ROUNDS[0]}, r"rounds\[0\].*not \(3, 4\)"),
    ({"rounds": [TRUTH]}, r"rounds\[0\].*floating point"),
    ({"rounds": [ROUNDS[0], HALF]}, r"rounds\[1\].*\(x, y\) = \(1, 2\).*softmax"),
    ({"rounds": [ROUNDS[0] * 2 - 1 / 3]}, r"\(x, y\) = \(0, 0\)"),
    ({"rounds": [ROUNDS[0] * torch.nan]}, r"\(x, y\) = \(0, 0\) they are nan"),
    ({"fill_rates": [1.0]}, r"fill_rates must be 3 shares.*not \[1.0\]"),
    ({"fill_rates": [1, 1.5, 1]}, r"not \[1.0, 1.5, 1.0\]"),
    ({"qualities": [None] * 4}, "qualities must be at most 3, each a Quality"),
    ({"qualities": [0.5]}, r"each a Quality, as round.quality.*not \[0.5\]"),
    ({"view": "rules", "reel": 2}, "reel must be 0 to 1"),
    ({"usual": [1, 1, 1]}, "no option 'usual'"),
)
