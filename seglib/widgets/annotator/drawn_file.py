"""What is drawn, as the browser sends it, as annotations, and in the file that keeps it."""

import json
from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any

from seglib.data.annotations import AnnotatedImage, Annotation, AnnotationSet, read_coco, write_coco

KINDS = ("boxes", "polygons")
# What the browser knows of an image:
# {"objects": [{"label": 0, "points": [[x, y], ...], "seconds": 6.5}, ...], "seconds": 20.0}.
# The label counts the classes that can be drawn, a box is its two corners, seconds of an object may be None.
Entry = dict[str, Any]


def entry_of(image: AnnotatedImage | None, names: Sequence[str]) -> Entry:
    """Return an image as the browser knows it; None is an image that was not worked on.

    Raises:
        ValueError: an object has several parts, which cannot be edited.
    """
    if image is None:
        return {"objects": [], "seconds": 0.0}
    objects = []
    for one in image.annotations:
        if len(one.polygons) > 1:
            raise ValueError(
                f"{image.file_name}: an object '{one.name}' has {len(one.polygons)} parts; the annotator can "
                "edit objects of one part"
            )
        corners = one.polygons[0] if one.polygons else (one.box[:2], one.box[2:])
        points = [[*corner] for corner in corners]
        objects.append({"label": names.index(one.name), "points": points, "seconds": one.seconds})
    return {"objects": objects, "seconds": image.seconds or 0.0}


def image_of(
    entry: Entry, name: str, size: tuple[int, int], names: Sequence[str], kind: str
) -> AnnotatedImage:
    """Return an entry as annotations on the image `name` of `size` (width, height).

    Raises:
        ValueError: a shape has no area or leaves the image, or its label is not a class.
    """

    def annotation(one: dict[str, Any]) -> Annotation:
        label, points, seconds = one["label"], one["points"], one["seconds"]
        if not 0 <= label < len(names):
            raise ValueError(
                f"an object has the label {label}; there are 0..{len(names) - 1} ({', '.join(names)})"
            )
        if kind == "polygons":
            return Annotation.outline(names[label], points, seconds=seconds)
        (x1, y1), (x2, y2) = points
        return Annotation(names[label], (x1, y1, x2, y2), (), seconds)

    return AnnotatedImage(name, *size, tuple(map(annotation, entry["objects"])), entry["seconds"])


class DrawnFile:
    """Boxes or polygons in a COCO JSON file, which exists as soon as something has been saved.

    Everything else in the file stays as it is: other images, ids, objects stored as run lengths, fields that
    only other tools know. If another program has changed the file since it was read, it is not overwritten:
    the work goes to a new file next to it.

    Args:
        path: the file; it is read if it is there.
        kind: what is drawn: "boxes" or "polygons".
        names: the classes that can be drawn, in order.

    Attributes:
        images: what the file held when it was last read or written, by file name.

    Raises:
        ValueError: the file is broken, holds the other kind, or a class that is not one of `names`.
    """

    def __init__(self, path: Path, kind: str, names: Sequence[str]) -> None:
        self.path, self.kind, self.names = path, kind, tuple(names)
        self.images: dict[str, AnnotatedImage] = {}
        self.content = _bytes(path)
        if self.content is not None:
            self.images = {image.file_name: image for image in self._read()}

    def save(self, images: Iterable[AnnotatedImage]) -> None:
        """Write the file with these images in place of those of the same name.

        Raises:
            DiskError: the file cannot be written; its content is as before.
            ValueError: another program has changed it; the sentence says where this work is now.
        """
        self.images |= {image.file_name: image for image in images}
        drawn = AnnotationSet(self.names, tuple(self.images.values()))
        onto = None if self.content is None else json.loads(self.content)
        if _bytes(self.path) == self.content:
            write_coco(self.path, drawn, onto=onto)
            self.content = _bytes(self.path)
            return
        write_coco(self.copy, drawn, onto=onto)
        raise ValueError(
            f"{self.path} was changed by another annotator or program after it was opened here. What is "
            f"drawn here is kept in {self.copy}; to continue with the file as it is now, run this cell again"
        )

    @cached_property
    def copy(self) -> Path:
        """A new file for this work, where the path was changed by another program."""
        names = (self.path.with_suffix(f".mine{number if number > 1 else ''}.json") for number in count(1))
        return next(name for name in names if not name.exists())

    def _read(self) -> AnnotationSet:
        found = read_coco(self.path)
        used = {one.name for image in found for one in image.annotations}
        if foreign := [name for name in found.names if name in used and name not in self.names]:
            raise ValueError(
                f"{self.path}: the file has the class '{foreign[0]}', but the classes that can be drawn are "
                f"{', '.join(self.names)}; give all its classes, or another path"
            )
        drawn = {KINDS[bool(one.polygons)] for image in found for one in image.annotations}
        if other := [kind for kind in drawn if kind != self.kind]:
            raise ValueError(
                f"{self.path} holds {other[0]}, but this annotator draws {self.kind}; give another path, or "
                f"kind='{other[0]}'"
            )
        return found


def _bytes(path: Path) -> bytes | None:
    """The content of a file, None if there is none."""
    return path.read_bytes() if path.is_file() else None
