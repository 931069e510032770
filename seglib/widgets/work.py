"""What the annotator's browser half knows of a picture, and the same as annotations.

An entry is `{"objects": [{"label": 0, "points": [[x, y], ...], "seconds": 6.5}, ...], "seconds": 20.0}`. The
label counts the classes that can be drawn, a box is its two corners, seconds are None where nobody counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from seglib.data.annotations import Annotation, Picture

Entry = dict[str, Any]


def entry_of(picture: Picture | None, names: Sequence[str]) -> Entry:
    """A picture as the browser knows it; None for one on which nothing was done.

    Raises:
        ValueError: an object has several parts, which cannot be edited.
    """
    if picture is None:
        return {"objects": [], "seconds": 0.0}
    for one in picture.annotations:
        if len(one.polygons) > 1:
            raise ValueError(
                f"{picture.file_name}: an object '{one.name}' has {len(one.polygons)} parts, not one"
            )
    objects = [
        {"label": names.index(one.name), "points": _points(one), "seconds": one.seconds}
        for one in picture.annotations
    ]
    return {"objects": objects, "seconds": picture.seconds or 0.0}


def picture_of(entry: Entry, name: str, size: tuple[int, int], names: Sequence[str], kind: str) -> Picture:
    """An entry as annotations on the picture `name` of `size` (width, height).

    Raises:
        ValueError: a shape is none, leaves the picture, or has a label that is no class.
    """
    objects = tuple(_annotation(one, names, kind) for one in entry["objects"])
    return Picture(name, *size, objects, entry["seconds"])


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
