"""Loss functions for segmentation; pixels labelled void (255) are ignored.

All take `logits` (N, K, H, W), the scores before any softmax, and `mask` (N, H, W), uint8 or int64 class
indices with 255 for void. All compute in float32, also inside autocast. All return 0 with zero gradients for
a batch that is entirely void, for which PyTorch's mean is NaN.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from seglib.labels import VOID, check_mask, check_tensors


def cross_entropy(logits: Tensor, mask: Tensor, weights: Tensor | None = None) -> Tensor:
    """Minus the log of the probability of the true class, averaged over the pixels.

    Args:
        logits: (N, K, H, W) class scores before softmax.
        mask: (N, H, W) class indices, or 255 for void.
        weights: (K,) the weight of a pixel of each class, see `seglib.data.balance`. The mean is weighted,
            as in PyTorch: the sum is divided by the pixels' weights, so multiplying all weights by ten
            changes nothing.

    Returns:
        A scalar of at least 0; log K for a uniform prediction over K classes.

    Raises:
        ValueError: shapes do not fit, or a mask value is not a class (checked on a CPU only).

    Example:
        >>> cross_entropy(torch.zeros(1, 2, 1, 2), torch.tensor([[[0, 255]]]))  # log 2; the void pixel is out
        tensor(0.6931)
    """
    mask = _checked(logits, mask, weights).long()
    weights = None if weights is None else weights.to(logits.device, torch.float32, non_blocking=True)
    total = F.cross_entropy(logits.float(), mask, weights, ignore_index=VOID, reduction="sum")
    known = mask != VOID
    counted = known.sum() if weights is None else (weights[mask * known] * known).sum()
    return total / torch.where(counted > 0, counted, 1)


def focal_loss(logits: Tensor, mask: Tensor, gamma: float = 2.0) -> Tensor:
    """Cross-entropy in which pixels that are already right count little: times (1 - p) ^ gamma.

    Args:
        logits: (N, K, H, W) class scores before softmax.
        mask: (N, H, W) class indices, or 255 for void.
        gamma: 0 is plain cross-entropy; with 2, a pixel at p = 0.9 counts a hundredth.

    Raises:
        ValueError: gamma is below 0, or the shapes do not fit.

    Reference:
        Lin et al., "Focal Loss for Dense Object Detection", 2017, equation 4; here with a softmax over
        classes in place of one sigmoid per class, without alpha, and as a mean over the known pixels.

    Example:
        >>> focal_loss(torch.zeros(1, 2, 1, 1), torch.tensor([[[0]]]))  # 0.6931 / 4
        tensor(0.1733)
    """
    if not gamma >= 0:
        raise ValueError(f"gamma {gamma} must be at least 0")
    mask = _checked(logits, mask).long()
    known = mask != VOID
    log_p = F.log_softmax(logits.float(), dim=1)
    log_p = log_p.gather(1, (mask * known)[:, None])[:, 0]  # (N, H, W): of the true class
    wrong = (-torch.expm1(log_p)).clamp(min=1e-12)  # 1 - p; at 0 a power below 1 has an infinite gradient
    costs = wrong**gamma * -log_p * known
    return costs.sum() / known.sum().clamp(min=1)


def dice_loss(logits: Tensor, mask: Tensor) -> Tensor:
    """1 - the mean Dice of the classes in the batch, with probabilities in place of 0 and 1.

    Every class counts the same, however few pixels it has; classes absent from the masks do not count.

    Args:
        logits: (N, K, H, W) class scores before softmax.
        mask: (N, H, W) class indices, or 255 for void.

    Reference:
        Milletari, Navab, Ahmadi, "V-Net", 2016, section 3, whose denominator has squares; here there are
        none, as in most later work. Sums run over the whole batch.

    Example:
        >>> dice_loss(torch.zeros(1, 2, 1, 2), torch.tensor([[[0, 1]]]))
        tensor(0.5000)
    """
    p, truth = _flat(logits, mask)  # (K, P)
    dice = 2 * (p * truth).sum(1) / (p.sum(1) + truth.sum(1)).clamp(min=1e-7)
    return _mean_of_present(1 - dice, truth)


def lovasz_softmax(logits: Tensor, mask: Tensor) -> Tensor:
    """A differentiable surrogate of 1 - mean IoU; works best after some training with cross-entropy.

    For each class the pixels are ordered by their error, worst first; an error costs the IoU that is
    lost when its pixel is added to those that are already wrong.

    Args:
        logits: (N, K, H, W) class scores before softmax.
        mask: (N, H, W) class indices, or 255 for void.

    Reference:
        Berman, Triki, Blaschko, "The Lovász-Softmax loss", 2018, equations 8 and 9 and algorithm 1; over the
        classes that the batch's masks contain, the batch taken as one image.

    Example:
        >>> lovasz_softmax(torch.zeros(1, 2, 1, 2), torch.tensor([[[0, 1]]]))
        tensor(0.5000)
    """
    p, truth = _flat(logits, mask)  # (K, P); void has p = truth = 0: its error is 0 and comes last
    errors, order = (truth - p).abs().sort(dim=1, descending=True)
    truth_sorted = truth.gather(1, order)
    hits = truth_sorted.cumsum(1)
    union = hits[:, -1:] + (1 - truth_sorted).cumsum(1)
    jaccard = 1 - (hits[:, -1:] - hits) / union  # loss of IoU when the first 1, 2, ... pixels are wrong
    steps = torch.diff(jaccard, dim=1, prepend=torch.zeros_like(jaccard[:, :1]))
    return _mean_of_present((errors * steps).sum(1), truth)


def _checked(logits: Tensor, mask: Tensor, weights: Tensor | None = None) -> Tensor:
    """The mask; ValueError if scores, mask and weights do not fit together."""
    check_tensors(logits=logits, mask=mask)
    if logits.ndim != 4 or mask.shape != (len(logits), *logits.shape[2:]):
        raise ValueError(
            f"logits {tuple(logits.shape)} and mask {tuple(mask.shape)} do not fit: "
            "they must be (N, K, H, W) and (N, H, W) with the same N, H and W"
        )
    if weights is not None and (not isinstance(weights, Tensor) or weights.shape != (logits.shape[1],)):
        given = tuple(weights.shape) if isinstance(weights, Tensor) else type(weights).__name__
        raise ValueError(f"weights {given} must hold one number for each of the {logits.shape[1]} classes")
    if mask.device != logits.device:
        raise ValueError(
            f"the logits are on {logits.device}, the mask on {mask.device}; move one to the other"
        )
    if mask.device.type == "cpu" or mask.is_floating_point():  # a check on a GPU would synchronise
        check_mask(mask, logits.shape[1])
    return mask


def _flat(logits: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """(K, P) probabilities and (K, P) truth, 0 or 1, for all P pixels of the batch; both 0 where void."""
    mask = _checked(logits, mask).long().flatten()  # (P,)
    known = mask != VOID
    p = logits.float().softmax(dim=1).transpose(0, 1).flatten(1) * known
    truth = torch.arange(len(p), device=mask.device)[:, None] == mask
    return p, truth.float()


def _mean_of_present(losses: Tensor, truth: Tensor) -> Tensor:
    """The mean of (K,) losses over the classes that the masks contain; 0 where they contain none."""
    present = truth.any(1)
    return (losses * present).sum() / present.sum().clamp(min=1)
