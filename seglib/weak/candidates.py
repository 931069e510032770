"""Masks with the help of region proposals: where they agree with GrabCut+, and BoxSup's candidates."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from seglib.boxes import iou
from seglib.weak.boxes import NOT, OBJECT, UNSURE, paint
from seglib.weak.grabcut import as_array, object_in

NEAR = 0.3  # least IoU of a region's own box with the given one, for BoxSup to consider it; not in the paper
WEIGHT = 3.0  # of E_r against E_o, the paper's lambda


class Regions(Protocol):
    """The proposals of one image, as `seglib.regions` makes them."""

    @property
    def boxes(self) -> Tensor:
        """(R, 4) int64, the tight box of every region."""
        ...

    def masks(self, indices: Tensor | Sequence[int] | None = None) -> Tensor:
        """(M, H, W) bool, the regions `indices`."""
        ...


Propose = Callable[[Tensor], Regions]  # image (3, H, W) uint8 -> its regions


def agreement(
    image: Tensor, boxes: Tensor, classes: Tensor, *, propose: Propose, seed: int = 0, background: int = 0
) -> Tensor:
    """M-and-G+: object where GrabCut+ and the best region agree; all other pixels of the box are ignored.

    The best region is the one whose own tight box has the highest IoU with the given one.

    Args:
        image: (3, H, W) uint8.
        boxes: (M, 4) int64, end-exclusive.
        classes: (M,) int64.
        propose: image -> its region proposals.
        seed: of OpenCV's first guess at the colours.
        background: the class of pixels outside all boxes.

    Returns:
        (H, W) uint8 with 255 for ignored.

    Raises:
        BoxError: a box is reversed, empty or outside the image.

    Reference:
        Khoreva et al., "Simple Does It", 2017, section 3.2. The paper takes MCG's regions; those of
        `seglib.regions` are selective search's.
    """
    photo = as_array(image)
    regions = cache(lambda: propose(image))  # an image without boxes needs none

    def inside(box: list[int], _: int) -> Tensor:
        x1, y1, x2, y2 = box
        found = torch.from_numpy(object_in(photo, box, seed))
        if len(regions().boxes):
            best = int(iou(regions().boxes, torch.tensor([box])).argmax())
            found = found & regions().masks([best])[0, y1:y2, x1:x2]
        return torch.where(found, OBJECT, UNSURE)

    return paint(image, boxes, classes, inside, background)


def candidates(
    image: Tensor,
    boxes: Tensor,
    classes: Tensor,
    *,
    propose: Propose,
    logits: Tensor | None = None,
    best: int = 5,
    seed: int = 0,
    background: int = 0,
) -> Tensor:
    """BoxSup: each box gets exactly one region, drawn from those of least cost E_o + 3 E_r.

    E_o is 1 - IoU of the given box and the region's own. E_r is the net's loss inside the box if the region
    is the object and the rest of the box background. A box without a region is not allowed: "all background"
    would cost nothing. Departures: E_r is a mean over the box, not a sum, so that large boxes do not outweigh
    small ones. Only regions whose own box has an IoU of at least .3 with the given one are considered, which
    saves time. The paper's regions are MCG's. It leaves open that pixels of a region outside its box stay
    background, and that a box that no region fits is all object.

    Args:
        image: (3, H, W) uint8.
        boxes: (M, 4) int64, end-exclusive.
        classes: (M,) int64.
        propose: image -> its region proposals.
        logits: (K, H, W) of the net; None before there is one, which leaves E_r out.
        best: number of cheapest regions to draw from; 1 takes the cheapest.
        seed: of the draw; the same boxes and seed give the same draw.
        background: the class of pixels outside all boxes.

    Returns:
        (H, W) uint8.

    Raises:
        BoxError: a box is reversed, empty or outside the image.
        ValueError: `best` is below 1, or the logits are of another size.

    Reference:
        Dai, He, Sun, "BoxSup: Exploiting Bounding Boxes to Supervise Convolutional Networks for Semantic
        Segmentation", 2015, section 3.
    """
    if best < 1:
        raise ValueError(f"best must be at least 1, not {best}: every box gets exactly one region")
    if logits is not None and logits.shape[1:] != image.shape[1:]:
        raise ValueError(f"logits {tuple(logits.shape)} are not of the image's size {tuple(image.shape)}")
    loss = None if logits is None else -logits.float().log_softmax(dim=0).cpu()  # (K, H, W)
    regions = cache(lambda: propose(image))  # an image without boxes needs none

    def inside(box: list[int], index: int) -> Tensor:
        x1, y1, x2, y2 = box
        fit = iou(regions().boxes, torch.tensor([box]))[:, 0]
        near = (fit >= NEAR).nonzero()[:, 0]
        if not len(near):
            return torch.full((y2 - y1, x2 - x1), OBJECT)
        pieces = regions().masks(near)[:, y1:y2, x1:x2]  # (R, h, w)
        cost = 1 - fit[near]
        if loss is not None:
            here = loss[:, y1:y2, x1:x2]
            cost = cost + WEIGHT * region_loss(pieces, here[index], here[background])
        order = cost.argsort(stable=True)[:best].tolist()
        rng = np.random.default_rng([seed, *box])
        return torch.where(pieces[order[int(rng.integers(len(order)))]], OBJECT, NOT)

    return paint(image, boxes, classes, inside, background)


def region_loss(pieces: Tensor, as_object: Tensor, as_background: Tensor) -> Tensor:
    """E_r of every region.

    Args:
        pieces: (R, h, w) bool, the regions inside a box.
        as_object: (h, w) the net's loss in each pixel if the pixel is of the box's class.
        as_background: (h, w) the same for background.

    Returns:
        (R,) float32, the mean loss over the box.

    Example:
        >>> pieces = torch.tensor([[[1, 0]], [[1, 1]], [[0, 0]]]).bool()
        >>> region_loss(pieces, torch.tensor([[1.0, 4.0]]), torch.tensor([[3.0, 2.0]]))
        tensor([1.5000, 2.5000, 2.5000])
    """
    change = (as_object - as_background).flatten()
    return (as_background.sum() + pieces.flatten(1).float() @ change) / as_object.numel()
