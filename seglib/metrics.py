"""Measures of predicted masks. Those of regions come from one confusion matrix: count, add up, divide last.

With n[i, j] the pixels of true class i that were predicted as class j (Long, Shelhamer, Darrell, "Fully
Convolutional Networks for Semantic Segmentation", 2015, section 5):

    pixel accuracy   sum_i n[i, i] / sum n                       high wherever most pixels are background
    recall           n[i, i] / sum_j n[i, j]                     its mean over classes is "mean accuracy"
    IoU              n[i, i] / (sum_j n[i, j] + sum_j n[j, i] - n[i, i])
    Dice             2 n[i, i] / (sum_j n[i, j] + sum_j n[j, i]) = 2 IoU / (1 + IoU) per class, not for means

An absent class has no IoU: it is NaN here, and each mean says how it treats absent classes (see `policy`).

Outlines are measured by Boundary IoU, the IoU of thin bands along them; its counts add up over images too.
What is predicted at void pixels (255) never counts.
"""

from typing import Literal, get_args

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt
from torch import Tensor

from seglib.labels import VOID, Classes, check_mask, check_tensors

Present = Literal["union", "truth", "all"]
CHUNK = 2**18  # pixels counted at once on a CPU: their intermediate results stay in its cache
Labels = NDArray[np.uint8]  # (H, W) class indices, 255 = void


def confusion_matrix(pred: Tensor, mask: Tensor, num_classes: int) -> Tensor:
    """Count, over all pixels, how often true class i was predicted as class j.

    Args:
        pred: predicted class indices, any shape, any integer dtype.
        mask: true class indices, same shape; void pixels (255) are not counted, whatever value from 0 to 255
            was predicted there.
        num_classes: K, 1 to 255.

    Returns:
        (K, K) int64 counts on `pred`'s device; row = true class, column = predicted class. Matrices of
        different images may simply be added.

    Raises:
        ValueError: the shapes differ, the values are not integers, or one of them is not a class.

    Example:
        >>> confusion_matrix(torch.tensor([0, 1, 1]), torch.tensor([0, 0, 255]), num_classes=2)
        tensor([[1, 1],
                [0, 0]])
    """
    check_tensors(pred=pred, mask=mask)
    if pred.shape != mask.shape:
        raise ValueError(f"pred {tuple(pred.shape)} and mask {tuple(mask.shape)} must have the same shape")
    if not 1 <= num_classes <= VOID:
        raise ValueError(f"num_classes must be 1 to {VOID}, not {num_classes}")
    if pred.numel() > CHUNK and pred.device.type == "cpu":
        pieces = zip(pred.flatten().split(CHUNK), mask.flatten().split(CHUNK))
        return sum((confusion_matrix(*piece, num_classes) for piece in pieces), torch.tensor(0))
    # One row for every value that a mask can hold, and one more column for predictions that are not a class:
    # wrong values show up in the counts, so no pixel has to be read twice.
    width = num_classes + 1
    true = _narrow(mask.to(pred.device), "mask", num_classes)
    guess = _narrow(pred, "pred", num_classes).clamp_(max=num_classes)
    counts = torch.bincount(guess.add_(true, alpha=width).flatten(), minlength=(VOID + 1) * width)
    counts = counts.view(VOID + 1, width)  # (256, K + 1)
    cm = counts[:num_classes, :num_classes].clone()
    if (cm.sum() + counts[VOID].sum()).item() != pred.numel():
        known = mask.to(pred.device) != VOID
        for values, name in ((pred, "pred"), (mask, "mask")):
            _check_classes(values[known], name, num_classes)
    return cm


def _check_matrix(cm: Tensor) -> None:
    """Raise a ValueError unless this is a confusion matrix."""
    check_tensors(cm=cm)
    if cm.ndim != 2 or cm.shape[0] != cm.shape[1]:
        raise ValueError(f"cm must be (K, K), what confusion_matrix returns, not {tuple(cm.shape)}")


def pixel_accuracy(cm: Tensor) -> float:
    """The share of pixels with the right class; NaN for an empty matrix.

    Example:
        >>> pixel_accuracy(torch.tensor([[90, 0], [10, 0]]))  # all background, and 90 % right
        0.9
    """
    _check_matrix(cm)
    return (cm.diagonal().sum() / cm.sum().double()).item()


def recall(cm: Tensor) -> Tensor:
    """(K,) float64: of the pixels of each true class, the share that was found; NaN without any."""
    _check_matrix(cm)
    return cm.diagonal() / cm.sum(dim=1).double()


def mean_accuracy(cm: Tensor) -> float:
    """The mean of `recall` over the classes that occur in the truth."""
    return recall(cm).nanmean().item()


def iou(cm: Tensor) -> Tensor:
    """(K,) float64 intersection over union of each class; NaN where it is in neither truth nor prediction.

    Example:
        >>> iou(torch.tensor([[90, 0], [10, 0]]))
        tensor([0.9000, 0.0000], dtype=torch.float64)
    """
    _check_matrix(cm)
    return cm.diagonal() / (cm.sum(dim=0) + cm.sum(dim=1) - cm.diagonal()).double()


