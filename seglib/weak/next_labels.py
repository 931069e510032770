"""What a net and the rules make of images with boxes: the labels of a next round."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from joblib import Parallel, delayed
from torch import Tensor

from seglib.machine import cores
from seglib.progress import tracked
from seglib.segmenters import NetSegmenter
from seglib.weak.given import Given
from seglib.weak.labelled import Labelled, pack
from seglib.weak.relabel import Relabel

FEW = 16  # images: fewer are cleaned in this process, since others take seconds to start
LEAST, MOST = 0.25, 4.0  # times the size of the training


def next_labels(
    labels: Labelled,
    segmenter: NetSegmenter,
    relabel: Relabel,
    name: str,
    *,
    number: int = 1,
    scale: float = 1.0,
    keep: Collection[int] = (),
    jobs: int | None = None,
) -> Labelled:
    """Ask the net about every image, and make a label of what it says.

    Args:
        labels: images with boxes; what their labels are now only matters where they are kept.
        segmenter: the net.
        relabel: see `seglib.weak.relabel`.
        name: what the new labels are called.
        number: of the round that will learn from them.
        scale: how many times as large as in training the net sees an image, 0.25..4. The papers have 1.
            What is best depends on what the net was taught by, so choose it on validation images.
        keep: numbers of the images whose labels stay, such as those with a true mask.
        jobs: processes that clean; None for all cores if there is much to do.

    Returns:
        The same images and boxes with new labels.

    Raises:
        ValueError: `scale` is out of range, or what the net and `relabel` raise.

    Example:
        >>> import torch
        >>> from seglib.scenes import Scenes
        >>> from seglib.weak.relabel import naive
        >>> from seglib.weak.schemes import pseudo_labels
        >>> labels = pseudo_labels(Scenes(length=2, size=(32, 32)), "rectangles")
        >>> class Background(torch.nn.Module):
        ...     def forward(self, images):
        ...         return torch.eye(10)[0].view(1, 10, 1, 1).expand(-1, -1, *images.shape[2:])
        >>> segmenter = NetSegmenter(Background(), labels.classes, size=(32, 32))
        >>> new = next_labels(labels, segmenter, naive, "by the net", keep=[0])
        >>> [bool(new.mask(index).any()) for index in range(2)]
        [True, False]
    """
    check_scale(scale)
    asked = NetSegmenter(segmenter.net, segmenter.classes, size=segmenter.size, scale=scale)
    tasks = _tasks(labels, asked, relabel, number, keep)
    jobs = jobs or (cores() if len(labels) > FEW else 1)
    work = Parallel(n_jobs=jobs, return_as="generator")(tasks)
    return labels.relabelled(tracked(work, len(labels), name), name)


def check_scale(scale: float) -> None:
    """ValueError with one sentence unless the net could be asked at this scale."""
    if not LEAST <= scale <= MOST:
        raise ValueError(
            f"scale {scale} must be {LEAST}..{MOST:g}; 1 shows the net its images as in training"
        )


def _tasks(
    labels: Labelled, segmenter: NetSegmenter, relabel: Relabel, number: int, keep: Collection[int]
) -> Iterator[tuple]:
    """One task an image; the net is asked here, and other processes clean what it said."""
    for index, boxes in enumerate(labels.boxes):
        if index in keep:
            yield delayed(_same)(labels.packed[index])
        else:
            image = labels.truth[index][0].as_subclass(Tensor)
            yield delayed(_relabelled)(relabel, image, segmenter.probabilities(image), boxes, number)


def _same(packed: Tensor) -> Tensor:
    return packed


def _relabelled(relabel: Relabel, image: Tensor, probabilities: Tensor, one: Given, number: int) -> Tensor:
    """The packed new label of one image; runs in another process."""
    return pack(relabel(image, probabilities, one, number))
