"""Wrong answers to the exercises of notebook 02, and the words each must be told."""

import torch

from seglib.course.content.nb02.answers import confusion, dataset_miou, iou_and_dice
from seglib.widgets.lies import corrupt


def uint8_overflow(pred, mask, num_classes):
    valid = mask != 255
    pair = mask[valid] * num_classes + pred[valid]
    return torch.bincount(pair, minlength=num_classes**2).reshape(num_classes, num_classes)


def forgets_the_diagonal(pred, mask, num_classes):
    cm = confusion(pred, mask, num_classes)
    return cm - torch.diag(cm.diagonal())


def dice_is_iou(cm):
    iou, _ = iou_and_dice(cm)
    return iou, iou


def absent_is_one(cm):
    iou, dice = iou_and_dice(cm)
    return iou.nan_to_num(1.0), dice.nan_to_num(1.0)


def recall_is_iou(cm):
    return cm.diagonal() / cm.sum(1), iou_and_dice(cm)[1]


def mean_over_images(pairs, num_classes):
    return sum(dataset_miou([pair], num_classes) for pair in pairs) / len(pairs)


def plain_mean(pairs, num_classes):
    return float(iou_and_dice(sum(confusion(p, m, num_classes) for p, m in pairs))[0].mean())


def absent_is_zero(pairs, num_classes):
    return float(iou_and_dice(sum(confusion(p, m, num_classes) for p, m in pairs))[0].nan_to_num(0).mean())


WRONG = {
    "02.1": {
        "rows and columns swapped": (lambda pred, mask, k: confusion(pred, mask, k).T, "swapped"),
        "void counted as background": (lambda p, m, k: confusion(p, torch.where(m == 255, 0, m), k), "255"),
        "pairs numbered in uint8": (uint8_overflow, "Does every number you make fit?"),
        "only the errors": (forgets_the_diagonal, "You counted"),
    },
    "02.2": {
        "Dice that is IoU": (dice_is_iou, "agree only at 0 and 1"),
        "absent class = 1": (absent_is_one, "NaN"),
        "recall in place of IoU": (recall_is_iou, "wrongly claimed"),
    },
    "02.3": {
        "mean over images": (mean_over_images, "one score per image"),
        "mean with NaN": (plain_mean, "NaN"),
        "absent class = 0": (absent_is_zero, "counted it as 0"),
        "the last image": (lambda pairs, num_classes: dataset_miou(pairs[-1:], num_classes), "expect"),
    },
    "02.4": {
        "the bug itself": (lambda iou: float(iou.nan_to_num(1.0).mean()), "lift"),
        "absent class = 0": (lambda iou: float(iou.nan_to_num(0.0).mean()), "pull"),
        "plain mean": (lambda iou: float(iou.mean()), "NaN"),
        "a sum": (lambda iou: float(iou.nansum()), "yours is 1.400"),
        "misses left out as well": (lambda iou: float(iou[iou > 0].mean()), "still counts"),
    },
    "02.5": {
        "two pixels eroded": (lambda mask: corrupt(mask, "erode", 2), "Dice may lose less"),
        "a shift of one": (lambda mask: corrupt(mask, "shift", 1), "each changed pixel should do more"),
        "the truth": (lambda mask: mask.clone(), "is the truth"),
        "no class": (lambda mask: torch.where(mask == 3, 77, mask), "yours holds [77]"),
    },
}
