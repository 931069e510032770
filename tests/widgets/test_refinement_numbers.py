"""The refinement explorer's numbers by hand and beside the library's: measures, rules, the dial."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
import torch
from torch import Tensor

from seglib.labels import VOID
from seglib.scenes import Scenes
from seglib.weak.cleaning import Rules, box_fill_rates, reset_outliers
from seglib.weak.labels import quality
from seglib.weak.schemes import pseudo_labels
from seglib.widgets import RefinementExplorer
from tests.widgets.refinements import INSIDE, NET, ONE, POSSIBLE, RECTANGLE, UNSURE, given, scene


@pytest.fixture
def explorer() -> RefinementExplorer:
    return RefinementExplorer(**given())


def test_the_measures_of_a_scheme_by_hand(explorer: RefinementExplorer) -> None:
    assert torch.equal(explorer.label, RECTANGLE) and explorer.quality is not None
    assert explorer.quality.filled.iou.tolist() == pytest.approx([5 / 7, 4 / 6, np.nan], nan_ok=True)
    rim = explorer.quality.filled.mean_boundary_iou
    assert explorer.says() == f"rectangles: mIoU 69.0 %, Boundary IoU {100 * rim:.1f} %."
    explorer.scheme = "unsure"
    assert torch.equal(explorer.label, UNSURE) and explorer.quality.ignored == pytest.approx(4 / 12)
    assert explorer.quality.labelled.mean_iou == 1  # what is labelled is right
    assert "33.3 % of the pixels are ignored, and counted as the nearest label says; " in explorer.says()
    assert explorer.says().endswith("without them mIoU is 100.0 %.")


def test_the_rules_by_hand(explorer: RefinementExplorer) -> None:
    explorer.view = "rules"
    expected = {"net": NET, "possible": POSSIBLE, "inside": INSIDE, "reset": INSIDE}
    for stage, label in expected.items():
        explorer.stage = stage
        assert torch.equal(explorer.label, label.byte()), stage
    assert explorer.changes == {"possible": 1, "inside": 2, "reset": 0} and explorer.reset == ()
    assert explorer.says().startswith(
        "A box of which too little is left is filled again. The only box is kept. That changes no pixel."
    )
    explorer.threshold = 0.51
    assert torch.equal(explorer.label, RECTANGLE) and explorer.reset == (0,)
    assert explorer.changes == {"possible": 1, "inside": 2, "reset": 3}
    assert explorer.says() == (
        "A box of which too little is left is filled again. The only box is filled again. That changes "
        "3 pixels: 1 becomes right, 2 become wrong. The nets of later rounds learned with a threshold of "
        "0.5; only this step is done anew."
    )


def test_what_each_rule_says(explorer: RefinementExplorer) -> None:
    explorer.view, said = "rules", {}
    for stage in explorer._facts.stages:
        explorer.stage = stage
        said[stage] = explorer.says()
    assert said["net"].startswith("The net of round 0 says: mIoU ")
    assert said["possible"] == (
        "A class that has no box here is no answer. That changes 1 pixel: 1 becomes right, none becomes "
        "wrong."
    )
    assert said["inside"] == (
        "A pixel in no box of its class becomes background. That changes 2 pixels: 2 become right, none "
        "becomes wrong."
    )


def test_a_pixel_that_two_rules_change_is_told() -> None:
    net = torch.full((3, 4), 2)  # all crab, which has no box: it becomes fish, and background outside
    second = torch.ones(3, 4)
    probabilities = 0.6 * torch.nn.functional.one_hot(net, 3) + 0.4 * torch.nn.functional.one_hot(
        second.long(), 3
    )
    explorer = RefinementExplorer(
        **given(rounds=[probabilities.permute(2, 0, 1)], view="rules", stage="possible")
    )
    assert explorer.says().endswith("; a later rule changes 6 of them again.")
    assert explorer.changes == {"possible": 12, "inside": 6, "reset": 0}


def test_the_read_out_follows_a_pixel_through_the_rules(explorer: RefinementExplorer) -> None:
    explorer.view, explorer.cursor = "rules", [2, 1]
    assert explorer.read_out() == "x 2, y 1 · truth: fish · net: crab · box classes: fish"
    explorer.cursor = [0, 0]
    assert explorer.read_out() == "x 0, y 0 · truth: background · net: fish · keep inside: background"
    explorer.view, explorer.scheme, explorer.cursor = "schemes", "unsure", [1, 0]
    assert explorer.read_out() == "x 1, y 0 · truth: fish · label: ignored"


@pytest.mark.parametrize(("usual", "last"), [([1, 1, 1], 50), ([1, 0.75, 1], 66), ([1, 0.5, 1], 100)])
def test_the_dial_is_a_share_of_the_usual(usual: list[float], last: int) -> None:
    explorer = RefinementExplorer(**given(usual=usual, view="rules"))
    kept = []
    for step in range(101):
        explorer.threshold = step / 100
        kept.append(explorer.reset == ())
        expected, low = reset_outliers(INSIDE.byte(), ONE, torch.tensor(usual), threshold=step / 100)
        assert torch.equal(explorer.label, expected) and explorer.reset == tuple(low)
    assert kept == [step <= last for step in range(101)]
    assert len(explorer.data["steps"][0]["resets"]) == (1 if last == 100 else 2)


@pytest.mark.parametrize("smoothing", [True, False])
def test_on_a_scene_every_label_is_that_of_clean(smoothing: bool) -> None:
    known = scene()
    explorer = RefinementExplorer(**known, smoothing=smoothing, threshold=0.3)
    image, one, usual = known["image"].as_subclass(Tensor), known["one"], known["usual"]
    for explorer.round in range(1, 3):
        net = known["rounds"][explorer.round - 1]
        for threshold in (0.0, 0.3, 0.62, 1.0):
            rules = Rules(tuple(usual.tolist()), threshold=threshold, smoothing=smoothing)
            expected = rules(image, net, one, 1)
            explorer.view, explorer.threshold = "rules", threshold
            assert torch.equal(explorer.label, expected)
            if threshold == 0.3:
                explorer.view = "rounds"
                assert torch.equal(explorer.label, expected)
        inside = explorer._facts.steps[explorer.round - 1].before["inside"].label
        assert explorer._facts.steps[explorer.round - 1].fills == tuple(box_fill_rates(inside, one))
    assert ("smooth" in explorer._facts.stages) == smoothing


def test_measures_are_those_of_a_data_set_of_one_image() -> None:
    scenes = Scenes(length=1, size=(48, 48))
    labels = pseudo_labels(scenes, "box-i")
    expected = quality(labels)
    known = scene(nets=1) | {"schemes": {"box-i": labels.mask(0)}, "rounds": []}
    found = RefinementExplorer(**known, qualities=[expected])
    assert found.quality is not None and torch.equal(
        found.quality.filled.confusion, expected.filled.confusion
    )
    assert found.quality.labelled.mean_iou == expected.labelled.mean_iou
    assert found.quality.filled.mean_boundary_iou == expected.filled.mean_boundary_iou
    assert found.quality.ignored == expected.ignored
    lines = {line["name"]: line["heights"] for line in found.data["chart"]["lines"]}
    assert lines["mIoU, all images"] == lines["mIoU, this image"] == [round(expected.filled.mean_iou, 4)]


def test_rounds_begin_with_the_scheme_that_was_trained_on() -> None:
    explorer = RefinementExplorer(**given(first="unsure", view="rounds", round=0))
    assert torch.equal(explorer.label, UNSURE) and explorer.says().startswith("Round 0 trains on unsure: ")
    explorer.round = 1
    assert "Round 1, made from what the net of round 0 says: " in explorer.says()
    differs = float((explorer.label != UNSURE).float().mean())
    assert f"{100 * differs:.1f} % of the pixels have another label than in round 0." in explorer.says()


def test_what_travels_is_what_is_shown(explorer: RefinementExplorer) -> None:
    facts, data = explorer._facts, explorer.data
    for packed, shot in zip(data["rounds"] + data["schemes"], [*facts.rounds, *facts.schemes.values()]):
        labels = np.frombuffer(zlib.decompress(packed["labels"]), "u1").reshape(3, 4)
        assert np.array_equal(labels, shot.label.numpy())
    assert data["boxes"] == [{"name": "fish", "box": [1, 0, 4, 2], "usual": 1.0, "color": (63, 144, 218)}]
    assert [one["boxes"] for one in data["steps"][0]["resets"]] == [[], [0]]
    assert data["steps"][0]["texts"] == [("50 %", "100 %")]
    words = data["schemes"][1]["words"]
    assert (facts.schemes["unsure"].label == VOID).any() and "ignored 33 %" in words and "void" not in words