def dice(cm: Tensor) -> Tensor:
    """(K,) float64 Dice (F1) of each class; NaN where it is in neither truth nor prediction."""
    _check_matrix(cm)
    return 2 * cm.diagonal() / (cm.sum(dim=0) + cm.sum(dim=1)).double()


def mean_iou(cm: Tensor, present: Present = "union") -> float:
    """The mean IoU over the classes chosen by `present`.

    Args:
        cm: (K, K) counts of a whole data set. The mean of the images' mIoUs is a different number.
        present: "union": those in truth or prediction; "truth": those in the truth, so
            that predicting an absent class costs only the pixels it took; "all": every class, absent as 0.

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
        ValueError: `present` is not "union", "truth" or "all".
    """
    if present not in get_args(Present):
        raise ValueError(f"present is {present!r}; it must be one of {', '.join(get_args(Present))}")
    true, predicted = cm.sum(dim=1), cm.sum(dim=0)
    return {"union": true + predicted > 0, "truth": true > 0, "all": true >= 0}[present]


def policy(cm: Tensor, classes: Classes, present: Present = "union") -> str:
    """Which classes a mean is over, in one sentence to print with it.

    Example:
        >>> policy(torch.tensor([[90, 0], [0, 0]]), Classes.of("background", "kelp"))
        'mean over the 1 of 2 classes that occur in truth or prediction; absent: kelp'
    """
    here = averaged(cm, "truth" if present == "truth" else "union").tolist()
    where = "the truth" if present == "truth" else "truth or prediction"
    head = f"mean over the {sum(here)} of {len(here)} classes that occur in {where}; absent"
    if present == "all":
        head = f"mean over all {len(here)} classes; counted as 0 because absent"
    absent = [name for name, occurs in zip(classes.names, here) if not occurs]
    return f"{head}: {', '.join(absent) or 'none'}"


def all_reduce(cm: Tensor) -> Tensor:
    """The sum of a tensor of counts over all processes; the tensor itself if there is only one process."""
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return cm
    total = cm.clone()
    torch.distributed.all_reduce(total)
    return total


def _narrow(values: Tensor, name: str, num_classes: int) -> Tensor:
    """A copy of class indices in the fewest bytes that hold 256 x (K + 1): memory limits the speed."""
    if values.is_floating_point():
        check_mask(values, num_classes, name)
    if values.dtype not in (torch.uint8, torch.bool) and values.numel() and not 0 <= _bits(values) <= VOID:
        _check_classes(values[(values < 0) | (values > VOID)], name, num_classes)
    return values.to(torch.int16 if num_classes < 128 else torch.int32, copy=True)


def _bits(values: Tensor) -> int:
    """A number that is in 0..255 exactly if all values are; NumPy finds it faster."""
    if values.device.type == "cpu":
        return int(np.bitwise_or.reduce(values.numpy(), axis=None))
    low, high = values.aminmax()
    return int(low | high)


def _check_classes(values: Tensor, name: str, num_classes: int) -> None:
    """`check_mask` that accepts no void: nothing is predicted as void, and void of the truth is left out."""
    if name == "pred" and (values == VOID).any():
        raise ValueError(
            f"pred holds {VOID}, which means void; predict one of the {num_classes} classes everywhere"
        )
    check_mask(values, num_classes, name)


def boundary_counts(
    pred: Tensor, mask: Tensor, num_classes: int, *, ratio: float = 0.02, published: bool = False
) -> Tensor:
    """Intersection and union of the rims of truth and prediction, for Boundary IoU.

    The rim of a class is its pixels with another class within round(`ratio` x diagonal) pixels, at least 1,
    in any direction, also diagonally. The frame of the image is no outline.

    A void pixel of the truth says that the outline may lie anywhere within the void. So the truth is
    completed in favour of the prediction: first every void pixel of the prediction takes the class predicted
    at the nearest known pixel, then the void of the truth takes these classes, where they occur next to that
    piece of void, and the class of the nearest known pixel elsewhere. What was predicted at void never
    counts; the whole outline does, however wide the void along it.

    Args:
        pred: (H, W) predicted class indices, any integer dtype.
        mask: (H, W) true class indices, 255 for void.
        num_classes: K.
        ratio: width of the rim as a fraction of the image's diagonal.
        published: count as the paper does: the frame is an outline too. The paper has no void; here it is
            then in no rim and makes none.

    Returns:
        (K, 2) int64: intersection and union in pixels, on the CPU. Counts of different images add up.

    Raises:
        ValueError: the shapes differ, are not (H, W) or are empty, or a value is not a class.

    Reference:
        Cheng, Girshick, Dollár, Berg, Kirillov, "Boundary IoU: Improving Object-Centric Image Segmentation
        Evaluation", 2021, section 4, with its ratio. It averages over objects and erodes each; here the
        counts of semantic classes are added up over images, as for IoU. Frame and void are treated
        differently, because the published measure hardly sees outlines that are drawn as void: where the void
        is wider than the rim, as in Oxford-IIIT Pet, nearly all that it judges is the frame and holes, and a
        box can score above a good outline.

    Example:
        >>> mask = torch.zeros(9, 9, dtype=torch.long)
        >>> mask[2:7, 2:7] = 1  # 16 of its 25 pixels are rim; a perfect prediction gets them all
        >>> boundary_counts(mask, mask, num_classes=2)
        tensor([[24, 24],
                [16, 16]])
        >>> boundary_counts(mask, mask, num_classes=2, published=True)  # 32 more along the frame
        tensor([[56, 56],
                [16, 16]])
    """
    guess, true = _both(pred, mask, num_classes)
    width = max(1, round(ratio * float(np.hypot(*true.shape))))
    if not published:
        guess, true = _completed(guess, true)
    rims = [np.where(_near_other(side, width, frame=published), side, VOID) for side in (guess, true)]
    shared = np.where(rims[0] == rims[1], rims[0], VOID)
    one, other, both = (np.bincount(rim.ravel(), minlength=VOID + 1) for rim in (*rims, shared))
    return torch.from_numpy(np.stack([both, one + other - both], axis=1)[:num_classes])


