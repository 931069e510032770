"""The checks of notebook 02."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from seglib.course.content.nb02.answers import confusion, dataset_miou, iou_and_dice
from seglib.course.guard import in_words
from seglib.course.lesson import Wrong, first_true, near
from seglib.metrics import confusion_matrix, nearest_known
from seglib.scenes import Scenes
from seglib.widgets.lies import judge

Pairs = Sequence[tuple[Tensor, Tensor]]


def _random_pair(seed: int, num_classes: int, size: tuple[int, int] = (12, 16)) -> tuple[Tensor, Tensor]:
    """A mask with some void and a prediction that agrees with it on about two thirds of the pixels."""
    rng = torch.Generator().manual_seed(seed)
    mask = torch.randint(0, num_classes, size, generator=rng)
    noise = torch.randint(0, num_classes, size, generator=rng)
    pred = torch.where(torch.rand(size, generator=rng) < 0.66, mask, noise)
    mask[torch.rand(size, generator=rng) < 0.1] = 255
    return pred, mask


def _expect_matrix(fn: Callable[[Tensor, Tensor, int], Tensor], pair: tuple[Tensor, Tensor], k: int) -> None:
    """Wrong, with the reason, unless `fn` returns the matrix of this pair."""
    got, expected = fn(*pair, k), confusion_matrix(*pair, k)
    if torch.equal(got, expected):
        return
    counted, known = int(got.sum()), int(expected.sum())
    small = " Prediction and mask are uint8 here, 0 to 255. Does every number you make fit?"
    small *= pair[0].dtype == torch.uint8
    reasons = {
        "Rows and columns are swapped. Row = true class, column = prediction.": torch.equal(got, expected.T),
        f"You counted {counted} pixels; only {known} have a true class. What does 255 mean?": counted > known,
        f"You counted {counted} of {known} pixels.{small}": counted < known,
    }
    row, column = (got != expected).nonzero()[0].tolist()
    cell = f"{expected[row, column]} pixels of class {row} are predicted as {column}"
    raise Wrong(first_true(reasons, f"With {k} classes, {cell}; you say {got[row, column]}.{small}"))


def check_confusion(fn: Callable[[Tensor, Tensor, int], Tensor]) -> str:
    """02.1: rows, columns, void, classes that never occur, more than one seed."""
    for seed, num_classes in ((0, 3), (1, 5)):
        _expect_matrix(fn, _random_pair(seed, num_classes), num_classes)
    _expect_matrix(fn, (torch.zeros(2, 3).long(), torch.zeros(2, 3).long()), 4)
    for num_classes in (3, 21):  # 20 * 21 + 20 does not fit into uint8
        pred, mask = _random_pair(2, num_classes, (40, 50))
        _expect_matrix(fn, (pred.to(torch.uint8), mask.to(torch.uint8)), num_classes)
    return "It sums to the number of pixels that have a true class. Matrices of many images can be added."


def check_iou_and_dice(fn: Callable[[Tensor], tuple[Tensor, Tensor]]) -> str:
    """02.2: partial overlap (where Dice and IoU differ), and a class that occurs nowhere."""
    cm = torch.tensor([[6, 2, 0], [1, 3, 0], [0, 0, 0]])
    iou, dice = fn(cm)
    expected_iou, expected_dice = iou_and_dice(cm)
    if not (math.isnan(iou[2]) and math.isnan(dice[2])):
        raise Wrong(f"Class 2 occurs nowhere: its scores are NaN. You say {iou[2]:.2f} and {dice[2]:.2f}.")
    if near(iou, expected_dice) and near(dice, expected_iou):
        raise Wrong("These are the right numbers in the wrong order: first IoU, then Dice.")
    if near(dice, expected_iou):
        raise Wrong("Your Dice equals IoU. They agree only at 0 and 1; here the masks overlap partly.")
    if near(iou, cm.diagonal() / cm.sum(1)):
        raise Wrong("That is the share of each true class that was found. What about pixels wrongly claimed?")
    if not near(iou, expected_iou):
        raise Wrong(f"IoU of class 0: 6 pixels are shared; how many are in either? You say {iou[0]:.3f}.")
    if not near(dice, expected_dice):
        raise Wrong(f"Dice of class 0 is 6 shared pixels over the mean of 8 and 7; you say {dice[0]:.3f}.")
    single = torch.tensor([[5, 0, 1, 0], [0, 0, 0, 0], [0, 0, 0, 0], [3, 0, 0, 0]])
    if not all(map(near, fn(single), iou_and_dice(single))):
        raise Wrong(
            "A class that only one of the two masks holds has IoU 0 and Dice 0, not NaN: it was missed, or "
            f"claimed wrongly. You say {in_words(fn(single))} for the matrix {in_words(single)}."
        )
    return "Dice = 2 IoU / (1 + IoU): the same order of classes, larger numbers."


def check_dataset_miou(fn: Callable[[Pairs, int], float]) -> str:
    """02.3: one big and one small image, a class that only one of them shows."""
    first, second = _random_pair(3, 3, (20, 20)), _random_pair(4, 2, (4, 5))
    pairs = [first, second]
    score, expected = fn(pairs, 4), dataset_miou(pairs, 4)
    ious = iou_and_dice(sum(confusion(*pair, 4) for pair in pairs))[0]
    if math.isnan(score):
        raise Wrong("The result is NaN: a class that occurs nowhere (class 3 here) has no IoU. Leave it out.")
    if abs(score - sum(dataset_miou([pair], 4) for pair in pairs) / 2) < 1e-4:
        raise Wrong("A mean of one score per image: 20 pixels weigh as much as 400. What can be added first?")
    if abs(score - float(ious.nan_to_num(0).mean())) < 1e-4:
        raise Wrong("Class 3 occurs nowhere, and you counted it as 0. It has no score to average.")
    if abs(score - expected) > 1e-4:
        raise Wrong(f"For two images with 4 classes {expected:.4f} is expected; your result is {score:.4f}.")
    if not near(fn([second, first], 4), expected):
        raise Wrong("The same images in another order give another score.")
    third = torch.tensor([[4, 0, 0]]), torch.tensor([[0, 5, 255]])
    three = [third, second, _random_pair(5, 2, (6, 3))]
    if not near(score := fn(three, 6), expected := dataset_miou(three, 6)):
        raise Wrong(
            "In three images with 6 classes 2 and 3 occur nowhere, 4 is only predicted and 5 only true, so 4 "
            f"and 5 count, with IoU 0. {expected:.4f} is expected; your result is {score:.4f}."
        )
    return "Sum first, divide once. This is the mIoU of the benchmarks: VOC, Cityscapes, ADE20K."


def check_score(fn: Callable[[Tensor], float]) -> str:
    """02.4, the bug clinic: an absent class must leave the mean alone; a missed class must not."""
    iou, nowhere = torch.tensor([0.9, 0.5, 0.0]), torch.full((12,), torch.nan)
    plain, more = fn(iou), fn(torch.cat([iou[:1], nowhere, iou[1:]]))
    if math.isnan(more):
        raise Wrong("Twelve classes that occur nowhere turn the mean into NaN. They should not matter.")
    if not near(more, plain):
        moved = "lift" if more > plain else "pull"
        raise Wrong(f"Twelve classes that occur nowhere {moved} the score from {plain:.2f} to {more:.2f}.")
    if not near(plain, 1.4 / 3):
        missed = " A missed class, IoU 0, still counts." if abs(plain - 0.7) < 1e-4 else ""
        raise Wrong(f"(0.9 + 0.5 + 0.0) / 3 = 0.467; yours is {plain:.3f}.{missed}")
    return "A class that is neither in the truth nor predicted has no IoU. A class that was missed has IoU 0."


#: Points of a hundred on the first pool: what Dice may lose, and what Boundary IoU must.
UNSEEN, SEEN = 3, 25


def check_my_lie(fn: Callable[[Tensor], Tensor]) -> str:
    """02.5, the open task: any prediction that Dice hardly notices and Boundary IoU does."""
    pools = Scenes(1, split="val", size=(160, 160))
    _, mask = pools[0]
    truth = mask[nearest_known(mask)].as_subclass(Tensor)
    pred = fn(truth)
    if values := sorted({*pred.unique().tolist()} - {*range(len(pools.classes))}):
        raise Wrong(f"Class indices are 0 to {len(pools.classes) - 1}; yours holds {values[:3]}.")
    if torch.equal(pred, truth):
        raise Wrong("Your prediction is the truth: no measure loses anything.")
    scores = judge(pred, mask, pools.classes)
    dice, outline = (100 * (1 - scores[name]) for name in ("Dice", "Boundary IoU"))
    lost = f"Dice loses {dice:.1f} points and Boundary IoU {outline:.1f}"
    if dice >= UNSEEN:
        raise Wrong(f"{lost}. Dice may lose less than {UNSEEN}: change fewer pixels.")
    if outline <= SEEN:
        raise Wrong(f"{lost}. Boundary IoU must lose more than {SEEN}: each changed pixel should do more.")
    return f"{lost}: {outline / dice:.0f} times as much."
