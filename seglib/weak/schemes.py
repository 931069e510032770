"""From boxes to masks: filled boxes, Box-i, M-and-G+, BoxSup; every scheme for a data set, kept on disk."""

import inspect
import pickle
from collections.abc import Callable, Mapping, Sequence
from functools import cache as once
from functools import partial
from math import sqrt
from typing import Any

import cv2
import joblib
import numpy as np
import scipy
import torch
from torch import Tensor

from seglib import cache
from seglib.boxes import iou
from seglib.data.dataset import SegmentationDataset, check_dataset
from seglib.weak.boxes import (
    NOT,
    OBJECT,
    UNSURE,
    BoxAnnotations,
    background_of,
    boxes_for,
    checked_image,
    paint,
)
from seglib.weak.grabcut import as_array, grabcut_plus, grabcut_votes, object_in
from seglib.weak.labels import PseudoLabels, pack

NEAR = 0.3  # least IoU of a region's own box with the given one, for BoxSup to consider it; not in the paper
WEIGHT = 3.0  # of E_r against E_o, the paper's lambda
#: modules that masks depend on; regions are handed in, and named here so that a change of them counts
CODE = ("seglib.boxes", "seglib.weak.boxes", "seglib.weak.grabcut", "seglib.weak.schemes", "seglib.regions")
Scheme = Callable[..., Tensor]  # (image, boxes, classes, *, background, settings) -> mask
#: image (3, H, W) uint8 -> its regions: `boxes` (R, 4) int64, and `masks(indices)`, (M, H, W) bool
Propose = Callable[[Tensor], Any]


def rectangles(image: Tensor, boxes: Tensor, classes: Tensor, *, background: int = 0) -> Tensor:
    """The naive label: every pixel of a box is the object, smaller boxes in front.

    Args:
        image: (3, H, W) uint8; only its size matters.
        boxes: (M, 4) int64, end-exclusive.
        classes: (M,) int64.
        background: the class of pixels outside all boxes.

    Returns:
        (H, W) uint8.

    Raises:
        BoxError: a box is reversed, empty or outside the image.

    Reference:
        Khoreva, Benenson, Hosang, Hein, Schiele, "Simple Does It", 2017, section 3.1, "naive".

    Example:
        >>> rectangles(torch.zeros(3, 2, 4), torch.tensor([[1, 0, 2, 1], [0, 0, 3, 2]]), torch.tensor([2, 1]))
        tensor([[1, 2, 1, 0],
                [1, 1, 1, 0]], dtype=torch.uint8)
    """
    return inner_rectangles(image, boxes, classes, share=1, background=background)


def inner_rectangles(
    image: Tensor, boxes: Tensor, classes: Tensor, *, share: float = 0.2, background: int = 0
) -> Tensor:
    """Box-i: the innermost part of a box is the object, the rest of the box is ignored.

    Args:
        image: (3, H, W) uint8; only its size matters.
        boxes: (M, 4) int64, end-exclusive.
        classes: (M,) int64.
        share: of the box's *area*, 0..1. Of its sides it is the root: 20 % of the area is 45 % of each side,
            while 20 % of each side would be 4 % of the area.
        background: the class of pixels outside all boxes.

    Returns:
        (H, W) uint8 with 255 for ignored; every box keeps a core of at least one pixel.

    Raises:
        BoxError: a box is reversed, empty or outside the image.
        ValueError: `share` is not in 0..1.

    Reference:
        Khoreva et al., "Simple Does It", 2017, section 3.1, "Box-i".

    Example:
        >>> inner_rectangles(torch.zeros(3, 3, 5), torch.tensor([[0, 0, 5, 3]]), torch.tensor([1]))
        tensor([[255, 255, 255, 255, 255],
                [255,   1,   1,   1, 255],
                [255, 255, 255, 255, 255]], dtype=torch.uint8)
    """
    if not 0 <= share <= 1:
        raise ValueError(f"share must be 0..1, not {share}: the part of a box's area that is kept")

    def inside(box: list[int], _: int) -> Tensor:
        x1, y1, x2, y2 = box
        found = torch.full((y2 - y1, x2 - x1), UNSURE)
        rows, columns = (_middle(length, sqrt(share)) for length in found.shape)
        found[rows, columns] = OBJECT
        return found

    return paint(image, boxes, classes, inside, background)


