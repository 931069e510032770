"""From boxes to masks for a whole data set: every scheme by its name, in parallel, kept on disk."""

import inspect
import pickle
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import sqrt
from typing import Any

import cv2
import joblib
import numpy as np
import scipy
import torch
from numpy.typing import NDArray
from torch import Tensor

from seglib import cache
from seglib.data.dataset import SegmentationDataset
from seglib.labels import check_image
from seglib.weak.boxes import (
    OBJECT,
    UNSURE,
    BoxAnnotations,
    BoxError,
    background_of,
    check,
    image_name,
    load_boxes,
    paint,
)
from seglib.weak.candidates import agreement, candidates
from seglib.weak.grabcut import grabcut_plus, grabcut_votes
from seglib.weak.labels import PseudoLabels, pack

Scheme = Callable[..., Tensor]  # (image, boxes, classes, *, background, settings) -> mask
#: modules that masks depend on; regions are handed in, and named here so that a change of them counts
CODE = (
    "seglib.boxes",
    "seglib.weak.boxes",
    "seglib.weak.grabcut",
    "seglib.weak.candidates",
    "seglib.regions",
)


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


SCHEMES: dict[str, Scheme] = {
    "rectangles": rectangles,
    "box-i": inner_rectangles,
    "grabcut+": grabcut_plus,
    "grabcut+-i": grabcut_votes,
    "m-and-g+": agreement,
    "boxsup": candidates,
}


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
    again = partial(pseudo_labels, scheme=scheme, jobs=jobs, **settings)
    scheme, name = _chosen(scheme, settings)
    settings = settings | {"background": background_of(dataset.classes)}
    known = load_boxes(dataset) if boxes is None else list(boxes)
    if len(known) != len(dataset):
        raise BoxError(
            f"{dataset.name} {dataset.split} has {len(dataset)} images, but boxes for {len(known)}; pass "
            "one BoxAnnotations per image, with (0, 4) boxes for an image without objects"
        )
    make = partial(_made, dataset, known, partial(scheme, **settings))
    recipe = _recipe(scheme, settings)
    keys = (
        cache.key("mask", recipe, _image(dataset, index, one), *one, code=CODE) if recipe else None
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
    if isinstance(scheme, str) and scheme not in SCHEMES:
        raise ValueError(f"there is no scheme {scheme!r}; there are {', '.join(SCHEMES)}")
    make = SCHEMES[scheme] if isinstance(scheme, str) else scheme
    name = scheme if isinstance(scheme, str) else scheme.__name__
    options = inspect.signature(make).parameters.items()
    known = {key: one for key, one in options if one.kind == one.KEYWORD_ONLY}
    if unknown := [key for key in settings if key not in known]:
        raise ValueError(f"{name} has no setting {unknown[0]!r}; it takes {', '.join(known)}")
    if absent := [key for key, one in known.items() if one.default is one.empty and key not in settings]:
        raise ValueError(f"{name} needs the setting {absent[0]!r}; pass {absent[0]}=...")
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


def _image(dataset: SegmentationDataset, index: int, given: BoxAnnotations) -> Tensor:
    """An image; a ValueError that names it if it or its boxes are wrong."""
    image, name = dataset[index][0].as_subclass(Tensor), image_name(dataset, index)
    check_image(image, name)
    check(given, (image.shape[1], image.shape[2]), dataset.classes, name)
    return image


def _made(
    dataset: SegmentationDataset, known: Sequence[BoxAnnotations], make: Scheme, index: int
) -> dict[str, NDArray[np.uint8]]:
    """The packed mask of one image; computed on one thread, in another process or here."""
    image = _image(dataset, index, known[index])
    before = cv2.getNumThreads(), torch.get_num_threads()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    try:
        return {"png": pack(make(image, *known[index])).numpy()}
    finally:  # a training run may come after this in the same process
        cv2.setNumThreads(before[0])
        torch.set_num_threads(before[1])
