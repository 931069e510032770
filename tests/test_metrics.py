"""metrics: arrays worked by hand, three oracles, invariants, and wrong input."""

import math
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics
from torch import Tensor
from torchmetrics.classification import MulticlassAccuracy, MulticlassJaccardIndex

from seglib import metrics
from seglib.labels import Classes
from seglib.metrics import confusion_matrix
from tests.refused import refused

# 3 x 4, worked by hand: class 1 is found in 2 of 3 pixels, class 2 is invented once
TRUE = torch.tensor([[0, 0, 1, 255], [0, 0, 1, 1], [0, 0, 0, 255]])
PRED = torch.tensor([[0, 0, 1, 1], [0, 0, 1, 0], [2, 1, 0, 2]])
BY_HAND = torch.tensor([[5, 1, 1], [1, 2, 0], [0, 0, 0]])
# One class more, which occurs in neither.
ONE_ABSENT = torch.nn.functional.pad(BY_HAND, (0, 1, 0, 1))


def random_pair(seed: int, num_classes: int, *, missing: int | None = None) -> tuple[Tensor, Tensor]:
    """(2, 30, 40) prediction and truth with void; class `missing` occurs in neither."""
    rng = torch.Generator().manual_seed(seed)
    mask = torch.randint(0, num_classes, (2, 30, 40), generator=rng)
    pred = torch.where(torch.rand(mask.shape, generator=rng) < 0.7, mask, mask.flip(0))
    for values in (mask, pred):
        values[values == missing] = 0
    return pred, mask.masked_fill(torch.rand(mask.shape, generator=rng) < 0.1, 255)


def naive(pred: Tensor, mask: Tensor, num_classes: int) -> list[list[int]]:
    """The matrix in a loop over pixels."""
    expected = np.zeros((num_classes, num_classes), int)
    for guess, true in zip(pred.flatten().tolist(), mask.flatten().tolist()):
        if true != 255:
            expected[true, guess] += 1
    return expected.tolist()


@pytest.mark.parametrize("num_classes", [1, 2, 21, 127, 128, 200, 255])
def test_a_loop_over_pixels_agrees_whatever_the_dtype_and_neither_input_is_changed(num_classes):
    pred, mask = random_pair(1, num_classes)
    expected = naive(pred, mask, num_classes)
    for dtype in (torch.uint8, torch.int16, torch.int32, torch.int64):
        given = pred.to(dtype), mask.to(dtype)
        cm = confusion_matrix(*given, num_classes)
        assert cm.dtype == torch.int64 and cm.tolist() == expected
        assert torch.equal(given[0].long(), pred) and torch.equal(given[1].long(), mask)


def test_scikit_learn_agrees():
    pred, mask = random_pair(2, 7, missing=4)
    known = mask != 255
    expected = sklearn_metrics.confusion_matrix(mask[known], pred[known], labels=range(7))
    cm = confusion_matrix(pred, mask, 7)
    assert cm.tolist() == expected.tolist()
    options = {"labels": range(7), "average": None, "zero_division": 0}
    jaccard = sklearn_metrics.jaccard_score(mask[known], pred[known], **options)
    f1 = sklearn_metrics.f1_score(mask[known], pred[known], **options)
    assert metrics.iou(cm).nan_to_num(0).numpy() == pytest.approx(jaccard)
    assert metrics.dice(cm).nan_to_num(0).numpy() == pytest.approx(f1)
    assert metrics.mean_iou(cm, "all") == pytest.approx(jaccard.mean())


@pytest.mark.parametrize("missing", [None, 3])
def test_torchmetrics_agrees(missing):
    pred, mask = random_pair(3, 6, missing=missing)
    cm = confusion_matrix(pred, mask, 6)
    jaccard = MulticlassJaccardIndex(num_classes=6, ignore_index=255)
    accuracy = MulticlassAccuracy(num_classes=6, ignore_index=255, average="micro")
    assert metrics.mean_iou(cm) == pytest.approx(jaccard(pred, mask).item(), abs=1e-6)
    assert metrics.pixel_accuracy(cm) == pytest.approx(accuracy(pred, mask).item(), abs=1e-6)


def test_the_matrix_and_every_score_worked_by_hand():
    assert confusion_matrix(PRED, TRUE, 3).tolist() == BY_HAND.tolist()
    assert metrics.pixel_accuracy(BY_HAND) == pytest.approx(7 / 10)
    assert metrics.recall(BY_HAND).tolist() == pytest.approx([5 / 7, 2 / 3, math.nan], nan_ok=True)
    assert metrics.mean_accuracy(BY_HAND) == pytest.approx((5 / 7 + 2 / 3) / 2)
    assert metrics.iou(BY_HAND).tolist() == pytest.approx([5 / 8, 2 / 4, 0])
    assert metrics.dice(BY_HAND).tolist() == pytest.approx([10 / 13, 4 / 6, 0])
    assert metrics.frequency_weighted_iou(BY_HAND) == pytest.approx((7 * 5 / 8 + 3 * 2 / 4) / 10)


