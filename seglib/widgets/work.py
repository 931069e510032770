"""What the annotator's browser half knows of an image, and the same as annotations.

An entry is `{"objects": [{"label": 0, "points": [[x, y], ...], "seconds": 6.5}, ...], "seconds": 20.0}`. The
label counts the classes that can be drawn, a box is its two corners, seconds are None where nobody counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from seglib.data.annotations import AnnotatedImage, Annotation

Entry = dict[str, Any]


def entry_of(image: AnnotatedImage | None, names: Sequence[str]) -> Entry:
    """An image as the browser knows it; None for one on which nothing was done.

    Raises:
        ValueError: an object has several parts, which cannot be edited.
    """
    if image is None:
        return {"objects": [], "seconds": 0.0}
    for one in image.annotations:
        if len(one.polygons) > 1:
            raise ValueError(
                f"{image.file_name}: an object '{one.name}' has {len(one.polygons)} parts, not one"
            )
    objects = [
        {"label": names.index(one.name), "points": _points(one), "seconds": one.seconds}
        for one in image.annotations
    ]
    return {"objects": objects, "seconds": image.seconds or 0.0}


def image_of(
    entry: Entry, name: str, size: tuple[int, int], names: Sequence[str], kind: str
) -> AnnotatedImage:
    """An entry as annotations on the image `name` of `size` (width, height).

    Raises:
        ValueError: a shape is none, leaves the image, or has a label that is no class.
    """
    objects = tuple(_annotation(one, names, kind) for one in entry["objects"])
    return AnnotatedImage(name, *size, objects, entry["seconds"])


def _points(one: Annotation) -> list[list[float]]:
    if one.polygons:
        return [[*point] for point in one.polygons[0]]
    return [[*one.box[:2]], [*one.box[2:]]]


def _annotation(one: dict[str, Any], names: Sequence[str], kind: str) -> Annotation:
    label, points, seconds = one["label"], one["points"], one["seconds"]
    if not 0 <= label < len(names):
        raise ValueError(
            f"an object has the label {label}; there are 0..{len(names) - 1} ({', '.join(names)})"
        )
    if kind == "polygons":
        return Annotation.outline(names[label], points, seconds=seconds)
    (x1, y1), (x2, y2) = points
    return Annotation(names[label], (x1, y1, x2, y2), (), seconds)
