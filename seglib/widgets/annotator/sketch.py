"""What was drawn on an image, as an image: for places that run no script."""

from __future__ import annotations

import base64
import html
from collections.abc import Mapping

import cv2
import numpy as np
import torch
from torch import Tensor
from torchvision.transforms.v2.functional import resize

from seglib.data.annotations import Annotation
from seglib.labels import Classes
from seglib.palettes import Color
from seglib.widgets import pack

THUMBNAIL = 640  # pixels of the longer side


def sketch(image: Tensor, annotations: tuple[Annotation, ...], classes: Classes) -> Tensor:
    """Draw outlines on an image, dark below and in the class's colour above, each with its number and class.

    Args:
        image: (3, H, W) uint8.
        annotations: objects in the pixels of the image.
        classes: names and colours.

    Returns:
        (3, H, W) uint8, a new tensor.

    Raises:
        ValueError: the name of an object is not one of `classes`.
    """
    canvas = image.permute(1, 2, 0).cpu().numpy().copy()  # (H, W, 3)
    thickness = max(1, round(min(image.shape[1:]) / 160))
    for number, one in enumerate(annotations, 1):
        color = classes.colors[classes.index(one.name)]
        x1, y1, x2, y2 = one.box
        outlines = one.polygons or [[(x1, y1), (x2 - 1, y1), (x2 - 1, y2 - 1), (x1, y2 - 1)]]
        lines = [np.array(corners).round().astype(np.int32) for corners in outlines]
        cv2.polylines(canvas, lines, True, (0, 0, 0), thickness + 2, cv2.LINE_AA)
        cv2.polylines(canvas, lines, True, tuple(color), thickness, cv2.LINE_AA)
        _tag(canvas, f"{number} {one.name}", (x1, y1), color)
    return torch.from_numpy(canvas).permute(2, 0, 1).contiguous()


def _tag(canvas: np.ndarray, text: str, corner: tuple[float, float], color: Color) -> None:
    """A label on the upper left corner, inside where there is no room above."""
    scale = max(0.35, min(canvas.shape[:2]) / 900)
    (width, height), below = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)
    x, y = max(int(corner[0]), 0), max(int(corner[1]), height + below + 2)
    cv2.rectangle(canvas, (x, y - height - below - 2), (x + width + 4, y), tuple(color), cv2.FILLED)
    tint = (0, 0, 0) if ink(color) == "#000" else (255, 255, 255)
    cv2.putText(canvas, text, (x + 2, y - below), cv2.FONT_HERSHEY_SIMPLEX, scale, tint, 1, cv2.LINE_AA)


def ink(color: Color) -> str:
    """Black or white, whichever is more legible on a colour."""
    red, green, blue = color
    return "#000" if 0.3 * red + 0.6 * green + 0.1 * blue > 110 else "#fff"


def page(sketches: Mapping[str, Tensor], words: str) -> str:
    """Sketches next to each other as HTML, with `words` as their description.

    Args:
        sketches: (3, H, W) uint8 by name.
        words: for readers who cannot see them.
    """
    figures = "".join(
        f'<figure style="margin: 0"><img src="{_source(image)}" alt="{html.escape(name)}" '
        f'style="max-width: 100%; max-height: 320px"><figcaption>{html.escape(name)}</figcaption></figure>'
        for name, image in sketches.items()
    )
    grid = f'<div style="display: flex; flex-wrap: wrap; gap: 12px">{figures}</div>'
    return f'<div role="group" aria-label="{html.escape(words)}">{grid}</div>'


def _source(image: Tensor) -> str:
    """An image of 640 pixels at most, as a data URL."""
    largest = max(image.shape[1:])
    if largest > THUMBNAIL:
        size = [max(side * THUMBNAIL // largest, 1) for side in image.shape[1:]]
        image = torch.as_tensor(resize(image, size, antialias=True))
    file = pack.encode(image)
    kind = "png" if file.startswith(b"\x89PNG") else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(file).decode()}"