def boundary_iou(counts: Tensor) -> Tensor:
    """(K,) float64 Boundary IoU from (K, 2) counts; NaN for a class without a rim in truth and prediction.

    Example:
        >>> boundary_iou(torch.tensor([[3, 4], [0, 0]]))
        tensor([0.7500,    nan], dtype=torch.float64)
    """
    return counts[:, 0] / counts[:, 1].double()


def nearest_known(mask: Tensor) -> tuple[Tensor, Tensor]:
    """For every pixel, the position of the nearest pixel that is not void.

    Args:
        mask: (H, W); pixels equal to 255 are void, at least one is not.

    Returns:
        Row and column, (H, W) int64 each, on the mask's device: `mask[nearest_known(mask)]` has no void.

    Example:
        >>> mask = torch.tensor([[1, 255, 255, 255, 2]])
        >>> mask[nearest_known(mask)]
        tensor([[1, 1, 1, 2, 2]])
    """
    void = (mask == VOID).cpu().numpy()
    rows, columns = distance_transform_edt(void, return_distances=False, return_indices=True)
    return torch.from_numpy(rows).long().to(mask.device), torch.from_numpy(columns).long().to(mask.device)


def _completed(guess: Labels, true: Labels) -> tuple[Labels, Labels]:
    """Prediction and truth without void, see `boundary_counts`; unchanged where all is void."""
    void = true == VOID
    if not void.any() or void.all():
        return guess, true
    rows, columns = (places.numpy() for places in nearest_known(torch.from_numpy(true)))
    guess, nearest = guess[rows, columns], true[rows, columns]
    _, piece = cv2.connectedComponents(void.astype(np.uint8))
    next_to = np.zeros((piece.max() + 1, VOID), bool)  # which classes occur next to which piece of void
    next_to[piece[void], nearest[void]] = True  # the nearest known pixel of a void pixel is next to its piece
    return guess, np.where(void & next_to[piece, guess], guess, nearest)


def _near_other(labels: Labels, distance: int, *, frame: bool) -> NDArray[np.bool_]:
    """(H, W) bool: whether two classes meet in the square of `distance` pixels around a pixel.

    They do if the smallest class index in the square is not the largest: one pass for all classes, instead of
    an erosion for each. Void is 255, so the minimum ignores it; for the maximum it is replaced by 0.
    """
    square = np.ones((2 * distance + 1,) * 2, np.uint8)
    smallest = cv2.erode(labels, square)
    largest = cv2.dilate(np.where(labels == VOID, np.uint8(0), labels), square)
    near = smallest != largest
    if frame:
        near[:distance] = near[-distance:] = near[:, :distance] = near[:, -distance:] = True
    return near


def _both(pred: Tensor, mask: Tensor, num_classes: int) -> tuple[Labels, Labels]:
    """Prediction and truth as (H, W) uint8 arrays with 255 wherever the truth is void."""
    check_tensors(pred=pred, mask=mask)
    if pred.shape != mask.shape or mask.ndim != 2 or not mask.numel():
        raise ValueError(
            f"pred {tuple(pred.shape)} and mask {tuple(mask.shape)} must both be (H, W), not empty"
        )
    if not 1 <= num_classes <= VOID:
        raise ValueError(f"num_classes must be 1 to {VOID}, not {num_classes}")
    pred, mask = pred.cpu(), mask.cpu()
    void = mask == VOID
    for name, values in (("pred", pred), ("mask", mask)):
        known = values[~void].long()
        if values.is_floating_point() or (len(known) and not 0 <= known.min() <= known.max() < num_classes):
            _check_classes(values[~void], name, num_classes)
    # In int64 first: neither bool nor int8 can hold 255.
    return _array(pred.long().masked_fill(void, VOID)), _array(mask.long().masked_fill(void, VOID))


def _array(values: Tensor) -> Labels:
    return values.cpu().numpy().astype(np.uint8)
