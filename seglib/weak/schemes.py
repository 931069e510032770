"""From boxes to masks, for a whole data set: every scheme by its name, in parallel, remembered."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import cv2
import torch
from joblib import Parallel, delayed
from torch import Tensor

from seglib.data.dataset import SegmentationDataset
from seglib.data.in_memory import checked_image
from seglib.machine import cores
from seglib.progress import tracked
from seglib.weak import shelf
from seglib.weak.given import BoxError, Given, background_of, check, given, image_name
from seglib.weak.grabcut import grabcut_plus
from seglib.weak.labelled import Labelled, pack
from seglib.weak.proposed import agreement, candidates
from seglib.weak.rectangles import inner_rectangles, rectangles
from seglib.weak.votes import grabcut_votes

Scheme = Callable[..., Tensor]  # (image, boxes, classes, *, background, settings) -> mask
FEW = 16  # images: fewer are done in this process, since others take seconds to start
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
    boxes: Sequence[Given] | None = None,
    jobs: int | None = None,
    **settings: Any,
) -> Labelled:
    """Masks made from boxes, for every image of a data set.

    Each label is kept on the disk as soon as it is made, found by the image's pixels, its boxes, the
    scheme, its settings and the code: a run that was interrupted or killed goes on.

    Args:
        dataset: images; their masks are not looked at.
        scheme: one of `SCHEMES`, or a function like them at the top of a module.
        boxes: one `Given` an image; None for those that the data set knows.
        jobs: processes; None for all cores if there is much to do.
        settings: what the scheme takes beside image, boxes and classes: `seed`, `propose`, ...

    Returns:
        A data set with the same images and these masks, which remembers the boxes.

    Raises:
        BoxError: the number of images differs, or a box is not what it must be.
        ValueError: no such scheme, it does not take such a setting, or an image is not (3, H, W) uint8.

    Example:
        >>> from seglib.scenes import Scenes
        >>> labels = pseudo_labels(Scenes(length=2), "rectangles")
        >>> len(labels), labels[0][1].shape
        (2, torch.Size([160, 160]))
    """
    scheme, name = _chosen(scheme, settings)
    background = background_of(dataset.classes)
    known = given(dataset) if boxes is None else list(boxes)
    if len(known) != len(dataset):
        raise BoxError(
            f"{dataset.name} {dataset.split} has {len(dataset)} images, but boxes of {len(known)} came; "
            "give one Given an image, with (0, 4) boxes where there is nothing"
        )
    make = partial(scheme, background=background, **settings)
    recipe = shelf.recipe(scheme, settings | {"background": background})
    tasks = _tasks(dataset, known, make, recipe)
    if jobs is None:
        jobs = cores() if len(dataset) > FEW and scheme not in (rectangles, inner_rectangles) else 1
    work = Parallel(n_jobs=jobs, return_as="generator")(tasks)
    return Labelled(dataset, known, tracked(work, len(dataset), f"labels: {name}"), name=name)


def _chosen(scheme: str | Scheme, settings: dict[str, Any]) -> tuple[Scheme, str]:
    """The scheme's function and name, if it takes these settings."""
    if isinstance(scheme, str) and scheme not in SCHEMES:
        raise ValueError(f"there is no scheme {scheme!r}; there are {', '.join(SCHEMES)}")
    make = SCHEMES[scheme] if isinstance(scheme, str) else scheme
    name = scheme if isinstance(scheme, str) else scheme.__name__
    known = {
        key: one for key, one in inspect.signature(make).parameters.items() if one.kind == one.KEYWORD_ONLY
    }
    if unknown := [key for key in settings if key not in known]:
        raise ValueError(f"{name} has no setting {unknown[0]!r}; it takes {', '.join(known)}")
    if absent := [key for key, one in known.items() if one.default is one.empty and key not in settings]:
        raise ValueError(f"{name} needs the setting {absent[0]!r}; give {absent[0]}=...")
    return make, name


def _tasks(
    dataset: SegmentationDataset, known: Sequence[Given], make: Scheme, recipe: str | None
) -> Iterator[tuple]:
    """One task an image; what is on the disk already is only handed on."""
    for index, one in enumerate(known):
        image = checked_image(dataset, index, dataset[index][0].as_subclass(Tensor))
        size = (image.shape[1], image.shape[2])
        check(one, size, dataset.classes, image_name(dataset, index))
        path = shelf.place(recipe, image, one) if recipe else None
        kept = shelf.read(path, size) if path else None
        yield delayed(_hand_on)(kept) if kept is not None else delayed(_label)(make, image, one, path)


def _hand_on(packed: Tensor) -> Tensor:
    return packed


def _label(make: Scheme, image: Tensor, one: Given, path: Any) -> Tensor:
    """The packed label of one image, kept if there is a path; on one thread, in another process or here."""
    before = cv2.getNumThreads(), torch.get_num_threads()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    try:
        mask = make(image, one.boxes, one.classes)
    finally:  # a training may come after this in the same process
        cv2.setNumThreads(before[0])
        torch.set_num_threads(before[1])
    return shelf.write(path, mask) if path else pack(mask)
