"""Two measures of outlines: Boundary IoU, which adds up over images, and boundary F1, per image.

Void pixels (255) have no outline and their value in the prediction never matters. Each function says how.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seglib.labels import VOID, nearest_known

Labels = NDArray[np.uint8]  # (H, W) class indices, 255 = void


def boundary_band(mask: Tensor, dilation: int) -> Tensor:
    """The rim of a shape: its pixels that an erosion by `dilation` pixels takes away.

    The erosion is `dilation` rounds of a 3 x 3 square, and outside of the image there is nothing, so that a
    shape has a rim along the image's border too.

    Args:
        mask: (H, W) bool.
        dilation: width of the rim in pixels, at least 1.

    Returns:
        (H, W) bool on the mask's device.

    Raises:
        ValueError: the dilation is less than 1.

    Example:
        >>> boundary_band(torch.ones(3, 4).bool(), dilation=1).int()
        tensor([[1, 1, 1, 1],
                [1, 0, 0, 1],
                [1, 1, 1, 1]], dtype=torch.int32)
    """
    if dilation < 1:
        raise ValueError(f"dilation {dilation} must be at least 1 pixel")
    near = _near_other(_array(mask), dilation, border=True)
    return mask & torch.from_numpy(near).to(mask.device)


def boundary_counts(
    pred: Tensor, mask: Tensor, num_classes: int, *, ratio: float = 0.02, ignore_index: int = VOID
) -> Tensor:
    """Intersection and union of the rims of truth and prediction, for Boundary IoU.

    The rim is round(`ratio` x diagonal) pixels wide, at least 1. Void pixels are in no rim, and a class that
    only borders on void has no rim there: a pixel is in its class's rim where another class, or the image's
    border, is within the rim's width. What is predicted at void pixels is taken as void too.

    Args:
        pred: (H, W) predicted class indices, any integer dtype.
        mask: (H, W) true class indices; pixels equal to `ignore_index` are void.
        num_classes: K.
        ratio: width of the rim as a fraction of the image's diagonal.
        ignore_index: the value in `mask` that means void.

    Returns:
        (K, 2) int64: intersection and union in pixels, on the CPU. Counts of different images add up.

    Raises:
        ValueError: the shapes differ, are not (H, W) or are empty, or a value is no class.

    Reference:
        Cheng, Girshick, Dollár, Berg, Kirillov, "Boundary IoU: Improving Object-Centric Image Segmentation
        Evaluation", 2021, section 4. They know no void, and average over objects; counts of semantic classes
        are added up over images, as for IoU.

    Example:
        >>> mask = torch.zeros(9, 9, dtype=torch.long)
        >>> mask[2:7, 2:7] = 1  # 16 of its 25 pixels are rim; a perfect prediction gets them all
        >>> boundary_counts(mask, mask, num_classes=2)
        tensor([[56, 56],
                [16, 16]])
    """
    guess, true = _both(pred, mask, num_classes, ignore_index)
    dilation = max(1, round(ratio * float(np.hypot(*true.shape))))
    true_rim = np.where(_near_other(true, dilation, border=True), true, VOID)
    guess_rim = np.where(_near_other(guess, dilation, border=True), guess, VOID)
    both = np.where(true_rim == guess_rim, true_rim, VOID)
    area, other, shared = (
        np.bincount(rim.ravel(), minlength=VOID + 1) for rim in (true_rim, guess_rim, both)
    )
    return torch.from_numpy(np.stack([shared, area + other - shared], axis=1)[:num_classes])


def boundary_iou(counts: Tensor) -> Tensor:
    """(K,) float64 Boundary IoU from (K, 2) counts; NaN for a class without a rim in truth and prediction.

    Example:
        >>> boundary_iou(torch.tensor([[3, 4], [0, 0]]))
        tensor([0.7500,    nan], dtype=torch.float64)
    """
    return counts[:, 0] / counts[:, 1].double()


def boundary_f1(
    pred: Tensor, mask: Tensor, num_classes: int, *, ratio: float = 0.0075, ignore_index: int = VOID
) -> Tensor:
    """How well the outlines of one image agree: the F1 score of each class's outline pixels.

    A class's outline is its pixels that touch another class, also at a corner; the image's border is none.
    Precision is the share of predicted outline pixels with a true one at most `ratio` x diagonal away, recall
    the share of true ones with a predicted one as near. Void pixels take the class of the nearest pixel that
    has one, in truth and prediction alike: so the outline runs through the middle of a void seam.

    Args:
        pred: (H, W) predicted class indices, any integer dtype.
        mask: (H, W) true class indices; pixels equal to `ignore_index` are void.
        num_classes: K.
        ratio: the tolerance as a fraction of the image's diagonal.
        ignore_index: the value in `mask` that means void.

    Returns:
        (K,) float64 on the CPU; NaN for a class without an outline in the truth. The score of an image is
        the mean over its classes, that of a data set the mean over its images.

    Raises:
        ValueError: the shapes differ, are not (H, W) or are empty, or a value is no class.

    Reference:
        Csurka, Larlus, Perronnin, "What is a good evaluation measure for semantic segmentation?", 2013,
        section 2; tolerance as there. They say nothing about void.

    Example:
        >>> mask = torch.tensor([[0, 0, 1, 1]]).expand(4, 4)
        >>> boundary_f1(mask, mask, num_classes=3)
        tensor([1., 1., nan], dtype=torch.float64)
    """
    guess, true = _both(pred, mask, num_classes, ignore_index)
    tolerance = ratio * float(np.hypot(*true.shape))
    if (true == VOID).any() and (true != VOID).any():
        rows, columns = (places.numpy() for places in nearest_known(torch.from_numpy(true)))
        guess, true = guess[rows, columns], true[rows, columns]
    true_outline = np.where(_near_other(true, 1, border=False), true, VOID)
    guess_outline = np.where(_near_other(guess, 1, border=False), guess, VOID)
    scores = torch.full((num_classes,), torch.nan, dtype=torch.float64)
    for index in np.unique(true_outline[true_outline < num_classes]).tolist():
        scores[index] = _f1(guess_outline == index, true_outline == index, tolerance)
    return scores


def _f1(guess: NDArray[np.bool_], true: NDArray[np.bool_], tolerance: float) -> float:
    """F1 of outline pixels (H, W) that may be `tolerance` pixels apart; `true` has at least one."""
    if not guess.any():
        return 0.0
    precision = (_distance_to(true)[guess] <= tolerance).mean()
    recall = (_distance_to(guess)[true] <= tolerance).mean()
    return float(2 * precision * recall / max(precision + recall, 1e-12))


def _distance_to(where: NDArray[np.bool_]) -> NDArray[np.float32]:
    """(H, W): how far each pixel is from the nearest true one, in pixels."""
    distance = cv2.distanceTransform((~where).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(distance, np.float32)


def _near_other(labels: Labels, distance: int, *, border: bool) -> NDArray[np.bool_]:
    """(H, W) bool: whether two classes meet in the square of `distance` pixels around a pixel.

    They do where the smallest class index in the square is not the largest: one look for all classes, instead
    of an erosion for each. Void is 255, so the minimum passes over it; the maximum takes it for 0.
    """
    square = np.ones((2 * distance + 1,) * 2, np.uint8)
    smallest = cv2.erode(labels, square)
    largest = cv2.dilate(np.where(labels == VOID, np.uint8(0), labels), square)
    near = smallest != largest
    if border:
        near[:distance] = near[-distance:] = near[:, :distance] = near[:, -distance:] = True
    return near


def _both(pred: Tensor, mask: Tensor, num_classes: int, ignore_index: int) -> tuple[Labels, Labels]:
    """Prediction and truth as (H, W) uint8 arrays with 255 wherever the truth is void."""
    if pred.shape != mask.shape or mask.ndim != 2 or not mask.numel():
        raise ValueError(
            f"pred {tuple(pred.shape)} and mask {tuple(mask.shape)} must both be (H, W), not empty"
        )
    if not 1 <= num_classes <= VOID:
        raise ValueError(f"num_classes {num_classes} must be 1..{VOID}")
    for name, values in (("pred", pred), ("mask", mask)):
        if values.is_floating_point():
            raise ValueError(
                f"{name} is {values.dtype}; class indices are integers: take logits.argmax(dim=1)"
            )
    pred, mask = pred.cpu().long(), mask.cpu().long()  # neither bool nor int8 can hold 255
    void = mask == ignore_index
    for name, values in (("pred", pred), ("mask", mask)):
        wrong = values[~void & ((values < 0) | (values >= num_classes))]
        if len(wrong):
            raise ValueError(f"{name} holds the value {wrong[0]}; the classes are 0..{num_classes - 1}")
    return _array(pred.masked_fill(void, VOID)), _array(mask.masked_fill(void, VOID))


def _array(values: Tensor) -> Labels:
    return values.cpu().numpy().astype(np.uint8)
