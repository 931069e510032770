"""Small images for the board: whole ones with labels for the classes, crops at full size for the blur."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torchvision.transforms.v2.functional import center_crop, resize

from seglib.data.balance import Counts
from seglib.data.dataset import SegmentationDataset
from seglib.progress import tracked
from seglib.widgets import pack
from seglib.widgets.balance.cuts import Cut
from seglib.widgets.balance.survey import Survey

SIDE = 224  # pixels of a thumbnail's longer side
CROP = 96  # of a crop: three fit next to three others without being shrunk
EACH, ALL = 6, 400  # thumbnails of each class, and of all classes together at one stop of the dial


@dataclass
class Thumbs:
    """Thumbnails of a survey.

    Attributes:
        shown: of each setting, for each class, the images that are shown for it.
        sheet: what is sent to the browser, each image once.
        number: (setting or "blur", image) -> its place in `sheet`.
    """

    shown: list[list[list[int]]]
    sheet: list[dict[str, Any]] = field(default_factory=list)
    number: dict[tuple[int | str, int], int] = field(default_factory=dict)


def choose(counts: Counts, order: Sequence[int]) -> list[list[int]]:
    """For each class the images that are shown for it: the first in `order` that contain it.

    Example:
        >>> from seglib.labels import Classes
        >>> counts = Counts(Classes.of("sea", "fish"), torch.tensor([[9, 0, 0], [8, 1, 0], [5, 4, 0]]))
        >>> choose(counts, [2, 0, 1])
        [[2, 0, 1], [2, 1]]
    """
    each = min(EACH, max(1, ALL // len(counts.classes)))
    present = counts.of("images").bool()[list(order)]  # (N, K), in that order
    return [
        [order[row] for row in present[:, place].nonzero()[:each, 0].tolist()]
        for place in range(len(counts.classes))
    ]


def thumbs(survey: Survey, cuts: Sequence[Cut]) -> Thumbs:
    """Read, shrink and pack every image that the board can show, with a progress bar.

    Images are chosen in one shuffled order, the same for all classes and stops: none is picked for its
    looks, and few images serve many classes.
    """
    order = np.random.default_rng(0).permutation(len(survey.counts)).tolist()
    made = Thumbs([choose(setting.counts, order) for setting in survey.settings])
    jobs: list[tuple[int | str, SegmentationDataset, int]] = []
    for place, setting in enumerate(survey.settings):
        needed = {index for images in made.shown[place] for index in images}
        jobs += [(place, setting.dataset, index) for index in sorted(needed)]
    needed = {index for cut in cuts for index in (*cut.stays, *cut.goes)}
    jobs += [("blur", survey.dataset, index) for index in sorted(needed)]
    sheet: dict[bytes, int] = {}  # content -> its place; the same image at two stops is sent once
    for where, dataset, index in tracked(jobs, len(jobs), f"Making thumbnails of {survey.dataset.name}"):
        image, mask = dataset[index]
        thumb = crop(image) if where == "blur" else whole(image, torch.as_tensor(mask))
        number = sheet.setdefault(thumb["image"] + (thumb["labels"] or b""), len(sheet))
        made.number[where, index] = number
        if number == len(made.sheet):
            made.sheet.append(thumb)
    return made


def whole(image: Tensor, mask: Tensor) -> dict[str, Any]:
    """The whole image, small, with its labels; of these every n-th pixel is taken, so that none are mixed."""
    scale = min(SIDE / max(mask.shape), 1)
    height, width = (max(round(side * scale), 1) for side in mask.shape)
    rows, columns = (
        torch.linspace(0, side - 1, count).round().long() for side, count in zip(mask.shape, (height, width))
    )
    small = torch.as_tensor(resize(image, [height, width], antialias=True))
    return pack.thumbnail(small, mask[rows][:, columns])


def crop(image: Tensor) -> dict[str, Any]:
    """The middle of the image at full size: shrinking would hide the blur."""
    height, width = image.shape[1:]
    return pack.thumbnail(torch.as_tensor(center_crop(image, [min(height, CROP), min(width, CROP)])))
