"""Labels on disk, each in a file whose name is a hash of all that the label depends on."""

from __future__ import annotations

import hashlib
import inspect
import os
import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, partial
from math import sqrt
from pathlib import Path
from typing import Any

import cv2
import joblib
import numpy as np
import scipy
import torch
from joblib import Parallel, delayed
from torch import Tensor

from seglib.cache import folder
from seglib.data.dataset import SegmentationDataset
from seglib.data.in_memory import checked_image
from seglib.machine import cores
from seglib.progress import tracked
from seglib.weak.boxes import (
    OBJECT,
    UNSURE,
    BoxAnnotations,
    BoxError,
    Size,
    background_of,
    check,
    image_name,
    load_boxes,
    paint,
)
from seglib.weak.candidates import agreement, candidates
from seglib.weak.grabcut import grabcut_plus, grabcut_votes
from seglib.weak.labels import PseudoLabels, pack, unpack

LABELS = ("boxes", "grabcut", "candidates", "schemes")  # the modules that labels depend on


def recipe(scheme: Any, settings: Mapping[str, Any]) -> str | None:
    """A hash of the code and the settings of a scheme; None where it cannot be told, as for a lambda."""
    parts = [scheme, *(value for value in settings.values() if callable(value))]
    try:
        return str(joblib.hash([_code(), [_source(part) for part in parts], dict(settings)]))
    except (pickle.PicklingError, AttributeError, TypeError, OSError):
        return None


def place(recipe: str, image: Tensor, one: BoxAnnotations) -> Path:
    """The file for the label of an image with these boxes."""
    digest = hashlib.blake2b(recipe.encode(), digest_size=16)
    for tensor in (image, *one):
        digest.update(f"{tuple(tensor.shape)}".encode() + tensor.contiguous().numpy().tobytes())
    name = digest.hexdigest()
    return folder() / "labels" / name[:2] / f"{name[2:]}.png"


def read(path: Path, size: tuple[int, int]) -> Tensor | None:
    """The packed label, or None where there is none, or a damaged one."""
    try:
        packed = torch.frombuffer(bytearray(path.read_bytes()), dtype=torch.uint8)
        return packed if unpack(packed).shape == size else None
    except (OSError, ValueError, cv2.error):
        return None


def write(path: Path, mask: Tensor) -> Tensor:
    """Keep a label, whole or not at all, and return it packed; a disk that is full only means no memory."""
    packed = pack(mask)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(packed.numpy().tobytes())
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
    return packed


def _source(part: Any) -> str:
    """The text of a function, and of its neighbours if it belongs to this library."""
    while isinstance(part, partial):
        part = part.func
    known = inspect.isroutine(part) or inspect.isclass(part)
    subject = part if known else type(part)
    text = inspect.getsource(subject)
    if subject.__module__.startswith("seglib."):
        file = Path(inspect.getfile(subject))
        text += (
            "" if file.parent == Path(__file__).parent else _texts(tuple(sorted(file.parent.glob("*.py"))))
        )
    return text


@cache
def _code() -> str:
    """The text of what labels depend on, and the versions of what computes them."""
    here = Path(__file__).parent
    versions = [np.__version__, cv2.__version__, scipy.__version__, torch.__version__]
    return f"{versions} " + _texts(tuple(here / f"{name}.py" for name in LABELS))


@cache
def _texts(paths: tuple[Path, ...]) -> str:
    return "".join(path.read_text(encoding="utf-8") for path in paths)


# Labels that look at the boxes alone, and the way in which every scheme paints its boxes.


def rectangles(image: Tensor, boxes: Tensor, classes: Tensor, *, background: int = 0) -> Tensor:
    """The naive label: every pixel of a box is the object, the smaller box in front.

    Args:
        image: (3, H, W) uint8; only its size matters.
        boxes: (M, 4) int64, end-exclusive.
        classes: (M,) int64.
        background: the class of what is in no box.

    Returns:
        (H, W) uint8.

    Raises:
        BoxError: a box is reversed, empty or outside of the image.

    Reference:
        Khoreva, Benenson, Hosang, Hein, Schiele, "Simple Does It", 2017, section 3.1, "naive".

    Example:
        >>> rectangles(torch.zeros(3, 2, 4), torch.tensor([[1, 0, 2, 1], [0, 0, 3, 2]]), torch.tensor([2, 1]))
        tensor([[1, 2, 1, 0],
                [1, 1, 1, 0]], dtype=torch.uint8)
    """
    return paint(_size(image), boxes, classes, lambda number: _full(boxes[number], OBJECT), background)