@pytest.mark.parametrize(
    ("present", "count", "words"),
    [
        ("union", 3, "mean over the 3 of 4 classes that occur in truth or prediction; absent: seahorse"),
        ("truth", 2, "mean over the 2 of 4 classes that occur in the truth; absent: kelp, seahorse"),
        ("all", 4, "mean over all 4 classes; counted as 0 because absent: seahorse"),
    ],
)
def test_the_three_policies_in_numbers_and_words(present, count, words):
    """Class 2, kelp, is predicted but not true."""
    classes = Classes.of("background", "fish", "kelp", "seahorse")
    assert metrics.mean_iou(ONE_ABSENT, present) == pytest.approx((5 / 8 + 2 / 4) / count)
    assert metrics.policy(ONE_ABSENT, classes, present) == words
    assert metrics.mean_iou(ONE_ABSENT) == metrics.mean_iou(ONE_ABSENT, "union")
    assert metrics.policy(ONE_ABSENT, classes) == metrics.policy(ONE_ABSENT, classes, "union")
    assert metrics.iou(ONE_ABSENT)[3].isnan()
    with pytest.raises(ValueError, match="'both'; it must be one of union, truth, all"):
        metrics.mean_iou(ONE_ABSENT, "both")


def test_nothing_to_score_is_nan_not_a_number():
    empty = confusion_matrix(torch.empty(0, dtype=torch.uint8), torch.empty(0, dtype=torch.uint8), 3)
    assert empty.tolist() == [[0] * 3] * 3
    for score in ("pixel_accuracy", "mean_accuracy", "mean_iou", "frequency_weighted_iou"):
        assert math.isnan(getattr(metrics, score)(empty)), score


def test_many_pixels_are_counted_in_pieces_with_the_same_result(monkeypatch):
    pred, mask = random_pair(5, 9)
    whole = confusion_matrix(pred, mask, 9)
    monkeypatch.setattr(metrics, "CHUNK", 1000)  # 2400 pixels: two whole pieces and a rest
    assert torch.equal(confusion_matrix(pred, mask, 9), whole)
    pred.view(-1)[-1], mask.view(-1)[-1] = 9, 0
    with pytest.raises(ValueError, match=r"pred holds the value 9 .* the classes are 0\.\.8"):
        confusion_matrix(pred, mask, 9)


test_wrong_input_is_one_clear_sentence = refused(
    confusion_matrix,
    (TRUE, TRUE, 0, "num_classes must be 1 to 255"),
    (TRUE, TRUE, 256, "num_classes must be 1 to 255"),
    (torch.zeros(2, 3), torch.zeros(2, 3).long(), 3, "pred is torch.float32.* take logits.argmax"),
    (torch.zeros(2, 3).long(), torch.zeros(2, 3), 3, "mask is torch.float32"),
    (torch.zeros(3, 2).long(), torch.zeros(2, 3).long(), 3, r"pred \(3, 2\) and mask \(2, 3\)"),
    (torch.tensor([255]), torch.tensor([0]), 3, "pred holds 255, which means void"),
)


ONE_OF_TWO = """
import sys, torch
from seglib.metrics import all_reduce
rank, address = int(sys.argv[1]), sys.argv[2]
torch.distributed.init_process_group("gloo", init_method=address, rank=rank, world_size=2)
mine = torch.tensor([[1, 0], [2, 3]]) * (rank + 1)
print(all_reduce(mine).tolist(), mine.tolist())
torch.distributed.destroy_process_group()
"""


def test_two_processes_sum_their_counts(tmp_path):
    arguments = [sys.executable, "-c", ONE_OF_TWO]
    address = (tmp_path / "meet").as_uri()
    both = [subprocess.Popen([*arguments, str(rank), address], stdout=-1, text=True) for rank in (0, 1)]
    outputs = [process.communicate(timeout=200)[0] for process in both]
    # Each has the sum, and its own counts are left alone; one process keeps its counts.
    assert metrics.all_reduce(BY_HAND) is BY_HAND
    assert outputs == ["[[3, 0], [6, 9]] [[1, 0], [2, 3]]\n", "[[3, 0], [6, 9]] [[2, 0], [4, 6]]\n"]


CALM = settings(deadline=None, derandomize=True, max_examples=200)  # a busy machine is no failure


def pixels(num_classes: int) -> st.SearchStrategy[tuple[Tensor, Tensor]]:
    """Pairs of prediction and truth with void."""
    pair = st.tuples(st.integers(0, num_classes - 1), st.sampled_from([*range(num_classes), 255]))
    return st.lists(pair, min_size=1, max_size=60).map(lambda pairs: torch.tensor(pairs).T.unbind())


@given(pixels(4), st.integers(0, 255))
@CALM
def test_a_loop_over_any_pixels_agrees(pair, anything):
    pred, mask = pair
    changed = torch.where(mask == 255, anything, pred)
    assert confusion_matrix(changed, mask, 4).tolist() == naive(pred, mask, 4)


@given(pixels(4), st.integers(-(2**63), 2**63 - 1).filter(lambda value: not 0 <= value < 4), st.booleans())
@CALM
def test_a_value_that_is_no_class_is_never_counted(pair, value, in_mask):
    pred, mask = (torch.cat([values, torch.tensor([0])]) for values in pair)
    (mask if in_mask else pred)[-1] = value
    if in_mask and value == 255:
        return  # this is void
    name = "mask" if in_mask else "pred"
    with pytest.raises(ValueError, match=rf"^{name} holds (the value )?{value}\b.*classes"):
        confusion_matrix(pred, mask, 4)
