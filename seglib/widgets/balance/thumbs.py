"""Small images for the board: whole ones with their labels for the classes, pixel by pixel for the blur."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from PIL import Image as Pillow
from torch import Tensor
from torchvision.transforms.v2.functional import center_crop, resize

from seglib.data.balance import Counts
from seglib.data.dataset import SegmentationDataset
from seglib.metrics import boundary_band
from seglib.progress import tracked
from seglib.widgets import pack
from seglib.widgets.balance.cuts import Cut
from seglib.widgets.balance.survey import Survey

SIDE = 160  # pixels of a thumbnail's longer side
LABELS = 320  # of its label map's, from which the browser draws outlines
CROP = 96  # of a crop: three fit beside three others without being shrunk
EACH, ALL = 6, 400  # thumbnails of each class, and of all classes together at one dial


@dataclass
class Thumbs:
    """Thumbnails of a survey.

    Attributes:
        shown: of each setting, for each class, the images that stand for it.
        sheet: what travels, each image once.
        number: (setting or "blur", image) -> its place in `sheet`.
        rims: (S, K, 2) pixels on the edge, and pixels, of each class in the images that stand for it.
    """

    shown: list[list[list[int]]]
    rims: Tensor
    sheet: list[dict[str, Any]] = field(default_factory=list)
    number: dict[tuple[int | str, int], int] = field(default_factory=dict)

    def rim(self, setting: int, place: int) -> float:
        """Which part of the pixels of class `place`, in the images shown, lies on its edge; NaN: none."""
        edge, area = self.rims[setting, place].tolist()
        return edge / area if area else float("nan")

    @property
    def weight(self) -> int:
        """Bytes of all thumbnails with their labels."""
        return sum(len(thumb["image"]) + len(thumb["labels"] or b"") for thumb in self.sheet)


def choose(counts: Counts, order: Sequence[int]) -> list[list[int]]:
    """For each class the images that stand for it: the first in `order` that contain it.

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
    """Read, shrink and pack every image that the board can show, with progress.

    Images stand for a class in one shuffled order, the same for all classes and dials: nothing is picked
    for its looks, and few images serve many classes.
    """
    order = np.random.default_rng(0).permutation(len(survey.counts)).tolist()
    shown = [choose(setting.counts, order) for setting in survey.settings]
    wanted = Thumbs(shown, torch.zeros(len(shown), len(survey.counts.classes), 2, dtype=torch.int64))
    jobs: list[tuple[int | str, SegmentationDataset, int]] = []
    for place, setting in enumerate(survey.settings):
        needed = {index for images in shown[place] for index in images}
        jobs += [(place, setting.dataset, index) for index in sorted(needed)]
    needed = {index for cut in cuts for index in (*cut.stays, *cut.goes)}
    jobs += [("blur", survey.dataset, index) for index in sorted(needed)]
    sheet: dict[bytes, int] = {}  # content -> its place; the same image at two dials travels once
    for where, dataset, index in tracked(jobs, len(jobs), f"Making thumbnails of {survey.dataset.name}"):
        thumb = _crop(dataset, index) if isinstance(where, str) else _whole(wanted, where, dataset, index)
        number = sheet.setdefault(thumb["image"] + (thumb["labels"] or b""), len(sheet))
        wanted.number[where, index] = number
        if number == len(wanted.sheet):
            wanted.sheet.append(thumb)
    return wanted


def _whole(wanted: Thumbs, setting: int, dataset: SegmentationDataset, index: int) -> dict[str, Any]:
    """The whole image, small, with its labels; counts the rims of the classes that it stands for."""
    image, mask = dataset[index]
    mask = torch.as_tensor(mask)
    for place, images in enumerate(wanted.shown[setting]):
        if index in images:
            shape = mask == place
            wanted.rims[setting, place] += torch.stack([boundary_band(shape, 1).sum(), shape.sum()])
    stride = -(-max(mask.shape) // LABELS)  # every n-th pixel: no labels are mixed
    labels = mask[::stride, ::stride].contiguous()
    small = _shrunk(torch.as_tensor(image))
    return _packed(small) | {
        "labels": pack.deflate(labels),
        "columns": labels.shape[1],
        "rows": labels.shape[0],
    }


def _crop(dataset: SegmentationDataset, index: int) -> dict[str, Any]:
    """The middle of the image as it is: shrinking would hide the blur."""
    image = torch.as_tensor(dataset[index][0])
    height, width = image.shape[1:]
    return _packed(center_crop(image, [min(height, CROP), min(width, CROP)])) | {
        "labels": None,
        "columns": 0,
        "rows": 0,
    }


def _shrunk(image: Tensor) -> Tensor:
    longer = max(image.shape[1:])
    if longer <= SIDE:
        return image
    size = [max(round(side * SIDE / longer), 1) for side in image.shape[1:]]
    return resize(image, size, antialias=True)


def _packed(image: Tensor) -> dict[str, Any]:
    file = io.BytesIO()
    Pillow.fromarray(image.permute(1, 2, 0).contiguous().numpy()).save(file, "JPEG", quality=85)
    return {"width": image.shape[2], "height": image.shape[1], "image": file.getvalue()}
