"""Wrong answers to the exercises of notebook 02, and the words each must be told."""

import torch

from seglib.course.content.nb02.answers import confusion, dataset_miou, iou_and_dice
from seglib.widgets.lies import corrupt
from tests.mutation import edited


def mean_over_images(pairs, num_classes):
    return sum(dataset_miou([pair], num_classes) for pair in pairs) / len(pairs)


WRONG = {
    "02.1": {
        "rows and columns swapped": (lambda pred, mask, k: confusion(pred, mask, k).T, "swapped"),
        "void counted as background": (lambda p, m, k: confusion(p, torch.where(m == 255, 0, m), k), "255"),
        "pairs numbered in uint8": (edited(confusion, ".long()", ""), "Does every number you make fit?"),
        "only the errors": (lambda *given: confusion(*given).fill_diagonal_(0), "You counted"),
    },
    "02.2": {
        "Dice that is IoU": (lambda cm: iou_and_dice(cm)[:1] * 2, "agree only at 0 and 1"),
        "absent class = 1": (lambda cm: [score.nan_to_num(1.0) for score in iou_and_dice(cm)], "NaN"),
        "recall in place of IoU": (
            edited(iou_and_dice, "(true + predicted - shared)", "true"),
            "wrongly claimed",
        ),
        "what both have is counted twice": (
            edited(iou_and_dice, "(true + predicted - shared)", "(true + predicted)"),
            "how many are in either",
        ),
        "NaN where nothing is shared": (
            lambda cm: [torch.where(cm.diagonal() > 0, score, torch.nan) for score in iou_and_dice(cm)],
            "not NaN",
        ),
        "NaN where the truth has none": (
            lambda cm: [torch.where(cm.any(1), score, torch.nan) for score in iou_and_dice(cm)],
            "claimed wrongly",
        ),
        "Dice from precision and recall": (
            edited(
                iou_and_dice,
                "2 * shared / (true + predicted)",
                "2 * (shared / predicted) * (shared / true) / (shared / predicted + shared / true)",
            ),
            "was missed",
        ),
        "half of Dice": (edited(iou_and_dice, "2 * shared", "shared"), "over the mean of 8 and 7"),
    },
    "02.3": {
        "mean over images": (mean_over_images, "one score per image"),
        "mean with NaN": (edited(dataset_miou, "nanmean", "mean"), "NaN"),
        "absent class = 0": (edited(dataset_miou, "nanmean()", "nan_to_num(0).mean()"), "counted it as 0"),
        "only what was hit": (
            edited(
                dataset_miou,
                "return float(iou_and_dice(total)[0].nanmean())",
                "iou = iou_and_dice(total)[0]; return float(iou[iou > 0].mean())",
            ),
            "5 only true",
        ),
        "only the true classes": (edited(dataset_miou, "[0]", "[0][total.any(1)]"), "4 is only predicted"),
        "over all classes but one": (
            edited(dataset_miou, "[0].nanmean()", "[0].nansum() / (num_classes - 1)"),
            "2 and 3 occur nowhere",
        ),
        "two images": (lambda pairs, num_classes: dataset_miou(pairs[:2], num_classes), "In three images"),
        "the last image": (lambda pairs, num_classes: dataset_miou(pairs[-1:], num_classes), "expect"),
        "the classes of the first image": (
            edited(dataset_miou, "[0]", "[0][confusion(*pairs[0], num_classes).any(1)]"),
            "in another order",
        ),
    },
    "02.4": {
        "the bug itself": (lambda iou: float(iou.nan_to_num(1.0).mean()), "lift"),
        "absent class = 0": (lambda iou: float(iou.nan_to_num(0.0).mean()), "pull"),
        "plain mean": (lambda iou: float(iou.mean()), "NaN"),
        "a sum": (lambda iou: float(iou.nansum()), "yours is 1.400"),
        "the ten classes of today": (lambda iou: float(iou[:10].nanmean()), "lift"),
        "up to the first NaN": (lambda iou: float(iou[iou.isnan().cumsum(0) == 0].mean()), "lift"),
        "misses left out as well": (lambda iou: float(iou[iou > 0].mean()), "still counts"),
    },
    "02.5": {
        "two pixels eroded": (lambda mask: corrupt(mask, "erode", 2), "Dice may lose less"),
        "a shift of one": (lambda mask: corrupt(mask, "shift", 1), "each changed pixel should do more"),
        "the truth": (lambda mask: mask.clone(), "is the truth"),
        "no class": (lambda mask: torch.where(mask == 3, 77, mask), "yours holds [77]"),
    },
}
