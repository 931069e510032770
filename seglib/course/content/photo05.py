"""The photograph of notebook 05, and where a classifier sees a cat in it."""

from __future__ import annotations

import skimage.data
import torch
from matplotlib.figure import Figure
from torch import Tensor
from torchvision.models import ResNet18_Weights

from seglib.draw import show

#: What the 1000 outputs of an ImageNet classifier stand for.
WORDS: list[str] = ResNet18_Weights.DEFAULT.meta["categories"]
cat_words = [
    WORDS.index(word) for word in ("tabby", "tiger cat", "Persian cat", "Siamese cat", "Egyptian cat")
]


STEP = 16  # pixels of the photograph between two places
MARGIN = (112 - STEP) // 2  # from the edge of the photograph to where the first place is drawn


def cat() -> Tensor:
    """Chelsea the cat, (3, 300, 451) uint8, photographed by Stéfan van der Walt (CC0), from scikit-image."""
    return torch.from_numpy(skimage.data.chelsea().copy()).permute(2, 0, 1)


def heat_figure(photo: Tensor, where: Tensor) -> Figure:
    """The photograph, and beside it the same under a map of probabilities.

    Args:
        photo: (3, H, W) uint8.
        where: (h, w) in 0..1, of windows of 112 pixels of the photograph (224 of one twice as large), the
            first of them at its corner, each next one 16 pixels further.
    """
    figure = Figure(figsize=(9, 3.1), layout="constrained")
    left, right = figure.subplots(1, 2)
    (height, width), (bottom, end) = photo.shape[1:], (MARGIN + STEP * places for places in where.shape)
    # A place is drawn where the middle of its window is.
    seen = right.imshow(
        where.numpy(), extent=(MARGIN, end, bottom, MARGIN), cmap="cividis", alpha=0.72, vmin=0, vmax=1,
        interpolation="nearest", zorder=1,
    )  # fmt: skip
    for axis in (left, right):
        axis.imshow(photo.permute(1, 2, 0).numpy(), extent=(0, width, height, 0), zorder=0)
        axis.set(xlim=(0, width), ylim=(height, 0))
        axis.set_axis_off()
    left.set_title("the photograph")
    right.set_title(f"probability of a cat at {where.shape[0]} x {where.shape[1]} places")
    figure.colorbar(seen, ax=right, shrink=0.85)
    return figure


def heat(photo: Tensor, where: Tensor) -> None:
    """Show `heat_figure` with its description."""
    row, column = divmod(int(where.argmax()), where.shape[1])
    alt = (
        f"Probability of a cat at {where.shape[0]} x {where.shape[1]} places: from {float(where.min()):.2f} "
        f"to {float(where.max()):.2f}, highest in row {row + 1}, column {column + 1}."
    )
    show(heat_figure(photo, where), alt=alt)
