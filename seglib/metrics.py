"""Numbers that judge a mask, all from one confusion matrix: count, add up over images, divide at the end.

With n[i, j] the pixels of true class i that were predicted as class j (Long, Shelhamer, Darrell, "Fully
Convolutional Networks for Semantic Segmentation", 2015, section 5):

    pixel accuracy   sum_i n[i, i] / sum n                       most pixels are background: easily flattered
    recall           n[i, i] / sum_j n[i, j]                     its mean over classes is "mean accuracy"
    IoU              n[i, i] / (sum_j n[i, j] + sum_j n[j, i] - n[i, i])
    Dice             2 n[i, i] / (sum_j n[i, j] + sum_j n[j, i]) = 2 IoU / (1 + IoU) per class, not for means

A class that is not there has no IoU: it is NaN here, and each mean says what it does with it (see `policy`).
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor

from seglib.labels import VOID, Classes

Present = Literal["union", "truth", "all"]
CHUNK = 2**18  # pixels counted in one go on a CPU: their intermediate results stay in its cache


def confusion_matrix(pred: Tensor, mask: Tensor, num_classes: int, ignore_index: int = VOID) -> Tensor:
    """Count, over all pixels, how often true class i was predicted as class j.

    Args:
        pred: predicted class indices, any shape, any integer dtype.
        mask: true class indices, same shape; pixels equal to `ignore_index` are not counted, whatever value
            from 0 to 255 was predicted there.
        num_classes: K, 1 to 255.
        ignore_index: the value in `mask` that means void, 0 to 255.

    Returns:
        (K, K) int64 counts on `pred`'s device; row = true class, column = predicted class. Matrices of
        different images may simply be added.

    Raises:
        ValueError: the shapes differ, the values are not integers, or one of them is no class.

    Example:
        >>> confusion_matrix(torch.tensor([0, 1, 1]), torch.tensor([0, 0, 255]), num_classes=2)
        tensor([[1, 1],
                [0, 0]])
    """
    if pred.shape != mask.shape:
        raise ValueError(f"pred {tuple(pred.shape)} and mask {tuple(mask.shape)} must have the same shape")
    if not (1 <= num_classes <= VOID and 0 <= ignore_index <= VOID):
        raise ValueError(f"num_classes {num_classes} must be 1..255 and ignore_index {ignore_index} 0..255")
    if pred.numel() > CHUNK and pred.device.type == "cpu":
        pieces = zip(pred.flatten().split(CHUNK), mask.flatten().split(CHUNK))
        return sum((confusion_matrix(*piece, num_classes, ignore_index) for piece in pieces), torch.tensor(0))
    # One row for every value a mask can hold, and one more column for predictions that are no class: what
    # must not be there shows up in the counts, so no pixel has to be looked at twice.
    width = num_classes + 1
    true = _narrow(mask.to(pred.device), "mask", num_classes)
    guess = _narrow(pred, "pred", num_classes).clamp_(max=num_classes)
    counts = torch.bincount(guess.add_(true, alpha=width).flatten(), minlength=(VOID + 1) * width)
    counts = counts.view(VOID + 1, width)  # (256, K + 1)
    cm = counts[:num_classes, :num_classes].clone()
    if ignore_index < num_classes:
        cm[ignore_index] = 0
    if (cm.sum() + counts[ignore_index].sum()).item() != pred.numel():
        known = mask.to(pred.device) != ignore_index
        wrong = [
            _complaint(values[known], name, num_classes) for values, name in ((pred, "pred"), (mask, "mask"))
        ]
        raise ValueError("; ".join(filter(None, wrong)))
    return cm


def pixel_accuracy(cm: Tensor) -> float:
    """The share of pixels that got their true class; NaN for an empty matrix.

    Example:
        >>> pixel_accuracy(torch.tensor([[90, 0], [10, 0]]))  # all background, and 90 % right
        0.9
    """
    return (cm.diagonal().sum() / cm.sum().double()).item()


def recall(cm: Tensor) -> Tensor:
    """(K,) float64: of the pixels of each true class, the share that was found; NaN without any."""
    return cm.diagonal() / cm.sum(dim=1).double()


def precision(cm: Tensor) -> Tensor:
    """(K,) float64: of the pixels predicted as each class, the share that is right; NaN without any."""
    return cm.diagonal() / cm.sum(dim=0).double()


def mean_accuracy(cm: Tensor) -> float:
    """The mean of `recall` over the classes that occur in the truth."""
    return recall(cm).nanmean().item()


def iou(cm: Tensor) -> Tensor:
    """(K,) float64 intersection over union of each class; NaN where it is in neither truth nor prediction.

    Example:
        >>> iou(torch.tensor([[90, 0], [10, 0]]))
        tensor([0.9000, 0.0000], dtype=torch.float64)
    """
    return cm.diagonal() / (cm.sum(dim=0) + cm.sum(dim=1) - cm.diagonal()).double()


def dice(cm: Tensor) -> Tensor:
    """(K,) float64 Dice (F1) of each class; NaN where it is in neither truth nor prediction."""
    return 2 * cm.diagonal() / (cm.sum(dim=0) + cm.sum(dim=1)).double()


def mean_iou(cm: Tensor, present: Present = "union") -> float:
    """The mean IoU over the classes that count.

    Args:
        cm: (K, K) counts of a whole data set. The mean of one mIoU per image is another number.
        present: which classes count. "union": those in truth or prediction; "truth": those in the truth, so
            that inventing an absent class costs only the pixels it took; "all": every class, absent as 0.

    Example:
        >>> cm = torch.tensor([[90, 0, 0], [10, 0, 0], [0, 0, 0]])
        >>> [round(mean_iou(cm, present), 2) for present in ("union", "truth", "all")]
        [0.45, 0.45, 0.3]
    """
    return iou(cm).nan_to_num(0)[averaged(cm, present)].mean().item()


def frequency_weighted_iou(cm: Tensor) -> float:
    """The IoU of the classes, each weighted by its share of the true pixels."""
    return ((iou(cm).nan_to_num(0) * cm.sum(dim=1)).sum() / cm.sum()).item()


def averaged(cm: Tensor, present: Present = "union") -> Tensor:
    """(K,) bool: the classes that `mean_iou` averages.

    Raises:
        ValueError: `present` is none of "union", "truth", "all".
    """
    if present not in get_args(Present):
        raise ValueError(f"present is {present!r}; it must be one of {', '.join(get_args(Present))}")
    true, predicted = cm.sum(dim=1), cm.sum(dim=0)
    return {"union": true + predicted > 0, "truth": true > 0, "all": true >= 0}[present]


def policy(cm: Tensor, classes: Classes, present: Present = "union") -> str:
    """Which classes a mean was taken over, in one sentence to print with it.

    Example:
        >>> policy(torch.tensor([[90, 0], [0, 0]]), Classes.of("background", "kelp"))
        'mean over the 1 of 2 classes that occur in truth or prediction; absent: kelp'
    """
    chosen = averaged(cm, present).tolist()
    if present == "all":
        chosen, head = (
            averaged(cm).tolist(),
            f"mean over all {len(classes)} classes; counted as 0 because absent",
        )
    else:
        where = "truth or prediction" if present == "union" else "the truth"
        head = f"mean over the {sum(chosen)} of {len(classes)} classes that occur in {where}; absent"
    absent = [name for name, here in zip(classes, chosen) if not here]
    return f"{head}: {', '.join(absent) or 'none'}"


def all_reduce(cm: Tensor) -> Tensor:
    """The sum of a tensor of counts over all processes; the tensor itself where there is only one process."""
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return cm
    total = cm.clone()
    torch.distributed.all_reduce(total)
    return total


def _narrow(values: Tensor, name: str, num_classes: int) -> Tensor:
    """A copy of class indices in the fewest bytes that hold 256 x (K + 1): memory limits the speed."""
    if values.is_floating_point():
        raise ValueError(
            f"{name} is {values.dtype}; class indices are integers: take logits.argmax(dim=1) first"
        )
    if values.dtype not in (torch.uint8, torch.bool) and values.numel() and not 0 <= _bits(values) <= VOID:
        raise ValueError(_complaint(values[(values < 0) | (values > VOID)], name, num_classes))
    return values.to(torch.int16 if num_classes < 128 else torch.int32, copy=True)


def _bits(values: Tensor) -> int:
    """A number that is in 0..255 exactly when all values are; NumPy is the faster one to find it."""
    if values.device.type == "cpu":
        return int(np.bitwise_or.reduce(values.numpy(), axis=None))
    low, high = values.aminmax()
    return int(low | high)


def _complaint(values: Tensor, name: str, num_classes: int) -> str:
    """What is wrong with class indices, in a sentence; "" where nothing is."""
    wrong = values[(values < 0) | (values >= num_classes)]
    if not len(wrong):
        return ""
    hint = " (void): predict a class everywhere" if wrong[0] == VOID and name == "pred" else ""
    return f"{name} holds the value {wrong[0]}{hint}; the classes are 0..{num_classes - 1}"