def inner_rectangles(
    image: Tensor, boxes: Tensor, classes: Tensor, *, share: float = 0.2, background: int = 0
) -> Tensor:
    """Box-i: the innermost part of a box is the object, the rest of the box is ignored.

    Args:
        image: (3, H, W) uint8; only its size matters.
        boxes: (M, 4) int64, end-exclusive.
        classes: (M,) int64.
        share: of the box's *area*. Of its sides it is the root: 20 % of the area is 45 % of each side, while
            20 % of each side would be 4 % of the area.
        background: the class of what is in no box.

    Returns:
        (H, W) uint8 with 255 for ignored; every box keeps a core of at least one pixel.

    Raises:
        BoxError: a box is reversed, empty or outside of the image.
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
        raise ValueError(f"share {share} must be between 0 and 1: the part of a box's area that is kept")

    def inside(number: int) -> Tensor:
        says = _full(boxes[number], UNSURE)
        rows, columns = (_middle(length, sqrt(share)) for length in says.shape)
        says[rows, columns] = OBJECT
        return says

    return paint(_size(image), boxes, classes, inside, background)


def _middle(length: int, share: float) -> slice:
    """The middle part of a side, as near to `share` of it as lies in the middle: at least one pixel."""
    edge = min(round(length * (1 - share) / 2), (length - 1) // 2)
    return slice(edge, length - edge)


def _full(box: Tensor, value: int) -> Tensor:
    x1, y1, x2, y2 = box.tolist()
    return torch.full((y2 - y1, x2 - x1), value, dtype=torch.uint8)


def _size(image: Tensor) -> Size:
    return image.shape[-2], image.shape[-1]


# From boxes to masks, for a whole data set: every scheme by its name, in parallel, remembered.

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
    boxes: Sequence[BoxAnnotations] | None = None,
    jobs: int | None = None,
    **settings: Any,
) -> PseudoLabels:
    """Masks made from boxes, for every image of a data set.

    Each label is kept on the disk as soon as it is made, found by the image's pixels, its boxes, the
    scheme, its settings and the code: a run that was interrupted or killed goes on.

    Args:
        dataset: images; their masks are not looked at.
        scheme: one of `SCHEMES`, or a function like them at the top of a module.
        boxes: one `BoxAnnotations` an image; None for those that the data set knows.
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
    known = load_boxes(dataset) if boxes is None else list(boxes)
    if len(known) != len(dataset):
        raise BoxError(
            f"{dataset.name} {dataset.split} has {len(dataset)} images, but boxes of {len(known)} came; "
            "give one BoxAnnotations an image, with (0, 4) boxes where there is nothing"
        )
    make = partial(scheme, background=background, **settings)
    words = recipe(scheme, settings | {"background": background})
    tasks = _tasks(dataset, known, make, words)
    if jobs is None:
        jobs = cores() if len(dataset) > FEW and scheme not in (rectangles, inner_rectangles) else 1
    work = Parallel(n_jobs=jobs, return_as="generator")(tasks)
    return PseudoLabels(dataset, known, tracked(work, len(dataset), f"labels: {name}"), name=name)


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
    dataset: SegmentationDataset, known: Sequence[BoxAnnotations], make: Scheme, recipe: str | None
) -> Iterator[tuple]:
    """One task an image; what is on the disk already is only handed on."""
    for index, one in enumerate(known):
        image = checked_image(dataset, index, dataset[index][0].as_subclass(Tensor))
        size = (image.shape[1], image.shape[2])
        check(one, size, dataset.classes, image_name(dataset, index))
        path = place(recipe, image, one) if recipe else None
        kept = read(path, size) if path else None
        yield delayed(_hand_on)(kept) if kept is not None else delayed(_label)(make, image, one, path)


def _hand_on(packed: Tensor) -> Tensor:
    return packed


def _label(make: Scheme, image: Tensor, one: BoxAnnotations, path: Any) -> Tensor:
    """The packed label of one image, kept if there is a path; on one thread, in another process or here."""
    before = cv2.getNumThreads(), torch.get_num_threads()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    try:
        mask = make(image, one.boxes, one.classes)
    finally:  # a training may come after this in the same process
        cv2.setNumThreads(before[0])
        torch.set_num_threads(before[1])
    return write(path, mask) if path else pack(mask)
