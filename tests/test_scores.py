"""scores, tables: counts worked by hand, and a table that everyone can read."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import pytest
import torch

from seglib.evaluate import Scores
from seglib.labels import Classes

# Square: 6 of 10 pixels found, 2 invented. Line: missed. Kelp: not there.
SCORES = Scores(
    name="two off",
    data="shapes val",
    classes=Classes.of("background", "square", "line", "kelp"),
    confusion=torch.tensor([[88, 2, 0, 0], [4, 6, 0, 0], [5, 0, 0, 0], [0, 0, 0, 0]]),
    boundary=torch.tensor([[30, 40], [2, 8], [0, 5], [0, 0]]),
    outlines=torch.tensor([[1.8, 2], [0.5, 1], [0, 1], [0, 0], [1.2, 2]]).double(),
    images=2,
    seconds=0.5,
)
IOU = [88 / 99, 6 / 12, 0]


def test_scores_worked_by_hand():
    assert SCORES.pixel_accuracy == pytest.approx(94 / 105)
    assert SCORES.mean_accuracy == pytest.approx((88 / 90 + 6 / 10 + 0) / 3)
    assert SCORES.iou.tolist() == pytest.approx([*IOU, math.nan], nan_ok=True)
    assert SCORES.mean_iou == pytest.approx(sum(IOU) / 3)
    assert SCORES.frequency_weighted_iou == pytest.approx((90 * IOU[0] + 10 * IOU[1]) / 105)
    assert SCORES.dice[1].item() == pytest.approx(12 / 18)
    assert SCORES.mean_boundary_iou == pytest.approx((30 / 40 + 2 / 8 + 0) / 3)
    assert SCORES.boundary_f1.tolist() == pytest.approx([0.9, 0.5, 0, math.nan], nan_ok=True)
    assert SCORES.mean_boundary_f1 == pytest.approx(0.6)
    assert SCORES.seconds_per_image == 0.25


def test_the_policy_reaches_every_mean():
    every = replace(SCORES, present="all")
    assert every.mean_iou == pytest.approx(sum(IOU) / 4)
    assert every.mean_boundary_iou == pytest.approx((30 / 40 + 2 / 8) / 4)
    invented = SCORES.confusion.clone()
    invented[0, 3] = 10
    union, truth = (replace(SCORES, confusion=invented, present=present) for present in ("union", "truth"))
    assert union.mean_iou == pytest.approx((88 / 109 + 6 / 12) / 4)
    assert truth.mean_iou == pytest.approx((88 / 109 + 6 / 12) / 3)
    assert (union.policy.endswith("absent: none"), truth.policy.endswith("absent: kelp")) == (True, True)


def test_the_baseline_is_what_background_everywhere_scores():
    baseline = SCORES.baseline
    assert baseline.confusion.tolist() == [[90, 0, 0, 0], [10, 0, 0, 0], [5, 0, 0, 0], [0, 0, 0, 0]]
    assert (baseline.name, baseline.pixel_accuracy) == ("all background", pytest.approx(90 / 105))
    assert baseline.mean_iou == pytest.approx(90 / 105 / 3)
    street = replace(
        SCORES, classes=Classes.of("road", "car", "pole", "sky"), confusion=SCORES.confusion.flip(0, 1)
    )
    assert street.baseline.name == "all sky"  # no background here: the most frequent class


def test_addition_adds_counts():
    both = SCORES + replace(SCORES, images=1, seconds=1.0)
    for count in ("confusion", "boundary", "outlines"):
        assert torch.equal(getattr(both, count), 2 * getattr(SCORES, count))
    assert (both.images, both.seconds, both.data, both.mean_iou) == (3, 1.5, "shapes val", SCORES.mean_iou)
    assert (SCORES + replace(SCORES, data="shapes test")).data == "shapes val + shapes test"


def test_scores_that_do_not_belong_together_are_not_added():
    for change, words in (
        ({"name": "other"}, "differ in name: two off and other"),
        ({"present": "truth"}, "differ in present: union and truth"),
        ({"classes": Classes.of("a", "b", "c", "d")}, "differ in classes"),
        ({"boundary": None}, "boundary=True and the other without"),
    ):
        with pytest.raises(ValueError, match=words):
            SCORES + replace(SCORES, **change)


def test_without_boundary_nothing_is_said_of_it():
    scores = replace(SCORES, boundary=None, outlines=None)
    assert math.isnan(scores.mean_boundary_iou) and math.isnan(scores.mean_boundary_f1)
    assert scores.boundary_iou.isnan().all() and scores.boundary_f1.isnan().all()
    assert scores.mean_iou == SCORES.mean_iou


def test_the_table_says_what_was_measured_and_what_was_averaged():
    assert str(SCORES).splitlines() == [
        "two off on shapes val, 2 images, 250.0 ms each",
        "%                       score  Boundary IoU  all background",
        "pixel accuracy           89.5                          85.7",
        "mean accuracy            52.6                          33.3",
        "frequency-weighted IoU   81.0                          73.5",
        "boundary F1              60.0",
        "mean IoU                 46.3          33.3            28.6",
        "IoU of background        88.9          75.0            85.7",
        "IoU of square            50.0          25.0             0.0",
        "IoU of line               0.0           0.0             0.0",
        "IoU of kelp",  # absent: no number, not 0
        "mean over the 3 of 4 classes that occur in truth or prediction; absent: kelp",
    ]
    assert repr(SCORES) == str(SCORES)


def test_an_oracle_is_marked_wherever_it_is_shown():
    oracle = replace(SCORES, sees_truth=True)
    assert str(oracle).splitlines()[0].endswith("; an oracle: it sees the truth")
    assert oracle.row()["method"] == "two off (oracle)"
    assert "oracle" not in str(SCORES) and not oracle.baseline.sees_truth


def test_the_html_table_has_headings_for_rows_and_columns():
    markup = replace(SCORES, classes=Classes.of("background", "<b>", "line", "kelp"))._repr_html_()
    assert markup.count('<th scope="col"') == 4 and markup.count('<th scope="row"') == 9
    assert re.search("<caption[^>]*>two off on shapes val", markup)
    assert "IoU of &lt;b&gt;" in markup and "<b>" not in markup
    assert "<p>mean over the 3 of 4 classes" in markup


def test_a_leaderboard_row_is_in_per_cent():
    row = SCORES.row("my method")
    assert list(row) == [
        "method", "mean IoU %", "mean Boundary IoU %", "boundary F1 %", "pixel accuracy %", "mean accuracy %",
        "ms per image",
    ]  # fmt: skip
    assert row["method"] == "my method" and row["ms per image"] == 250
    assert row["mean IoU %"] == pytest.approx(100 * sum(IOU) / 3)