def _middle(length: int, share: float) -> slice:
    """The middle part of a side, as close to `share` of it as symmetry allows: at least one pixel."""
    edge = min(round(length * (1 - share) / 2), (length - 1) // 2)
    return slice(edge, length - edge)


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
    regions = once(lambda: propose(image))  # an image without boxes needs none

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
        ValueError: `best` is below 1.

    Reference:
        Dai, He, Sun, "BoxSup: Exploiting Bounding Boxes to Supervise Convolutional Networks for Semantic
        Segmentation", 2015, section 3.
    """
    if best < 1:
        raise ValueError(f"best must be at least 1, not {best}: every box gets exactly one region")
    loss = None if logits is None else -logits.float().log_softmax(dim=0).cpu()  # (K, H, W)
    regions = once(lambda: propose(image))  # an image without boxes needs none

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


SCHEMES: dict[str, Scheme] = {
    "rectangles": rectangles, "box-i": inner_rectangles, "grabcut+": grabcut_plus,
    "grabcut+-i": grabcut_votes, "m-and-g+": agreement, "boxsup": candidates,
}  # fmt: skip


def pseudo_labels(
    dataset: SegmentationDataset,
    scheme: str | Scheme,
    *,
    boxes: Sequence[BoxAnnotations] | None = None,
    jobs: int | None = None,
    **settings: Any,
) -> PseudoLabels:
    """Make a mask from boxes for every image of a data set.

    Each mask is kept on disk as soon as it is made, under a key of the image's pixels, its boxes, the scheme,
    its settings and the code, so a run that was interrupted or killed resumes.

    Args:
        dataset: images; their masks are not used.
        scheme: one of `SCHEMES`, or a function like them at the top of a module.
        boxes: one `BoxAnnotations` per image; None for those of the data set's instances.
        jobs: processes; None for all cores if there is much to do.
        settings: further arguments of the scheme: `seed`, `propose`, ...

    Returns:
        A data set with the same images, these masks and the boxes.

    Raises:
        BoxError: the number of images differs, or a box is wrong.
        ValueError: there is no such scheme, it does not take such a setting, or an image is not (3, H, W)
            uint8.

    Example:
        >>> from seglib.scenes import Scenes
        >>> labels = pseudo_labels(Scenes(length=2), "rectangles")
        >>> len(labels), labels[0][1].shape
        (2, torch.Size([160, 160]))
    """
    check_dataset(dataset)
    again = partial(pseudo_labels, scheme=scheme, jobs=jobs, **settings)
    scheme, name = _chosen(scheme, settings)
    settings = settings | {"background": background_of(dataset.classes)}
    known = boxes_for(dataset, boxes)
    make = partial(_made, dataset, known, partial(scheme, **settings))
    recipe = _recipe(scheme, settings)
    keys = (
        cache.key("mask", recipe, checked_image(dataset, index, one), *one, code=CODE) if recipe else None
        for index, one in enumerate(known)
    )
    made = cache.each(range(len(dataset)), make, keys, f"labels: {name}", jobs)
    masks = (torch.from_numpy(arrays["png"]) for arrays in made)
    return PseudoLabels(dataset, known, masks, name, again)


def source_of(function: Any) -> str:
    """The source text of a function or class, or of an object's class; an OSError where there is none."""
    while isinstance(function, partial):
        function = function.func
    known = inspect.isroutine(function) or inspect.isclass(function)
    return inspect.getsource(function if known else type(function))


def _chosen(scheme: str | Scheme, settings: Mapping[str, Any]) -> tuple[Scheme, str]:
    """The scheme's function and name, if it takes these settings."""
    if not callable(scheme) and scheme not in list(SCHEMES):
        raise ValueError(f"there is no scheme {scheme!r}; there are {', '.join(SCHEMES)}")
    make, name = (SCHEMES[scheme], scheme) if isinstance(scheme, str) else (scheme, scheme.__name__)
    try:
        inspect.signature(make).bind("image", "boxes", "classes", **settings)
    except TypeError as error:
        raise ValueError(f"{name}: {error}; it takes {inspect.signature(make)}") from None
    return make, name


def _recipe(scheme: Scheme, settings: Mapping[str, Any]) -> list[str] | None:
    """What a mask depends on besides image, boxes and `CODE`; None if unknown, as for a lambda."""
    if scheme in (rectangles, inner_rectangles):
        return None  # making them is faster than reading them
    try:
        functions = [scheme, *(value for value in settings.values() if callable(value))]
        return [joblib.hash([scheme, settings]), scipy.__version__, *map(source_of, functions)]
    except (pickle.PicklingError, AttributeError, TypeError, OSError):
        return None


def _made(
    dataset: SegmentationDataset, known: Sequence[BoxAnnotations], make: Scheme, index: int
) -> cache.Arrays:
    """The packed mask of one image; computed on one thread, in another process or here."""
    image = checked_image(dataset, index, known[index])
    before = cv2.getNumThreads(), torch.get_num_threads()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    try:
        return {"png": pack(make(image, *known[index])).numpy()}
    finally:  # a training run may come after this in the same process
        cv2.setNumThreads(before[0])
        torch.set_num_threads(before[1])
