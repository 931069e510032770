"""Images side by side in one figure, and the file that it becomes."""

from __future__ import annotations

import io
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor


def panels(count: int) -> tuple[Figure, list[Axes]]:
    """A figure with `count` places in a row."""
    figure = Figure(figsize=(2.4 * count, 2.7), layout="constrained")
    return figure, list(figure.subplots(1, count).ravel())


def panel(axis: Axes, image: Tensor, title: str) -> None:
    """Show an image at a place.

    Args:
        axis: the place.
        image: (3, H, W) uint8.
        title: a few words above it.
    """
    axis.imshow(image.permute(1, 2, 0).numpy())
    axis.set_title(title, fontsize=11)
    axis.set_axis_off()


def save(figure: Figure, path: Path) -> None:
    """As a PNG of 256 colours: a third of the bytes, and the eye does not miss the rest.

    Args:
        figure: what was drawn.
        path: the file; its folder is made if it is not there.
    """
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110, facecolor="white")
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.open(buffer).convert("RGB").quantize(256).save(path, optimize=True)
