"""Masks as images, and figures that everyone can read: patterns besides colours, and a text description."""

import base64
import html
import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from matplotlib.figure import Figure
from PIL import Image as Pillow
from torch import Tensor

from seglib.labels import VOID, Classes, check_image, check_tensors, palette, to_color
from seglib.machine import ipython

LARGEST_PNG = 100_000  # bytes; a larger figure holds photographs, and is shown as WebP: notebooks stay small


def dots(mask: Tensor) -> Tensor:
    """(H, W) bool: dots of 2 x 2 pixels, six apart."""
    y, x = _coordinates(mask)
    return (x % 6 < 2) & (y % 6 < 2)


def class_stripes(mask: Tensor) -> Tensor:
    """Stripes that differ from class to class: 4 directions times 4 distances, 16 patterns; void has dots.

    Args:
        mask: (H, W) class indices, or 255 for void.

    Returns:
        (H, W) bool.
    """
    y, x = _coordinates(mask)
    index = mask.long()
    lines = torch.stack(torch.broadcast_tensors(x + y, x - y, x, y))  # (4, H, W)
    line = lines.gather(0, (index % 4)[None])[0]
    return torch.where(mask == VOID, dots(mask), line % (6 + 3 * (index // 4 % 4)) < 2)


def edges(mask: Tensor) -> Tensor:
    """(H, W) bool: pixels whose right or lower neighbour has another class.

    Example:
        >>> edges(torch.tensor([[0, 0, 1], [0, 0, 1]])).int()
        tensor([[0, 1, 0],
                [0, 1, 0]], dtype=torch.int32)
    """
    edge = torch.zeros(mask.shape, dtype=torch.bool, device=mask.device)
    edge[:, :-1] |= mask[:, :-1] != mask[:, 1:]
    edge[:-1] |= mask[:-1] != mask[1:]
    return edge


def contrast(paint: Tensor) -> Tensor:
    """Colours that contrast with `paint`: darker where it is light, lighter where it is dark.

    Args:
        paint: (3, H, W) float, 0..255.
    """
    light = (paint * paint.new_tensor([0.3, 0.6, 0.1])[:, None, None]).sum(dim=0) > 110
    return paint * 0.4 + torch.where(light, 0.0, 255 * 0.6)


def _coordinates(mask: Tensor) -> tuple[Tensor, Tensor]:
    """Row (H, 1) and column (1, W) of every pixel."""
    height, width = mask.shape
    return torch.arange(height, device=mask.device)[:, None], torch.arange(width, device=mask.device)


WRONG = (255, 140, 0)  # orange with dark stripes on a dim grey photograph: bright without any colour sense
HATCHES = ("", "//", "..", "xx", "--", "||", "oo", "++")


def overlay(
    image: Tensor,
    mask: Tensor,
    classes: Classes,
    *,
    opacity: float = 0.5,
    outline: bool = True,
    hatch: bool = False,
) -> Tensor:
    """Lay a mask over its image; the class "background" stays clear.

    Args:
        image: (3, H, W) uint8.
        mask: (H, W) class indices, or 255 for void.
        classes: K classes.
        opacity: 0 shows the image alone, 1 the mask alone.
        outline: draw a white line where two classes meet.
        hatch: stripe every class in its own direction and width, for readers who do not see the colours.

    Returns:
        (3, H, W) uint8, a new tensor.

    Raises:
        ValueError: image and mask differ in size, or a value in the mask is not a class.

    Example:
        >>> image, mask = torch.zeros(3, 1, 2, dtype=torch.uint8), torch.tensor([[0, 1]])
        >>> overlay(image, mask, Classes.of("background", "fish"), outline=False)[2]
        tensor([[  0, 109]], dtype=torch.uint8)
    """
    _same_size(image, mask)
    paint, labels = to_color(mask, classes).float(), mask.long()
    if classes.background is not None:
        labels = labels.masked_fill(labels == classes.background, -1)
    return blend(image, labels, paint, opacity=opacity, outline=outline, striped=hatch)


def blend(
    image: Tensor, labels: Tensor, paint: Tensor, *, opacity: float, outline: bool, striped: Tensor | bool
) -> Tensor:
    """Lay painted labels over an image, as paint.js does it in the browser; nothing is checked.

    Args:
        image: (3, H, W), 0..255.
        labels: (H, W) int64, which the outlines and stripes follow; -1 where the image is seen as it is.
        paint: (3, H, W) float, 0..255: the colour of each pixel's label.
        opacity: 0 shows the image alone, 1 the paint alone.
        outline: draw a white line where two labels meet.
        striped: whether labels are striped, or (H, W) bool: where.

    Returns:
        (3, H, W) uint8, a new tensor.
    """
    paint = torch.where(class_stripes(labels) & striped, contrast(paint), paint)
    weight = torch.full(labels.shape, float(opacity), device=labels.device).masked_fill(labels < 0, 0)
    if outline:
        edge = edges(labels)
        paint = paint.masked_fill(edge, 255)
        weight = weight.masked_fill(edge, max(0.9 * (opacity > 0), opacity))
    return torch.lerp(image.float(), paint, weight).round().to(torch.uint8)


def difference(image: Tensor, pred: Tensor, mask: Tensor) -> Tensor:
    """Where a prediction is right, wrong, or not scored, in a way that needs no colour.

    Right: the image in dim grey. Wrong: bright orange with dark stripes. Void: flat light grey with dots.

    Args:
        image: (3, H, W) uint8.
        pred: (H, W) predicted class indices.
        mask: (H, W) true class indices, or 255 for void.

    Returns:
        (3, H, W) uint8.

    Raises:
        ValueError: the three differ in size.
    """
    _same_size(image, mask)
    _same_size(image, pred)
    grey = image.float().mean(dim=0).expand(3, -1, -1)
    orange = grey.new_tensor(WRONG)[:, None, None]
    y, x = _coordinates(mask)
    wrong = torch.where((x + y) % 8 < 2, orange * 0.25, orange * 0.9 + grey * 0.1)
    void = torch.where(dots(mask), 90.0, 190.0)
    shown = torch.where(pred == mask, grey * 0.6, wrong)
    return torch.where(mask == VOID, void, shown).clamp(0, 255).to(torch.uint8)


def show_images(
    images: Sequence[Tensor], *, alt: str, titles: Sequence[str] | None = None, columns: int | None = None
) -> None:
    """Show images in a row or grid.

    Args:
        images: each (3, H, W) uint8, or (H, W) for a grey image; sizes may differ.
        alt: what there is to see, for readers who cannot see it.
        titles: one per image.
        columns: images per row; by default all of them, at most four.

    Raises:
        ValueError: no images, a different number of titles, or an empty `alt`.
    """
    if not len(images) or (titles is not None and len(titles) != len(images)):
        raise ValueError(f"{len(images)} images and {len(titles or [])} titles; give one title per image")
    columns = columns or min(len(images), 4)
    width = min(3.2 * columns, 12.0)
    height, wide = images[0].shape[-2:]
    tall = math.ceil(len(images) / columns) * (width / columns * height / wide + 0.3)
    figure = Figure(figsize=(width, tall), layout="constrained")
    image_grid(figure, images, titles or [""] * len(images), columns)
    show(figure, alt=alt)


def image_grid(figure: Any, images: Sequence[Tensor], titles: Sequence[str], columns: int) -> list[Any]:
    """Draw images on a matplotlib figure or subfigure in rows, each under its title; returns their axes.

    Args:
        figure: with nothing on it.
        images: each (3, H, W) uint8, or (H, W) for a grey image; one unit of its axes is a pixel, and (0, 0)
            is the upper left corner of the first.
        titles: one per image.
        columns: images per row.
    """
    rows, blank = math.ceil(len(images) / columns), {"frame_on": False, "xticks": [], "yticks": []}
    axes = figure.subplots(rows, columns, squeeze=False, subplot_kw=blank).ravel()
    for axis, image, title in zip(axes, images, titles):
        height, width = image.shape[-2:]
        pixels = image if image.ndim == 2 else image.permute(1, 2, 0)
        axis.imshow(pixels.cpu().numpy(), cmap="gray", extent=(0, width, height, 0))
        axis.set_title(title, fontsize=10)
    return list(axes[: len(images)])


def bars(values: Mapping[str, Mapping[str, float]], *, alt: str, title: str = "", digits: int = 1) -> None:
    """Show grouped horizontal bars with their numbers.

    Args:
        values: for each series (colour and hatching, in the legend) a number for each row.
        alt: what the bars show, for readers who cannot see them.
        title: above the figure.
        digits: decimal places of the numbers.

    Raises:
        ValueError: nothing to show, or an empty `alt`.
    """
    rows = list(dict.fromkeys(row for series in values.values() for row in series))
    if not rows:
        raise ValueError("there are no bars to show; values must be {series: {row: number}}")
    figure = Figure(figsize=(8, 0.7 + len(rows) * (0.12 + 0.24 * len(values))), layout="constrained")
    axis = figure.subplots()
    thickness = 0.8 / len(values)
    for index, ((name, series), rgb) in enumerate(zip(values.items(), palette(len(values)))):
        places = [rows.index(row) + (index - (len(values) - 1) / 2) * thickness for row in series]
        look = dict[str, Any](color=[part / 255 for part in rgb], hatch=HATCHES[index % len(HATCHES)])
        drawn = axis.barh(places, list(series.values()), thickness, label=name, edgecolor="black", **look)
        axis.bar_label(drawn, fmt=f"%.{digits}f", padding=3, fontsize=9)
    axis.set(title=title, yticks=range(len(rows)), yticklabels=rows, xmargin=0.1)
    axis.invert_yaxis()
    axis.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside lower center", frameon=False, ncols=len(values))
    show(figure, alt=alt)


def show(figure: Figure, *, alt: str) -> None:
    """Show a matplotlib figure with its text description, also for screen readers and plain text.

    JupyterLab drops the alt text of a plain figure, so this writes HTML: `<figure><img alt><figcaption>`. The
    caption is hidden from screen readers, which read the alt text. Outside a notebook the description is
    printed.

    Args:
        figure: a `matplotlib.figure.Figure`, not from pyplot, which is not thread-safe.
        alt: what there is to see, in a sentence or two.

    Raises:
        ValueError: `alt` is empty.
    """
    if not alt.strip():
        raise ValueError("describe the figure in `alt`: what would you say to somebody who cannot see it?")
    caption = f'<figcaption aria-hidden="true">{html.escape(alt)}</figcaption>'
    show_html(f'<figure style="margin: 0">{embedded(figure_bytes(figure), alt)}{caption}</figure>', alt)


def embedded(png: bytes, alt: str) -> str:
    """An image as an element of HTML that holds it: the PNG as it is, or as WebP where it is large."""
    kind, content = "png", png
    if len(png) > LARGEST_PNG:
        buffer = io.BytesIO()
        Pillow.open(io.BytesIO(png)).convert("RGB").save(buffer, "WEBP", quality=90)
        kind, content = "webp", buffer.getvalue()
    source = f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
    return f'<img alt="{html.escape(alt)}" src="{source}" style="max-width: 100%">'


def figure_bytes(figure: Figure, dpi: int = 100) -> bytes:
    """A matplotlib figure as a PNG file with a white background; the same figure gives the same bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi, facecolor="white", metadata={"Software": None})
    return buffer.getvalue()


def show_html(markup: str, text: str) -> None:
    """Show HTML in a notebook; print the text everywhere else."""
    if ipython() is None:
        print(text)
        return
    from IPython.display import display

    display({"text/html": markup, "text/plain": text}, raw=True)


def _same_size(image: Tensor, mask: Tensor) -> None:
    check_image(image, "the image")
    check_tensors(mask=mask)
    if image.shape[1:] != mask.shape:
        raise ValueError(
            f"the image is {tuple(image.shape)} and the mask {tuple(mask.shape)}; they must be (3, H, W) and "
            "(H, W) with the same H and W"
        )
